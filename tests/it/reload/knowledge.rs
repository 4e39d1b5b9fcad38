//! What was learnt and still is true, while those it was learnt from cannot be asked again.

use crate::credentials::stand_ins::{self, Accepted, container, json};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::{Gateway, OPEN, REDIRECT, STREAM, Settings};
use crate::support::storage::Storage;

#[tokio::test]
async fn addresses_outlive_a_change_of_their_bucket() {
    let content = Content::sized(10);
    let storage = Storage::holding(&content).await;
    let secrets = tempfile::tempdir().unwrap();
    let endpoint = format!("http://localhost:{}", storage.address.port());
    let yaml = STREAM.yaml(&endpoint, &secrets);
    let gateway = Gateway::of(&yaml);
    assert_eq!(gateway.get(&content.path(), "").await.status, 502, "nobody has asked DNS");
    gateway.edge.serving().plan.buckets["store"].endpoint.resolve().await.unwrap();
    assert_eq!(gateway.get(&content.path(), "").await.status, 200);
    // From here on nobody asks DNS.
    gateway.reload(&yaml.replace("limits: {", "limits: { remembered_objects: 7,"));
    assert_eq!(gateway.get(&content.path(), "").await.status, 200);
    // Another name has its own addresses.
    gateway.reload(&yaml.replace("//localhost:", "//localhost.test:"));
    assert_eq!(gateway.get(&content.path(), "").await.status, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_outlive_a_change_of_their_bucket() {
    let content = Content::of("content");
    let storage = stand_ins::storage(&content, &Accepted::only("ASIA")).await;
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let endpoint = Storage::scripted(move |_| {
        match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => json("ASIA", 3600),
            _ => Answer::nothing(Then::Reset),
        }
    })
    .await;
    let settings = Settings { auth: OPEN, timeouts: "reload_interval: 1h", ..REDIRECT };
    let gateway = stand_ins::Gateway::start(&settings, &storage, "{}", &container(&endpoint));
    assert_eq!(gateway.get(&content.path()).await.status, 302);
    gateway.change(|yaml| yaml.replace("limits: {", "limits: { remembered_objects: 7,"));
    gateway.process.hang_up();
    tokio::task::block_in_place(|| gateway.process.logged("was reloaded"));
    assert_eq!(gateway.get(&content.path()).await.status, 302);
    // Another role has its own credentials, or none.
    let role = "aws: { assume_role: { role_arn: 'arn:aws:iam::123456789012:role/reader' } }";
    gateway.change(|yaml| yaml.replace("aws: {}", role));
    gateway.process.hang_up();
    tokio::task::block_in_place(|| gateway.process.logged("was reloaded"));
    assert_eq!(gateway.get(&content.path()).await.status, 503);
}
