//! What was stored first stays, and every client can live with that.

use futures_util::future::join_all;

use super::{
    HONOURED, TURBO, assert_uploads, gateway, main_branch, paths, pull_request, put, put_chunked,
    statuses,
};
use crate::support::content::Content;
use crate::support::embedded::Embedded;

/// Bodies that are held whole, and such that go through.
const SIZES: [usize; 3] = [0, 1000, 100_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_bytes_stay() {
    for size in SIZES {
        let storage = Embedded::start().await;
        let gateway = gateway(&storage.endpoint, Some(HONOURED));
        let (first, second) = (Content::sized(size), Content::of(vec![b'x'; size + 1]));
        for (dialect, path) in paths() {
            let (stored, kept) = statuses(dialect);
            for who in [main_branch(), pull_request(7)] {
                let answer = put(&gateway, &path, &who, &first.bytes).await;
                assert_eq!(answer.status, stored, "{dialect} {size}: {}", answer.text());
                for body in [&second.bytes, &first.bytes] {
                    let answer = put(&gateway, &path, &who, body).await;
                    assert_eq!(answer.status, kept, "{dialect} {size}: {}", answer.text());
                }
                let answer = put_chunked(&gateway, &path, &who, &second.bytes).await;
                assert_eq!(answer.status, kept, "{dialect} {size}: {}", answer.text());
                let answer = gateway.get(&path, &who).await;
                assert_eq!((answer.status, answer.is_whole), (200, true));
                assert!(answer.body == first.bytes, "{dialect} {size}");
            }
            assert_uploads(&gateway, dialect, 2, 6);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_chunks_is_stored_once_too() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, Some(HONOURED));
    for (dialect, path) in paths() {
        let (stored, kept) = statuses(dialect);
        let answer = put_chunked(&gateway, &path, &main_branch(), b"first").await;
        assert_eq!(answer.status, stored, "{dialect}: {}", answer.text());
        let answer = put_chunked(&gateway, &path, &main_branch(), b"second").await;
        assert_eq!(answer.status, kept, "{dialect}: {}", answer.text());
        assert_eq!(gateway.get(&path, &main_branch()).await.body, b"first");
    }
}

/// The digest is the name there, so that both have the same bytes, or the second is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_itself_is_stored_once_too() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, Some(HONOURED));
    for size in SIZES {
        let content = Content::sized(size);
        let path = format!("/bazel/cas/{}", content.hex);
        for _ in 0..2 {
            assert_eq!(put(&gateway, &path, &main_branch(), &content.bytes).await.status, 200);
        }
        let answer = gateway.get(&path, &main_branch()).await;
        assert!(answer.status == 200 && answer.body == content.bytes);
    }
    assert_uploads(&gateway, "bazel", 3, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_the_same_time_one_is_stored() {
    const WRITERS: u8 = 20;
    for (size, in_chunks) in [(1000, false), (100_000, false), (100_000, true)] {
        let storage = Embedded::start().await;
        let gateway = gateway(&storage.endpoint, Some(HONOURED));
        for (dialect, path) in paths() {
            let (stored, kept) = statuses(dialect);
            let who = main_branch();
            let bodies: Vec<_> = (0..WRITERS).map(|number| vec![number; size]).collect();
            let answers = join_all(bodies.iter().map(async |body| match in_chunks {
                false => put(&gateway, &path, &who, body).await,
                true => put_chunked(&gateway, &path, &who, body).await,
            }));
            let answers = answers.await;
            for answer in &answers {
                let fine = [stored, kept].contains(&answer.status);
                assert!(fine, "{dialect}: {} {}", answer.status, answer.text());
            }
            assert_uploads(&gateway, dialect, 1, u64::from(WRITERS) - 1);
            let there = gateway.get(&path, &who).await.body;
            assert!(bodies.contains(&there), "{dialect}: nobody wrote this");
            if stored != kept {
                let first = answers.iter().position(|answer| answer.status == stored).unwrap();
                assert!(there == bodies[first], "{dialect}: somebody else was told so");
            }
        }
    }
}

/// Neither the one nor the other is in the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn untrusted_uploads_are_kept_apart() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, Some(HONOURED));
    for (who, body, status) in [
        (pull_request(7), b"from 7", 202),
        (pull_request(8), b"from 8", 202),
        (main_branch(), b"a main", 202),
        (pull_request(9), b"from 9", 202),
        (pull_request(7), b"again!", 200),
        (main_branch(), b"again!", 200),
    ] {
        assert_eq!(put(&gateway, TURBO, &who, body).await.status, status);
    }
    for (who, expected) in [
        (pull_request(7), &b"from 7"[..]),
        (pull_request(8), b"from 8"),
        (pull_request(9), b"from 9"),
        (pull_request(10), b"a main"),
        (main_branch(), b"a main"),
    ] {
        assert_eq!(gateway.get(TURBO, &who).await.body, expected);
    }
}
