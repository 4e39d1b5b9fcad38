//! Whether asking twice makes one link.

use serde_json::json;

use super::{Links, ONETIME, TENANTS, assert_refused, digest, issuer, path};
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;
use crate::support::token::{AUDIENCE, ISSUER, bearer};

/// An order with this key.
async fn order(links: &Links, caller: &str, key: &str, body: &str) -> Response {
    links.ask("POST /download/", &format!("{caller}Idempotency-Key: {key}\r\n"), body).await
}

fn token(response: &Response) -> String {
    assert_eq!(response.status, 201, "{}", response.text());
    response.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_same_order_is_answered_alike() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let body = json!({ "digest": digest(&content) }).to_string();
    let first = order(&links, &issuer(), "key-1", &body).await;
    let again = order(&links, &issuer(), "key-1", &body).await;
    assert_eq!(first.status, 201);
    assert_eq!((first.stable_headers(), &first.body), (again.stable_headers(), &again.body));
    assert_eq!(links.events("issued"), 1);
    // Another key, or none, makes another one.
    let other = order(&links, &issuer(), "key-2", &body).await;
    assert_ne!(token(&first), token(&other));
    let none = links.ask("POST /download/", &issuer(), &body).await;
    assert_ne!(token(&first), token(&none));
    // The answer stays the same when the link was used.
    links.assert_fresh(&path(&token(&first)), &content).await;
    assert_eq!(token(&order(&links, &issuer(), "key-1", &body).await), token(&first));
}

#[tokio::test]
async fn another_order_needs_another_key() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let body = json!({ "digest": digest(&content) }).to_string();
    token(&order(&links, &issuer(), "key", &body).await);
    let other = json!({ "digest": digest(&content), "uses": 2 }).to_string();
    let response = order(&links, &issuer(), "key", &other).await;
    assert_refused(&response, 422, "idempotency_mismatch", "");
}

/// What was refused is not kept.
#[tokio::test]
async fn a_refusal_is_not_an_answer() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let missing = json!({ "digest": digest(&Content::of("")) }).to_string();
    assert_eq!(order(&links, &issuer(), "key", &missing).await.status, 404);
    let body = json!({ "digest": digest(&content) }).to_string();
    token(&order(&links, &issuer(), "key", &body).await);
}

#[tokio::test]
async fn keys_of_others_are_others() {
    let content = Content::of("an artifact");
    let settings = Settings { layout: "sha256:{hex}", ..TENANTS };
    let links = Links::to(&content, settings).await;
    let body = json!({ "digest": digest(&content) }).to_string();
    let mut tokens = Vec::new();
    for (org, subject) in [("a", "x"), ("a", "y"), ("b", "x"), ("a", "\"x"), ("a\", \"x", "y")] {
        let caller = bearer(json!({ "role": "issuer", "org": org, "sub": subject }));
        tokens.push(token(&order(&links, &caller, "key", &body).await));
    }
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 5);
}

/// A subject is nobody without the issuer that calls it so.
#[tokio::test]
async fn keys_of_the_same_name_elsewhere_are_others() {
    let content = Content::of("an artifact");
    let storage = Storage::scripted(super::object(&content)).await;
    let links = Links::of(storage, ONETIME, |yaml| {
        let keys = yaml.lines().find(|line| line.contains("hs256:")).unwrap();
        let other =
            format!("  other:\n    iss: https://other.test\n    audience: [{AUDIENCE}]\n{keys}");
        yaml.replace("issuers:\n", &format!("issuers:\n{other}\n"))
            .replace("issuers: [tests]", "issuers: [tests, other]")
    });
    links.start().await;
    let body = json!({ "digest": digest(&content) }).to_string();
    let mut tokens = Vec::new();
    for issuer in [ISSUER, "https://other.test"] {
        let caller = bearer(json!({ "role": "issuer", "iss": issuer, "sub": "x" }));
        tokens.push(token(&order(&links, &caller, "key", &body).await));
    }
    assert_ne!(tokens[0], tokens[1]);
}

/// Whoever is the first, both get the same link, with one use.
#[tokio::test]
async fn two_at_once_get_one_link() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let body = json!({ "digest": digest(&content) }).to_string();
    for round in 0..10 {
        let (key, caller) = (format!("key-{round}"), issuer());
        let (first, second) =
            tokio::join!(order(&links, &caller, &key, &body), order(&links, &caller, &key, &body));
        let (first, second) = (token(&first), token(&second));
        assert_eq!(first, second);
        links.assert_fresh(&path(&first), &content).await;
        assert_eq!(links.get(&path(&second), "").await.status, 410);
    }
}

#[tokio::test]
async fn one_key_of_visible_characters() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let body = json!({ "digest": digest(&content) }).to_string();
    let long = "k".repeat(256);
    for lines in [
        "Idempotency-Key: a\r\nIdempotency-Key: b\r\n",
        "Idempotency-Key: a\r\nIdempotency-Key: a\r\n",
        "Idempotency-Key: \r\n",
        "Idempotency-Key: \u{e9}\r\n",
        &format!("Idempotency-Key: {long}\r\n"),
    ] {
        let response = links.ask("POST /download/", &(issuer() + lines), &body).await;
        assert_refused(&response, 400, "invalid_request", lines);
    }
    assert_eq!(links.events("issued"), 0);
    for key in [&long[1..], "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "a b, c"] {
        token(&order(&links, &issuer(), key, &body).await);
    }
}

/// Without a store that remembers, an order with a key is not carried out.
#[tokio::test]
async fn a_key_needs_the_state_store() {
    let content = Content::of("an artifact");
    let storage = Storage::scripted(super::object(&content)).await;
    let links = Links::unfit(storage, ONETIME);
    let body = json!({ "digest": digest(&content) }).to_string();
    let response = order(&links, &issuer(), "key", &body).await;
    assert_refused(&response, 503, "state_unavailable", "");
    assert_eq!(links.events("issued"), 0);
}
