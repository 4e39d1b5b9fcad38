//! Which connections carry another request.

use crate::support::answer::{Answer, Then};
use crate::support::client::answers_in;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::storage::Storage;

async fn open_gateway() -> (Content, Storage, Gateway) {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    (content, storage, gateway)
}

#[tokio::test]
async fn whole_answers_leave_the_connection_in_step() {
    let (content, _storage, gateway) = open_gateway().await;
    let (path, missing) = (content.path(), Content::of("").path());
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.get(&path, "").await;
        let response = client.response().await;
        assert_eq!((response.status, response.text()), (200, "an artifact"));
        assert_eq!(response.header("connection"), Some("keep-alive"));

        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(client.head().await.status, 200);
        client.send(format!("HEAD {missing} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(client.head().await.status, 404);

        client.get(&path, &format!("If-None-Match: {}\r\n", content.etag())).await;
        assert_eq!(client.head().await.status, 304);
        for (path, lines, expected) in [
            (missing.as_str(), "", 404),
            ("/nowhere", "", 404),
            (path.as_str(), "Range: bytes=99-\r\n", 416),
            ("/download/nonsense", "", 400),
        ] {
            client.get(path, lines).await;
            assert_eq!(client.response().await.status, expected);
        }
    }
}

#[tokio::test]
async fn the_client_says_when_to_close() {
    let (content, _storage, gateway) = open_gateway().await;
    let path = content.path();
    for (version, lines, is_reused) in [
        ("1.1", "Host: a\r\n", true),
        ("1.1", "Host: a\r\nConnection: close\r\n", false),
        ("1.1", "Host: a\r\nConnection: CLOSE\r\n", false),
        ("1.1", "Host: a\r\nConnection: x, close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
    ] {
        let mut client = gateway.connect();
        let request = format!("GET {path} HTTP/{version}\r\n{lines}\r\n");
        client.send(&request).await;
        let response = client.response().await;
        assert_eq!((response.status, response.text()), (200, "an artifact"), "{request}");
        assert_eq!(response.header("transfer-encoding"), None);
        if is_reused {
            client.send(&request).await;
            assert_eq!(client.response().await.status, 200, "{request}");
        } else {
            assert_eq!(response.header("connection"), Some("close"), "{request}");
            assert_eq!(client.rest().await, b"", "{request}");
        }
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_right_or_not_at_all() {
    let (content, storage, gateway) = open_gateway().await;
    let request = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", content.path());
    let missing = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", Content::of("").path());
    let old = request.replace("HTTP/1.1", "HTTP/1.0");
    for (first, expected) in [(&request, 200), (&missing, 404), (&old, 200)] {
        let mut client = gateway.connect();
        client.send(format!("{first}{missing}{request}")).await;
        assert_eq!(client.response().await.status, expected);
        assert_eq!(client.rest().await, b"");
    }
    assert_eq!(storage.counts().requests, 3);
}

#[tokio::test]
async fn a_request_that_arrives_during_another_is_not_mistaken_for_part_of_it() {
    let content = Content::sized(200_000);
    let bytes = content.bytes.clone();
    let storage = Storage::scripted(move |seen| match seen.connection {
        0 => Answer::nothing(Then::Stall),
        _ => Answer::object(seen, &bytes),
    })
    .await;
    let gateway = Settings { timeouts: "storage_first_byte: 300ms", ..STREAM }.before(&storage);
    let mut client = gateway.connect();
    client.get(&content.path(), "").await;
    storage.until(|counts| counts.requests == 1).await;
    // The gateway waits for storage and looks whether the client is there: it is, and impatient.
    client.get(&content.path(), "").await;
    assert_eq!(client.response().await.status, 504);
    assert_eq!(client.rest().await, b"");

    let mut client = gateway.connect();
    client.get(&content.path(), "").await;
    assert_eq!(client.head().await.status, 200);
    client.get(&content.path(), "").await;
    let rest = client.rest().await;
    assert_eq!(answers_in(&rest), 0);
    assert!(rest == content.bytes, "{} bytes", rest.len());
}

#[tokio::test]
async fn the_absolute_form_is_the_same_request() {
    let (content, _storage, gateway) = open_gateway().await;
    for scheme in ["http", "https"] {
        let mut client = gateway.connect();
        let path = content.path();
        client.send(format!("GET {scheme}://a{path}?x HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let response = client.response().await;
        assert_eq!((response.status, response.text()), (200, "an artifact"), "{scheme}");
    }
}

#[tokio::test]
async fn draining_closes_what_is_idle_and_finishes_what_is_not() {
    let content = Content::sized(4 * 1024 * 1024);
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    let (mut idle, mut used, mut busy) = (gateway.connect(), gateway.connect(), gateway.connect());
    used.get(&Content::of("").path(), "").await;
    assert_eq!(used.response().await.status, 404);
    busy.get(&content.path(), "").await;
    assert_eq!(busy.head().await.status, 200);

    gateway.draining.send(true).unwrap();
    assert_eq!(idle.rest().await, b"");
    assert_eq!(used.rest().await, b"");
    assert!(busy.rest().await == content.bytes);
}

#[tokio::test]
async fn the_absolute_form_must_agree_with_the_host() {
    let (content, storage, gateway) = open_gateway().await;
    for (authority, host) in [("a", "b"), ("a:1", "a"), ("user@a", "a")] {
        let mut client = gateway.connect();
        let path = content.path();
        client.send(format!("GET http://{authority}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(client.response().await.status, 400, "{authority} {host}");
    }
    assert_eq!(storage.counts().requests, 0);
}
