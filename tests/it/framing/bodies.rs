//! What becomes of a body nobody asked for: it is read within limits, and nothing in it or after
//! it is ever a request.

use crate::support::client::answers_in;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, JWT, STREAM, Settings};
use crate::support::storage::Storage;

async fn open_gateway() -> (Content, Storage, Gateway) {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = Settings { timeouts: "drain: 300ms", ..STREAM }.before(&storage);
    (content, storage, gateway)
}

#[tokio::test]
async fn after_a_chunked_body_nothing_is_a_request() {
    let (content, storage, gateway) = open_gateway().await;
    let path = content.path();
    let smuggled = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    for body in [
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "5;ext\nxx\r\nhello\r\n0\r\n\r\n",
        "5;a=\0\r\nhello\r\n0\r\n\r\n",
        "5;a=\rb\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "0\r\nX: y\n\r\n",
        "0\r\n\n",
        "0x0\r\n\r\n",
        "+0\r\n\r\n",
        "10000000000000000\r\n\r\n",
        "ffffffffffffffff\r\n",
        "-1\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "nonsense",
        "",
    ] {
        let mut client = gateway.connect();
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(format!("{head}{body}{smuggled}")).await;
        let response = client.response().await;
        assert_eq!((response.status, response.text()), (200, "an artifact"), "{body:?}");
        assert_eq!(response.header("connection"), Some("close"), "{body:?}");
        client.send(&smuggled).await;
        assert_eq!(answers_in(&client.rest().await), 0, "{body:?}");
    }
    assert_eq!(storage.counts().requests, 16);
}

#[tokio::test]
async fn a_body_with_a_length_ends_the_connection_with_the_answer() {
    let (content, storage, gateway) = open_gateway().await;
    let smuggled = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", content.path());
    let length = smuggled.len();
    for (method, path, expected) in
        [("GET", content.path(), 200), ("POST", content.path(), 405), ("GET", "/".to_owned(), 404)]
    {
        let mut client = gateway.connect();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        client.send(head).await;
        // The answer is here before the body, which looks like a request and is none.
        assert_eq!(client.response().await.status, expected, "{method} {path}");
        client.send(&smuggled).await;
        client.send(&smuggled).await;
        assert_eq!(client.rest().await, b"", "{method} {path}");
    }
    assert_eq!(storage.counts().requests, 1);
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let (content, _storage, gateway) = open_gateway().await;
    let mut client = gateway.connect();
    let path = content.path();
    client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")).await;
    assert_eq!(client.response().await.status, 405);
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_body_without_an_end_is_not_read_to_it() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    // Time enough: what ends this is the amount.
    let timeouts = "drain: 1h";
    let settings = Settings { timeouts, auth: JWT, limits: "drain_size: 32KiB", ..STREAM };
    let gateway = settings.before(&storage);
    for length in ["Content-Length: 1000000000000", "Transfer-Encoding: chunked"] {
        let mut client = gateway.connect_from("192.0.2.1:1", 1024);
        let path = content.path();
        client.send(format!("PUT {path} HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n")).await;
        assert_eq!(client.response().await.status, 405, "{length}");
        let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
        let taken = client.send_until_closed(chunk.as_bytes()).await;
        // Whole chunks below the limit, and what a buffer or two still took.
        assert!((31 * 1024..128 * 1024).contains(&taken), "{length}: {taken} bytes");
        assert_eq!(client.rest().await, b"");
    }
}
