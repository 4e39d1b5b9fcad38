//! How long a client can take.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::interval;

use super::client::Http2;
use super::frames::{
    CANCEL, END_STREAM, HEADERS, NO_ERROR, PING, WINDOW_UPDATE, frame, get, get_block, setting,
};
use super::wire::{Outcome, Wire};
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::within;

/// Little time for clients, whose minimum rate takes longer than any of these tests.
async fn impatient(size: usize) -> (Content, Storage, Gateway) {
    let content = Content::sized(size);
    let storage = Storage::holding(&content).await;
    let limits = "send_rate_min: 1MiB";
    let gateway = Settings { timeouts: "header: 300ms", limits, ..STREAM }.before(&storage);
    (content, storage, gateway)
}

fn gone(gateway: &Gateway) -> u64 {
    gateway.metric("casgate_requests_total", &["\"client_gone\""])
}

#[tokio::test]
async fn silence() {
    let (content, storage, gateway) = impatient(10).await;
    let preface: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for (name, bytes) in [
        ("nothing", &[][..]),
        ("half a preface", &preface[..10]),
        ("a preface", preface),
        ("half a frame", &[preface, &[0, 0, 6, 4]].concat()),
    ] {
        let mut stream = gateway.connect_http2(64 * 1024);
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        within(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer)).await.unwrap();
        gateway.idle().await;
        assert_eq!(gateway.metric("casgate_connections", &[]), 0, "{name}");
    }
    // After the preface there is a reason.
    let mut wire = Wire::to(&gateway).await;
    assert_eq!(wire.goodbye().await, Some(NO_ERROR));
    // And so there is for half a header, and after a request.
    let mut wire = Wire::to(&gateway).await;
    wire.send(frame(HEADERS, END_STREAM, 1, &get_block(&content.path()))).await;
    assert_eq!(wire.goodbye().await, Some(NO_ERROR));
    let mut wire = Wire::to(&gateway).await;
    wire.send(get(1, &content.path())).await;
    assert_eq!(wire.outcome(1).await, Outcome::Answered(200));
    assert_eq!(wire.goodbye().await, Some(NO_ERROR));
    assert_eq!(storage.counts().requests, 1);
}

#[tokio::test]
async fn chatter_does_not_keep_a_connection() {
    let (_, _storage, gateway) = impatient(10).await;
    for (name, chunk) in [
        ("PING", frame(PING, 0, 0, &[0; 8])),
        ("SETTINGS", setting(4, 65_535)),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
    ] {
        let Wire { mut reading, mut writing } = Wire::to(&gateway).await;
        let talk = async {
            let mut beat = interval(Duration::from_millis(20));
            while writing.write_all(&chunk).await.is_ok() {
                beat.tick().await;
            }
        };
        let mut sink = tokio::io::sink();
        let read = tokio::io::copy(&mut reading, &mut sink);
        let ((), read) = within(async { tokio::join!(talk, read) }).await;
        assert!(read.is_ok(), "{name}");
        gateway.idle().await;
    }
}

#[tokio::test]
async fn a_window_that_stays_shut() {
    let (content, storage, gateway) = impatient(1_000_000).await;
    let mut wire = Wire::to(&gateway).await;
    wire.send(setting(4, 0)).await;
    wire.send(get(1, &content.path())).await;
    assert_eq!(wire.outcome(1).await, Outcome::Cut(200, CANCEL));
    storage.until(|counts| counts.ended == 1).await;
    // And one that shuts when the bytes are on their way.
    let mut wire = Wire::to(&gateway).await;
    wire.send(get(1, &content.path())).await;
    wire.next_of(&[super::frames::DATA]).await.unwrap();
    wire.send(setting(4, 0)).await;
    assert_eq!(wire.outcome(1).await, Outcome::Reset(CANCEL));
    drop(wire);
    gateway.idle().await;
    assert_eq!(gone(&gateway), 2);
}

#[tokio::test]
async fn a_window_opened_byte_by_byte() {
    let (content, storage, gateway) = impatient(1_000_000).await;
    let mut wire = Wire::to(&gateway).await;
    wire.send(setting(4, 0)).await;
    wire.send(get(1, &content.path())).await;
    let Wire { mut reading, mut writing } = wire;
    let open = async {
        let mut beat = interval(Duration::from_millis(10));
        let byte = frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes());
        while writing.write_all(&byte).await.is_ok() {
            beat.tick().await;
        }
    };
    let mut sink = tokio::io::sink();
    let read = tokio::io::copy(&mut reading, &mut sink);
    let (_, read) = within(async { tokio::join!(open, read) }).await;
    assert!(read.unwrap() < 10_000);
    storage.until(|counts| counts.ended == 1).await;
    gateway.idle().await;
    assert_eq!(gone(&gateway), 1);
}

#[tokio::test]
async fn a_small_answer_that_is_not_taken() {
    let (content, storage, gateway) = impatient(10_000).await;
    let mut wire = Wire::over(gateway.connect_http2(1024)).await;
    for stream in [1, 3, 5] {
        wire.send(get(stream, &content.path())).await;
    }
    storage.until(|counts| counts.requests == 3).await;
    gateway.idle().await;
    assert_eq!(gone(&gateway), 3);
    assert_eq!(gateway.metric("casgate_requests_total", &["\"ok\""]), 0);
}

/// Whoever takes a byte now and then, and asks for more all the while, takes too little.
#[tokio::test]
async fn answers_that_are_sipped() {
    let (content, storage, gateway) = impatient(10_000).await;
    let Wire { mut reading, mut writing } = Wire::over(gateway.connect_http2(1024)).await;
    let mut stream = 1;
    let mut beat = interval(Duration::from_millis(10));
    let sip = async {
        while tokio::io::AsyncReadExt::read_u8(&mut reading).await.is_ok() {
            let _ = writing.write_all(&get(stream, &content.path())).await;
            stream += 2;
            beat.tick().await;
        }
    };
    let ended = async {
        storage.until(|counts| counts.requests > 0).await;
        gateway.idle().await;
    };
    tokio::select! {
        () = sip => {}
        () = ended => {}
    }
    assert_eq!(gateway.metric("casgate_requests_total", &["\"ok\""]), 0);
}

#[tokio::test]
async fn a_slow_stream_leaves_the_others_alone() {
    let (content, _storage, gateway) = impatient(1_000_000).await;
    let client = Http2::to(&gateway).await;
    let (stuck, _) = client.begin(super::client::get(&content.path(), &[]), false).await.unwrap();
    // Nothing of this body is ever released.
    let stuck = within(stuck).await.unwrap();
    for _ in 0..3 {
        client.get(&content.path()).await.assert_is(200, &content.bytes);
    }
    drop((stuck, client));
    gateway.idle().await;
}
