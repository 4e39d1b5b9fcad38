//! Whether what was stored comes back, under which key, and nothing else.

use casgate::bucket::control::conditional::{ConditionalWrites, TagForm, Verdict};
use serde_json::json;

use super::{CACHE, Cache, EMPTY, ENTRY, basic, paths, reader, writer};
use crate::support::gateway::Settings;
use crate::support::token::bearer;

#[tokio::test]
async fn what_was_stored_comes_back() {
    for (dialect, path) in paths() {
        let cache = Cache::of(dialect).await;
        assert_eq!(cache.get(&path, &reader()).await.status, 404, "{dialect}");
        let stored = cache.put(&path, &writer(), "an entry").await;
        assert_eq!((stored.status, stored.text()), (200, ""), "{dialect}");

        let found = cache.get(&path, &reader()).await;
        assert_eq!((found.status, found.text()), (200, "an entry"), "{dialect}");
        let described = cache.ask("HEAD", &path, &reader(), "").await;
        assert_eq!(described.status, 200, "{dialect}");
        for response in [found, described] {
            assert_eq!(response.header("content-type"), Some("application/octet-stream"));
            assert_eq!(response.header("content-length"), Some("8"), "{dialect}");
            assert_eq!(response.header("content-encoding"), None, "{dialect}");
        }
    }
}

#[tokio::test]
async fn keys_are_those_of_the_layout() {
    let (ac, cas) = (format!("ac/{ENTRY}"), format!("cas/{ENTRY}"));
    let key = "0123456789abcdef";
    for (dialect, path, name) in [
        ("bazel", ac.as_str(), ac.as_str()),
        ("bazel", &cas, &cas),
        ("gradle", key, key),
        ("nx", "v1/cache/1234567890", "1234567890"),
        ("sccache", "a/b/c/abcdef", "a/b/c/abcdef"),
        ("sccache", "some/prefix/.sccache_check", "some/prefix/.sccache_check"),
    ] {
        let cache = Cache::of(dialect).await;
        let stored = cache.put(&format!("/download/{path}"), &writer(), "an entry").await;
        assert_eq!(stored.status, 200, "{path}");
        let expected = (format!("/artifacts/acme/{name}"), "an entry".to_owned());
        assert_eq!(cache.objects(), [expected], "{path}");
    }
}

#[tokio::test]
async fn a_password_is_a_token() {
    for (dialect, path) in paths() {
        let cache = Cache::of(dialect).await;
        let stored = cache.put(&path, &basic(), "an entry").await;
        let found = cache.get(&path, &basic()).await;
        // Nx has no passwords.
        let expected = if dialect == "nx" { (401, 401) } else { (200, 200) };
        assert_eq!((stored.status, found.status), expected, "{dialect}");
    }
}

#[tokio::test]
async fn tenants_have_caches_of_their_own() {
    for (dialect, path) in paths() {
        let cache = Cache::of(dialect).await;
        assert_eq!(cache.put(&path, &writer(), "an entry").await.status, 200);
        let other = bearer(json!({ "org": "other" }));
        assert_eq!(cache.get(&path, &other).await.status, 404, "{dialect}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_of_their_digest_are_not_stored() {
    let cache = Cache::of("bazel").await;
    for (hex, body) in [(EMPTY, "an entry"), (ENTRY, "another"), (ENTRY, "")] {
        let refused = cache.put(&format!("/download/cas/{hex}"), &writer(), body).await;
        assert_eq!(refused.status, 400, "{body}");
        let expected = "not stored: the body does not have the digest that is its name\n";
        assert_eq!(refused.text(), expected);
    }
    assert_eq!(cache.storage.counts().requests, 0);
    // What is in `ac` is named by what it came of.
    let stored = cache.put(&format!("/download/ac/{EMPTY}"), &writer(), "a result").await;
    assert_eq!(stored.status, 200);
}

#[tokio::test]
async fn bytes_that_went_bad_are_not_served_as_their_digest() {
    let cache = Cache::of("bazel").await;
    for store in ["ac", "cas"] {
        let target = format!("/artifacts/acme/{store}/{ENTRY}");
        cache.objects.lock().unwrap().insert(target, "rotten".to_owned());
    }
    let rotten = cache.get(&format!("/download/cas/{ENTRY}"), &reader()).await;
    assert_eq!(rotten.status, 502);
    assert_eq!(rotten.text(), "what is stored does not match its digest\n");
    let result = cache.get(&format!("/download/ac/{ENTRY}"), &reader()).await;
    assert_eq!((result.status, result.text()), (200, "rotten"));
}

#[tokio::test]
async fn the_entry_without_bytes_is_one() {
    let cache = Cache::of("bazel").await;
    let path = format!("/download/cas/{EMPTY}");
    assert_eq!(cache.get(&path, &reader()).await.status, 404);
    assert_eq!(cache.put(&path, &writer(), "").await.status, 200);
    let found = cache.get(&path, &reader()).await;
    assert_eq!((found.status, found.header("content-length")), (200, Some("0")));
}

#[tokio::test]
async fn only_what_a_digest_names_may_be_kept_by_caches() {
    let cache = Cache::of("bazel").await;
    for (store, caching, has_tag) in
        [("ac", "private, no-cache", false), ("cas", "private, max-age=31536000, immutable", true)]
    {
        let path = format!("/download/{store}/{ENTRY}");
        cache.put(&path, &writer(), "an entry").await;
        let found = cache.get(&path, &reader()).await;
        assert_eq!(found.header("cache-control"), Some(caching));
        assert_eq!(found.header("etag").is_some(), has_tag, "{store}");
        let lines = format!("If-None-Match: \"sha256:{ENTRY}\"\r\n{}", reader());
        let again = cache.get(&path, &lines).await;
        assert_eq!(again.status, if has_tag { 304 } else { 200 }, "{store}");
    }
}

#[tokio::test]
async fn redirects_lead_to_the_entry() {
    for (dialect, path) in paths() {
        // Bazel follows none, and no configuration lets it.
        if dialect == "bazel" {
            continue;
        }
        let cache = Cache::with(Settings { dialect, delivery: "redirect", ..CACHE }).await;
        assert_eq!(cache.get(&path, &reader()).await.status, 404, "{dialect}");
        cache.put(&path, &writer(), "an entry").await;
        let found = cache.get(&path, &reader()).await;
        assert_eq!((found.status, found.text()), (302, ""), "{dialect}");
        assert_eq!(found.header("cache-control"), Some("no-store"));
        let address = format!("http://{}/artifacts/acme/", cache.storage.address);
        assert!(found.header("location").unwrap().starts_with(&address), "{found:?}");
        assert_eq!(cache.ask("HEAD", &path, &reader(), "").await.status, 200, "{dialect}");
    }
}

#[tokio::test]
async fn who_stores_the_same_again_is_told_so_in_the_words_of_the_tool() {
    for (dialect, path) in paths() {
        let cache = Cache::with(Settings { dialect, route: "write_once: true", ..CACHE }).await;
        let (create, replace, complete) = (Verdict::Honoured, Verdict::Honoured, Verdict::Honoured);
        let bucket = &cache.gateway.edge.serving().plan.buckets["store"];
        bucket.fitness.learn(ConditionalWrites {
            create,
            replace,
            complete,
            tags: TagForm::Quoted,
        });

        assert_eq!(cache.put(&path, &writer(), "an entry").await.status, 200, "{dialect}");
        let kept = cache.put(&path, &writer(), "an entry").await;
        let expected = if dialect == "nx" { 409 } else { 200 };
        assert_eq!(kept.status, expected, "{dialect}");
        assert_eq!(kept.text(), "not stored: there is such an entry, and it stays\n");
        assert_eq!(kept.header("content-type"), Some("text/plain"));
    }
}
