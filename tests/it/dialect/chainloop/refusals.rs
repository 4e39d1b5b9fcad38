//! What bad digests, bad tokens and missing artifacts get.

use serde_json::json;

use crate::support::answer::Answer;
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::gateway::{JWT_TENANT, OPEN, REDIRECT, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::token::{SECRET, bearer, mint, mint_with, seconds_from_now};

#[track_caller]
fn assert_refused(response: &Response, status: u16, reason: &str, message: &str, input: &str) {
    assert_eq!(response.status, status, "{input}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{input}");
    assert_eq!(response.header("cache-control"), Some("no-store"), "{input}");
    let expected = json!({ "code": status, "reason": reason, "message": message, "metadata": {} });
    assert_eq!(response.json(), expected, "{input}");
}

#[tokio::test]
async fn only_a_lower_case_sha256_is_a_digest() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    let hex = &content.hex;
    let message = "invalid digest format: expected sha256: and 64 lower-case hexadecimal digits";
    for digest in [
        String::new(),
        hex.clone(),
        "sha256:".to_owned(),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha256:{}g", &hex[1..]),
        format!("sha512:{hex}{hex}"),
        format!("md5:{}", &hex[..32]),
        format!("sha256:{hex}/"),
        format!("sha256:{hex}/more"),
        format!("./sha256:{hex}"),
        format!("../download/sha256:{hex}"),
        format!("%2e%2e/sha256:{hex}"),
        format!("/sha256:{hex}"),
        format!("sha256%253A{hex}"),
        format!("sha256:%{:02x}{}", hex.as_bytes()[0], &hex[1..]),
        format!("sha256:{hex}%00"),
        format!("sha256-{hex}"),
    ] {
        let response = gateway.get(&format!("/download/{digest}"), "").await;
        assert_refused(&response, 400, "invalid", message, &digest);
    }
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn the_colon_may_be_percent_encoded() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    for colon in [":", "%3A", "%3a"] {
        let response = gateway.get(&format!("/download/sha256{colon}{}", content.hex), "").await;
        assert_eq!((response.status, response.text()), (200, "an artifact"), "{colon}");
    }
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_refused_as_kratos_does() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = REDIRECT.before(&storage);
    let other_key = mint_with(&SECRET.replace("tests", "others"), json!({}));
    let good = mint(json!({}));
    for (lines, message) in [
        (String::new(), "JWT token is missing"),
        ("Authorization: Bearer nonsense\r\n".to_owned(), "Token is invalid"),
        ("Authorization: Basic dTpw\r\n".to_owned(), "JWT token is missing"),
        ("Authorization: Bearer \r\n".to_owned(), "JWT token is missing"),
        (bearer(json!({ "exp": seconds_from_now(-600) })), "JWT token has expired"),
        (bearer(json!({ "nbf": seconds_from_now(600) })), "JWT token has expired"),
        (format!("Authorization: Bearer {other_key}\r\n"), "Fail to parse JWT token "),
        (bearer(json!({ "aud": "somebody else" })), "Fail to parse JWT token "),
        (bearer(json!({ "iss": "somebody else" })), "Fail to parse JWT token "),
        (format!("Authorization: Bearer {good}x\r\n"), "Fail to parse JWT token "),
    ] {
        let response = gateway.get(&content.path(), &lines).await;
        assert_refused(&response, 401, "UNAUTHORIZED", message, &lines);
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(storage.counts().requests, 0, "storage was asked for somebody without a token");
}

#[tokio::test]
async fn what_is_not_there_looks_like_what_is_not_allowed() {
    let content = Content::of("an artifact");
    let unknown = Content::of("another").path();
    for delivery in ["redirect", "stream"] {
        let storage = Storage::holding(&content).await;
        let gateway = Settings { delivery, ..REDIRECT }.before(&storage);
        let allowed = bearer(json!({}));
        let forbidden = bearer(json!({ "scope": "something:else" }));
        let missing = gateway.get(&unknown, &allowed).await;
        assert_refused(&missing, 404, "not found", "artifact not found", delivery);
        for path in [content.path(), unknown.clone()] {
            let refused = gateway.get(&path, &forbidden).await;
            assert_eq!(refused.stable_headers(), missing.stable_headers(), "{delivery}");
            assert_eq!(refused.body, missing.body, "{delivery}");
            assert_eq!(refused.status, missing.status, "{delivery}");
        }
        assert_eq!(storage.counts().requests, 1, "{delivery}");
    }
}

#[tokio::test]
async fn nothing_of_storages_error_gets_out() {
    let storage = Storage::scripted(|seen| Answer::error(seen, 403, "AccessDenied")).await;
    let gateway = STREAM.before(&storage);
    let response = gateway.get(&Content::of("").path(), "").await;
    assert_refused(&response, 502, "STORAGE_FAILED", "storage failed", "");
    assert!(!format!("{response:?}").contains("AccessDenied"));
}

#[tokio::test]
async fn other_methods_are_refused_before_anything_else() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = Settings { auth: JWT_TENANT, ..STREAM }.before(&storage);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "get"] {
        let mut client = gateway.connect();
        let path = content.path();
        client
            .send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"))
            .await;
        let response = client.response().await;
        let message = "method not allowed";
        assert_refused(&response, 405, "METHOD_NOT_ALLOWED", message, method);
        assert_eq!(response.header("allow"), Some("GET, HEAD"));
    }
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn head_is_refused_without_a_body() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = Settings { auth: OPEN, ..REDIRECT }.before(&storage);
    let response = gateway.head(&Content::of("another").path(), "").await;
    assert_eq!(response.status, 404);
    let response = gateway.head("/download/nonsense", "").await;
    assert_eq!(response.status, 400);
}

#[tokio::test]
async fn paths_without_a_route_get_plain_text() {
    let storage = Storage::holding(&Content::of("")).await;
    let gateway = STREAM.before(&storage);
    for path in
        ["/", "/download", "/downloads/x", "/Download/x", "/%64ownload/x", "/x/../download/x"]
    {
        let response = gateway.get(path, "").await;
        assert_eq!((response.status, response.text()), (404, "not found\n"), "{path}");
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    assert_eq!(gateway.metric("casgate_unrouted_total", &["reason=\"no route\""]), 6);
}
