//! Whether a client can keep the gateway busy with what asks for nothing.

use super::before_stalling;
use super::client::Http2;
use super::frames::{
    CONTINUATION, DATA, END_HEADERS, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, PING, PRIORITY,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, block, codes, frame, get, get_block, setting,
};
use super::wire::{Outcome, Wire};
use crate::support::content::Content;
use crate::support::gateway::Gateway;
use crate::support::storage::Storage;

/// More than any of these floods may get through.
const ENDLESS: usize = 1_000_000;

/// Sends frames that belong to a request whose answer never comes, so that the connection is not
/// idle, and reads all the while. Returns how many were taken.
async fn flood(gateway: &Gateway, storage: &Storage, chunk: Vec<u8>) -> (usize, Vec<u32>) {
    let before = storage.counts().requests;
    let mut wire = Wire::to(gateway).await;
    wire.send(frame(HEADERS, END_HEADERS, 1, &get_block(&Content::of("stalled").path()))).await;
    storage.until(move |counts| counts.requests == before + 1).await;
    let (taken, frames) = wire.flood(std::iter::repeat_n(chunk, ENDLESS)).await;
    (taken, codes(&frames, GOAWAY))
}

#[tokio::test]
async fn of_frames_that_ask_for_nothing() {
    let content = Content::of("an artifact");
    for (name, chunk, bytes_max) in [
        ("PING", frame(PING, 0, 0, &[0; 8]), 2_000_000),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[]), 2_000_000),
        ("SETTINGS that change windows", setting(4, 65_535), 2_000_000),
        ("PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]), 2_000_000),
        ("unknown frames", frame(0xbe, 0, 1, &[0; 100]), 2_000_000),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()), 2_000_000),
        ("empty DATA", frame(DATA, 0, 1, &[]), 100_000),
        ("DATA of one byte", frame(DATA, 0, 1, &[0]), 100_000),
        ("padding", frame(DATA, 8, 1, &[vec![255], vec![0; 255]].concat()), 200_000),
    ] {
        let (storage, gateway) = before_stalling(&content, "").await;
        let other = Http2::to(&gateway).await;
        let length = chunk.len();
        let (taken, codes) = flood(&gateway, &storage, chunk).await;
        assert_eq!(codes, [ENHANCE_YOUR_CALM], "{name}");
        // What was in flight when the gateway closed counts as taken.
        assert!(taken * length < bytes_max, "{name}: {taken} taken");
        // The request's way to storage ended with it, and nobody else noticed.
        storage.until(|counts| counts.ended == 1).await;
        other.get(&content.path()).await.assert_is(200, &content.bytes);
        let abusive = gateway.metric("casgate_unrouted_total", &["abusive HTTP/2"]);
        assert_eq!(abusive, 1, "{name}");
        assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1, "{name}");
    }
}

#[tokio::test]
async fn of_header_blocks_that_do_not_end() {
    let content = Content::of("an artifact");
    for (name, piece) in [
        ("empty", vec![]),
        ("of small fields", block(&[("x", "y")])),
        ("of large fields", block(&[("x", &"y".repeat(16_000))])),
    ] {
        let (storage, gateway) = before_stalling(&content, "").await;
        let mut wire = Wire::to(&gateway).await;
        wire.send(frame(HEADERS, 0, 1, &get_block(&content.path()))).await;
        let piece = frame(CONTINUATION, 0, 1, &piece);
        let (taken, frames) = wire.flood(std::iter::repeat_n(piece, ENDLESS)).await;
        assert_eq!(codes(&frames, GOAWAY), [ENHANCE_YOUR_CALM], "{name}");
        assert!(taken < 20_000, "{name}: {taken} taken");
        gateway.idle().await;
        assert_eq!(storage.counts().requests, 0, "{name}");
        assert_eq!(gateway.metric("casgate_unrouted_total", &["abusive HTTP/2"]), 1, "{name}");
    }
}

#[tokio::test]
async fn that_is_none() {
    // A client that asks for a lot may send a lot.
    let content = Content::sized(2_000_000);
    let (_storage, gateway) = before_stalling(&content, "").await;
    let mut wire = Wire::to(&gateway).await;
    for number in 0..1500 {
        let stream = number * 2 + 1;
        let more = "x".repeat(4000);
        let missing = format!("/nowhere/{more}");
        wire.send(get(stream, &missing)).await;
        wire.send(frame(PING, 0, 0, &[0; 8])).await;
        assert_eq!(wire.outcome(stream).await, Outcome::Answered(404));
    }
}

/// Nor are the window updates of a client that opens windows in small steps.
#[tokio::test]
async fn nor_are_the_updates_of_a_long_download() {
    const STEP: usize = 200;
    let content = Content::sized(16_000_000);
    let (_storage, gateway) = before_stalling(&content, "").await;
    let mut wire = Wire::to(&gateway).await;
    wire.send(get(1, &content.path())).await;
    let step = u32::try_from(STEP).unwrap().to_be_bytes();
    let pair = [frame(WINDOW_UPDATE, 0, 0, &step), frame(WINDOW_UPDATE, 0, 1, &step)].concat();
    let (mut received, mut updates) = (0, 0);
    loop {
        let frame = wire.next().await.expect("the rest of the download");
        assert!(frame.kind != GOAWAY && frame.kind != RST_STREAM, "after {received} bytes");
        if frame.kind == DATA {
            received += frame.payload.len();
        }
        if frame.kind == DATA && frame.ends_stream() {
            break;
        }
        let due = received / STEP - updates;
        updates += due;
        wire.send(pair.repeat(due)).await;
    }
    assert_eq!(received, content.bytes.len());
    assert!(updates * pair.len() > 2_000_000);
}
