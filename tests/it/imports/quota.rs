//! Does a tenant store what it may, and no more?

use std::time::SystemTime;

use tempfile::TempDir;

use super::{IMPORTS, add, file, form, hashes, head_of, keys_put, stored};
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, Settings};
use crate::support::storage::Storage;
use crate::uploads::chunk;

const QUOTA: usize = 1024 * 1024;

struct Bounded {
    gateway: Gateway,
    storage: Storage,
    _secrets: TempDir,
}

impl Bounded {
    async fn open(dialect: &str) -> Self {
        let bounded = Self::unfit(dialect).await;
        let plan = &bounded.gateway.edge.serving().plan;
        plan.state.as_ref().unwrap().start(SystemTime::now).await.unwrap();
        bounded
    }

    /// Its state store was not found fit yet.
    async fn unfit(dialect: &str) -> Self {
        let storage = Storage::scripted(|_| stored()).await;
        let secrets = tempfile::tempdir().unwrap();
        let settings = Settings { state: true, ..IMPORTS };
        let yaml = settings.yaml(&format!("http://{}", storage.address), &secrets);
        assert!(yaml.contains("kubo: {}"), "{yaml}");
        let gateway = Gateway::of(&yaml.replace("kubo: {}", &format!("kubo: {{ {dialect} }}")));
        Self { gateway, storage, _secrets: secrets }
    }

    async fn add(&self, bytes: &[u8]) -> Response {
        add(&self.gateway, "", &[file("a", bytes)]).await
    }
}

#[tokio::test]
async fn a_tenant_stores_no_more_than_it_may() {
    for dialect in ["quota: 1MiB", "quota: 1MiB, add: file"] {
        let bounded = Bounded::open(dialect).await;
        let content = Content::sized(QUOTA).bytes;
        assert_eq!(hashes(&bounded.add(&content[..600_000]).await).len(), 1, "{dialect}");
        let stored = keys_put(&bounded.storage).len();
        let refused = bounded.add(&content[..500_000]).await;
        assert_eq!((refused.status, refused.text()), (401, ""), "{dialect}");
        assert_eq!(keys_put(&bounded.storage).len(), stored, "{dialect}");
        // What is only named takes no room, and what was refused took none.
        let named = add(&bounded.gateway, "?only-hash=true", &[file("a", &content)]).await;
        assert_eq!(hashes(&named).len(), 1, "{dialect}");
        let rest = &content[600_000..];
        assert_eq!(hashes(&bounded.add(rest).await).len(), 1, "{dialect}");
        assert_eq!(bounded.add(b"x").await.status, 401, "{dialect}");
    }
}

#[tokio::test]
async fn every_file_of_a_form_counts() {
    let bounded = Bounded::open("quota: 1MiB").await;
    let content = Content::sized(QUOTA).bytes;
    let (one, other) = content.split_at(QUOTA / 2);
    let both = add(&bounded.gateway, "", &[file("a", one), file("b", other)]).await;
    assert_eq!(hashes(&both).len(), 2);
    assert_eq!(bounded.add(b"x").await.status, 401);
}

/// Nobody says how long it is.
#[tokio::test]
async fn what_is_not_announced_is_counted_as_it_comes() {
    let bounded = Bounded::open("quota: 1MiB").await;
    for (length, status) in [(QUOTA + 1, 401), (QUOTA, 200)] {
        let body = form(&[file("a", &Content::sized(length).bytes)]);
        let mut client = bounded.gateway.connect();
        client.send(head_of("", "Transfer-Encoding: chunked\r\n")).await;
        for piece in body.chunks(100_000) {
            if !client.try_send(&chunk(piece)).await {
                break;
            }
        }
        client.try_send(b"0\r\n\r\n").await;
        assert_eq!(client.response().await.status, status, "{length}");
    }
}

#[tokio::test]
async fn what_cannot_be_counted_is_not_stored() {
    let bounded = Bounded::unfit("quota: 1MiB").await;
    assert_eq!(bounded.add(b"x").await.status, 503);
    assert_eq!(keys_put(&bounded.storage), [] as [&str; 0]);
}
