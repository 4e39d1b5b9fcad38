//! `Expect: 100-continue` (RFC 9110 section 10.1.1): a body is asked for when it is wanted.

use serde_json::json;

use super::s3::{self, Step, steps, storage_but, storage_in_haste};
use super::{
    CHUNKED, HASH, UPLOADS, assert_closed, assert_refused, chunks, head_of, length_of, path,
};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::token;

const EXPECT: &str = "Expect: 100-continue\r\n";

#[tokio::test]
async fn a_body_is_asked_for_and_then_stored() {
    for (length, framing) in [(1000, None), (200_000, None), (1000, Some(CHUNKED))] {
        let storage = s3::storage().await;
        let gateway = UPLOADS.before(&storage);
        let body = Content::sized(length).bytes;
        let mut client = gateway.connect();
        let lines = framing.map_or_else(|| length_of(&body), str::to_owned);
        client.send(head_of(HASH, &format!("{EXPECT}{lines}"))).await;
        // Nothing was sent before this came.
        assert_eq!(client.head().await.status, 100);
        match framing {
            None => client.send(&body).await,
            Some(_) => client.send(chunks(&body, 100)).await,
        }
        assert_eq!(client.response().await.status, 202);
        assert!(storage.seen()[0].bytes == body);
    }
}

/// Clients may send it without waiting, and send it with nothing to follow.
#[tokio::test]
async fn a_body_that_comes_unasked_is_taken() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let mut client = gateway.connect();
    client.send(head_of(HASH, &format!("{EXPECT}Content-Length: 3\r\n"))).await;
    client.send("abc").await;
    assert_eq!(client.head().await.status, 100);
    let response = client.response().await;
    assert_eq!((response.status, response.header("connection")), (202, Some("keep-alive")));
    client.send(head_of(HASH, &format!("{EXPECT}Content-Length: 0\r\n"))).await;
    assert_eq!(client.response().await.status, 202);
    assert_eq!(steps(&storage), [Step::Put, Step::Put]);
}

/// Which know no interim answers.
#[tokio::test]
async fn clients_of_the_first_version_are_not_asked() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let mut client = gateway.connect();
    let head = head_of(HASH, &format!("{EXPECT}Content-Length: 3\r\n"));
    client.send(head.replace("HTTP/1.1", "HTTP/1.0")).await;
    client.send("abc").await;
    assert_eq!(client.response().await.status, 202);
}

#[tokio::test]
async fn whoever_may_not_write_is_not_asked_for_a_body() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let reader = token::bearer(json!({"teams": ["acme"]}));
    let stranger = token::bearer(json!({"teams": ["other"], "scope": "artifacts:write"}));
    for (line, status, code) in [
        ("", 401, "unauthorized"),
        ("Authorization: Bearer nonsense\r\n", 401, "unauthorized"),
        (&reader, 403, "forbidden"),
        (&stranger, 403, "forbidden"),
    ] {
        for framing in ["Content-Length: 1000000\r\n", "Content-Length: 10\r\n", CHUNKED] {
            let mut client = gateway.connect();
            let path = path(HASH);
            let head = format!("PUT {path} HTTP/1.1\r\nHost: a\r\n{line}{EXPECT}{framing}\r\n");
            client.send(head).await;
            let response = client.response().await;
            assert_refused(&response, status, code);
            assert_eq!(response.header("connection"), Some("close"));
            drop(client);
        }
    }
    assert_eq!(storage.counts().opened, 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_asked_for() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let mut client = gateway.connect();
    client.send(head_of(HASH, &format!("{EXPECT}Content-Length: 16777217\r\n"))).await;
    assert_refused(&client.response().await, 413, "payload_too_large");
    assert_eq!(storage.counts().opened, 0);
}

/// Storage is asked first, so that a body it refuses does not travel at all.
#[tokio::test]
async fn a_body_that_storage_refuses_is_not_asked_for() {
    for (status, code, refusal) in [
        (403, "AccessDenied", (502, "bad_gateway")),
        (503, "SlowDown", (503, "service_unavailable")),
    ] {
        let storage =
            storage_in_haste(Step::Put, 0, move |seen| Answer::error(seen, status, code)).await;
        let settings = Settings { timeouts: "drain: 300ms", ..UPLOADS };
        let gateway = settings.before(&storage);
        let mut client = gateway.connect();
        client.send(head_of(HASH, &format!("{EXPECT}Content-Length: 1000000\r\n"))).await;
        assert_refused(&client.response().await, refusal.0, refusal.1);
        assert_closed(&mut client).await;
        assert_eq!(steps(&storage), [Step::Put]);
        assert_eq!(storage.seen()[0].bytes, b"");
    }
}

/// Other words before the one that is waited for.
#[tokio::test]
async fn interim_answers_of_storage_are_no_answers() {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n";
    let storage = storage_but(Step::Put, move |_| {
        Answer::raw(format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Then::Keep)
    })
    .await;
    let gateway = UPLOADS.before(&storage);
    let body = Content::sized(200_000).bytes;
    assert_eq!(super::put(&gateway, &body, "").await.status, 202);
    assert_eq!(super::put(&gateway, &body[..10], "").await.status, 202);
    assert!(storage.seen()[0].bytes == body);
}

/// It is not waited for long: there are servers that do not know the question.
#[tokio::test]
async fn storage_that_does_not_know_the_question_gets_the_body() {
    let storage = s3::storage().await;
    storage.never_ask_for_bodies();
    // Less than the time that storage has to answer the question.
    let timeouts = "storage_first_byte: 500ms";
    for settings in [UPLOADS, Settings { timeouts, ..UPLOADS }] {
        let gateway = settings.before(&storage);
        let body = Content::sized(200_000).bytes;
        assert_eq!(super::put(&gateway, &body, "").await.status, 202);
    }
    assert_eq!(steps(&storage), [Step::Put, Step::Put]);
}
