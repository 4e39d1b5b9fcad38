//! Where clients get sent, and who may keep that answer.

use serde_json::json;

use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, OPEN, REDIRECT, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::token::{bearer, mint, seconds_from_now};

async fn redirecting(settings: Settings<'_>) -> (Content, Storage, Gateway) {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = settings.before(&storage);
    (content, storage, gateway)
}

fn max_age(response: &Response) -> Option<i64> {
    let value = response.header("cache-control").unwrap();
    value.strip_prefix("private, max-age=").map(|seconds| seconds.parse().unwrap())
}

#[tokio::test]
async fn command_line_clients_get_a_location_and_no_body() {
    let (content, storage, gateway) = redirecting(REDIRECT).await;
    let expected = format!("http://{}{}?", storage.address, content.target());
    for accept in ["", "Accept: */*\r\n", "Accept: application/json\r\n", "Accept: text/plain\r\n"]
    {
        let response = gateway.get(&content.path(), &(bearer(json!({})) + accept)).await;
        assert_eq!(response.status, 302, "{accept}");
        let location = response.header("location").unwrap();
        assert!(location.starts_with(&expected), "{location}");
        assert!(location.contains("X-Amz-Signature="), "{location}");
        assert_eq!(response.text(), "");
        assert_eq!(response.header("refresh"), None);
        assert_eq!(response.header("content-type"), None);
        assert_eq!(response.header("vary"), Some("Accept"));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
    }
}

#[tokio::test]
async fn browsers_get_a_message_and_a_refresh() {
    let (content, storage, gateway) = redirecting(REDIRECT).await;
    let expected = format!("1;url=http://{}{}?", storage.address, content.target());
    for accept in ["text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"] {
        let lines = format!("{}Accept: {accept}\r\n", bearer(json!({})));
        let response = gateway.get(&content.path(), &lines).await;
        assert_eq!(response.status, 302, "{accept}");
        let refresh = response.header("refresh").unwrap();
        assert!(refresh.starts_with(&expected), "{refresh}");
        assert_eq!(response.header("location"), None);
        assert_eq!(response.text(), "Your download will begin shortly...\n");
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(response.header("vary"), Some("Accept"));
    }
}

#[tokio::test]
async fn the_query_carries_a_token_where_there_is_no_header() {
    let (content, _storage, gateway) = redirecting(REDIRECT).await;
    let (path, good) = (content.path(), mint(json!({})));
    let bad = bearer(json!({ "aud": "somebody else" }));
    for (query, lines, expected) in [
        (format!("?t={good}"), String::new(), 302),
        (format!("?other=1&t={good}"), String::new(), 302),
        ("?t=".to_owned(), String::new(), 401),
        (format!("?token={good}"), String::new(), 401),
        (format!("?t={good}"), bad, 401),
        ("?t=nonsense".to_owned(), bearer(json!({})), 302),
        (format!("?t={good}&t={good}"), String::new(), 401),
    ] {
        let response = gateway.get(&format!("{path}{query}"), &lines).await;
        assert_eq!(response.status, expected, "{query} {lines}");
    }
}

#[tokio::test]
async fn a_redirect_is_cached_no_longer_than_the_url_and_the_token_live() {
    for (ttl, token, most, least) in
        [("100s", 600, 50, 50), ("7days", 40, 20, 15), ("10s", 40, 5, 5)]
    {
        let route = format!("redirect_ttl: {ttl}");
        let (content, _storage, gateway) =
            redirecting(Settings { route: &route, ..REDIRECT }).await;
        let lines = bearer(json!({ "exp": seconds_from_now(token) }));
        let response = gateway.get(&content.path(), &lines).await;
        let seconds = max_age(&response).unwrap();
        assert!((least..=most).contains(&seconds), "{ttl} {token}: {seconds}");
    }
    // Half of one second is none; and within the leeway a token is good although its time is over.
    for token in [1, -5] {
        let (content, _storage, gateway) = redirecting(REDIRECT).await;
        let lines = bearer(json!({ "exp": seconds_from_now(token) }));
        let response = gateway.get(&content.path(), &lines).await;
        assert_eq!(response.status, 302);
        assert_eq!(response.header("cache-control"), Some("private, no-store"));
    }
}

#[tokio::test]
async fn redirects_of_open_routes_end_with_the_url() {
    let settings = Settings { auth: OPEN, route: "redirect_ttl: 60s", ..REDIRECT };
    let (content, _storage, gateway) = redirecting(settings).await;
    let response = gateway.get(&content.path(), "").await;
    assert_eq!(max_age(&response), Some(30));
    assert!(response.header("location").unwrap().contains("X-Amz-Expires=60&"));
}

#[tokio::test]
async fn redirects_point_to_the_public_endpoint() {
    let bucket = "public_endpoint: https://files.example.test";
    let settings = Settings { auth: OPEN, bucket, ..REDIRECT };
    let (content, _storage, gateway) = redirecting(settings).await;
    let response = gateway.get(&content.path(), "").await;
    let expected = format!("https://files.example.test{}?", content.target());
    assert!(response.header("location").unwrap().starts_with(&expected));
}

#[tokio::test]
async fn nothing_a_client_says_gets_into_a_redirect() {
    let (content, storage, gateway) = redirecting(Settings { auth: OPEN, ..REDIRECT }).await;
    let ours = format!("http://{}/artifacts/", storage.address);
    let path = content.path();
    for query in
        ["", "?x=%0d%0aSet-Cookie:%20evil=1", "?//evil.test", "?response-content-type=evil"]
    {
        for accept in ["*/*", "text/html"] {
            let mut client = gateway.connect();
            let head = format!(
                "GET {path}{query} HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: evil.test\r\n\
                 X-Forwarded-Proto: evil\r\nForwarded: host=evil.test\r\nAccept: {accept}\r\n\r\n"
            );
            client.send(head).await;
            let response = client.response().await;
            assert_eq!(response.status, 302, "{query}");
            let target = response.header("location").or_else(|| {
                response.header("refresh").and_then(|refresh| refresh.strip_prefix("1;url="))
            });
            assert!(target.unwrap().starts_with(&ours), "{target:?}");
            let all = format!("{:?}", response.stable_headers());
            assert!(!all.contains("evil"), "{all}");
        }
    }
}

#[tokio::test]
async fn callers_without_a_token_are_sent_to_log_in() {
    let chainloop = "login_url: 'https://login.example.test/auth?next=1'";
    let file = "public_url: https://casgate.example.test";
    let (content, storage, gateway) = redirecting(Settings { chainloop, file, ..REDIRECT }).await;
    let path = content.path();
    let encoded_path = path.replace('/', "%2F").replace(':', "%3A");
    for (query, encoded) in [
        ("", ""),
        ("?a=b&c", "%3Fa%3Db%26c"),
        ("?x=%0d%0aSet-Cookie:evil", "%3Fx%3D%250d%250aSet-Cookie%3Aevil"),
    ] {
        let response =
            gateway.get(&format!("{path}{query}"), "X-Forwarded-Host: evil.test\r\n").await;
        assert_eq!(response.status, 307, "{query}");
        let expected = format!(
            "https://login.example.test/auth?next=1&callback=https%3A%2F%2Fcasgate.example.test{encoded_path}{encoded}"
        );
        assert_eq!(response.header("location"), Some(expected.as_str()));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("set-cookie"), None);
    }
    // A bad token is no reason to log in: that would go round in circles.
    let response = gateway.get(&path, "Authorization: Bearer nonsense\r\n").await;
    assert_eq!(response.status, 401);
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn head_is_answered_here_whatever_the_delivery() {
    for settings in [Settings { auth: OPEN, ..REDIRECT }, STREAM] {
        let (content, storage, gateway) = redirecting(settings).await;
        let response = gateway.head(&content.path(), "Range: bytes=0-1\r\n").await;
        assert_eq!(response.status, 200, "{}", settings.delivery);
        assert_eq!(response.header("content-length"), Some("11"));
        assert_eq!(response.header("location"), None);
        assert_eq!(response.header("etag"), Some(content.etag().as_str()));
        assert_eq!(response.header("accept-ranges"), Some("bytes"));
        assert_eq!(response.header("content-type"), Some("text/x-test"));
        let methods: Vec<_> = storage.seen().into_iter().map(|seen| seen.method).collect();
        assert_eq!(methods, ["HEAD"]);
    }
}
