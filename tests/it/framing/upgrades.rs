//! Whether any header gets around authorization, or makes the gateway speak another protocol.

use serde_json::json;

use crate::support::client::answers_in;
use crate::support::content::Content;
use crate::support::gateway::{JWT, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::token::bearer;

const AUTHORIZED: Settings<'static> = Settings { auth: JWT, timeouts: "drain: 300ms", ..STREAM };

#[tokio::test]
async fn no_header_opens_what_is_closed() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = AUTHORIZED.before(&storage);
    for lines in [
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n",
        "Connection: Authorization\r\n",
        "Connection: close, Authorization\r\n",
        "Expect: 100-continue\r\nContent-Length: 5\r\n",
        "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
        "X-Original-URL: /public\r\nX-Rewrite-URL: /public\r\n",
        "X-HTTP-Method-Override: OPTIONS\r\n",
        "Proxy-Authorization: Bearer x\r\n",
        "Authorization_: Bearer x\r\n",
    ] {
        let mut client = gateway.connect();
        client.get(&content.path(), lines).await;
        // The first head is read as it is: a 100 or 101 before the 401 would fail here.
        assert_eq!(client.response().await.status, 401, "{lines}");
    }
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn an_upgrade_is_not_taken_up() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = AUTHORIZED.before(&storage);
    for lines in [
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n",
    ] {
        let mut client = gateway.connect();
        client.get(&content.path(), &format!("{lines}{}", bearer(json!({})))).await;
        let response = client.response().await;
        assert_eq!((response.status, response.text()), (200, "an artifact"), "{lines}");
        assert_eq!(response.header("upgrade"), None);
        // What follows is a request like any other, with an authorization of its own.
        client.get(&content.path(), "").await;
        assert_eq!(client.response().await.status, 401, "{lines}");
    }
}

#[tokio::test]
async fn nobody_is_asked_to_send_a_body() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = AUTHORIZED.before(&storage);
    for (method, expected) in [("GET", 200), ("POST", 405)] {
        let mut client = gateway.connect();
        let (path, token) = (content.path(), bearer(json!({})));
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n");
        client.send(format!("{head}Content-Length: 5\r\n{token}\r\n")).await;
        assert_eq!(client.response().await.status, expected);
        assert_eq!(answers_in(&client.rest().await), 0, "{method}");
    }
}

#[tokio::test]
async fn there_is_no_tunnel() {
    let storage = Storage::holding(&Content::of("")).await;
    let gateway = STREAM.before(&storage);
    for line in ["CONNECT gateway.test:443", "CONNECT /download/", "OPTIONS *", "TRACE /download/x"]
    {
        let mut client = gateway.connect();
        client.send(format!("{line} HTTP/1.1\r\nHost: gateway.test:443\r\n\r\n")).await;
        let response = client.response().await;
        assert!([400, 404, 405].contains(&response.status), "{line}: {}", response.status);
    }
    assert_eq!(storage.counts().requests, 0);
}
