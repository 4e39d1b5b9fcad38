//! Who gets a link, to what, and on which terms.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{
    Links, ONETIME, TENANTS, assert_private, assert_refused, digest, issuer, issuer_of, object,
};
use crate::support::answer::Answer;
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;
use crate::support::token;

const HEX: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

/// Storage that has everything.
async fn full(settings: Settings<'_>) -> Links {
    let storage = Storage::scripted(|seen| Answer::object(seen, b"hello world")).await;
    Links::before(storage, settings).await
}

/// What storage was asked for last, without the bucket.
fn asked(links: &Links) -> String {
    let target = links.storage.seen().pop().unwrap().target;
    target.strip_prefix("/artifacts/").unwrap().to_owned()
}

#[track_caller]
fn assert_invalid(response: &Response, input: &Value) {
    assert_refused(response, 400, "invalid_request", &input.to_string());
}

#[tokio::test]
async fn an_order_makes_a_link() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let order = json!({ "digest": digest(&content) }).to_string();
    for line in ["POST /download/", "POST /download", "POST /download/?x=y"] {
        let response = links.ask(line, &issuer(), &order).await;
        assert_eq!(response.status, 201, "{line}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_private(&response, line);
        let body = response.json();
        let token = body["token"].as_str().unwrap();
        assert!(token.starts_with("v4.local."), "{token}");
        let url = format!("https://links.example.test/download/{token}");
        assert_eq!(body["url"], url);
        assert_eq!(response.header("location"), Some(url.as_str()));
        let expires = humantime::parse_rfc3339(body["expires_at"].as_str().unwrap()).unwrap();
        let left = expires.duration_since(SystemTime::now()).unwrap();
        assert!(left <= Duration::from_secs(900) && left > Duration::from_secs(880), "{left:?}");
        assert_eq!(body.as_object().unwrap().len(), 3);
        links.assert_fresh(&super::path(token), &content).await;
    }
    assert_eq!(links.events("issued"), 3);
}

#[tokio::test]
async fn content_has_four_kinds_of_names() {
    let settings = Settings { layout: "all/{hash}", chainloop: "keys: 'files/{key}'", ..ONETIME };
    let links = full(settings).await;
    let graph = "all/bafybeicg2rebjoofv4kbyovkw7af3rpiitvnl6i7ckcywaq6xjcxnc2mby";
    let raw = "all/bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
    for (name, value, key) in [
        ("digest", format!("sha256:{HEX}"), format!("all/{HEX}")),
        ("hash", "0a1b/c.d_e-f".to_owned(), "all/0a1b/c.d_e-f".to_owned()),
        ("cid", "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o".to_owned(), graph.to_owned()),
        ("cid", "zdj7WaCPMsy3FP2whSwpFXHjDEaTVmjnddYSn5W2Gdn4aEZFj".to_owned(), graph.to_owned()),
        ("cid", "uAXASIEbUSBS5xa8UHDqqt8BdxehE6tX5HxKFiwIeukV2i0wO".to_owned(), graph.to_owned()),
        (
            "cid",
            "k2jmtxt4nv2kx0qz1ncwpjwzdixb27xsgqxk7kgho4nnmjceustvi80e".to_owned(),
            graph.to_owned(),
        ),
        ("cid", raw[4..].to_owned(), raw.to_owned()),
        ("key", "a b/ü+%2F.pdf".to_owned(), "files/a%20b/%C3%BC%2B%252F.pdf".to_owned()),
    ] {
        let path = links.link(json!({ name: value })).await;
        assert_eq!(asked(&links), key, "{name} {value}");
        assert_eq!(links.get(&path, "").await.status, 200, "{value}");
        assert_eq!(asked(&links), key, "{name} {value}");
    }
    // What a name says of the bytes is checked.
    links.storage.change(|seen| Answer::object(seen, b"hello w0rld"));
    for (name, value, status) in [
        ("digest", format!("sha256:{HEX}"), 502),
        ("cid", raw[4..].to_owned(), 502),
        ("hash", "0a1b".to_owned(), 200),
        ("key", "0a1b".to_owned(), 200),
    ] {
        let path = links.link(json!({ name: value })).await;
        assert_eq!(links.get(&path, "").await.status, status, "{name} {value}");
    }
}

#[tokio::test]
async fn other_names_are_refused() {
    let links = full(Settings { chainloop: "keys: '{key}'", ..ONETIME }).await;
    let upper = HEX.to_uppercase();
    for order in [
        json!({}),
        json!({ "digest": HEX }),
        json!({ "digest": format!("sha256:{upper}") }),
        json!({ "digest": format!("sha256:{}", &HEX[1..]) }),
        json!({ "digest": format!("sha512:{HEX}") }),
        json!({ "hash": "" }),
        json!({ "hash": "../x" }),
        json!({ "hash": "a/../b" }),
        json!({ "hash": "a b" }),
        json!({ "hash": "a".repeat(513) }),
        json!({ "cid": "bafkqaaa" }),
        json!({ "cid": "" }),
        json!({ "cid": "/ipfs/QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o" }),
        json!({ "key": "" }),
        json!({ "key": "/a" }),
        json!({ "key": "a/" }),
        json!({ "key": "a/../b" }),
        json!({ "key": ".." }),
        json!({ "key": "a//b" }),
        json!({ "key": "a\u{0}b" }),
        json!({ "key": "a\nb" }),
        json!({ "hash": "a", "key": "b" }),
        json!({ "digest": format!("sha256:{HEX}"), "cid": "x" }),
        json!({ "hash": ["a"] }),
        json!({ "hash": 7 }),
    ] {
        assert_invalid(&links.order(order.clone()).await, &order);
    }
    assert_eq!(links.storage.counts().requests, 0);
    // Too long for storage, and what is the gateway's own.
    let response = links.order(json!({ "key": "a".repeat(1025) })).await;
    assert_refused(&response, 404, "not_found", "1025 bytes");
    for key in [".casgate/probe/1", ".casgate/untrusted/x", ".casgate"] {
        assert_refused(&links.order(json!({ "key": key })).await, 403, "forbidden", key);
    }
    assert_eq!(links.storage.counts().requests, 0);
    let links = full(ONETIME).await;
    let order = json!({ "key": "a" });
    assert_invalid(&links.order(order.clone()).await, &order);
}

#[tokio::test]
async fn what_is_no_order_is_refused() {
    let links = full(ONETIME).await;
    for body in [
        "",
        "x",
        "[]",
        "null",
        "7",
        "\"digest\"",
        "{",
        "{\"hash\":\"a\"}{\"hash\":\"b\"}",
        "{\"hash\":\"a\",\"hash\":\"b\"}",
        "{\"hash\":\"a\"} x",
        "{\"hash\":\"\\ud800\"}",
        "{'hash':'a'}",
        "hash=a",
    ] {
        let response = links.ask("POST /download/", &issuer(), body).await;
        assert_invalid(&response, &json!(body));
    }
    for (name, value) in [
        ("unknown", json!(1)),
        ("Uses", json!(1)),
        ("uses", json!("1")),
        ("uses", json!(1.5)),
        ("uses", json!(-1)),
        ("uses", json!(0)),
        ("uses", json!(101)),
        ("uses", json!(4_294_967_296_u64)),
        ("ttl", json!(0)),
        ("ttl", json!(-1)),
        ("ttl", json!(1.5)),
        ("ttl", json!("")),
        ("ttl", json!("soon")),
        ("ttl", json!("0s")),
        ("ttl", json!("999ms")),
        ("ttl", json!("8days")),
        ("ttl", json!(604_801)),
        ("ttl", json!(u64::MAX)),
        ("ttl", json!("99999999999999999999s")),
        ("ttl", json!(["15m"])),
        ("ttl", json!({})),
        ("resumable", json!("yes")),
        ("confirm", json!(1)),
        ("must_exist", json!(0)),
        ("filename", json!(7)),
        ("filename", json!("")),
        ("filename", json!("..")),
        ("filename", json!("a/")),
        ("filename", json!("\u{202e}")),
        ("content_type", json!("")),
        ("content_type", json!("pdf")),
        ("content_type", json!("a/")),
        ("content_type", json!("text/plain\r\nX: y")),
        ("content_type", json!("text/plain; x=\u{e9}")),
        ("content_type", json!("te xt/plain")),
        ("content_type", json!(format!("text/{}", "a".repeat(123)))),
    ] {
        let order = json!({ "hash": "a", name: value });
        assert_invalid(&links.order(order.clone()).await, &order);
    }
    assert_eq!(links.events("issued"), 0);
    assert_eq!(links.storage.counts().requests, 0);
}

#[tokio::test]
async fn large_orders_are_refused() {
    let links = full(ONETIME).await;
    let body = json!({ "hash": "a", "x": "y".repeat(16 * 1024) }).to_string();
    let response = links.ask("POST /download/", &issuer(), &body).await;
    assert_refused(&response, 413, "payload_too_large", "");
    let mut client = links.gateway.connect();
    let head = format!(
        "POST /download/ HTTP/1.1\r\nHost: gateway.test\r\n{}Transfer-Encoding: chunked\r\n\r\n",
        issuer()
    );
    client.send(head + &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())).await;
    assert_refused(&client.response().await, 413, "payload_too_large", "chunked");
    let mut order = json!({ "hash": "a" }).to_string();
    order.push_str(&" ".repeat(16 * 1024 - order.len()));
    assert_eq!(links.ask("POST /download/", &issuer(), &order).await.status, 201);
}

#[tokio::test]
async fn terms_are_those_of_the_order_within_those_of_the_route() {
    let chainloop = "default_ttl: 5m, max_ttl: 1h, max_uses: 3";
    let links = full(Settings { chainloop, ..ONETIME }).await;
    for (ttl, seconds) in [
        (json!(null), 300),
        (json!(60), 60),
        (json!(3600), 3600),
        (json!("1h"), 3600),
        (json!("1m 30s"), 90),
        (json!("1500ms"), 1),
    ] {
        let body = links.order(json!({ "hash": "a", "ttl": ttl })).await.json();
        let expires = humantime::parse_rfc3339(body["expires_at"].as_str().unwrap()).unwrap();
        let end = SystemTime::now() + Duration::from_secs(seconds);
        let off = end.duration_since(expires).unwrap_or_default();
        assert!(expires <= end && off < Duration::from_secs(20), "{ttl}: {off:?}");
    }
    for (name, value, status) in
        [("ttl", json!(3601), 400), ("uses", json!(4), 400), ("uses", json!(3), 201)]
    {
        assert_eq!(links.order(json!({ "hash": "a", name: value })).await.status, status);
    }
}

#[tokio::test]
async fn only_those_who_may_get_links() {
    let links = full(ONETIME).await;
    let order = json!({ "hash": "a" }).to_string();
    let wrong = format!(
        "Authorization: Bearer {}\r\n",
        token::mint_with("another secret of 32 bytes or so", json!({ "role": "issuer" }))
    );
    for (lines, status, code) in [
        (String::new(), 401, "credential_missing"),
        ("Authorization: Bearer x\r\n".to_owned(), 401, "credential_malformed"),
        (wrong, 401, "credential_refused"),
        (token::bearer(json!({ "role": "issuer", "exp": 1 })), 401, "credential_expired"),
        (token::bearer(json!({})), 403, "forbidden"),
        (token::bearer(json!({ "role": "reader" })), 403, "forbidden"),
        (token::bearer(json!({ "role": ["issuer"] })), 403, "forbidden"),
    ] {
        let response = links.ask("POST /download/", &lines, &order).await;
        assert_refused(&response, status, code, &lines);
        let bearer = response.header("www-authenticate");
        assert_eq!(bearer, (status == 401).then_some("Bearer"), "{lines}");
    }
    assert_eq!(links.storage.counts().requests, 0);
    // Where no rule says who may, nobody may.
    let auth = "{ jwt: { issuers: [tests], read: 'true' } }";
    let links = full(Settings { auth, ..ONETIME }).await;
    let response = links.ask("POST /download/", &issuer(), &order).await;
    assert_refused(&response, 403, "forbidden", "no rule");
}

#[tokio::test]
async fn tenants_get_links_to_their_own() {
    let links = full(TENANTS).await;
    for (order, key) in [
        (json!({ "digest": format!("sha256:{HEX}") }), format!("acme/sha256%3A{HEX}")),
        (json!({ "hash": "b/sha256" }), "acme/sha256%3Ab/sha256".to_owned()),
        (json!({ "key": "b/x" }), "acme/files/b/x".to_owned()),
        (json!({ "key": "%2e%2e/b/x" }), "acme/files/%252e%252e/b/x".to_owned()),
        (json!({ "key": "..\\b\\x" }), "acme/files/..%5Cb%5Cx".to_owned()),
    ] {
        let line = "POST /download/";
        let response = links.ask(line, &issuer_of("acme"), &order.to_string()).await;
        assert_eq!(response.status, 201, "{order}");
        assert_eq!(asked(&links), key);
        let path = super::path(response.json()["token"].as_str().unwrap());
        assert_eq!(links.get(&path, "").await.status, 200);
        assert_eq!(asked(&links), key);
    }
    let before = links.storage.counts().requests;
    for (lines, status, code) in [
        (issuer(), 403, "forbidden"),
        (issuer_of("a/b"), 403, "forbidden"),
        (issuer_of(".."), 403, "forbidden"),
        (issuer_of(".casgate"), 403, "forbidden"),
    ] {
        let order = json!({ "key": "state/x" }).to_string();
        let response = links.ask("POST /download/", &lines, &order).await;
        assert_refused(&response, status, code, &lines);
    }
    assert_eq!(links.storage.counts().requests, before);
}

#[tokio::test]
async fn suspended_tenants_neither_give_nor_get() {
    let content = Content::of("an artifact");
    let file = "public_url: https://links.example.test\ntenants: { acme: { status: paused } }";
    let links = full(Settings { file, ..TENANTS }).await;
    let order = json!({ "key": "x" }).to_string();
    let response = links.ask("POST /download/", &issuer_of("acme"), &order).await;
    assert_refused(&response, 403, "tenant_paused", "POST");
    let path = super::sealed(&content, &json!({ "tenant": "acme" }));
    assert_refused(&links.get(&path, "").await, 403, "tenant_paused", "GET");
    assert_eq!(links.head(&path, "").await.status, 403);
    assert_eq!((links.storage.counts().requests, links.state_operations()), (0, 0));
}

#[tokio::test]
async fn an_object_that_is_not_there_yet_is_ordered_on_purpose() {
    let content = Content::of("an artifact");
    let storage = Storage::scripted(|seen| Answer::error(seen, 404, "NoSuchKey")).await;
    let links = Links::before(storage, ONETIME).await;
    let name = digest(&content);
    for order in [json!({ "digest": name }), json!({ "digest": name, "must_exist": true })] {
        assert_refused(&links.order(order).await, 404, "not_found", "");
    }
    let path = links.link(json!({ "digest": name, "must_exist": false })).await;
    assert_refused(&links.get(&path, "").await, 404, "not_found", "not yet");
    assert_eq!(links.head(&path, "").await.status, 404);
    links.storage.change(object(&content));
    assert_eq!(links.head(&path, "").await.status, 200);
    let response = links.get(&path, "").await;
    assert_eq!(response.status, 200);
    assert_eq!(links.storage.seen().pop().unwrap().header("if-match"), None);
    let tag = response.header("etag").unwrap();
    let lines = format!("Range: bytes=3-\r\nIf-Range: {tag}\r\n");
    assert_eq!(links.get(&path, &lines).await.status, 206);
}

#[tokio::test]
async fn without_storage_there_is_no_link() {
    let content = Content::of("an artifact");
    for (status, code, answered, kind) in [
        (503, "SlowDown", 503, "storage_busy"),
        (500, "InternalError", 502, "storage_failed"),
        (403, "AccessDenied", 502, "storage_failed"),
    ] {
        let storage = Storage::scripted(move |seen| Answer::error(seen, status, code)).await;
        let links = Links::before(storage, ONETIME).await;
        let order = json!({ "digest": digest(&content), "must_exist": false });
        assert_refused(&links.order(order).await, answered, kind, code);
    }
}
