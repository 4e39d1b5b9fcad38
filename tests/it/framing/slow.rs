//! How long a client can take.

use std::time::Duration;

use tokio::time::interval;

use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::within;

async fn impatient() -> (Content, Storage, Gateway) {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = Settings { timeouts: "header: 300ms", ..STREAM }.before(&storage);
    (content, storage, gateway)
}

#[tokio::test]
async fn a_trickled_header_does_not_keep_a_connection() {
    let (_content, storage, gateway) = impatient().await;
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ").await;
    // Each byte comes long before the deadline, and none of them moves it.
    let mut beat = interval(Duration::from_millis(30));
    let trickle = async {
        while client.try_send(b"y").await {
            beat.tick().await;
        }
    };
    within(trickle).await;
    assert_eq!(client.rest().await, b"");
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn a_connection_without_a_request_ends() {
    let (content, _storage, gateway) = impatient().await;
    assert_eq!(gateway.connect().rest().await, b"");
    // And so does one between two requests.
    let mut client = gateway.connect();
    client.get(&content.path(), "").await;
    assert_eq!(client.response().await.status, 200);
    assert_eq!(client.rest().await, b"");
    gateway.idle().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let content = Content::sized(4 * 1024 * 1024);
    let storage = Storage::holding(&content).await;
    let limits = "send_rate_min: 1MiB";
    let gateway = Settings { limits, timeouts: "header: 300ms", ..STREAM }.before(&storage);
    let mut client = gateway.connect_from("192.0.2.1:1", 1024);
    client.get(&content.path(), "").await;
    assert_eq!(client.head().await.status, 200);
    storage.until(|counts| counts.ended == 1).await;
    gateway.idle().await;
    assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1);
    assert!(client.rest().await.len() < content.bytes.len());
}

#[tokio::test]
async fn nor_is_one_waited_for_that_does_not_take_the_head() {
    let (content, storage, gateway) = impatient().await;
    let mut client = gateway.connect_from("192.0.2.1:1", 16);
    client.get(&content.path(), "").await;
    storage.until(|counts| counts.requests == 1).await;
    gateway.idle().await;
    assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1);
}
