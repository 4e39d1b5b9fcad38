//! Whether links end when they are taken back, and who is told how they stand.

use serde_json::{Value, json};

use super::{
    Links, ONETIME, TENANTS, assert_private, assert_refused, digest, issuer, issuer_of, sealed,
};
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::token::bearer;

async fn revoke(links: &Links, path: &str, lines: &str) -> u16 {
    links.ask(&format!("DELETE {path}"), lines, "").await.status
}

async fn status(links: &Links, path: &str, lines: &str) -> Value {
    let response = links.ask(&format!("GET {path}/status"), lines, "").await;
    assert_eq!(response.status, 200);
    assert_private(&response, "");
    response.json()
}

#[tokio::test]
async fn what_is_taken_back_gives_nothing() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    for uses in [1, 5] {
        let path = links.link(json!({ "digest": digest(&content), "uses": uses })).await;
        let response = links.ask(&format!("DELETE {path}"), &issuer(), "").await;
        assert_eq!((response.status, response.text()), (204, ""));
        assert_private(&response, "");
        assert_refused(&links.get(&path, "").await, 410, "token_revoked", "GET");
        assert_eq!(links.head(&path, "").await.status, 410);
        let pressed = links.ask(&format!("POST {path}"), "", "").await;
        assert_refused(&pressed, 410, "token_revoked", "POST");
        assert_eq!(revoke(&links, &path, &issuer()).await, 204, "and again");
    }
    assert_eq!(links.events("claimed"), 0);
}

#[tokio::test]
async fn what_is_left_is_taken_back() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let path = links.link(json!({ "digest": digest(&content), "uses": 3 })).await;
    links.assert_fresh(&path, &content).await;
    assert_eq!(revoke(&links, &path, &issuer()).await, 204);
    assert_refused(&links.get(&path, "").await, 410, "token_revoked", "");
    // Those that are used up or over are taken back too: nobody goes on with them.
    let path = links.link_to(&content).await;
    links.assert_fresh(&path, &content).await;
    assert_eq!(revoke(&links, &path, &issuer()).await, 204);
    assert_eq!(status(&links, &path, &issuer()).await["state"], "revoked");
    let path = sealed(&content, &json!({ "exp": super::time(-60) }));
    assert_eq!(revoke(&links, &path, &issuer()).await, 204);
}

#[tokio::test]
async fn how_a_link_stands() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let order = json!({ "digest": digest(&content), "uses": 2, "filename": "a.txt", "ttl": 60 });
    let issued = links.order(order).await.json();
    let path = super::path(issued["token"].as_str().unwrap());
    let first = status(&links, &path, &issuer()).await;
    let issued_at = first["issued_at"].as_str().unwrap();
    assert!(humantime::parse_rfc3339(issued_at).is_ok());
    let expected = |state: &str, left: u32| {
        json!({
            "state": state, "uses": 2, "uses_left": left, "issued_at": issued_at,
            "expires_at": issued["expires_at"], "filename": "a.txt",
        })
    };
    assert_eq!(first, expected("active", 2));
    links.assert_fresh(&path, &content).await;
    assert_eq!(status(&links, &path, &issuer()).await, expected("active", 1));
    links.assert_fresh(&path, &content).await;
    assert_eq!(status(&links, &path, &issuer()).await, expected("spent", 0));
    assert_eq!(revoke(&links, &path, &issuer()).await, 204);
    assert_eq!(status(&links, &path, &issuer()).await, expected("revoked", 0));

    let path = sealed(&content, &json!({ "exp": super::time(-60), "uses": 7 }));
    let body = status(&links, &path, &issuer()).await;
    assert_eq!((&body["state"], &body["uses_left"]), (&json!("expired"), &json!(0)));
    assert_eq!(body.get("filename"), None);
}

#[tokio::test]
async fn only_those_who_may_issue_ask_or_take_back() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    for (lines, status, code) in [
        (String::new(), 401, "credential_missing"),
        ("Authorization: Bearer x\r\n".to_owned(), 401, "credential_malformed"),
        (bearer(json!({ "role": "issuer", "exp": 1 })), 401, "credential_expired"),
        (bearer(json!({})), 403, "forbidden"),
    ] {
        for line in [format!("DELETE {path}"), format!("GET {path}/status")] {
            assert_refused(&links.ask(&line, &lines, "").await, status, code, &line);
        }
    }
    assert_eq!(links.state_operations(), 0);
    links.assert_fresh(&path, &content).await;
}

#[tokio::test]
async fn only_of_their_own_tenant() {
    let content = Content::of("an artifact");
    let file = "public_url: https://links.example.test\ntenants: { acme: { aliases: [the-acme] } }";
    let settings = Settings { layout: "sha256:{hex}", file, ..TENANTS };
    let links = Links::to(&content, settings).await;
    let path = sealed(&content, &json!({ "tenant": "acme" }));
    let several = bearer(json!({ "role": "issuer", "org": ["other", "acme"] }));
    let others = bearer(json!({ "role": "issuer", "org": ["b", "c"] }));
    for lines in [issuer_of("other"), others] {
        for line in [format!("DELETE {path}"), format!("GET {path}/status")] {
            let response = links.ask(&line, &lines, "").await;
            assert_refused(&response, 404, "not_found", &lines);
        }
    }
    assert_eq!(links.state_operations(), 0);
    for lines in [issuer_of("acme"), issuer_of("the-acme"), several] {
        assert_eq!(status(&links, &path, &lines).await["state"], "active", "{lines}");
    }
    assert_eq!(revoke(&links, &path, &issuer_of("acme")).await, 204);
    assert_refused(&links.get(&path, "").await, 410, "token_revoked", "");
}
