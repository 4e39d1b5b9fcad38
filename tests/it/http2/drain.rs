//! What becomes of connections when the process ends, or its configuration changes.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Http2, answer, get as get_request};
use super::frames::{GOAWAY, NO_ERROR, PING, frame, get};
use super::wire::{Outcome, Wire};
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings, compile};
use crate::support::storage::Storage;
use crate::support::within;

async fn serving(size: usize) -> (Content, Storage, Gateway) {
    let content = Content::sized(size);
    let storage = Storage::holding(&content).await;
    let gateway = Settings { timeouts: "drain: 100ms", ..STREAM }.before(&storage);
    (content, storage, gateway)
}

#[tokio::test]
async fn requests_in_flight_finish_and_new_ones_are_not_begun() {
    let (content, storage, gateway) = serving(2_000_000).await;
    let client = Http2::to(&gateway).await;
    let idle = Http2::to(&gateway).await;
    idle.get("/nowhere").await;
    let (first, _) = client.begin(get_request(&content.path(), &[]), false).await.unwrap();
    let response = within(first).await.unwrap();
    gateway.draining.send_replace(true);
    // Without a request in flight a connection ends at once.
    idle.ended().await.unwrap();
    let (mut body, mut bytes) = (response.into_body(), Vec::new());
    // The client hears of it before the answer is through, and asks for nothing more.
    let refused = async {
        while client.begin(get_request("/nowhere", &[]), false).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within(refused).await;
    assert_eq!(super::client::read(&mut body, &mut bytes).await, None);
    assert!(bytes == content.bytes);
    drop(body);
    client.ended().await.unwrap();
    gateway.idle().await;
    assert_eq!(storage.counts().requests, 1);
}

/// The header timeout is half a minute here.
#[tokio::test]
async fn a_client_that_does_not_answer_is_not_waited_for() {
    let (content, _storage, gateway) = serving(10).await;
    let mut wire = Wire::to(&gateway).await;
    wire.send(get(1, &content.path())).await;
    assert_eq!(wire.outcome(1).await, Outcome::Answered(200));
    gateway.draining.send_replace(true);
    let begun = tokio::time::Instant::now();
    let first = wire.next_of(&[GOAWAY]).await.unwrap();
    assert_eq!(
        (first.code(), &first.payload[..4]),
        (Some(NO_ERROR), &[0x7f, 0xff, 0xff, 0xff][..])
    );
    assert_eq!(wire.goodbye().await, Some(NO_ERROR));
    assert!(begun.elapsed() < Duration::from_secs(10));
    gateway.idle().await;
}

/// What a client sent before it heard is served; the last GOAWAY names it.
#[tokio::test]
async fn a_request_that_crosses_the_goodbye_is_served() {
    let (content, _storage, gateway) = serving(10).await;
    let mut wire = Wire::to(&gateway).await;
    wire.send(frame(PING, 0, 0, &[0; 8])).await;
    wire.next_of(&[PING]).await.unwrap();
    gateway.draining.send_replace(true);
    wire.next_of(&[GOAWAY]).await.unwrap();
    let ping = wire.next_of(&[PING]).await.unwrap();
    wire.send(get(1, &content.path())).await;
    assert_eq!(wire.outcome(1).await, Outcome::Answered(200));
    wire.send(frame(PING, super::frames::ACK, 0, &ping.payload)).await;
    let last = wire.next_of(&[GOAWAY]).await.unwrap();
    assert_eq!((last.code(), &last.payload[..4]), (Some(NO_ERROR), &[0, 0, 0, 1][..]));
    assert_eq!(wire.next().await, None);
}

#[tokio::test]
async fn a_change_of_the_configuration_leaves_connections_alone() {
    let (content, storage, gateway) = serving(2_000_000).await;
    let client = Http2::to(&gateway).await;
    let (first, _) = client.begin(get_request(&content.path(), &[]), false).await.unwrap();
    let response = within(first).await.unwrap();
    let secrets = tempfile::tempdir().unwrap();
    let changed = Settings { auth: crate::support::gateway::JWT, ..STREAM };
    let yaml = changed.yaml(&format!("http://{}", storage.address), &secrets);
    let plan = compile(&yaml, &gateway.edge.metrics).unwrap();
    gateway.edge.replace(Arc::new(plan));
    // A new request is held to it, the one before to what it began with.
    let (second, _) = client.begin(get_request(&content.path(), &[]), false).await.unwrap();
    assert_eq!(answer(second).await.unwrap().status, 401);
    let (mut body, mut bytes) = (response.into_body(), Vec::new());
    assert_eq!(super::client::read(&mut body, &mut bytes).await, None);
    assert!(bytes == content.bytes);
}
