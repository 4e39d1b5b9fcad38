//! Bodies of unknown length that take more than one part.

use casgate::bucket::control::conditional::{ConditionalWrites, Verdict};
use futures_util::future::join_all;
use tokio::task::block_in_place;

use super::{
    HONOURED, TURBO, assert_uploads, gateway, head_of_put, main_branch, paths, put, put_chunked,
    start, statuses,
};
use crate::control::stand_in::StandIn;
use crate::support::content::Content;
use crate::support::embedded::Embedded;

/// A part, as the configuration has it.
const PART: usize = 5 * 1024 * 1024;

fn only_whole_objects() -> ConditionalWrites {
    let complete = Verdict::NotHonoured("the condition is ignored".to_owned());
    ConditionalWrites { complete, ..HONOURED }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_parts_are_stored_once() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, Some(HONOURED));
    let first = Content::sized(2 * PART + 7);
    for (status, body) in [(202, &first.bytes), (200, &vec![0; PART + 1]), (200, &vec![0; 3])] {
        let answer = put_chunked(&gateway, TURBO, &main_branch(), body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let answer = gateway.get(TURBO, &main_branch()).await;
    assert!(answer.status == 200 && answer.body == first.bytes);
    assert_eq!(storage.uploads().await, [] as [&str; 0]);
    assert_uploads(&gateway, "turborepo", 1, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_that_are_completed_one_is_stored() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, Some(HONOURED));
    let bodies: Vec<_> = (0..4).map(|number| vec![number; PART + 1]).collect();
    let who = main_branch();
    let answers = join_all(bodies.iter().map(|body| put_chunked(&gateway, TURBO, &who, body)));
    let mut statuses: Vec<_> = answers.await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 202]);
    assert!(bodies.contains(&gateway.get(TURBO, &who).await.body), "nobody wrote this");
    assert_eq!(storage.uploads().await, [] as [&str; 0]);
    assert_uploads(&gateway, "turborepo", 1, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_completions_overwrite_there_is_one_part() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, Some(only_whole_objects()));
    let large = vec![b'x'; PART + 1];
    for (dialect, path) in paths() {
        let answer = put_chunked(&gateway, &path, &main_branch(), &large).await;
        // Nx would fail the build.
        let expected = if dialect == "nx" { 403 } else { 413 };
        assert_eq!(answer.status, expected, "{dialect}: {}", answer.text());
        assert_eq!(storage.keys().await, [] as [&str; 0], "{dialect}");
        assert_eq!(storage.uploads().await, [] as [&str; 0], "{dialect}");
        assert_uploads(&gateway, dialect, 0, 0);
    }
    let begun = gateway.metric("casgate_multipart_uploads_total", &[]);
    assert_eq!(begun, 0, "what is not wanted is not begun");
    for (dialect, path) in paths() {
        let (stored, kept) = statuses(dialect);
        for expected in [stored, kept] {
            let answer = put_chunked(&gateway, &path, &main_branch(), &large[..PART]).await;
            assert_eq!(answer.status, expected, "{dialect}: {}", answer.text());
        }
    }
}

/// It is one request then, however long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_known_length_needs_no_parts() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, Some(only_whole_objects()));
    let content = Content::sized(2 * PART);
    for (status, body) in [(202, &content.bytes), (200, &vec![0; 2 * PART])] {
        assert_eq!(put(&gateway, TURBO, &main_branch(), body).await.status, status);
    }
    let answer = gateway.get(TURBO, &main_branch()).await;
    assert!(answer.status == 200 && answer.body == content.bytes);
}

/// Found out by the gateway itself, at its start.
#[tokio::test(flavor = "multi_thread")]
async fn completions_that_overwrite_are_noticed() {
    let storage =
        StandIn::start(|request, store| request.is_completion().then(|| store.write(request)));
    let storage = storage.await;
    let folder = tempfile::tempdir().unwrap();
    let process = start::start(storage.server.address, &folder);
    let line =
        block_in_place(|| process.logged("bodies of unknown length are stored up to one part"));
    assert_eq!(line["bucket"], "store");
    let large = "x".repeat(PART + 1);
    let chunked = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let lines = [main_branch(), "Transfer-Encoding: chunked\r\n".to_owned()].concat();
    let request = [head_of_put(TURBO, &lines), chunked].concat();
    let answer = block_in_place(|| process.exchange(&request));
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(storage.is_empty());
    let answer = start::put(&process, TURBO, "a small one");
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
}
