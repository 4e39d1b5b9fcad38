//! How large a header can be.

use crate::support::content::Content;
use crate::support::gateway::{STREAM, Settings};
use crate::support::storage::Storage;

const LIMIT: usize = 16 * 1024;

/// A good request whose header has exactly this size.
fn padded(path: &str, size: usize) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Padding: ");
    let padding = "x".repeat(size - head.len() - 4);
    format!("{head}{padding}\r\n\r\n")
}

#[tokio::test]
async fn a_header_may_have_16_kib_and_not_one_byte_more() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    for (limits, limit) in [("", LIMIT), ("header_size: 300B", 300)] {
        let gateway = Settings { limits, ..STREAM }.before(&storage);
        let path = content.path();
        let mut client = gateway.connect();
        // Twice: the allowance is per request, not per connection.
        for _ in 0..2 {
            client.send(padded(&path, limit)).await;
            assert_eq!(client.response().await.status, 200, "{limit}");
        }
        client.send(padded(&path, limit + 1)).await;
        let response = client.response().await;
        assert_eq!(response.status, 431, "{limit}");
        assert_eq!(response.header("connection"), Some("close"));
        assert_eq!(client.rest().await, b"");
        assert_eq!(storage.seen().len() % 2, 0);
    }
}

#[tokio::test]
async fn a_body_in_the_same_packet_is_no_part_of_the_header() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = Settings { limits: "header_size: 300B", ..STREAM }.before(&storage);
    let mut client = gateway.connect();
    let head =
        format!("POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", content.path());
    client.send(head + &"x".repeat(1000)).await;
    assert_eq!(client.response().await.status, 405);
}

#[tokio::test]
async fn an_endless_header_is_cut_off_near_the_limit() {
    let storage = Storage::holding(&Content::of("")).await;
    let gateway = Settings { limits: "drain_size: 0B", ..STREAM }.before(&storage);
    for (begin, more) in [
        (
            "GET / HTTP/1.1\r\nHost: a\r\n",
            "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: ", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
        ("GET /", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
        ("", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
        ("", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"),
    ] {
        let mut client = gateway.connect_from("192.0.2.1:1", 1024);
        client.send(begin).await;
        let taken = client.send_until_closed(more.as_bytes()).await;
        assert!(taken < 2 * LIMIT, "{begin}{more}: {taken} bytes");
        let response = client.response().await;
        assert!([400, 431].contains(&response.status), "{begin}{more}: {}", response.status);
        assert_eq!(client.rest().await, b"");
    }
}

#[tokio::test]
async fn so_are_very_many_short_lines() {
    let storage = Storage::holding(&Content::of("")).await;
    let gateway = STREAM.before(&storage);
    let mut client = gateway.connect();
    client.get("/", &"a:b\r\n".repeat(1000)).await;
    let response = client.response().await;
    assert!([400, 431].contains(&response.status), "{}", response.status);
    assert_eq!(client.rest().await, b"");
}
