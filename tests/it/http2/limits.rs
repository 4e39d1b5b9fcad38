//! How many requests at once, on a connection and in all.

use h2::Reason;

use super::before_stalling;
use super::client::{Http2, answer, get as get_request};
use super::frames::{CANCEL, Frame, REFUSED_STREAM, RST_STREAM, codes, get, reset};
use super::wire::{Outcome, Wire};
use crate::support::content::Content;

#[tokio::test]
async fn of_one_connection() {
    let content = Content::of("an artifact");
    let stalled = Content::of("stalled").path();
    let (storage, gateway) = before_stalling(&content, "http2_streams_per_connection: 3").await;
    let mut wire = Wire::to(&gateway).await;
    for stream in [1, 3, 5] {
        wire.send(get(stream, &stalled)).await;
    }
    storage.until(|counts| counts.requests == 3).await;
    wire.send(get(7, &stalled)).await;
    assert_eq!(wire.outcome(7).await, Outcome::Reset(REFUSED_STREAM));
    assert_eq!(storage.counts().requests, 3);
    // Another connection has its own.
    let other = Http2::to(&gateway).await;
    other.get(&content.path()).await.assert_is(200, &content.bytes);
    // And so has this one when a request has ended.
    wire.send(reset(3, CANCEL)).await;
    storage.until(|counts| counts.ended == 1).await;
    wire.send(get(9, &content.path())).await;
    assert_eq!(wire.outcome(9).await, Outcome::Answered(200));
}

/// A client that does not wait for answers has more refused than answered, and is still served.
#[tokio::test]
async fn of_a_client_that_asks_for_more_than_it_may() {
    let content = Content::of("an artifact");
    let (_storage, gateway) = before_stalling(&content, "http2_streams_per_connection: 3").await;
    let mut wire = Wire::to(&gateway).await;
    let requests: Vec<u8> = (0..50).flat_map(|n| get(n * 2 + 1, &content.path())).collect();
    wire.send(requests).await;
    let mut frames: Vec<Frame> = Vec::new();
    while frames.iter().filter(|frame| frame.ends_stream()).count() < 50 {
        frames.push(wire.next().await.unwrap());
    }
    assert!(codes(&frames, RST_STREAM).iter().all(|&code| code == REFUSED_STREAM));
    wire.send(get(101, &content.path())).await;
    assert_eq!(wire.outcome(101).await, Outcome::Answered(200));
}

#[tokio::test]
async fn of_all_connections() {
    let content = Content::of("an artifact");
    let stalled = Content::of("stalled").path();
    let (storage, gateway) = before_stalling(&content, "http2_streams: 2").await;
    let (first, second) = (Http2::to(&gateway).await, Http2::to(&gateway).await);
    let one = first.begin(get_request(&stalled, &[]), false).await.unwrap();
    let two = second.begin(get_request(&stalled, &[]), false).await.unwrap();
    storage.until(|counts| counts.requests == 2).await;
    let (refused, _) = second.begin(get_request(&content.path(), &[]), false).await.unwrap();
    let error = answer(refused).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::REFUSED_STREAM));
    assert_eq!(gateway.metric("casgate_unrouted_total", &["too many HTTP/2 requests"]), 1);
    assert_eq!(storage.counts().requests, 2);
    // HTTP/1 has limits of its own.
    assert_eq!(gateway.get(&content.path(), "").await.status, 200);
    drop(one);
    storage.until(|counts| counts.ended == 1).await;
    second.get(&content.path()).await.assert_is(200, &content.bytes);
    drop(two);
}
