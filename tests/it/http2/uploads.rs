//! Uploads: whole, cut, too large, and many at once on a connection whose bytes are counted.

use std::future::poll_fn;

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::Method;
use tokio::io::DuplexStream;

use super::client::{Answer, Http2, answer, request};
use super::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, WINDOW_UPDATE, block, frame};
use super::wire::{Outcome, Wire};
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::{Gateway, Settings};
use crate::support::within;
use crate::uploads::{HASH, KEY, PART, UPLOADS, path, writer};

/// The head of a PUT. With `length`, it says so.
fn put(hash: &str, length: Option<usize>) -> http::Request<()> {
    let writer = writer();
    let (_, token) = writer.trim_end().split_once(": ").unwrap();
    let length = length.map(|length| length.to_string());
    let mut headers = vec![("authorization", token)];
    headers.extend(length.as_deref().map(|length| ("content-length", length)));
    request(Method::PUT, &path(hash), &headers)
}

/// Sends bytes as the gateway takes them. The error is that it wants no more.
async fn send(
    stream: &mut SendStream<Bytes>,
    mut bytes: &[u8],
    is_last: bool,
) -> Result<(), Option<h2::Error>> {
    if bytes.is_empty() && is_last {
        stream.send_data(Bytes::new(), true)?;
    }
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len().min(100_000));
        let room = within(poll_fn(|context| stream.poll_capacity(context))).await;
        let (piece, rest) = bytes.split_at(room.ok_or(None)??.min(bytes.len()));
        bytes = rest;
        stream.send_data(Bytes::copy_from_slice(piece), is_last && bytes.is_empty())?;
    }
    Ok(())
}

/// One whole upload.
async fn upload(client: &Http2, hash: &str, body: &[u8], length: Option<usize>) -> Answer {
    let (response, mut stream) = client.begin(put(hash, length), true).await.unwrap();
    send(&mut stream, body, true).await.unwrap();
    answer(response).await.unwrap()
}

#[track_caller]
fn assert_well_behaved(gateway: &Gateway) {
    assert_eq!(gateway.metric("casgate_unrouted_total", &[]), 0);
}

/// Nothing is in storage, finished or not, and so many requests were given up.
async fn assert_nothing_left(gateway: &Gateway, storage: &Embedded, gone: u64) {
    gateway.until_metric("casgate_requests_total", &["\"client_gone\""], gone).await;
    assert_eq!(storage.keys().await, [""; 0]);
    assert_eq!(storage.uploads().await, [""; 0]);
}

/// On one connection, which may send much more than it may without being asked for anything.
#[tokio::test]
async fn bodies_of_all_sizes_are_stored() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let client = Http2::to(&gateway).await;
    for size in [0, 1, 65_535, 65_536, 65_537, 3_000_000, PART + 1, 2 * PART] {
        let body = Content::sized(size).bytes;
        for length in [Some(size), None] {
            let answer = upload(&client, HASH, &body, length).await;
            assert_eq!((answer.status.as_u16(), answer.reset), (202, None), "{size}");
            assert!(storage.object(KEY).await == body, "{size} {length:?}");
        }
    }
    assert_eq!(storage.uploads().await, [""; 0]);
    assert_well_behaved(&gateway);
}

/// The end of a stream can be in the head, and in a frame without bytes.
#[tokio::test]
async fn bodies_end_in_any_frame() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let client = Http2::to(&gateway).await;
    for length in [Some(0), None] {
        assert_eq!(client.exchange(put(HASH, length)).await.status, 202);
        assert_eq!(storage.object(KEY).await, b"");
    }
    let body = Content::sized(100_000).bytes;
    for length in [Some(body.len()), None] {
        let (response, mut stream) = client.begin(put(HASH, length), true).await.unwrap();
        send(&mut stream, &body, false).await.unwrap();
        send(&mut stream, b"", true).await.unwrap();
        let answer = answer(response).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.reset), (202, None));
        assert!(storage.object(KEY).await == body);
    }
    assert_well_behaved(&gateway);
}

/// Their bytes are granted by as many threads as there are, while the connection goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_uploads_at_once_are_stored() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let client = Http2::to(&gateway).await;
    let body = Content::sized(2_000_000).bytes;
    for round in 0..3 {
        let uploads = (0..16).map(|number| {
            let (client, body) = (&client, &body);
            async move {
                let hash = format!("{round:04x}{number:04x}");
                let length = (number % 2 == 0).then_some(body.len());
                upload(client, &hash, body, length).await.status.as_u16()
            }
        });
        assert_eq!(within(futures_util::future::join_all(uploads)).await, [202; 16]);
    }
    assert_eq!(storage.keys().await.len(), 48);
    assert!(storage.object("acme/00020007").await == body);
    assert_well_behaved(&gateway);
}

#[tokio::test]
async fn a_stream_that_is_reset_is_no_object() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let client = Http2::to(&gateway).await;
    let body = Content::sized(PART + 100_000).bytes;
    let (mut gone, mut begun) = (0, 0);
    for (length, sent) in [
        (Some(1000), 0),
        (Some(1000), 999),
        (Some(body.len()), body.len() - 1),
        (None, 0),
        (None, 1000),
        (None, PART),
        (None, PART + 1),
        (None, body.len()),
    ] {
        let (_response, mut stream) = client.begin(put(HASH, length), true).await.unwrap();
        send(&mut stream, &body[..sent], false).await.unwrap();
        gone += 1;
        // A reset would overtake what has not arrived.
        gateway.until_metric("casgate_http_requests_total", &["\"2\""], gone).await;
        if sent > PART && length.is_none() {
            begun += 1;
            gateway.until_metric("casgate_multipart_uploads_total", &["\"begun\""], begun).await;
        }
        stream.send_reset(Reason::CANCEL);
        assert_nothing_left(&gateway, &storage, gone).await;
    }
    assert_eq!(upload(&client, HASH, b"good", None).await.status, 202);
    assert_well_behaved(&gateway);
}

/// RFC 9113 section 8.1.1: it is malformed.
#[tokio::test]
async fn a_body_of_another_length_is_no_object() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let client = Http2::to(&gateway).await;
    for (length, sent) in [
        (10, 9),
        (10, 0),
        (10, 11),
        (100_000, 99_999),
        (100_000, 0),
        (100_000, 100_001),
        (100_000, 150_000),
    ] {
        let (response, mut stream) = client.begin(put(HASH, Some(length)), true).await.unwrap();
        // The gateway may have had enough before all was sent.
        let _ = send(&mut stream, &Content::sized(sent).bytes, true).await;
        let reset = answer(response).await.expect_err("an answer").reason();
        assert_eq!(reset, Some(Reason::PROTOCOL_ERROR), "{sent} of {length}");
    }
    // All that was announced is there before what was not.
    let (response, mut stream) = client.begin(put(HASH, Some(100_000)), true).await.unwrap();
    send(&mut stream, &Content::sized(100_000).bytes, false).await.unwrap();
    let _ = send(&mut stream, b"x", true).await;
    let reset = answer(response).await.expect_err("an answer").reason();
    assert_eq!(reset, Some(Reason::PROTOCOL_ERROR));
    gateway.until_metric("casgate_requests_total", &["\"client_gone\""], 8).await;
    assert_eq!(storage.keys().await, [""; 0]);
    assert_eq!(upload(&client, HASH, b"good", Some(4)).await.status, 202);
}

#[tokio::test]
async fn a_connection_that_is_lost_leaves_nothing() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let body = Content::sized(PART + 100_000).bytes;
    for (gone, length) in (1..).zip([Some(body.len()), None]) {
        let client = Http2::to(&gateway).await;
        let (response, mut stream) = client.begin(put(HASH, length), true).await.unwrap();
        send(&mut stream, &body[..body.len() - 1], false).await.unwrap();
        client.abandon();
        drop((response, stream));
        assert_nothing_left(&gateway, &storage, gone).await;
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_connection_goes_on() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&Settings { timeouts: "drain: 300ms", ..UPLOADS });
    let client = Http2::to(&gateway).await;
    let size = 16 * 1024 * 1024 + 1;
    let body = Content::sized(size).bytes;
    for length in [Some(size), None] {
        let (response, mut stream) = client.begin(put(HASH, length), true).await.unwrap();
        // It may be told to stop on the way.
        let sending = send(&mut stream, &body, true);
        let (_, answer) = tokio::join!(sending, answer(response));
        let answer = answer.unwrap();
        assert_eq!(answer.status, 413);
        assert_eq!(answer.json()["error"]["code"], "payload_too_large");
        assert_eq!(storage.keys().await, [""; 0]);
        assert_eq!(storage.uploads().await, [""; 0]);
    }
    assert_eq!(upload(&client, HASH, &body[1..], None).await.status, 202);
    assert_well_behaved(&gateway);
}

/// The head of a PUT whose body follows.
fn put_by_hand(stream: u32, token: &str) -> Vec<u8> {
    let fields = [
        (":method", "PUT"),
        (":scheme", "https"),
        (":authority", "a"),
        (":path", &path(HASH)),
        ("authorization", token),
    ];
    frame(HEADERS, END_HEADERS, stream, &block(&fields))
}

/// By how many bytes the window of the connection grows; 0 where the stream is answered before.
async fn widened_by(wire: &mut Wire<DuplexStream>, stream: u32) -> u32 {
    loop {
        let frame = wire.next().await.expect("the connection ended");
        match (frame.kind, frame.stream) {
            (WINDOW_UPDATE, 0) => {
                return u32::from_be_bytes(frame.payload[..4].try_into().unwrap());
            }
            (HEADERS, on) if on == stream => return 0,
            _ => {}
        }
    }
}

/// Much may be on the way from those who upload, and little from those who only say so.
#[tokio::test]
async fn who_may_upload_has_a_wide_window() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let mut wire = Wire::to(&gateway).await;
    wire.send(put_by_hand(1, "Bearer none")).await;
    assert_eq!(widened_by(&mut wire, 1).await, 0);
    let writer = writer();
    let (_, token) = writer.trim_end().split_once(": ").unwrap();
    wire.send(put_by_hand(3, token)).await;
    assert!(widened_by(&mut wire, 3).await > 900_000);
    wire.send(frame(DATA, END_STREAM, 3, b"body")).await;
    let outcome = wire.outcome(3).await;
    assert!(matches!(outcome, Outcome::Answered(202)), "{outcome:?}");
}
