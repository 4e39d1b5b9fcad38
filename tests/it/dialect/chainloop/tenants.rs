//! Whether a tenant can reach what belongs to another.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::{JWT_TENANT, REDIRECT, Settings};
use crate::support::storage::Storage;
use crate::support::token::bearer;

const TENANTS: Settings<'static> =
    Settings { auth: JWT_TENANT, layout: "{tenant}/sha256:{hex}", ..REDIRECT };

/// Storage where only tenant `b` has the content.
async fn held_by_b(content: &Content) -> Storage {
    let (bytes, target) = (content.bytes.clone(), format!("/artifacts/b/sha256%3A{}", content.hex));
    Storage::scripted(move |seen| match seen.target == target {
        true => Answer::object(seen, &bytes),
        false => Answer::error(seen, 404, "NoSuchKey"),
    })
    .await
}

fn of(org: Value) -> String {
    bearer(json!({ "org": org }))
}

#[tokio::test]
async fn each_tenant_has_a_subtree() {
    let content = Content::of("an artifact of b");
    for (delivery, found) in [("redirect", 302), ("stream", 200)] {
        let storage = held_by_b(&content).await;
        let gateway = Settings { delivery, ..TENANTS }.before(&storage);
        // First the owner: nothing that is remembered of the object may help the other.
        assert_eq!(gateway.get(&content.path(), &of(json!("b"))).await.status, found);
        let other = gateway.get(&content.path(), &of(json!("a"))).await;
        assert_eq!(other.status, 404, "{delivery}");
        let missing = gateway.get(&Content::of("").path(), &of(json!("b"))).await;
        assert_eq!((other.stable_headers(), other.body), (missing.stable_headers(), missing.body));
        let targets: Vec<_> = storage.seen().into_iter().map(|seen| seen.target).collect();
        assert_eq!(targets[1], format!("/artifacts/a/sha256%3A{}", content.hex));
    }
}

#[tokio::test]
async fn a_tenant_is_one_segment_of_the_key() {
    let content = Content::of("an artifact of b");
    let storage = held_by_b(&content).await;
    let gateway = TENANTS.before(&storage);
    for org in [
        json!("a/../b"),
        json!("../b"),
        json!("/b"),
        json!("b/"),
        json!("a\\..\\b"),
        json!(".."),
        json!("."),
        json!(""),
        json!("b\u{0}"),
        json!("b\r\n"),
        json!("x".repeat(256)),
        json!(7),
        json!(["b", "/b"]),
        json!(null),
    ] {
        let response = gateway.get(&content.path(), &of(org.clone())).await;
        assert_eq!(response.status, 404, "{org}");
    }
    let response = gateway.get(&content.path(), &bearer(json!({}))).await;
    assert_eq!(response.status, 404, "no claim at all");
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn a_tenant_is_taken_literally() {
    let content = Content::of("an artifact of b");
    for (org, segment) in [
        ("%62", "%2562"),
        ("a%2f..%2fb", "a%252f..%252fb"),
        ("B", "B"),
        ("b ", "b%20"),
        ("ü", "%C3%BC"),
    ] {
        let storage = held_by_b(&content).await;
        let gateway = TENANTS.before(&storage);
        let response = gateway.get(&content.path(), &of(json!(org))).await;
        assert_eq!(response.status, 404, "{org}");
        let expected = format!("/artifacts/{segment}/sha256%3A{}", content.hex);
        assert_eq!(storage.seen()[0].target, expected);
    }
}
