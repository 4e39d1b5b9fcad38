//! Who gets in, and how the protocol is chosen.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Served, listener, yaml};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::storage::Storage;
use crate::support::tls::Dialer;
use crate::support::within;

const FAILURES: &str = "casgate_tls_handshake_failures_total";

#[tokio::test]
async fn content_comes_over_tls() {
    let content = Content::sized(300_000);
    let storage = Storage::holding(&content).await;
    let served = Served::before(&storage, "");
    let address = served.gateway.listen().await;
    let dialer = Dialer::trusting(&served.authority);
    let mut client = Client::new(dialer.dial(address, "localhost").await.unwrap());
    for _ in 0..2 {
        client.get(&content.path(), "").await;
        let response = client.response().await;
        assert_eq!(response.status, 200);
        assert!(response.body == content.bytes);
    }
    client.get(&content.path(), "Connection: close\r\n").await;
    assert!(client.response().await.body == content.bytes);
    assert_eq!(client.rest().await, b"", "a clean end");
}

#[tokio::test]
async fn the_client_chooses_the_protocol() {
    let content = Content::sized(10);
    let storage = Storage::holding(&content).await;
    let served = Served::before(&storage, "");
    let address = served.gateway.listen().await;
    for (offered, expected) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&["h2"], Some("h2")),
        (&[], None),
    ] {
        let dialer = Dialer::trusting(&served.authority).offering(offered);
        let stream = dialer.dial(address, "localhost").await.unwrap();
        let chosen = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(chosen.as_deref(), expected.map(str::as_bytes), "{offered:?}");
    }
    // Neither is spoken: the handshake fails (RFC 7301 section 3.2).
    let dialer = Dialer::trusting(&served.authority).offering(&["http/0.9"]);
    assert!(dialer.dial(address, "localhost").await.is_err());
}

#[tokio::test]
async fn http2_can_be_left_out() {
    let content = Content::sized(10);
    let storage = Storage::holding(&content).await;
    let served = Served::before(&storage, "");
    let listen = listener(served.folder.path(), "").replace(", tls:", ", http2: false, tls:");
    served.gateway.reload(&yaml(&served.endpoint, &served.folder, &listen));
    let address = served.gateway.listen().await;
    let dialer = Dialer::trusting(&served.authority).offering(&["h2", "http/1.1"]);
    let stream = dialer.dial(address, "localhost").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn only_clients_with_a_certificate_get_in_where_one_is_asked_for() {
    let content = Content::sized(10);
    let storage = Storage::holding(&content).await;
    let clients = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.crt");
    std::fs::write(&file, clients.pem()).unwrap();
    let served = Served::before(&storage, &format!("client_ca: {}", file.display()));
    let address = served.gateway.listen().await;
    let dialer = Dialer::trusting(&served.authority);

    let known = dialer.clone().known_as(&clients.issue(&["a client"]));
    let mut client = Client::new(known.dial(address, "localhost").await.unwrap());
    client.get(&content.path(), "").await;
    assert_eq!(client.response().await.status, 200);

    let stranger = dialer.clone().known_as(&Authority::new().issue(&["a client"]));
    for (index, dialer) in [dialer, stranger].into_iter().enumerate() {
        // In TLS 1.3 a client is done before the server has seen its certificate.
        if let Ok(mut stream) = dialer.dial(address, "localhost").await {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            let read = within(stream.read_to_end(&mut Vec::new())).await;
            assert!(read.is_err(), "an alert, and no answer");
        }
        served.gateway.until_metric(FAILURES, &[], index as u64 + 1).await;
    }
}

#[tokio::test]
async fn what_is_no_handshake_ends_the_connection() {
    let content = Content::sized(10);
    let storage = Storage::holding(&content).await;
    let served = Served::before(&storage, "");
    let address = served.gateway.listen().await;
    // Plain HTTP, nonsense, half a record, and nothing at all until the time is up.
    let requests: [&[u8]; 4] =
        [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[0xff; 1000], &[22, 3, 1, 2, 0, 1], b""];
    for (index, bytes) in requests.into_iter().enumerate() {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // An alert or a reset: no HTTP in any case.
        let _ = within(stream.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"HTTP"));
        served.gateway.until_metric(FAILURES, &[], index as u64 + 1).await;
    }
}
