//! Methods, origins and tokens: what is refused before storage is asked.

use serde_json::json;

use crate::support::client::Response;
use crate::support::gateway::{Gateway, JWT, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::token;

const CID: &str = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";

const KUBO: Settings<'static> = Settings {
    dialect: "kubo",
    chainloop: "origins: ['https://app.example.org']",
    layout: "{cid}",
    auth: JWT,
    ..STREAM
};

/// A request without a body, on a connection of its own.
async fn ask(gateway: &Gateway, line: &str, lines: &str) -> Response {
    let mut client = gateway.connect();
    let head = format!("{line} HTTP/1.1\r\nHost: gateway.test\r\n{lines}Content-Length: 0\r\n\r\n");
    client.send(head).await;
    client.response().await
}

#[tokio::test]
async fn only_who_may_ask_is_answered() {
    let storage = Storage::scripted(|seen| panic!("storage was asked for {}", seen.target)).await;
    let gateway = KUBO.before(&storage);
    let token = token::bearer(json!({}));
    let allowed = "Origin: https://app.example.org\r\n";
    let foreign = "Origin: https://evil.test\r\n";
    let browser = "User-Agent: Mozilla/5.0\r\n";
    let get = format!("POST /download/api/v1/get?arg={CID}");
    let block = format!("GET /download/ipfs/{CID}?format=raw");
    for (line, lines, status) in [
        ("POST /download/api/v0/version", token.clone(), 200),
        ("POST /download/api/v1/id", token.clone(), 200),
        ("POST /download/api/v0/version", token.clone() + allowed + browser, 200),
        ("POST /download/api/v0/version", String::new(), 401),
        (get.as_str(), String::new(), 401),
        (block.as_str(), String::new(), 401),
        // What a page sends is refused whether or not its token is good.
        (get.as_str(), token.clone() + foreign, 403),
        (get.as_str(), foreign.to_owned(), 403),
        (get.as_str(), token.clone() + browser, 403),
        ("GET /download/api/v0/version", token.clone(), 405),
        ("OPTIONS /download/api/v0/version", String::new(), 204),
        ("POST /download/api/v0/files/rm?arg=x", token.clone(), 404),
        ("POST /download/api/v0/cat?arg=x", token.clone(), 400),
        ("POST /download/api/v0/cat", token.clone(), 400),
    ] {
        let response = ask(&gateway, line, &lines).await;
        assert_eq!(response.status, status, "{line}\n{lines}");
        let is_empty = response.body.is_empty();
        let has_no_body = status == 204 || (status == 401 && line.starts_with("POST"));
        assert_eq!(is_empty, has_no_body, "{line}: {response:?}");
        assert_eq!(response.header("www-authenticate").is_some(), status == 401, "{line}");
    }
}

#[tokio::test]
async fn refusals_can_be_read_by_those_who_get_them() {
    let storage = Storage::scripted(|seen| panic!("storage was asked for {}", seen.target)).await;
    let gateway = KUBO.before(&storage);
    let response = ask(&gateway, "GET /download/api/v0/get", "").await;
    assert_eq!(response.header("allow"), Some("OPTIONS, POST"));
    assert_eq!(response.text(), "405 - Method Not Allowed\n");

    let token = token::bearer(json!({}));
    let lines = format!("{token}Origin: https://app.example.org\r\n");
    let response = ask(&gateway, "POST /download/api/v0/cat?arg=x", &lines).await;
    let document = response.json();
    assert_eq!(document["error"], document["Message"]);
    assert_eq!((&document["Code"], &document["Type"]), (&json!(0), &json!("error")));
    let origin = response.header("access-control-allow-origin");
    assert_eq!(origin, Some("https://app.example.org"));

    let response = ask(&gateway, "POST /download/api/v0/cat", &token).await;
    assert_eq!(response.text(), "argument \"ipfs-path\" is required\n");
}
