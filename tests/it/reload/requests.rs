//! What requests in flight, and what is remembered, make of a reload.

use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::{Gateway, REDIRECT, STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::token::bearer;

#[tokio::test]
async fn a_request_ends_as_it_began() {
    let content = Content::sized(8_000_000);
    let storage = Storage::holding(&content).await;
    let endpoint = format!("http://{}", storage.address);
    let secrets = tempfile::tempdir().unwrap();
    let yaml = STREAM.yaml(&endpoint, &secrets);
    let gateway = Gateway::of(&yaml);
    let mut client = gateway.connect();
    client.get(&content.path(), "").await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    let mut body = client.bytes(1000).await;

    gateway.reload(&yaml.replace("path: /download/", "path: /moved/"));
    body.extend(client.bytes(content.bytes.len() - 1000).await);
    assert!(body == content.bytes);
    // The next request of the same connection is the new plan's.
    client.get(&content.path(), "").await;
    assert_eq!(client.response().await.status, 404);
    client.get(&content.path().replace("/download/", "/moved/"), "").await;
    assert!(client.response().await.body == content.bytes);
}

#[tokio::test]
async fn what_is_the_same_is_still_known() {
    let content = Content::sized(10);
    let storage = Storage::holding(&content).await;
    let endpoint = format!("http://{}", storage.address);
    let secrets = tempfile::tempdir().unwrap();
    let yaml = REDIRECT.yaml(&endpoint, &secrets);
    let gateway = Gateway::of(&yaml);
    let lines = bearer(serde_json::json!({}));
    let asked = || storage.counts().requests;
    let remembered = || gateway.metric("casgate_verdict_memory_total", &["hit"]);

    assert_eq!(gateway.get(&content.path(), &lines).await.status, 302);
    assert_eq!((asked(), remembered()), (1, 0));
    gateway.reload(&yaml.replace("limits: {", "limits: { drain_size: 1KiB"));
    assert_eq!(gateway.get(&content.path(), &lines).await.status, 302);
    assert_eq!((asked(), remembered()), (1, 1), "neither the object nor the token is asked about");

    // Another key signs: what the one before was let see is not known any more.
    std::fs::write(secrets.path().join("id"), "AKIAOTHER").unwrap();
    gateway.reload(&yaml);
    assert_eq!(gateway.get(&content.path(), &lines).await.status, 302);
    assert_eq!((asked(), remembered()), (2, 2));
    // Another audience: so is the issuer.
    gateway.reload(&yaml.replace("keys: { hs256", "leeway: 29s\n    keys: { hs256"));
    assert_eq!(gateway.get(&content.path(), &lines).await.status, 302);
    assert_eq!((asked(), remembered()), (2, 2));
}

#[tokio::test]
async fn time_limits_of_storage_are_those_of_the_new_plan() {
    let content = Content::sized(10);
    let storage = Storage::scripted(|_| Answer::nothing(Then::Stall)).await;
    let endpoint = format!("http://{}", storage.address);
    let secrets = tempfile::tempdir().unwrap();
    let slow = Settings { timeouts: "storage_first_byte: 1h", ..STREAM };
    let gateway = Gateway::of(&slow.yaml(&endpoint, &secrets));
    let quick = Settings { timeouts: "storage_first_byte: 50ms", ..STREAM };
    gateway.reload(&quick.yaml(&endpoint, &secrets));
    assert_eq!(gateway.get(&content.path(), "").await.status, 504);
}
