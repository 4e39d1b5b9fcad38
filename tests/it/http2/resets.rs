//! Whether streams that end as soon as they begin cost more than they should (CVE-2023-44487,
//! CVE-2025-8671).

use tokio::io::DuplexStream;

use super::before_stalling;
use super::client::Http2;
use super::frames::{
    CANCEL, DATA, END_HEADERS, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, GOAWAY, HEADERS, PRIORITY,
    PROTOCOL_ERROR, WINDOW_UPDATE, codes, frame, get, get_block, reset,
};
use super::wire::{Outcome, Wire};
use crate::support::content::Content;
use crate::support::gateway::Gateway;

/// Serves others, and counted why the one connection was closed.
async fn assert_serves_others(gateway: &Gateway, content: &Content, code: u32) {
    let other = Http2::to(gateway).await;
    other.get(&content.path()).await.assert_is(200, &content.bytes);
    drop(other);
    gateway.idle().await;
    let reason = match code {
        ENHANCE_YOUR_CALM => "abusive HTTP/2 connection",
        _ => "HTTP/2 protocol error",
    };
    assert_eq!(gateway.metric("casgate_unrouted_total", &[reason]), 1, "{reason}");
}

#[tokio::test]
async fn by_the_client_at_once() {
    let content = Content::of("an artifact");
    let stalled = Content::of("stalled").path();
    let (storage, gateway) = before_stalling(&content, "").await;
    let mut wire = Wire::to(&gateway).await;
    let pairs = (0..10_000).map(|number| {
        let stream = number * 2 + 1;
        [get(stream, &stalled), reset(stream, CANCEL)].concat()
    });
    let (taken, frames) = wire.flood(pairs).await;
    assert_eq!(codes(&frames, GOAWAY), [ENHANCE_YOUR_CALM]);
    assert!(taken < 5000, "{taken} taken");
    assert!(storage.counts().requests < 200, "{:?}", storage.counts());
    storage.until(|counts| counts.ended == counts.opened).await;
    assert_serves_others(&gateway, &content, ENHANCE_YOUR_CALM).await;
}

/// A hundred requests, each of which is ended only when storage was asked.
async fn when_it_costs_most(end: impl AsyncFn(&mut Wire<DuplexStream>, u32)) {
    let content = Content::of("an artifact");
    let stalled = Content::of("stalled").path();
    let (storage, gateway) = before_stalling(&content, "").await;
    let mut wire = Wire::to(&gateway).await;
    for number in 0..100 {
        let stream = number * 2 + 1;
        wire.send(get(stream, &stalled)).await;
        storage.until(move |counts| counts.requests == number as usize + 1).await;
        end(&mut wire, stream).await;
    }
    assert_eq!(wire.goodbye().await, Some(ENHANCE_YOUR_CALM));
    assert_eq!(storage.counts().requests, 100);
    storage.until(|counts| counts.ended == 100).await;
    assert_serves_others(&gateway, &content, ENHANCE_YOUR_CALM).await;
    assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 100);
}

#[tokio::test]
async fn by_the_client_when_it_costs_most() {
    when_it_costs_most(async |wire, stream| wire.send(reset(stream, CANCEL)).await).await;
}

/// A client that gives up less than half of its requests may do so for ever.
#[tokio::test]
async fn by_a_client_that_lets_most_requests_finish() {
    let content = Content::of("an artifact");
    let stalled = Content::of("stalled").path();
    let (storage, gateway) = before_stalling(&content, "").await;
    let mut wire = Wire::to(&gateway).await;
    for number in 0..150 {
        let stream = number * 6 + 1;
        for good in [stream, stream + 2] {
            wire.send(get(good, &content.path())).await;
            assert_eq!(wire.outcome(good).await, Outcome::Answered(200));
        }
        wire.send(get(stream + 4, &stalled)).await;
        storage.until(move |counts| counts.requests == number as usize * 3 + 3).await;
        wire.send(reset(stream + 4, CANCEL)).await;
    }
    assert_eq!(gateway.metric("casgate_unrouted_total", &[]), 0);
}

/// The client provokes the gateway to reset the streams, each right after its request.
#[tokio::test]
async fn by_the_gateway_for_errors_of_the_client() {
    let content = Content::of("an artifact");
    let stalled = Content::of("stalled").path();
    let provocations: [(&str, Provocation, u32); 6] = [
        ("a window update of 0", |stream| window(stream, 0), PROTOCOL_ERROR),
        ("a window too large", |stream| window(stream, 0x7fff_ffff), ENHANCE_YOUR_CALM),
        ("DATA after the end", |stream| frame(DATA, 0, stream, b"x"), PROTOCOL_ERROR),
        ("HEADERS after the end", headers_again, ENHANCE_YOUR_CALM),
        ("PRIORITY on itself", depends_on_itself, ENHANCE_YOUR_CALM),
        ("PRIORITY too short", |stream| frame(PRIORITY, 0, stream, &[0; 4]), PROTOCOL_ERROR),
    ];
    for (name, provocation, code) in provocations {
        let (storage, gateway) = before_stalling(&content, "").await;
        let mut wire = Wire::to(&gateway).await;
        let pairs = (0..10_000).map(|number| {
            let stream = number * 2 + 1;
            [get(stream, &stalled), provocation(stream)].concat()
        });
        let (taken, frames) = wire.flood(pairs).await;
        assert_eq!(codes(&frames, GOAWAY), [code], "{name}");
        assert!(taken < 1000, "{name}: {taken} taken");
        assert!(storage.counts().requests < 200, "{name}: {:?}", storage.counts());
        assert_serves_others(&gateway, &content, code).await;
    }
}

#[tokio::test]
async fn by_the_gateway_when_it_costs_most() {
    when_it_costs_most(async |wire, stream| {
        wire.send(window(stream, 0x7fff_ffff)).await;
        assert_eq!(wire.outcome(stream).await, Outcome::Reset(FLOW_CONTROL_ERROR));
    })
    .await;
}

type Provocation = fn(u32) -> Vec<u8>;

fn window(stream: u32, size: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &size.to_be_bytes())
}

fn headers_again(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &get_block("/"))
}

fn depends_on_itself(stream: u32) -> Vec<u8> {
    frame(PRIORITY, 0, stream, &[&stream.to_be_bytes()[..], &[1]].concat())
}
