//! Whether every kind of answer is the same as over HTTP/1.

use http::Method;

use super::client::{Http2, answer, get, request};
use crate::support::content::Content;
use crate::support::gateway::{JWT, REDIRECT, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::token;

#[tokio::test]
async fn content_of_all_sizes() {
    for size in [0, 1, 16_384, 65_536, 65_537, 1_000_000] {
        let content = Content::sized(size);
        let storage = Storage::holding(&content).await;
        let gateway = STREAM.before(&storage);
        let client = Http2::to(&gateway).await;
        let answer = client.get(&content.path()).await;
        answer.assert_is(200, &content.bytes);
        assert_eq!(answer.header("etag"), content.etag());
        assert!(answer.headers.contains_key("x-request-id"));
        drop(client);
        gateway.idle().await;
        assert_eq!(gateway.metric("casgate_requests_total", &["\"ok\""]), 1);
        assert_eq!(gateway.metric("casgate_sent_bytes_total", &[]), size as u64);
        assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 1);
    }
}

#[tokio::test]
async fn part_of_it_its_head_and_nothing_new() {
    let content = Content::sized(200_000);
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    let client = Http2::to(&gateway).await;
    let path = content.path();

    let part = client.exchange(get(&path, &[("range", "bytes=1000-150999")])).await;
    part.assert_is(206, &content.bytes[1000..151_000]);
    assert_eq!(part.header("content-range"), "bytes 1000-150999/200000");

    let beyond = client.exchange(get(&path, &[("range", "bytes=200000-")])).await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), "bytes */200000");

    let head = client.exchange(request(Method::HEAD, &path, &[])).await;
    assert_eq!((head.status.as_u16(), head.reset), (200, None));
    assert_eq!(head.header("content-length"), "200000");
    assert!(head.body.is_empty());

    let same = client.exchange(get(&path, &[("if-none-match", &content.etag())])).await;
    assert_eq!((same.status.as_u16(), same.reset), (304, None));
    assert!(same.body.is_empty());
}

#[tokio::test]
async fn redirects() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = REDIRECT.before(&storage);
    let client = Http2::to(&gateway).await;
    let bearer = format!("Bearer {}", token::mint(serde_json::json!({})));
    let answer = client.exchange(get(&content.path(), &[("authorization", &bearer)])).await;
    assert_eq!((answer.status.as_u16(), answer.reset), (302, None));
    assert!(answer.header("location").contains("X-Amz-Signature="));
}

#[tokio::test]
async fn refusals_in_the_dialect() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = Settings { auth: JWT, ..STREAM }.before(&storage);
    let client = Http2::to(&gateway).await;
    let bearer = format!("Bearer {}", token::mint(serde_json::json!({})));
    let missing = Content::of("missing").path();
    for (method, path, headers, status) in [
        (Method::GET, content.path(), vec![], 401),
        (Method::GET, missing, vec![("authorization", bearer.as_str())], 404),
        (Method::POST, content.path(), vec![("authorization", bearer.as_str())], 405),
    ] {
        let answer = client.exchange(request(method, &path, &headers)).await;
        assert_eq!((answer.status.as_u16(), answer.reset), (status, None));
        assert_eq!(answer.json()["code"], status);
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let nowhere = client.get("/nowhere").await;
    assert_eq!((nowhere.status.as_u16(), nowhere.reset), (404, None));
}

#[tokio::test]
async fn a_hundred_at_once() {
    let content = Content::sized(300_000);
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    let client = Http2::to(&gateway).await;
    let mut answers = tokio::task::JoinSet::new();
    for number in 0..100 {
        let first = number * 1000;
        let range = format!("bytes={first}-");
        let (response, _) =
            client.begin(get(&content.path(), &[("range", &range)]), false).await.unwrap();
        let content = content.clone();
        answers.spawn(async move {
            let answer = answer(response).await.unwrap();
            assert!(answer.reset.is_none() && answer.body == content.bytes[first..]);
        });
    }
    assert_eq!(answers.join_all().await.len(), 100);
    assert_eq!(gateway.metric("casgate_connections", &[]), 1);
}
