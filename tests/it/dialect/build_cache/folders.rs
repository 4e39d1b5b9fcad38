//! Whether sccache finds the folders it insists on.

use super::{Cache, reader, writer};

/// What OpenDAL asks.
const QUESTION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\
    <D:propfind xmlns:D=\"DAV:\"><D:allprop/></D:propfind>";

fn asking() -> String {
    format!("Depth: 0\r\nContent-Type: application/xml\r\n{}", reader())
}

#[tokio::test]
async fn every_folder_is_there() {
    let cache = Cache::of("sccache").await;
    for path in ["/download/", "/download/a/", "/download/a/b/c/", "/download/some/prefix/"] {
        let found = cache.ask("PROPFIND", path, &asking(), QUESTION).await;
        assert_eq!(found.status, 207, "{path}");
        assert_eq!(found.header("content-type"), Some("application/xml; charset=utf-8"));
        let text = found.text();
        for expected in [
            format!("<D:href>{path}</D:href>"),
            "<D:resourcetype><D:collection/></D:resourcetype>".to_owned(),
            "<D:status>HTTP/1.1 200 OK</D:status>".to_owned(),
            "<D:getlastmodified>".to_owned(),
        ] {
            assert!(text.contains(&expected), "{expected}: {text}");
        }
    }
    assert_eq!(cache.storage.counts().requests, 0);
}

#[tokio::test]
async fn folders_can_be_made() {
    let cache = Cache::of("sccache").await;
    for path in ["/download/", "/download/a/", "/download/a/b/c/"] {
        for who in [reader(), writer()] {
            assert_eq!(cache.ask("MKCOL", path, &who, "").await.status, 201, "{path}");
        }
    }
    assert_eq!(cache.storage.counts().requests, 0);
}

#[tokio::test]
async fn what_has_no_slash_is_no_folder() {
    let cache = Cache::of("sccache").await;
    let found = cache.ask("PROPFIND", "/download/a/b/c/abc", &asking(), QUESTION).await;
    assert_eq!(found.status, 404);
}

#[tokio::test]
async fn folders_are_for_those_who_may_read() {
    let cache = Cache::of("sccache").await;
    for method in ["PROPFIND", "MKCOL"] {
        let refused = cache.ask(method, "/download/a/", "", "").await;
        assert_eq!(refused.status, 401, "{method}");
        for path in ["/download/../", "/download/a//", "/download/%2e%2e/"] {
            let refused = cache.ask(method, path, &reader(), "").await;
            assert_eq!(refused.status, 400, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn long_questions_are_refused() {
    let cache = Cache::of("sccache").await;
    let long = " ".repeat(4097);
    let refused = cache.ask("PROPFIND", "/download/a/", &asking(), &long).await;
    assert_eq!(refused.status, 413);
}
