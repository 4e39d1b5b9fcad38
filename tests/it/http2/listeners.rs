//! HTTP/2 on sockets: with TLS by ALPN, without by the first bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use casgate::edge::stream::ClientStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::Http2;
use super::frames::{frame, get};
use super::wire::{Outcome, Wire};
use crate::support::certificates::{Authority, listener};
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::tls::Dialer;
use crate::support::within;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A listener without TLS that speaks both.
const PLAIN: &str = "{ address: '127.0.0.1:0', http2: true }";

async fn serving(listen: &str) -> (Content, Storage, Gateway, SocketAddr) {
    let content = Content::sized(300_000);
    let storage = Storage::holding(&content).await;
    let gateway = Settings { listen, ..STREAM }.before(&storage);
    let address = gateway.listen().await;
    (content, storage, gateway, address)
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

#[tokio::test]
async fn both_protocols_without_tls() {
    let (content, _storage, _gateway, address) = serving(PLAIN).await;
    let mut first = Client::new(connect(address).await);
    let second = Http2::over(connect(address).await).await;
    for _ in 0..2 {
        first.get(&content.path(), "").await;
        assert!(first.response().await.body == content.bytes);
        second.get(&content.path()).await.assert_is(200, &content.bytes);
    }
    // HTTP/1 requests that begin like the preface.
    for (request, status) in [("PRI * HTTP/1.1\r\nHost: a\r\n\r\n", 404), ("P", 0), ("PRI", 0)] {
        let mut client = Client::new(connect(address).await);
        client.send(request).await;
        if status > 0 {
            assert_eq!(client.response().await.status, status, "{request:?}");
        }
    }
    let mut client = Client::new(connect(address).await);
    client.send("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.response().await.status, 404);
}

#[tokio::test]
async fn a_preface_in_pieces() {
    let (_, _storage, gateway, _) = serving(PLAIN).await;
    for piece in [1, 2, 23] {
        // As many bytes fit as are sent at once, so each piece arrives by itself.
        let (theirs_in, ours_out) = tokio::io::simplex(piece);
        let (ours_in, theirs_out) = tokio::io::simplex(1024 * 1024);
        let (edge, draining) = (Arc::clone(&gateway.edge), gateway.draining.subscribe());
        tokio::spawn(async move {
            let stream = ClientStream::new(tokio::io::join(theirs_in, theirs_out), None);
            let limit = Duration::from_secs(30);
            casgate::edge::server::serve_plain(&edge, stream, true, limit, draining).await;
        });
        let ours = tokio::io::join(ours_in, ours_out);
        let mut wire = Wire::over(ours).await;
        wire.send(get(1, "/nowhere")).await;
        assert_eq!(wire.outcome(1).await, Outcome::Answered(404), "{piece}");
    }
}

#[tokio::test]
async fn a_preface_that_turns_out_to_be_none() {
    let (_, storage, _gateway, address) = serving(PLAIN).await;
    for bytes in [&b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"] {
        let mut stream = connect(address).await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        within(stream.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{:?}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn no_settings_after_the_preface() {
    let (_, _storage, _gateway, address) = serving(PLAIN).await;
    let mut stream = connect(address).await;
    stream.write_all(&[PREFACE, &frame(0, 0, 1, b"x")].concat()).await.unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    // GOAWAY is the last frame: the stream 0, then the last stream and PROTOCOL_ERROR.
    assert!(answer.ends_with(&[0, 0, 0, 1]), "{answer:?}");
}

#[tokio::test]
async fn not_where_it_is_not_spoken() {
    let (_, _storage, _gateway, address) = serving(STREAM.listen).await;
    let mut client = Client::new(connect(address).await);
    client.send(PREFACE).await;
    assert_eq!(client.response().await.status, 400);
}

#[tokio::test]
async fn both_protocols_with_tls() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.write(folder.path(), "tls", &["localhost"]);
    let listen = listener(folder.path(), "");
    let (content, _storage, _gateway, address) = serving(&listen).await;
    let dialer = Dialer::trusting(&authority);
    let stream =
        dialer.clone().offering(&["h2", "http/1.1"]).dial(address, "localhost").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let client = Http2::over(stream).await;
    client.get(&content.path()).await.assert_is(200, &content.bytes);
    for protocols in [&["http/1.1"][..], &[]] {
        let dialer = dialer.clone().offering(protocols);
        let mut client = Client::new(dialer.dial(address, "localhost").await.unwrap());
        client.get(&content.path(), "").await;
        assert!(client.response().await.body == content.bytes);
    }
}
