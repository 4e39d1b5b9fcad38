//! `write_once`: what was stored first stays, and whoever comes later is told so.

use casgate::bucket::control::conditional::{ConditionalWrites, TagForm, Verdict};

use super::s3::{self, Step, steps, storage_but, storage_in_haste};
use super::{
    CHUNKED, HASH, KEY, PART, UPLOADS, assert_refused, chunks, head_of, length_of, put, put_chunked,
};
use crate::support::answer::Answer;
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::{Gateway, Settings};
use crate::support::server::Seen;

/// In front of a bucket whose PUT honours conditions; whether its multipart uploads do is said.
fn once(endpoint: &str, are_parts_safe: bool) -> Gateway {
    let file = UPLOADS.file.replace("upload_size", "write_once: true\n    upload_size");
    let settings = Settings { file: &file, timeouts: "drain: 300ms", ..UPLOADS };
    let gateway = Gateway::before(endpoint, &settings);
    let (create, replace) = (Verdict::Honoured, Verdict::Honoured);
    let complete = match are_parts_safe {
        true => Verdict::Honoured,
        false => Verdict::NotHonoured("two writers succeeded".into()),
    };
    let bucket = &gateway.edge.serving().plan.buckets["store"];
    bucket.fitness.learn(ConditionalWrites { create, replace, complete, tags: TagForm::Quoted });
    gateway
}

fn there(seen: &Seen) -> Answer {
    Answer::error(seen, 412, "PreconditionFailed")
}

#[track_caller]
fn assert_kept(response: &Response, gateway: &Gateway) {
    assert_eq!((response.status, response.is_whole), (200, true), "{}", response.text());
    assert!(response.json()["urls"].is_array());
    assert_eq!(gateway.metric("casgate_uploads_total", &["stored"]), 0);
    assert_eq!(gateway.metric("casgate_uploads_total", &["kept"]), 1);
}

#[tokio::test]
async fn what_was_first_stays() {
    let storage = Embedded::start().await;
    let gateway = once(&storage.endpoint, true);
    let first = Content::sized(1_000_000).bytes;
    assert_eq!(put(&gateway, &first, "").await.status, 202);
    for later in [10, 1_000_000, 2_000_000, PART + 1] {
        let later = vec![b'x'; later];
        assert_eq!(put(&gateway, &later, "").await.status, 200);
        assert_eq!(put_chunked(&gateway, &later, "").await.status, 200);
        assert!(storage.object(KEY).await == first);
    }
    assert_eq!(storage.uploads().await, [""; 0]);
    assert_eq!(gateway.metric("casgate_uploads_total", &["kept"]), 8);
}

/// Storage says so before the body, in its middle or after it. The client can go on.
#[tokio::test]
async fn a_client_that_sends_all_the_same_is_answered() {
    for (size, haste) in
        [(1000, None), (1_000_000, None), (1_000_000, Some(0)), (1_000_000, Some(500_000))]
    {
        let storage = match haste {
            None => storage_but(Step::Put, there).await,
            Some(after) => storage_in_haste(Step::Put, after, there).await,
        };
        let gateway = once(&format!("http://{}", storage.address), false);
        let mut client = gateway.connect();
        super::send_put(&mut client, &Content::sized(size).bytes, "").await;
        let response = client.response().await;
        assert_kept(&response, &gateway);
        assert_eq!(response.header("connection"), Some("keep-alive"));
        let seen = &storage.seen()[0];
        assert_eq!(seen.header("if-none-match"), Some("*"));
        let signed = seen.header("authorization").unwrap();
        assert!(signed.contains("if-none-match"), "{signed}");
    }
}

#[tokio::test]
async fn a_client_that_asks_need_not_send_it() {
    let storage = storage_in_haste(Step::Put, 0, there).await;
    let gateway = once(&format!("http://{}", storage.address), false);
    let mut client = gateway.connect();
    let body = Content::sized(1_000_000).bytes;
    client.send(head_of(HASH, &format!("Expect: 100-continue\r\n{}", length_of(&body)))).await;
    let response = client.response().await;
    assert_kept(&response, &gateway);
    assert_eq!(response.header("connection"), Some("close"));
}

/// Two at once, of which storage takes neither or one.
#[tokio::test]
async fn a_conflict_is_for_the_client_to_try_again() {
    let storage =
        storage_but(Step::Put, |seen| Answer::error(seen, 409, "ConditionalRequestConflict")).await;
    let gateway = once(&format!("http://{}", storage.address), false);
    assert_refused(&put(&gateway, b"body", "").await, 503, "service_unavailable");
}

/// Where the last step honours no condition, it could replace what is there.
#[tokio::test]
async fn parts_are_only_for_storage_that_keeps_its_word() {
    let body = Content::sized(PART + 1).bytes;
    for are_parts_safe in [false, true] {
        let storage = s3::storage().await;
        let gateway = once(&format!("http://{}", storage.address), are_parts_safe);
        let mut client = gateway.connect();
        client.send(head_of(HASH, CHUNKED)).await;
        client.send(chunks(&body, 100_000)).await;
        let response = client.response().await;
        if !are_parts_safe {
            assert_refused(&response, 413, "payload_too_large");
            assert_eq!(steps(&storage), []);
            continue;
        }
        assert_eq!(response.status, 202);
        let complete = storage.seen().pop().unwrap();
        assert_eq!(
            (Step::of(&complete), complete.header("if-none-match")),
            (Step::Complete, Some("*"))
        );
    }
}

/// An upload in parts that comes too late leaves no parts.
#[tokio::test]
async fn parts_that_come_too_late_are_given_up() {
    for status in [200, 412] {
        let storage = storage_but(Step::Complete, move |seen| {
            Answer::error(seen, status, "PreconditionFailed")
        })
        .await;
        let gateway = once(&format!("http://{}", storage.address), true);
        let response = put_chunked(&gateway, &Content::sized(PART + 1).bytes, "").await;
        assert_kept(&response, &gateway);
        assert_eq!(steps(&storage).last(), Some(&Step::Abort));
    }
}
