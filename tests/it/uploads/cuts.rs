//! Clients that do not send their body to its end: nothing is left of it in storage.

use std::time::Duration;

use tokio::time::interval;

use super::s3::{self, Step, steps};
use super::{CHUNKED, HASH, PART, UPLOADS, assert_closed, chunk, chunks, head_of};
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::{Gateway, Settings};
use crate::support::storage::Storage;
use crate::support::within;

/// Waits for the end of a request that was cut.
async fn until_gone(gateway: &Gateway, expected: u64) {
    let labels = ["/turbo/", "\"client_gone\""];
    gateway.until_metric("casgate_requests_total", &labels, expected).await;
    assert_eq!(gateway.metric("casgate_uploads_total", &[]), 0);
}

/// There was no object, and each multipart upload that was begun was ended.
#[track_caller]
fn assert_nothing_left(storage: &Storage, what: &str) {
    let steps = steps(storage);
    let count = |step: Step| steps.iter().filter(|&&it| it == step).count();
    assert_eq!(count(Step::Put) + count(Step::Complete), 0, "{what}: {steps:?}");
    assert_eq!(count(Step::Create), count(Step::Abort), "{what}: {steps:?}");
    if count(Step::Create) > 0 {
        assert_eq!(steps.last(), Some(&Step::Abort), "{what}");
    }
}

#[tokio::test]
async fn a_body_that_is_shorter_than_its_length_is_no_object() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let mut cuts = 0;
    // Collected, and passed on as it comes.
    for length in [1000, 200_000] {
        let body = Content::sized(length).bytes;
        for sent in [0, 1, length / 2, length - 1] {
            let mut client = gateway.connect();
            client.send(head_of(HASH, &super::length_of(&body))).await;
            client.send(&body[..sent]).await;
            drop(client);
            cuts += 1;
            until_gone(&gateway, cuts).await;
            assert_eq!(storage.keys().await, [""; 0], "{sent} of {length}");
        }
    }
}

/// Storage sees that the body is cut, rather than a shorter one.
#[tokio::test]
async fn storage_sees_a_cut_as_a_cut() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let body = Content::sized(200_000).bytes;
    let mut client = gateway.connect();
    client.send(head_of(HASH, &super::length_of(&body))).await;
    client.send(&body[..199_999]).await;
    drop(client);
    storage.until(|counts| counts.broken == 1).await;
    until_gone(&gateway, 1).await;
    assert_eq!(storage.counts().requests, 0);
    let broken = &storage.broken()[0];
    assert_eq!(broken.header("content-length"), Some("200000"));
    assert!(broken.bytes.len() < 200_000);
}

#[tokio::test]
async fn chunks_that_end_at_any_boundary_are_no_object() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let body = Content::sized(2 * PART + 1).bytes;
    let boundaries = [0, 1, PART - 1, PART, PART + 1, 2 * PART - 1, 2 * PART, 2 * PART + 1];
    for (cuts, sent) in (1..).zip(boundaries) {
        let mut client = gateway.connect();
        client.send(head_of(HASH, CHUNKED)).await;
        let mut wire = chunks(&body[..sent], 100_000);
        wire.truncate(wire.len() - b"0\r\n\r\n".len());
        client.send(wire).await;
        drop(client);
        until_gone(&gateway, cuts).await;
        assert_nothing_left(&storage, &sent.to_string());
    }
    // Nothing is begun before there is more than a part.
    let begun = gateway.metric("casgate_multipart_uploads_total", &["\"begun\""]);
    let aborted = gateway.metric("casgate_multipart_uploads_total", &["\"aborted\""]);
    assert_eq!((begun, aborted), (4, 4));
}

#[tokio::test]
async fn chunks_that_end_within_their_framing_are_no_object() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let mut cuts = 0;
    for body in [Content::sized(10).bytes, Content::sized(PART + 10).bytes] {
        let wire = chunks(&body, 1_000_000);
        let end = wire.len();
        // In the terminating chunk, its line ends, the last chunk's line end and its bytes.
        for missing in [1, 2, 3, 4, 5, 6, 7, 8] {
            let mut client = gateway.connect();
            client.send(head_of(HASH, CHUNKED)).await;
            client.send(&wire[..end - missing]).await;
            drop(client);
            cuts += 1;
            until_gone(&gateway, cuts).await;
            assert_nothing_left(&storage, &format!("{} without {missing}", body.len()));
        }
    }
}

#[tokio::test]
async fn what_is_no_chunk_ends_the_connection() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let part = Content::sized(PART + 10).bytes;
    let mut cuts = 0;
    for (before, nonsense) in [
        (&b""[..], "nonsense\r\n"),
        (b"", "-1\r\n\r\n"),
        (b"", "ffffffffffffffffff\r\n"),
        (b"abc", "3\r\nabcdef\r\n0\r\n\r\n"),
        (&part, "zz\r\n"),
        (&part, "3\r\nabcXX0\r\n\r\n"),
    ] {
        let mut client = gateway.connect();
        client.send(head_of(HASH, &format!("Expect: 100-continue\r\n{CHUNKED}"))).await;
        // What comes with the header is refused; see below.
        assert_eq!(client.head().await.status, 100);
        if !before.is_empty() {
            client.send(chunk(before)).await;
        }
        client.send(nonsense).await;
        assert_eq!(client.rest().await, b"", "{nonsense:?}");
        cuts += 1;
        until_gone(&gateway, cuts).await;
        assert_nothing_left(&storage, nonsense);
    }
}

#[tokio::test]
async fn nothing_is_left_where_storage_counts() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let body = Content::sized(2 * PART + 1).bytes;
    let wire = chunks(&body, 100_000);
    for (cuts, sent) in (1..).zip([PART + 100_000, wire.len() - 1]) {
        let mut client = gateway.connect();
        client.send(head_of(HASH, CHUNKED)).await;
        client.send(&wire[..sent]).await;
        drop(client);
        until_gone(&gateway, cuts).await;
        assert_eq!(storage.keys().await, [""; 0]);
        assert_eq!(storage.uploads().await, [""; 0]);
    }
}

/// Sends a byte now and then until the gateway closes.
async fn trickle(settings: Settings<'_>, first: &[u8], framing: &str) {
    let storage = s3::storage().await;
    let gateway = settings.before(&storage);
    let mut client = gateway.connect();
    client.send(head_of(HASH, framing)).await;
    client.send(first).await;
    let mut beat = interval(Duration::from_millis(30));
    within(async {
        while client.try_send(b"1\r\nx\r\n").await {
            beat.tick().await;
        }
    })
    .await;
    assert_eq!(client.rest().await, b"");
    until_gone(&gateway, 1).await;
    // What is out of time is given up in the background.
    let multipart = "casgate_multipart_uploads_total";
    let begun = gateway.metric(multipart, &["\"begun\""]);
    gateway.until_metric(multipart, &["\"aborted\""], begun).await;
    assert_nothing_left(&storage, framing);
}

/// Each byte comes long before any deadline; together they are too few.
#[tokio::test]
async fn a_client_slower_than_the_least_rate_is_cut_off() {
    let limits = "upload_part_size: 5MiB, receive_rate_min: 1MiB";
    let settings = Settings { limits, timeouts: "header: 300ms", ..UPLOADS };
    trickle(settings, b"", CHUNKED).await;
    trickle(settings, b"", "Content-Length: 1000\r\n").await;
    trickle(settings, b"", "Content-Length: 1000000\r\n").await;
    // What came in time before buys some, and no more.
    trickle(settings, &chunk(&Content::sized(PART + 100).bytes[..100_000]), CHUNKED).await;
}

#[tokio::test]
async fn an_upload_has_an_end_to_its_time() {
    let settings = Settings { timeouts: "upload: 300ms", ..UPLOADS };
    trickle(settings, b"", CHUNKED).await;
    trickle(settings, b"", "Content-Length: 1000000\r\n").await;
    let part = chunk(&Content::sized(PART + 100).bytes);
    let settings = Settings { timeouts: "upload: 1s", ..UPLOADS };
    trickle(settings, &part, CHUNKED).await;
}

/// A line without a size is no end of a body, although parsers take it for one.
#[tokio::test]
async fn a_chunk_without_a_size_ends_no_body() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let broken = "5\r\nhello\r\n\r\n5\r\nworld\r\n0\r\n\r\n";
    // With the header, and after it.
    let mut client = gateway.connect();
    client.send(format!("{}{broken}", head_of(HASH, CHUNKED))).await;
    let refused = client.response().await;
    assert_eq!((refused.status, refused.text()), (400, "a chunk of the body is broken\n"));

    let mut client = gateway.connect();
    client.send(head_of(HASH, &format!("Expect: 100-continue\r\n{CHUNKED}"))).await;
    assert_eq!(client.head().await.status, 100);
    client.send(broken).await;
    assert_closed(&mut client).await;
    assert_eq!(steps(&storage), []);
    // What the header of one request brought along is nothing to the next.
    let mut client = gateway.connect();
    let writer = super::writer();
    client
        .send(format!(
            "PUT {} HTTP/1.1\r\nHost: x\r\n{writer}Content-Length: 9\r\n\r\n\r\nnothing",
            super::path(HASH)
        ))
        .await;
    assert_eq!(client.response().await.status, 202);
    client
        .send(format!(
            "GET {} HTTP/1.1\r\nHost: x\r\n{writer}{CHUNKED}\r\n0\r\n\r\n",
            super::path("unknown")
        ))
        .await;
    assert_eq!(client.response().await.status, 404);
}
