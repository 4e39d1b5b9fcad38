//! How much is asked of storage, and what ends with the client.

use casgate::graph::profile::{Leaves, Profile, Version};

use super::{BLOCKS, Store};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;

/// Storage gets all the time there is.
const PATIENT: Settings<'static> =
    Settings { timeouts: "storage_first_byte: 1h, storage_read: 1h", ..BLOCKS };

/// Blocks that are asked for at once.
const WINDOW: usize = 5;

#[tokio::test]
async fn no_more_blocks_are_under_way_than_a_few() {
    let content = Content::sized(100_000).bytes;
    let mut store = Store::default();
    let profile = Profile::new(Version::V1, 1000, Leaves::Raw, 174).unwrap();
    let root = store.add_file(&content, profile).root;
    let storage = Storage::scripted(move |seen| match seen.target == Store::key(&root) {
        true => store.answer(seen),
        false => Answer::nothing(Then::Stall),
    })
    .await;
    let gateway = PATIENT.before(&storage);
    let root = storage_root(&content, profile);
    let mut client = gateway.connect();
    client.send(cat(&root)).await;
    assert_eq!(client.head().await.status, 200);
    storage.until(|counts| counts.requests == 1 + WINDOW).await;
    // Whoever leaves takes them all along.
    drop(client);
    storage.until(|counts| counts.ended == WINDOW).await;
    gateway.idle().await;
    assert_eq!(storage.counts().requests, 1 + WINDOW);
    assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1);
}

#[tokio::test]
async fn blocks_are_asked_for_as_the_client_takes_them() {
    const CHUNK: usize = 1 << 20;
    let content = Content::sized(24 * CHUNK).bytes;
    let mut store = Store::default();
    let profile = Profile::new(Version::V1, CHUNK as u32, Leaves::Raw, 174).unwrap();
    let root = store.add_file(&content, profile).root.to_string();
    let storage = store.serve().await;
    let gateway = PATIENT.before(&storage);
    let mut client = gateway.connect();
    client.send(cat(&root)).await;
    assert_eq!(client.head().await.status, 200);
    for (index, chunk) in content.chunks(CHUNK).enumerate() {
        // The root, what was read, and what is on its way; some of the next may be in the pipe.
        let asked = storage.counts().requests;
        assert!(asked <= 1 + index + 1 + WINDOW, "{asked} after {index}");
        assert!(client.bytes(CHUNK).await == chunk);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_ends_everything() {
    let storage = Storage::scripted(|_| Answer::nothing(Then::Stall)).await;
    let gateway = PATIENT.before(&storage);
    let mut client = gateway.connect();
    let root = storage_root(b"hello", Profile::kubo(Version::V0));
    client.send(cat(&root)).await;
    storage.until(|counts| counts.requests == 1).await;
    drop(client);
    storage.until(|counts| counts.ended == 1).await;
    gateway.idle().await;
    assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_ends_everything() {
    let content = Content::sized(8 << 20).bytes;
    let profile = Profile::kubo(Version::V1);
    let mut blocks = Store::default();
    let root = blocks.add_file(&content, profile).root;
    let mut object = Store::default();
    object.add_object(&root, &content, None);
    for (store, command) in [(&blocks, "cat?"), (&object, "cat?"), (&object, "get?compress=true&")]
    {
        let storage = store.serve().await;
        let gateway = PATIENT.before(&storage);
        let mut client = gateway.connect();
        let line = format!("POST /download/api/v0/{command}arg={root} HTTP/1.1\r\n");
        client.send(format!("{line}Host: gateway.test\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(client.head().await.status, 200);
        client.bytes(100_000).await;
        drop(client);
        gateway.idle().await;
        assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1, "{command}");
        assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 0);
        let asked = storage.counts().requests;
        assert!(asked < 32, "{asked} requests");
    }
}

fn storage_root(content: &[u8], profile: Profile) -> String {
    Store::default().add_file(content, profile).root.to_string()
}

fn cat(root: &str) -> String {
    format!(
        "POST /download/api/v0/cat?arg={root} HTTP/1.1\r\nHost: gateway.test\r\n\
         Content-Length: 0\r\n\r\n"
    )
}
