//! Clients behind buffers: TLS and real sockets take a lot before they are full.

use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::time::interval;

use super::frames::{HEADERS, PING, WINDOW_UPDATE, frame, get, setting};
use super::wire::Wire;
use crate::support::answer::{Answer, Then};
use crate::support::certificates::{Authority, listener};
use crate::support::content::Content;
use crate::support::gateway::{STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::tls::Dialer;
use crate::support::within;

/// It reads nothing, and a request that storage does not answer keeps its connection from being
/// idle.
#[tokio::test]
async fn a_client_that_reads_nothing_is_left() {
    let content = Content::sized(40_000_000);
    let storage = Storage::stalling_but_for(&content).await;
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.write(folder.path(), "tls", &["localhost"]);
    let listen = listener(folder.path(), "");
    let timeouts = "header: 1s, storage_first_byte: 1h";
    let limits = "send_rate_min: 1MiB";
    let gateway = Settings { listen: &listen, timeouts, limits, ..STREAM }.before(&storage);
    let address = gateway.listen().await;

    let dialer = Dialer::trusting(&authority).offering(&["h2"]);
    let mut wire = Wire::over(dialer.dial(address, "localhost").await.unwrap()).await;
    wire.send(setting(4, 0x7fff_ffff)).await;
    wire.send(frame(WINDOW_UPDATE, 0, 0, &0x7000_0000_u32.to_be_bytes())).await;
    wire.send(get(1, &Content::of("").path())).await;
    storage.until(|counts| counts.requests == 1).await;
    wire.send(get(3, &content.path())).await;
    wire.next_of(&[HEADERS]).await.unwrap();
    // Nothing is read from here on.
    storage.until(|counts| counts.ended == 2).await;
    gateway.idle().await;
    assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 2);
    assert!(gateway.metric("casgate_sent_bytes_total", &[]) < 40_000_000);
}

/// There is a request in flight all the time, so the connection is not idle.
#[tokio::test]
async fn what_a_buffer_takes_the_client_does_not() {
    let storage = Storage::scripted(|_| Answer::nothing(Then::Stall)).await;
    let timeouts = "header: 300ms, storage_first_byte: 1h";
    let gateway = Settings { timeouts, ..STREAM }.before(&storage);
    let (ours, theirs) = tokio::io::duplex(64);
    gateway.serve_http2(BufWriter::with_capacity(4096, theirs));
    let mut wire = Wire::over(ours).await;
    wire.send(get(1, &Content::of("").path())).await;
    storage.until(|counts| counts.requests == 1).await;
    // Each acknowledgement is 17 bytes: the buffer takes them for half a minute.
    let mut beat = interval(Duration::from_millis(100));
    let chatter = async {
        while wire.writing.write_all(&frame(PING, 0, 0, &[0; 8])).await.is_ok() {
            beat.tick().await;
        }
    };
    within(chatter).await;
    storage.until(|counts| counts.ended == 1).await;
    gateway.idle().await;
    assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1);
}
