//! Whether a bucket of turborepo-remote-cache is served as it is: entries without metadata, and the
//! tag of each in an object beside it.

use serde_json::json;

use super::{CACHE, Cache, Object, ask, assert_refused, reader, storage, writer};
use crate::support::answer::Answer;
use crate::support::gateway::Gateway;
use crate::support::storage::Storage;

const LEGACY: Cache<'static> = Cache { dialect: "legacy_tags: true", ..CACHE };
const PATH: &str = "/turbo/v8/artifacts/1f?slug=acme";
const TAG: &str = "Tc0BmHvJYMIYJ62/zx87YqO0Flxk+5Ovip25NY825CQ=";

async fn bucket() -> Storage {
    storage(&[
        ("acme/1f", Object::of("an artifact", &[])),
        ("acme/1f.tag", Object::of(TAG, &[])),
        ("acme/2f", Object::of("without a tag", &[])),
    ])
    .await
}

async fn tag(gateway: &Gateway) -> (u16, Option<String>) {
    let got = gateway.get(PATH, &reader()).await;
    let described = gateway.head(PATH, &reader()).await;
    let tag = got.header("x-artifact-tag").map(str::to_owned);
    assert_eq!(described.status, got.status);
    assert_eq!(described.header("x-artifact-tag"), tag.as_deref());
    (got.status, tag)
}

#[tokio::test]
async fn the_tag_beside_an_entry_is_its_tag() {
    let storage = bucket().await;
    for delivery in ["stream", "redirect"] {
        let gateway = Cache { delivery, ..LEGACY }.before(&storage);
        assert_eq!(tag(&gateway).await, (200, Some(TAG.to_owned())), "{delivery}");
        let response = gateway.get(PATH, &reader()).await;
        assert_eq!(response.text(), "an artifact", "{delivery}");
        let body = r#"{"hashes":["1f","2f"]}"#;
        let response = ask(&gateway, "POST /turbo/v8/artifacts", &reader(), body).await;
        let expected = json!({
            "1f": { "size": 11, "taskDurationMs": 0, "tag": TAG },
            "2f": { "size": 13, "taskDurationMs": 0 },
        });
        assert_eq!(response.json(), expected, "{delivery}");
    }
    let gateway = Cache { delivery: "redirect", ..LEGACY }.before(&storage);
    let response = gateway.get("/turbo/v8/artifacts/2f", &reader()).await;
    assert_eq!(response.status, 302, "there is no tag that would be lost");
}

#[tokio::test]
async fn what_is_stored_now_has_its_tag_with_it() {
    let storage = bucket().await;
    let gateway = LEGACY.before(&storage);
    let lines = writer() + "x-artifact-duration: 376\r\n";
    assert_eq!(ask(&gateway, &format!("PUT {PATH}"), &lines, "a new one").await.status, 202);
    // The tag that was beside the old one is not that of the new one.
    assert_eq!(tag(&gateway).await, (200, None));
    let lines = lines + "x-artifact-tag: new=\r\n";
    assert_eq!(ask(&gateway, &format!("PUT {PATH}"), &lines, "a new one").await.status, 202);
    assert_eq!(tag(&gateway).await, (200, Some("new=".to_owned())));
    let targets: Vec<_> = storage.seen().into_iter().map(|seen| seen.target).collect();
    assert!(!targets.contains(&"/artifacts/acme/1f.tag".to_owned()), "{targets:?}");
}

#[tokio::test]
async fn without_the_setting_nobody_looks_beside() {
    let storage = bucket().await;
    assert_eq!(tag(&CACHE.before(&storage)).await, (200, None));
    assert!(storage.seen().iter().all(|seen| seen.target == "/artifacts/acme/1f"));
}

#[tokio::test]
async fn a_tag_that_cannot_be_had_is_not_left_out() {
    let storage = Storage::scripted(|seen| match seen.target.ends_with(".tag") {
        true => Answer::error(seen, 500, "InternalError"),
        false => Answer::object(seen, b"an artifact"),
    })
    .await;
    let gateway = LEGACY.before(&storage);
    let response = gateway.get(PATH, &reader()).await;
    assert_refused(&response, 502, "bad_gateway", "no tag");
}

#[tokio::test]
async fn what_is_no_tag_is_not_made_one() {
    for text in ["a\nSet-Cookie: b", "a\0b", &"t".repeat(100_000)] {
        let tag = text.to_owned();
        let storage = Storage::scripted(move |seen| match seen.target.ends_with(".tag") {
            true => Answer::object(seen, tag.as_bytes()),
            false => Answer::object(seen, b"an artifact"),
        })
        .await;
        let gateway = LEGACY.before(&storage);
        let response = gateway.get(PATH, &reader()).await;
        assert_eq!(response.header("x-artifact-tag"), None);
        assert_eq!(response.header("set-cookie"), None);
        assert_eq!((response.status, response.text()), (200, "an artifact"));
    }
}

#[tokio::test]
async fn tags_are_no_artifacts() {
    let storage = bucket().await;
    let gateway = LEGACY.before(&storage);
    for line in ["GET /turbo/v8/artifacts/1f.tag", "PUT /turbo/v8/artifacts/1f.tag"] {
        let response = ask(&gateway, line, &writer(), "").await;
        assert_refused(&response, 400, "bad_request", line);
    }
    assert_eq!(storage.counts().requests, 0);
}
