//! Redirect or stream, and what is remembered in between.

use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::{OPEN, REDIRECT, STREAM, Settings};
use crate::support::storage::Storage;

const OPEN_REDIRECT: Settings<'static> = Settings { auth: OPEN, ..REDIRECT };

#[tokio::test]
async fn auto_decides_by_size() {
    let settings = Settings { delivery: "{ auto: { redirect_from: 1KiB } }", ..STREAM };
    for (size, expected) in [(0, 200), (1023, 200), (1024, 302), (100_000, 302)] {
        let content = Content::sized(size);
        let storage = Storage::holding(&content).await;
        let gateway = settings.before(&storage);
        let response = gateway.get(&content.path(), "").await;
        assert_eq!(response.status, expected, "{size}");
        if expected == 200 {
            assert!(response.body == content.bytes, "{size}");
        }
    }
}

#[tokio::test]
async fn that_an_object_exists_is_remembered() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = OPEN_REDIRECT.before(&storage);
    for _ in 0..3 {
        assert_eq!(gateway.get(&content.path(), "").await.status, 302);
    }
    assert_eq!(gateway.head(&content.path(), "").await.status, 200);
    assert_eq!(storage.counts().requests, 1);
    assert_eq!(gateway.metric("casgate_object_memory_total", &["\"hit\""]), 3);
    assert_eq!(gateway.metric("casgate_object_memory_total", &["\"miss\""]), 1);
}

#[tokio::test]
async fn that_it_does_not_is_not() {
    let content = Content::of("uploaded between the requests");
    let bytes = content.bytes.clone();
    let storage = Storage::scripted(move |seen| match seen.nth {
        0 => Answer::error(seen, 404, "NoSuchKey"),
        1 => Answer::error(seen, 503, "SlowDown"),
        _ => Answer::object(seen, &bytes),
    })
    .await;
    let gateway = OPEN_REDIRECT.before(&storage);
    for expected in [404, 503, 302, 302] {
        assert_eq!(gateway.get(&content.path(), "").await.status, expected);
    }
    assert_eq!(storage.counts().requests, 3);
}

#[tokio::test]
async fn memory_does_not_serve_another_path() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = OPEN_REDIRECT.before(&storage);
    assert_eq!(gateway.get(&content.path(), "").await.status, 302);
    assert_eq!(gateway.get(&Content::of("").path(), "").await.status, 404);
}

#[tokio::test]
async fn a_download_that_finds_nothing_makes_memory_forget() {
    let content = Content::of("deleted between the requests");
    let bytes = content.bytes.clone();
    let storage = Storage::scripted(move |seen| match seen.nth {
        0 => Answer::object(seen, &bytes),
        _ => Answer::error(seen, 404, "NoSuchKey"),
    })
    .await;
    let gateway = STREAM.before(&storage);
    for expected in [200, 200] {
        assert_eq!(gateway.head(&content.path(), "").await.status, expected);
    }
    assert_eq!(gateway.get(&content.path(), "").await.status, 404);
    assert_eq!(gateway.head(&content.path(), "").await.status, 404);
}

#[tokio::test]
async fn what_a_403_of_storage_means_is_a_setting() {
    let content = Content::of("an artifact");
    for (bucket, code, expected) in [
        ("", "AccessDenied", 502),
        ("forbidden_means: denied", "AccessDenied", 502),
        ("forbidden_means: missing", "AccessDenied", 404),
        ("forbidden_means: missing", "SignatureDoesNotMatch", 502),
        ("forbidden_means: missing", "RequestTimeTooSkewed", 502),
    ] {
        let storage = Storage::scripted(move |seen| Answer::error(seen, 403, code)).await;
        let gateway = Settings { bucket, ..STREAM }.before(&storage);
        let response = gateway.get(&content.path(), "").await;
        assert_eq!(response.status, expected, "{bucket} {code}");
    }
    // HEAD has no body and so no code.
    let storage = Storage::scripted(|seen| Answer::error(seen, 403, "AccessDenied")).await;
    let gateway = Settings { bucket: "forbidden_means: missing", ..OPEN_REDIRECT }.before(&storage);
    assert_eq!(gateway.get(&content.path(), "").await.status, 404);
}
