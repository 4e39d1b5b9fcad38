//! Whether artifacts come back as they were stored, by either delivery.

use super::{CACHE, Cache, Object, member_of, reader, storage};
use crate::support::answer::Answer;
use crate::support::gateway::OPEN;
use crate::support::storage::Storage;

use serde_json::json;

const ARTIFACT: &str = "(\u{b5}/ an archive";
const PATH: &str = "/turbo/v8/artifacts/0a1b2c3d4e5f6071?slug=acme";
const KEY: &str = "acme/0a1b2c3d4e5f6071";
const TAG: &str = "Tc0BmHvJYMIYJ62/zx87YqO0Flxk+5Ovip25NY825CQ=";

fn signed() -> Object {
    Object::of(
        ARTIFACT,
        &[("tag", TAG), ("duration", "376"), ("sha", "e83c51"), ("dirty-hash", "=?no?=")],
    )
}

fn unsigned() -> Object {
    Object::of(ARTIFACT, &[("duration", "376")])
}

#[tokio::test]
async fn an_artifact_comes_with_what_was_stored_beside_it() {
    let storage = storage(&[(KEY, signed())]).await;
    let gateway = CACHE.before(&storage);
    let got = gateway.get(PATH, &reader()).await;
    let described = gateway.head(PATH, &reader()).await;
    assert!(got.is_whole && got.body == ARTIFACT.as_bytes(), "{got:?}");
    for (response, method) in [(&got, "GET"), (&described, "HEAD")] {
        assert_eq!(response.status, 200, "{method}");
        for (name, expected) in [
            ("content-type", Some("application/octet-stream")),
            ("content-length", Some("15")),
            ("x-artifact-tag", Some(TAG)),
            ("x-artifact-duration", Some("376")),
            ("x-artifact-sha", Some("e83c51")),
            ("x-artifact-dirty-hash", Some("=?no?=")),
            ("cache-control", Some("private, no-cache")),
            ("x-content-type-options", Some("nosniff")),
            ("content-encoding", None),
            ("transfer-encoding", None),
            ("etag", None),
            ("accept-ranges", None),
        ] {
            assert_eq!(response.header(name), expected, "{method} {name}");
        }
    }
    assert_eq!(
        storage.seen().iter().map(|it| it.method.as_str()).collect::<Vec<_>>(),
        ["GET", "HEAD"]
    );
}

#[tokio::test]
async fn what_was_not_stored_is_not_made_up() {
    let storage = storage(&[(KEY, Object::of("", &[]))]).await;
    let gateway = CACHE.before(&storage);
    let response = gateway.get(PATH, &reader()).await;
    assert_eq!((response.status, response.header("content-length")), (200, Some("0")));
    for (name, _) in response.stable_headers() {
        assert!(!name.starts_with("x-artifact-"), "{name}");
    }
}

#[tokio::test]
async fn a_duration_that_clients_cannot_read_is_left_out() {
    for duration in ["1.5", "-1", "soon"] {
        let storage = storage(&[(KEY, Object::of(ARTIFACT, &[("duration", duration)]))]).await;
        let gateway = CACHE.before(&storage);
        let response = gateway.get(PATH, &reader()).await;
        assert_eq!((response.status, response.header("x-artifact-duration")), (200, None));
    }
}

#[tokio::test]
async fn neither_ranges_nor_conditions_apply() {
    let storage = storage(&[(KEY, signed())]).await;
    let gateway = CACHE.before(&storage);
    for line in ["Range: bytes=0-1\r\n", "If-None-Match: *\r\n", "If-Match: \"1\"\r\n"] {
        let response = gateway.get(PATH, &(reader() + line)).await;
        assert!(response.status == 200 && response.body == ARTIFACT.as_bytes(), "{line}");
    }
    assert!(storage.seen().iter().all(|seen| seen.header("range").is_none()));
}

#[tokio::test]
async fn an_artifact_may_be_had_from_storage() {
    let storage = storage(&[(KEY, unsigned())]).await;
    let gateway = Cache { delivery: "redirect", ..CACHE }.before(&storage);
    let response = gateway.get(PATH, &reader()).await;
    assert_eq!((response.status, response.text()), (302, ""));
    let location = response.header("location").unwrap();
    let expected = format!("http://{}/artifacts/{KEY}?", storage.address);
    assert!(location.starts_with(&expected), "{location}");
    assert!(location.contains("X-Amz-Signature="), "{location}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
    // A signed URL is good for one method.
    let response = gateway.head(PATH, &reader()).await;
    assert_eq!((response.status, response.header("content-length")), (200, Some("15")));
    assert_eq!(response.header("location"), None);
}

#[tokio::test]
async fn an_artifact_with_a_tag_comes_through_the_gateway() {
    let storage = storage(&[(KEY, signed())]).await;
    for delivery in ["redirect", "{ auto: { redirect_from: 1 B } }"] {
        let gateway = Cache { delivery, ..CACHE }.before(&storage);
        let response = gateway.get(PATH, &reader()).await;
        assert_eq!((response.status, response.header("location")), (200, None), "{delivery}");
        assert_eq!(response.header("x-artifact-tag"), Some(TAG), "{delivery}");
        assert!(response.body == ARTIFACT.as_bytes(), "{delivery}");
    }
}

#[tokio::test]
async fn what_was_replaced_is_not_remembered() {
    let storage = storage(&[(KEY, unsigned())]).await;
    let gateway = Cache { delivery: "redirect", ..CACHE }.before(&storage);
    assert_eq!(gateway.get(PATH, &reader()).await.status, 302);
    storage.change(|seen| {
        let tag = format!("x-amz-meta-artifact-tag: {TAG}");
        Answer::object_with(seen, b"another", &[&tag])
    });
    let response = gateway.get(PATH, &reader()).await;
    assert_eq!((response.status, response.header("x-artifact-tag")), (200, Some(TAG)));
    storage.change(|seen| Answer::error(seen, 404, "NoSuchKey"));
    assert_eq!(gateway.get(PATH, &reader()).await.status, 404);
    assert_eq!(gateway.head(PATH, &reader()).await.status, 404);
}

#[tokio::test]
async fn an_artifact_cut_short_is_no_artifact() {
    let storage = Storage::scripted(|_| {
        let head = ["HTTP/1.1 200 OK", "Content-Length: 100000"];
        Answer::head_and(&head, &[b'a'; 70_000], crate::support::answer::Then::Close)
    })
    .await;
    let gateway = CACHE.before(&storage);
    let response = gateway.get(PATH, &reader()).await;
    assert!(!response.is_whole, "as if it were all there");
}

#[tokio::test]
async fn routes_may_be_open_and_have_no_teams() {
    let storage = storage(&[("0a1b2c3d4e5f6071", signed())]).await;
    let gateway = Cache { auth: OPEN, layout: "{hash}", ..CACHE }.before(&storage);
    // Turbo always sends some token and some team.
    for (path, lines) in
        [(PATH, member_of(json!([]), json!({}))), (PATH, "Authorization: Bearer x\r\n".to_owned())]
    {
        let response = gateway.get(path, &lines).await;
        assert_eq!(response.status, 200, "{lines}");
        assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    }
}
