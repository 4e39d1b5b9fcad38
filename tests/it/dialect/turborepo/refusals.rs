//! What bad requests, bad tokens and missing artifacts get.

use serde_json::json;

use super::{CACHE, Object, ask, assert_refused, member_of, reader, storage, writer};
use crate::support::answer::Answer;
use crate::support::storage::Storage;
use crate::support::token::{SECRET, bearer, mint_with, seconds_from_now};

const PATH: &str = "/turbo/v8/artifacts/0a1b2c3d4e5f6071?slug=acme";

#[tokio::test]
async fn a_miss_is_a_404_and_says_so() {
    let storage = storage(&[]).await;
    for delivery in ["stream", "redirect"] {
        let gateway = super::Cache { delivery, ..CACHE }.before(&storage);
        assert_refused(&gateway.get(PATH, &reader()).await, 404, "not_found", delivery);
        let response = gateway.head(PATH, &reader()).await;
        assert_eq!(response.status, 404, "{delivery}");
    }
}

#[tokio::test]
async fn storage_that_fails_is_no_miss() {
    for (status, code, expected, expected_code) in [
        (500, "InternalError", 502, "bad_gateway"),
        (503, "SlowDown", 503, "service_unavailable"),
        (404, "NoSuchBucket", 502, "bad_gateway"),
    ] {
        let storage = Storage::scripted(move |seen| Answer::error(seen, status, code)).await;
        let gateway = CACHE.before(&storage);
        let response = gateway.get(PATH, &reader()).await;
        assert_refused(&response, expected, expected_code, code);
        assert!(!response.text().contains("secret"), "{code}");
    }
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_no_misses() {
    let storage = storage(&[("acme/0a1b2c3d4e5f6071", Object::of("an artifact", &[]))]).await;
    let gateway = CACHE.before(&storage);
    let other_key = mint_with(&SECRET.replace("tests", "others"), json!({ "teams": "acme" }));
    for lines in [
        String::new(),
        "Authorization: Bearer nonsense\r\n".to_owned(),
        "Authorization: Basic dTpw\r\n".to_owned(),
        format!("Authorization: Bearer {other_key}\r\n"),
        bearer(json!({ "teams": "acme", "exp": seconds_from_now(-600) })),
        bearer(json!({ "teams": "acme", "aud": "somebody else" })),
    ] {
        for line in [format!("GET {PATH}"), format!("PUT {PATH}")] {
            let response = ask(&gateway, &line, &lines, "").await;
            assert_refused(&response, 401, "unauthorized", &lines);
            assert_eq!(response.header("www-authenticate"), Some("Bearer"));
            assert_eq!(response.json()["error"].get("invalidToken"), None);
        }
    }
    // The query is no place for one.
    let token = reader();
    let token = token.trim_start_matches("Authorization: Bearer ").trim();
    let response = gateway.get(&format!("{PATH}&t={token}&token={token}"), "").await;
    assert_refused(&response, 401, "unauthorized", "in the query");
    let response = gateway.get(PATH, &member_of(json!("acme"), json!({ "scope": "no" }))).await;
    assert_refused(&response, 403, "forbidden", "no right to read");
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn values_that_the_contract_excludes_are_refused_with_a_reason() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    let long = "x".repeat(51);
    let get = "GET /turbo/v8/artifacts/1f";
    let put = "PUT /turbo/v8/artifacts/1f";
    for (line, header, message) in [
        (get, format!("x-artifact-client-ci: {long}"), "x-artifact-client-ci has more than 50"),
        (get, "x-artifact-client-interactive: 2".to_owned(), "is neither 0 nor 1"),
        (put, "x-artifact-client-interactive: yes".to_owned(), "is neither 0 nor 1"),
        (put, "x-artifact-duration: 1.5".to_owned(), "x-artifact-duration is not a whole number"),
        (put, "x-artifact-tag: a b".to_owned(), "x-artifact-tag does not have 1 to 600 visible"),
        (put, "x-artifact-sha: \u{e9}".to_owned(), "x-artifact-sha does not have 1 to 256"),
        (put, "x-artifact-dirty-hash:".to_owned(), "x-artifact-dirty-hash does not have"),
        ("GET /turbo/v8/artifacts/1f?teamId=team%5f%", String::new(), "teamId is not one name"),
        ("GET /turbo/v8/artifacts/1f?slug=", String::new(), "slug is not one name of a team"),
        ("GET /turbo/v8/artifacts/status?slug=..", String::new(), "slug is not one name"),
        ("GET /turbo/v8/artifacts/1f.tag", String::new(), "a hash has 1 to 128 letters and"),
        ("GET /turbo/v8/artifacts/%31f", String::new(), "a hash has 1 to 128 letters and"),
        ("PUT /turbo/v8/artifacts/..", String::new(), "a hash has 1 to 128 letters and"),
        ("GET /turbo/v8/artifacts/", String::new(), "a hash has 1 to 128 letters and"),
    ] {
        let header = if header.is_empty() { header } else { header + "\r\n" };
        let response = ask(&gateway, line, &(writer() + &header), "").await;
        assert_refused(&response, 400, "bad_request", &format!("{line} {header}"));
        let actual = response.json()["message"].as_str().unwrap().to_owned();
        assert!(actual.contains(message), "{line} {header}: {actual}");
    }
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    for (line, allow) in [
        ("DELETE /turbo/v8/artifacts/1f", "GET, HEAD, PUT, OPTIONS"),
        ("POST /turbo/v8/artifacts/1f", "GET, HEAD, PUT, OPTIONS"),
        ("PROPFIND /turbo/v8/artifacts/1f", "GET, HEAD, PUT, OPTIONS"),
        ("GET /turbo/v8/artifacts", "POST, OPTIONS"),
        ("GET /turbo/v8/artifacts/events", "POST, OPTIONS"),
        ("POST /turbo/v8/artifacts/status", "GET, OPTIONS"),
        ("PUT /turbo/v2/user", "GET, OPTIONS"),
        ("GET /turbo/v3/user/tokens/current", "DELETE, OPTIONS"),
    ] {
        let response = ask(&gateway, line, &writer(), "").await;
        assert_refused(&response, 405, "method_not_allowed", line);
        assert_eq!(response.header("allow"), Some(allow), "{line}");
    }
    for path in ["", "v8", "v9/artifacts/1f", "v8/artifacts/1f/x", "registration/verify", "v2/x"] {
        let response = gateway.get(&format!("/turbo/{path}"), &writer()).await;
        assert_refused(&response, 404, "not_found", path);
    }
    assert_eq!(storage.counts().requests, 0);
}
