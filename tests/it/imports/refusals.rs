//! Storage that does not take a block.

use std::sync::atomic::{AtomicUsize, Ordering};

use casgate::graph::profile::Version;

use super::{
    IMPORTS, add, assert_refused, blocks_of, file, hashes, key_in, key_of, keys_put, profile,
    stored,
};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;

/// Whatever block it is, the client hears of it, and the root is not stored.
#[tokio::test]
async fn any_block_can_be_refused() {
    let bytes = Content::sized(1_200_000).bytes;
    let (imported, blocks) = blocks_of(profile(Version::V0, 262_144), &bytes);
    let root = key_of(&imported.root);
    for (cid, _) in &blocks {
        for (status, code, expected) in
            [(500, "InternalError", 502), (503, "SlowDown", 503), (403, "AccessDenied", 502)]
        {
            let refused = key_of(cid);
            let storage = Storage::scripted(move |seen| match key_in(seen) == refused {
                true => Answer::error(seen, status, code),
                false => stored(),
            })
            .await;
            let gateway = IMPORTS.before(&storage);
            let response = add(&gateway, "", &[file("a", &bytes)]).await;
            assert_refused(&response, expected, "storage");
            let is_root = *cid == imported.root;
            assert_eq!(keys_put(&storage).contains(&root), is_root, "{cid}");
            assert_eq!(gateway.metric("casgate_uploads_total", &["/px/"]), 0);
        }
    }
}

#[tokio::test]
async fn any_block_can_be_lost() {
    let bytes = Content::sized(1_200_000).bytes;
    let (imported, blocks) = blocks_of(profile(Version::V0, 262_144), &bytes);
    let root = key_of(&imported.root);
    let timeouts = "storage_first_byte: 300ms, storage_read: 300ms, drain: 100ms";
    for (cid, _) in &blocks {
        for (then, expected) in [(Then::Reset, 502), (Then::Stall, 504)] {
            let lost = key_of(cid);
            let storage = Storage::scripted(move |seen| match key_in(seen) == lost {
                true => Answer::nothing(then),
                false => stored(),
            })
            .await;
            let gateway = Settings { timeouts, ..IMPORTS }.before(&storage);
            let response = add(&gateway, "", &[file("a", &bytes)]).await;
            assert_refused(&response, expected, "storage");
            assert_eq!(keys_put(&storage).contains(&root), *cid == imported.root, "{cid}");
        }
    }
}

/// Afterwards the same form is taken as if nothing had been.
#[tokio::test]
async fn a_form_can_be_sent_again() {
    let bytes = Content::sized(1_200_000).bytes;
    let (imported, blocks) = blocks_of(profile(Version::V0, 262_144), &bytes);
    let count = AtomicUsize::new(0);
    let storage = Storage::scripted(move |seen| match count.fetch_add(1, Ordering::Relaxed) {
        2 => Answer::error(seen, 500, "InternalError"),
        _ => stored(),
    })
    .await;
    let gateway = IMPORTS.before(&storage);
    assert_eq!(add(&gateway, "", &[file("a", &bytes)]).await.status, 502);
    let before = keys_put(&storage).len();
    let again = add(&gateway, "", &[file("a", &bytes)]).await;
    assert_eq!(hashes(&again), [imported.root.to_v0().unwrap()]);
    assert_eq!(keys_put(&storage).len() - before, blocks.len());
}

/// Nothing goes to storage for those who may not write.
#[tokio::test]
async fn readers_add_nothing() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    let reader = crate::support::token::bearer(serde_json::json!({"org": "acme"}));
    let body = super::form(&[file("a", b"hello world")]);
    let head = super::head_of("", &format!("Content-Length: {}\r\n", body.len()));
    let head: Vec<_> = head
        .split_inclusive("\r\n")
        .map(|line| if line.starts_with("Authorization") { reader.as_str() } else { line })
        .collect();
    let mut client = gateway.connect();
    client.send(head.concat()).await;
    client.try_send(&body).await;
    assert_refused(&client.response().await, 403, "permit");
    assert_eq!(storage.counts().opened, 0);
}
