//! What bad tokens, bad names, readers who write, and storage's troubles get.

use serde_json::json;

use super::{CACHE, Cache, basic, paths, reader, writer};
use crate::support::answer::{Answer, Then};
use crate::support::client::Response;
use crate::support::gateway::Settings;
use crate::support::token::{bearer, seconds_from_now};

#[track_caller]
fn assert_refused(response: &Response, status: u16, text: &str, input: &str) {
    assert_eq!((response.status, response.text()), (status, text), "{input}");
    // Nx shows users the text of no other type, not even with a charset.
    assert_eq!(response.header("content-type"), Some("text/plain"), "{input}");
    assert_eq!(response.header("cache-control"), Some("no-store"), "{input}");
}

#[tokio::test]
async fn bad_tokens_get_a_text_that_helps() {
    let places = [
        ("bazel", "the password in --remote_cache, or --remote_header"),
        ("gradle", "the password of the build cache's credentials"),
        ("nx", "NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN"),
        ("sccache", "SCCACHE_WEBDAV_TOKEN"),
    ];
    for ((dialect, path), (_, place)) in paths().into_iter().zip(places) {
        let cache = Cache::of(dialect).await;
        let expired = bearer(json!({ "org": "acme", "exp": seconds_from_now(-600) }));
        let another = bearer(json!({ "org": "acme", "aud": "somebody else" }));
        for (lines, why) in [
            ("", "there is no token"),
            ("Authorization: Bearer nonsense\r\n", "the token does not have the form of one"),
            (expired.as_str(), "the token has expired, or is not good yet"),
            (another.as_str(), "the token is not accepted here"),
        ] {
            let refused = cache.get(&path, lines).await;
            let expected = format!("{why}; tokens are taken from {place}\n");
            assert_refused(&refused, 401, &expected, dialect);
            let asks_for = refused.stable_headers().into_iter();
            let schemes = asks_for.filter(|(name, _)| name == "www-authenticate").count();
            assert_eq!(schemes, if dialect == "nx" { 1 } else { 2 }, "{dialect}");
        }
        assert_eq!(cache.storage.counts().requests, 0, "{dialect}");
    }
}

#[tokio::test]
async fn readers_who_write_are_refused_and_read_on() {
    for (dialect, path) in paths() {
        let cache = Cache::of(dialect).await;
        let refused = cache.put(&path, &reader(), "an entry").await;
        assert_refused(&refused, 403, "not stored: the token does not allow this\n", dialect);
        assert_eq!(cache.storage.counts().requests, 0, "{dialect}");

        cache.put(&path, &writer(), "an entry").await;
        assert_eq!(cache.get(&path, &reader()).await.status, 200, "{dialect}");
    }
}

#[tokio::test]
async fn who_may_not_read_gets_no_miss() {
    for (dialect, path) in paths() {
        let cache = Cache::of(dialect).await;
        let stranger = bearer(json!({ "org": "acme", "scope": "else" }));
        let refused = cache.get(&path, &stranger).await;
        assert_refused(&refused, 403, "the token does not allow this\n", dialect);
        assert_eq!(cache.storage.counts().requests, 0, "{dialect}");
    }
}

#[tokio::test]
async fn an_expired_token_fails_no_build_that_is_done() {
    let cache = Cache::of("nx").await;
    let claims = json!({
        "org": "acme", "scope": "artifacts:write", "exp": seconds_from_now(-600)
    });
    let refused = cache.put("/download/v1/cache/1", &bearer(claims), "an entry").await;
    let text = "not stored: the token has expired, or is not good yet\n";
    assert_refused(&refused, 403, text, "");
}

#[tokio::test]
async fn names_that_are_none_reach_no_storage() {
    for (dialect, paths) in [
        ("bazel", ["cas/x", "ac/", "cas/../ac/x", "0/1"]),
        ("gradle", ["a/b", "..", "a%2fb", ""]),
        ("nx", ["v1/cache/", "v1/cache/../x", "v1/cache/a/b", "v1/cache/%2e%2e"]),
        ("sccache", ["../x", "a//b", "a/", "a%2fb"]),
    ] {
        let cache = Cache::of(dialect).await;
        for path in paths {
            for method in ["GET", "HEAD", "PUT"] {
                let response = cache.ask(method, &format!("/download/{path}"), &writer(), "").await;
                assert_eq!(response.status, 400, "{dialect} {method} {path}");
            }
        }
        assert_eq!(cache.storage.counts().requests, 0, "{dialect}");
    }
}

#[tokio::test]
async fn other_methods_are_refused() {
    for (dialect, path) in paths() {
        let cache = Cache::of(dialect).await;
        for method in ["POST", "DELETE", "PATCH", "OPTIONS", "COPY"] {
            let response = cache.ask(method, &path, &writer(), "").await;
            assert_refused(&response, 405, "the cache has no such method\n", dialect);
            let expected = match dialect {
                "sccache" => "GET, HEAD, MKCOL, PROPFIND, PUT",
                _ => "GET, HEAD, PUT",
            };
            assert_eq!(response.header("allow"), Some(expected));
        }
        assert_eq!(cache.storage.counts().requests, 0, "{dialect}");
    }
}

/// Storage's troubles, and the kinds they are counted as.
fn troubles() -> [(Answer, &'static str); 3] {
    [
        (Answer::status("500 Internal Server Error"), "storage_failed"),
        (Answer::status("503 Slow Down"), "storage_busy"),
        (Answer::nothing(Then::Reset), "storage_failed"),
    ]
}

#[tokio::test]
async fn storages_troubles_stop_no_build_of_nx() {
    for delivery in ["stream", "redirect"] {
        for (trouble, kind) in troubles() {
            let cache = Cache::with(Settings { delivery, ..CACHE }).await;
            cache.storage.change(move |_| trouble.clone());
            let path = "/download/v1/cache/1";
            assert_eq!(cache.get(path, &reader()).await.status, 404, "{delivery} {kind}");
            assert_eq!(cache.ask("HEAD", path, &reader(), "").await.status, 404, "{kind}");
            let refused = cache.put(path, &writer(), "an entry").await;
            assert_eq!(refused.status, 403, "{delivery} {kind}");
            assert!(refused.text().starts_with("not stored: storage "), "{}", refused.text());
            // Those who run the cache are told the truth.
            let label = format!("kind=\"{kind}\"");
            assert_eq!(cache.gateway.metric("casgate_requests_total", &[&label]), 3, "{kind}");
        }
    }
}

#[tokio::test]
async fn storages_troubles_are_failures_to_other_tools() {
    for (dialect, path) in paths() {
        if dialect == "nx" {
            continue;
        }
        let cache = Cache::of(dialect).await;
        cache.storage.change(|_| Answer::status("500 Internal Server Error"));
        let refused = cache.get(&path, &reader()).await;
        assert_refused(&refused, 502, "storage failed\n", dialect);
        let refused = cache.put(&path, &writer(), "an entry").await;
        assert_refused(&refused, 502, "not stored: storage failed\n", dialect);
    }
}

#[tokio::test]
async fn sccache_starts_without_storage() {
    let cache = Cache::of("sccache").await;
    cache.storage.change(|_| Answer::status("500 Internal Server Error"));
    for path in ["/download/.sccache_check", "/download/some/prefix/.sccache_check"] {
        let refused = cache.get(path, &reader()).await;
        assert_refused(&refused, 404, "storage failed\n", path);
    }
    assert_eq!(cache.get("/download/a/b/c/abc", &reader()).await.status, 502);
}

#[tokio::test]
async fn large_entries_are_refused_in_the_words_of_the_tool() {
    for (dialect, path) in paths() {
        let cache = Cache::with(Settings { dialect, route: "upload_size: 7", ..CACHE }).await;
        let refused = cache.put(&path, &writer(), "an entry").await;
        let expected = if dialect == "nx" { 403 } else { 413 };
        assert_refused(&refused, expected, "not stored: the entry is too large\n", dialect);
        assert_eq!(cache.storage.counts().requests, 0, "{dialect}");
    }
}

#[tokio::test]
async fn a_part_of_an_entry_is_not_stored() {
    let cache = Cache::of("sccache").await;
    let lines = format!("Content-Range: bytes 0-7/*\r\n{}", basic());
    let refused = cache.put("/download/a/b/c/abc", &lines, "an entry").await;
    assert_refused(&refused, 400, "not stored: an entry is stored as a whole\n", "");
    assert_eq!(cache.storage.counts().requests, 0);
}

#[tokio::test]
async fn tenants_that_are_not_served_stop_no_build_of_nx() {
    let file = "tenants: { acme: { status: paused } }";
    for (dialect, path) in paths() {
        let cache = Cache::with(Settings { dialect, file, ..CACHE }).await;
        let read = cache.get(&path, &reader()).await;
        let expected = if dialect == "nx" { 404 } else { 403 };
        assert_refused(&read, expected, "the tenant is paused\n", dialect);
        let written = cache.put(&path, &writer(), "an entry").await;
        assert_refused(&written, 403, "not stored: the tenant is paused\n", dialect);
        assert_eq!(cache.storage.counts().requests, 0, "{dialect}");
    }
}
