//! Redirects to the gateway itself: what a ticket opens, and what it does not.

use std::time::{Duration, SystemTime};

use casgate::token::{Key, Keys, Purpose, Ticket};
use serde_json::json;

use crate::support::answer::Answer;
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, JWT_TENANT, REDIRECT, Settings};
use crate::support::storage::Storage;
use crate::support::token::{SEALING_KEY, bearer, mint, seconds_from_now};

const TICKETS: Settings<'static> =
    Settings { delivery: "ticket", file: "public_url: https://links.example.test", ..REDIRECT };

fn keys() -> Keys {
    Keys::new(Key::parse(SEALING_KEY).unwrap(), Vec::new())
}

/// Where a redirect leads, as a client asks for it.
fn target(response: &Response) -> String {
    assert_eq!(response.status, 302);
    let location = response.header("location").unwrap();
    location.strip_prefix("https://links.example.test").expect("the gateway itself").to_owned()
}

async fn redirected(gateway: &Gateway, content: &Content, lines: &str) -> String {
    target(&gateway.get(&content.path(), lines).await)
}

#[tokio::test]
async fn a_redirect_carries_a_ticket_and_not_the_token() {
    let content = Content::sized(100_000);
    let storage = Storage::holding(&content).await;
    let gateway = TICKETS.before(&storage);
    let jwt = mint(json!({}));
    for (path, lines) in [
        (content.path(), format!("Authorization: Bearer {jwt}\r\n")),
        (format!("{}?t={jwt}", content.path()), String::new()),
        (content.path(), format!("Authorization: Bearer {jwt}\r\nX-Forwarded-Host: evil.test\r\n")),
    ] {
        let response = gateway.get(&path, &lines).await;
        let target = target(&response);
        let (path, ticket) = target.split_once("?ticket=").unwrap();
        assert_eq!(path, content.path());
        assert!(ticket.starts_with("v4.local."), "{ticket}");
        for (name, value) in response.stable_headers() {
            assert!(!value.contains(&jwt), "{name}: {value}");
        }
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
        // Good for as long as it takes to follow, and as often as that takes.
        for _ in 0..3 {
            let response = gateway.get(&target, "").await;
            assert!(response.status == 200 && response.body == content.bytes);
            let cached = response.header("cache-control").unwrap();
            assert!(cached.contains("private"), "{cached}");
            let head = gateway.head(&target, "").await;
            assert_eq!((head.status, head.header("content-length")), (200, Some("100000")));
            let part = gateway.get(&target, "Range: bytes=5-9\r\n").await;
            assert!(part.status == 206 && part.body == content.bytes[5..10]);
        }
    }
    // Browsers are told by another header.
    let lines = format!("Authorization: Bearer {jwt}\r\nAccept: text/html\r\n");
    let refresh = gateway.get(&content.path(), &lines).await;
    let refresh = refresh.header("refresh").unwrap();
    let start = format!("1;url=https://links.example.test{}?ticket=v4.local.", content.path());
    assert!(refresh.starts_with(&start) && !refresh.contains(&jwt), "{refresh}");
}

#[tokio::test]
async fn a_redirect_is_kept_no_longer_than_the_ticket_and_the_token_live() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = TICKETS.before(&storage);
    for (token, most, least) in [(600, 15, 15), (20, 10, 5), (12, 6, 2)] {
        let lines = bearer(json!({ "exp": seconds_from_now(token) }));
        let response = gateway.get(&content.path(), &lines).await;
        let value = response.header("cache-control").unwrap();
        let seconds = value.strip_prefix("private, max-age=").unwrap().parse().unwrap();
        assert!((least..=most).contains(&seconds), "{token}: {value}");
        let target = target(&response);
        let (_, ticket) = target.split_once("?ticket=").unwrap();
        let end = Ticket::open(&keys(), ticket).unwrap().expires();
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        assert!(left <= Duration::from_secs(token.min(30).try_into().unwrap()), "{left:?}");
    }
}

/// Within the leeway of the issuer a token is good although its time is over.
#[tokio::test]
async fn a_token_that_ends_before_a_ticket_could_be_used_is_answered_at_once() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = TICKETS.before(&storage);
    for token in [1, -5] {
        let lines = bearer(json!({ "exp": seconds_from_now(token) }));
        let response = gateway.get(&content.path(), &lines).await;
        assert_eq!(response.status, 200, "{token}");
        assert!(response.body == content.bytes, "{token}");
    }
}

#[tokio::test]
async fn what_is_no_ticket_for_this_opens_nothing() {
    let content = Content::of("an artifact");
    let other = Content::of("another");
    let storage = Storage::holding(&content).await;
    let gateway = TICKETS.before(&storage);
    let path = content.path();
    let now = SystemTime::now();
    let seal = |path: &str, end| Ticket::new(path, end, None, None).seal(&keys()).unwrap();
    let good = seal(&path, now + Duration::from_secs(30));
    let mut flipped = good.clone().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let foreign = Key::parse("YW5vdGhlciBrZXkgb2YgMzIgYnl0ZXMsIG5vdCBpdCE=").unwrap();
    let foreign = Keys::new(foreign, Vec::new());
    let foreign =
        Ticket::new(&path, now + Duration::from_secs(30), None, None).seal(&foreign).unwrap();
    let message = json!({ "path": path, "exp": 99_999_999_999_u64 }).to_string();
    let download = keys().seal(Purpose::Download, message.as_bytes()).unwrap();
    let more = json!({ "path": path, "exp": 99_999_999_999_u64, "more": 1 }).to_string();
    let more = keys().seal(Purpose::Ticket, more.as_bytes()).unwrap();
    for (name, query) in [
        ("empty", String::new()),
        ("a word", "x".to_owned()),
        ("changed", flipped),
        ("cut", good[..good.len() - 1].to_owned()),
        ("of another key", foreign),
        ("for another purpose", download),
        ("with a member more", more),
        ("over", seal(&path, now - Duration::from_secs(2))),
        ("for another path", seal(&other.path(), now + Duration::from_secs(30))),
        ("for the folder", seal("/download/", now + Duration::from_secs(30))),
        ("two", format!("{good}&ticket={good}")),
    ] {
        let path = format!("{path}?ticket={query}");
        // Not even with a token that is good: it is not looked at.
        for lines in [String::new(), bearer(json!({}))] {
            let response = gateway.get(&path, &lines).await;
            assert_eq!(response.status, 401, "{name}");
            assert_eq!(gateway.head(&path, &lines).await.status, 401, "{name}");
        }
    }
    assert_eq!(storage.counts().requests, 0);
    assert_eq!(gateway.get(&format!("{path}?ticket={good}"), "").await.status, 200);
    assert_eq!(gateway.get(&format!("{path}?Ticket={good}"), "").await.status, 401);
    let path = format!("{}?ticket={good}", other.path());
    assert_eq!(gateway.get(&path, "").await.status, 401);
}

/// Only where redirects have them.
#[tokio::test]
async fn other_routes_know_no_tickets() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let end = SystemTime::now() + Duration::from_secs(30);
    let ticket = Ticket::new(&content.path(), end, None, None).seal(&keys()).unwrap();
    let path = format!("{}?ticket={ticket}", content.path());
    for delivery in ["redirect", "stream"] {
        let gateway = Settings { delivery, ..TICKETS }.before(&storage);
        assert_eq!(gateway.get(&path, "").await.status, 401, "{delivery}");
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_one_tenant() {
    let content = Content::of("an artifact of acme");
    let (bytes, target) =
        (content.bytes.clone(), format!("/artifacts/acme/sha256%3A{}", content.hex));
    let storage = Storage::scripted(move |seen| match seen.target == target {
        true => Answer::object(seen, &bytes),
        false => Answer::error(seen, 404, "NoSuchKey"),
    })
    .await;
    let file = "public_url: https://links.example.test\n\
                tenants: { acme: { aliases: [the-acme] }, off: { status: disabled } }";
    let layout = "{tenant}/sha256:{hex}";
    let gateway = Settings { auth: JWT_TENANT, layout, file, ..TICKETS }.before(&storage);
    for org in ["acme", "the-acme"] {
        let target = redirected(&gateway, &content, &bearer(json!({ "org": org }))).await;
        assert_eq!(gateway.get(&target, "").await.status, 200, "{org}");
        let other = bearer(json!({ "org": "other" }));
        assert_eq!(gateway.get(&target, &other).await.status, 200, "the ticket is what counts");
    }
    let end = SystemTime::now() + Duration::from_secs(30);
    for (tenant, status) in
        [(None, 404), (Some("other"), 404), (Some("a/b"), 401), (Some("off"), 403)]
    {
        let ticket = Ticket::new(&content.path(), end, tenant, None).seal(&keys()).unwrap();
        let response = gateway.get(&format!("{}?ticket={ticket}", content.path()), "").await;
        assert_eq!(response.status, status, "{tenant:?}");
    }
}

/// Nothing is stored with one, whatever it says.
#[tokio::test]
async fn a_ticket_reads_and_does_nothing_else() {
    let file = "
  - path: /turbo/
    dialect: { turborepo: {} }
    bucket: store
    layout: '{team}/{hash}'
    delivery: ticket
    auth: { jwt: { issuers: [tests], tenant: claims.team, read: 'true', write: 'true', untrusted: { isolate: claims.ref } } }
public_url: https://links.example.test";
    let storage = Storage::scripted(|seen| Answer::object(seen, b"x")).await;
    let gateway = Settings { file, ..TICKETS }.before(&storage);
    let path = "/turbo/v8/artifacts/0a1b";
    let end = SystemTime::now() + Duration::from_secs(30);
    let namespace = "a".repeat(64);
    let ticket = Ticket::new(path, end, Some("acme"), Some(&namespace)).seal(&keys()).unwrap();
    for line in [
        format!("PUT {path}?ticket={ticket}"),
        format!("POST /turbo/v8/artifacts/events?ticket={ticket}"),
        format!("POST /turbo/v8/artifacts?ticket={ticket}"),
        format!("GET /turbo/v8/artifacts/status?ticket={ticket}"),
        format!("GET /turbo/v2/user?ticket={ticket}"),
    ] {
        let mut client = gateway.connect();
        client.send(format!("{line} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")).await;
        let response = client.response().await;
        assert!(matches!(response.status, 401 | 403), "{line}: {}", response.status);
    }
    assert_eq!(storage.counts().requests, 0);
    let response = gateway.get(&format!("{path}?ticket={ticket}"), "").await;
    assert_eq!(response.status, 200);
    let target = &storage.seen()[0].target;
    assert_eq!(*target, format!("/artifacts/.casgate/untrusted/{namespace}/acme/0a1b"));
}
