//! Whether an artifact is stored with what was sent with it, by those who may. What becomes of
//! uploads that go wrong is the same in all dialects, and not asked here.

use serde_json::json;

use super::{CACHE, Cache, ask, assert_refused, reader, storage, writer};
use crate::support::gateway::OPEN;

const LINE: &str = "PUT /turbo/v8/artifacts/0a1b2c3d4e5f6071?slug=acme";
const HEADERS: &str = "Content-Type: application/octet-stream\r\nx-artifact-duration: 376\r\n\
     x-artifact-tag: Tc0BmHvJ/zx87+==\r\nx-artifact-sha: e83c51\r\nx-artifact-dirty-hash: d1\r\n\
     x-artifact-client-ci: GITHUB_ACTIONS\r\nx-artifact-client-interactive: 0\r\n";

#[tokio::test]
async fn an_artifact_is_stored_and_comes_back() {
    let chunked = format!(
        "{LINE} HTTP/1.1\r\nHost: gateway.test\r\n{}{HEADERS}Transfer-Encoding: chunked\r\n\r\n\
         3\r\nan \r\n8\r\nartifact\r\n0\r\n\r\n",
        writer()
    );
    let whole = format!(
        "{LINE} HTTP/1.1\r\nHost: gateway.test\r\n{}{HEADERS}Content-Length: 11\r\n\r\n\
         an artifact",
        writer()
    );
    for request in [whole, chunked] {
        let storage = storage(&[]).await;
        let gateway = CACHE.before(&storage);
        let mut client = gateway.connect();
        client.send(&request).await;
        let response = client.response().await;
        assert_eq!(response.status, 202, "{request}");
        assert_eq!(response.json(), json!({ "urls": ["acme/0a1b2c3d4e5f6071"] }));
        let [seen] = &storage.seen()[..] else { panic!("{:?}", storage.seen()) };
        assert_eq!(
            (seen.method.as_str(), seen.target.as_str(), seen.body.as_str()),
            ("PUT", "/artifacts/acme/0a1b2c3d4e5f6071", "an artifact")
        );
        assert_eq!(seen.header("content-type"), Some("application/octet-stream"));
        assert_eq!(seen.header("x-artifact-client-ci"), None);

        let path = "/turbo/v8/artifacts/0a1b2c3d4e5f6071?slug=acme";
        let response = gateway.get(path, &reader()).await;
        assert_eq!((response.status, response.text()), (200, "an artifact"));
        for (name, expected) in [
            ("x-artifact-duration", "376"),
            ("x-artifact-tag", "Tc0BmHvJ/zx87+=="),
            ("x-artifact-sha", "e83c51"),
            ("x-artifact-dirty-hash", "d1"),
        ] {
            assert_eq!(response.header(name), Some(expected), "{name}");
        }
    }
}

#[tokio::test]
async fn an_artifact_may_be_nothing() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    assert_eq!(ask(&gateway, LINE, &writer(), "").await.status, 202);
    let path = "/turbo/v8/artifacts/0a1b2c3d4e5f6071?slug=acme";
    let response = gateway.get(path, &reader()).await;
    assert_eq!((response.status, response.header("content-length")), (200, Some("0")));
}

#[tokio::test]
async fn who_may_only_read_is_told_so_and_goes_on_reading() {
    let storage = storage(&[("acme/0a1b2c3d4e5f6071", super::Object::of("theirs", &[]))]).await;
    let gateway = CACHE.before(&storage);
    let response = ask(&gateway, LINE, &reader(), "mine").await;
    assert_refused(&response, 403, "forbidden", "");
    assert_eq!(storage.counts().requests, 0);
    let path = "/turbo/v8/artifacts/0a1b2c3d4e5f6071?slug=acme";
    assert_eq!(gateway.get(path, &reader()).await.text(), "theirs");
    let open = Cache { auth: OPEN, layout: "{hash}", ..CACHE }.before(&storage);
    assert_refused(&ask(&open, LINE, &writer(), "mine").await, 403, "forbidden", "open");
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let storage = storage(&[]).await;
    let gateway = Cache { route: "upload_size: 3 B", ..CACHE }.before(&storage);
    let response = ask(&gateway, LINE, &writer(), "four").await;
    assert_refused(&response, 413, "payload_too_large", "");
    assert_eq!(storage.counts().requests, 0);
    assert_eq!(ask(&gateway, LINE, &writer(), "333").await.status, 202);
}

#[tokio::test]
async fn storage_that_fails_is_no_success() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    for (status, code, expected, expected_code) in [
        (403, "AccessDenied", 502, "bad_gateway"),
        (500, "InternalError", 502, "bad_gateway"),
        (503, "SlowDown", 503, "service_unavailable"),
    ] {
        storage.change(move |seen| crate::support::answer::Answer::error(seen, status, code));
        let response = ask(&gateway, LINE, &writer(), "an artifact").await;
        assert_refused(&response, expected, expected_code, code);
        assert!(!response.text().contains(code) && !response.text().contains("secret"));
    }
}
