//! When storage is not asked at all: a digest is its own validator.

use serde_json::json;

use crate::support::content::Content;
use crate::support::gateway::{JWT, OPEN, REDIRECT, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::token::bearer;

#[tokio::test]
async fn a_client_that_has_the_bytes_costs_no_storage_request() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let etag = content.etag();
    for settings in [STREAM, Settings { auth: OPEN, ..REDIRECT }] {
        let gateway = settings.before(&storage);
        for tags in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}")] {
            let lines = format!("If-None-Match: {tags}\r\nRange: bytes=1-2\r\n");
            for response in [
                gateway.get(&content.path(), &lines).await,
                gateway.head(&content.path(), &lines).await,
            ] {
                assert_eq!(response.status, 304, "{tags}");
                assert_eq!(response.header("etag"), Some(etag.as_str()));
                let caching = Some("public, max-age=31536000, immutable");
                assert_eq!(response.header("cache-control"), caching);
                assert_eq!(response.header("content-length"), None);
            }
        }
    }
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn authorization_comes_first() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = Settings { auth: JWT, ..STREAM }.before(&storage);
    for (condition, granted) in [("If-None-Match", 304), ("If-Match", 200)] {
        let lines = format!("{condition}: {}\r\n", content.etag());
        assert_eq!(gateway.get(&content.path(), &lines).await.status, 401);
        let response = gateway.get(&content.path(), &(bearer(json!({})) + &lines)).await;
        assert_eq!(response.status, granted);
        let caching = response.header("cache-control").unwrap();
        assert_eq!(caching, "private, max-age=31536000, immutable");
    }
}

#[tokio::test]
async fn other_tags_and_dates_decide_nothing() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    for line in [
        "If-None-Match: \"other\"",
        "If-None-Match: \"storage's own\"",
        "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
        "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT",
        "If-Match: *",
    ] {
        let response = gateway.get(&content.path(), &format!("{line}\r\n")).await;
        assert_eq!((response.status, response.text()), (200, "an artifact"), "{line}");
    }
    for seen in storage.seen() {
        let conditional = ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since"];
        assert!(conditional.iter().all(|name| seen.header(name).is_none()), "{seen:?}");
    }
}

#[tokio::test]
async fn a_star_asks_whether_there_is_anything() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    let response = gateway.get(&content.path(), "If-None-Match: *\r\n").await;
    assert_eq!(response.status, 304);
    assert_eq!(storage.seen()[0].method, "HEAD");
    let response = gateway.get(&Content::of("").path(), "If-None-Match: *\r\n").await;
    assert_eq!(response.status, 404);
}

#[tokio::test]
async fn with_revalidate_storage_is_asked_every_time() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = Settings { route: "revalidate: true", ..STREAM }.before(&storage);
    for requests in 1..=2 {
        let lines = format!("If-None-Match: {}\r\n", content.etag());
        assert_eq!(gateway.get(&content.path(), &lines).await.status, 304);
        assert_eq!(storage.counts().requests, requests);
    }
    let missing = Content::of("");
    let lines = format!("If-None-Match: {}\r\n", missing.etag());
    assert_eq!(gateway.get(&missing.path(), &lines).await.status, 404);
}

#[tokio::test]
async fn if_match_for_other_bytes_fails() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    for tag in ["\"other\"".to_owned(), format!("W/{}", content.etag())] {
        let response = gateway.get(&content.path(), &format!("If-Match: {tag}\r\n")).await;
        assert_eq!(response.status, 412, "{tag}");
        assert_eq!(response.json()["reason"], "PRECONDITION_FAILED");
    }
    assert_eq!(storage.counts().requests, 0);
}
