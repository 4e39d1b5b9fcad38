//! How large an upload can be, and how many can be in memory.

use tokio::io::DuplexStream;

use super::s3::{self, Step, steps};
use super::{
    CHUNKED, HASH, PART, UPLOADS, assert_closed, assert_refused, chunk, chunks, head_of, put,
    put_chunked,
};
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::{Gateway, Settings};
use crate::support::within;

/// That of the route, in bytes.
const SIZE_MAX: usize = 16 * 1024 * 1024;

#[tokio::test]
async fn a_body_of_the_largest_size_is_stored() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let body = Content::sized(SIZE_MAX).bytes;
    assert_eq!(put(&gateway, &body, "").await.status, 202);
    assert!(storage.object(super::KEY).await == body);
    assert_eq!(put_chunked(&gateway, &body, "").await.status, 202);
    assert!(storage.object(super::KEY).await == body);
}

#[tokio::test]
async fn a_length_that_is_too_large_is_refused_before_the_body() {
    let storage = s3::storage().await;
    let gateway = Settings { timeouts: "drain: 300ms", ..UPLOADS }.before(&storage);
    for length in [SIZE_MAX as u64 + 1, u64::from(u32::MAX) + 1, u64::MAX - 1] {
        let mut client = gateway.connect();
        client.send(head_of(HASH, &format!("Content-Length: {length}\r\n"))).await;
        let response = client.response().await;
        assert_refused(&response, 413, "payload_too_large");
        assert_eq!(response.header("connection"), Some("close"));
        assert_closed(&mut client).await;
    }
    assert_eq!(storage.counts().opened, 0);
    assert_eq!(gateway.metric("casgate_requests_total", &["\"payload_too_large\""]), 3);
}

#[tokio::test]
async fn chunks_that_are_too_many_are_refused_and_aborted() {
    let storage = s3::storage().await;
    let gateway = Settings { timeouts: "drain: 300ms", ..UPLOADS }.before(&storage);
    let body = Content::sized(SIZE_MAX + 1).bytes;
    let mut client = gateway.connect();
    client.send(head_of(HASH, CHUNKED)).await;
    client.send(chunks(&body, 100_000)).await;
    assert_refused(&client.response().await, 413, "payload_too_large");
    assert_closed(&mut client).await;
    let expected =
        [Step::Create, Step::Part(1), Step::Part(2), Step::Part(3), Step::Abort].as_slice();
    assert_eq!(steps(&storage), expected);
}

/// More than is collected without room in memory.
const LONG: usize = 70_000;

/// A body that has taken the only room there is, and goes on.
async fn waiting_for_more(gateway: &Gateway) -> Client<DuplexStream> {
    let mut first = gateway.connect();
    first.send(head_of(HASH, CHUNKED)).await;
    first.send(chunk(&Content::sized(LONG).bytes)).await;
    // Others are refused as soon as it has.
    within(async {
        while put_chunked(gateway, &Content::sized(LONG).bytes, "").await.status != 503 {}
    })
    .await;
    first
}

#[tokio::test]
async fn chunks_wait_for_memory() {
    let storage = s3::storage().await;
    let limits = "upload_part_size: 5MiB, upload_memory: 5MiB";
    let timeouts = "storage_first_byte: 1s, drain: 300ms";
    let gateway = Settings { limits, timeouts, ..UPLOADS }.before(&storage);
    let mut first = waiting_for_more(&gateway).await;
    let before = steps(&storage).len();
    // What is short, or has a length, needs no room.
    assert_eq!(put(&gateway, b"second", "").await.status, 202);
    assert_eq!(put_chunked(&gateway, b"third", "").await.status, 202);
    let mut fourth = gateway.connect();
    fourth.send(head_of(HASH, CHUNKED)).await;
    fourth.send(chunks(&Content::sized(LONG).bytes, LONG)).await;
    first.send("0\r\n\r\n").await;
    assert_eq!(first.response().await.status, 202);
    assert_eq!(fourth.response().await.status, 202);
    let lengths: Vec<_> = storage.seen()[before..].iter().map(|seen| seen.bytes.len()).collect();
    assert_eq!(lengths, [6, 5, LONG, LONG]);
}

#[tokio::test]
async fn chunks_that_wait_too_long_for_memory_are_refused() {
    let storage = s3::storage().await;
    let limits = "upload_part_size: 5MiB, upload_memory: 5MiB";
    let timeouts = "storage_first_byte: 300ms, drain: 300ms";
    let gateway = Settings { limits, timeouts, ..UPLOADS }.before(&storage);
    let first = waiting_for_more(&gateway).await;
    let response = put_chunked(&gateway, &Content::sized(LONG).bytes, "").await;
    assert_refused(&response, 503, "service_unavailable");
    assert!(response.header("retry-after").is_some());
    // A client that leaves gives its room back.
    drop(first);
    within(async {
        while put_chunked(&gateway, &Content::sized(LONG).bytes, "").await.status != 202 {}
    })
    .await;
}

/// The parts of an upload come one after the other, so it needs room for one.
#[tokio::test]
async fn an_upload_of_many_parts_needs_room_for_one() {
    let storage = Embedded::start().await;
    let limits = "upload_part_size: 5MiB, upload_memory: 5MiB";
    let gateway = storage.gateway(&Settings { limits, ..UPLOADS });
    let body = Content::sized(2 * PART + 1).bytes;
    within(async {
        let uploads = (0..3).map(|_| put_chunked(&gateway, &body, ""));
        for response in futures_util::future::join_all(uploads).await {
            assert_eq!(response.status, 202);
        }
    })
    .await;
    assert!(storage.object(super::KEY).await == body);
}
