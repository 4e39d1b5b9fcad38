//! Whether a client that leaves takes its storage connection with it.

use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::{STREAM, Settings};
use crate::support::storage::Storage;

/// Storage gets all the time there is, so that only the client's leaving ends anything.
const PATIENT: Settings<'static> =
    Settings { timeouts: "storage_first_byte: 1h, storage_read: 1h", ..STREAM };

#[tokio::test]
async fn in_the_middle_of_a_transfer() {
    let content = Content::sized(8 * 1024 * 1024);
    let storage = Storage::holding(&content).await;
    let gateway = PATIENT.before(&storage);
    let mut client = gateway.connect();
    client.get(&content.path(), "").await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.bytes(100_000).await, content.bytes[..100_000]);
    drop(client);
    storage.until(|counts| counts.ended == 1).await;
    gateway.idle().await;
    assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1);
    assert_eq!(gateway.metric("casgate_requests_total", &["\"ok\""]), 0);
}

#[tokio::test]
async fn while_storage_stalls_before_the_head() {
    for delivery in ["stream", "redirect"] {
        let storage = Storage::scripted(|_| Answer::nothing(Then::Stall)).await;
        let gateway = Settings { delivery, ..PATIENT }.before(&storage);
        let mut client = gateway.connect();
        client.get(&Content::of("").path(), "").await;
        storage.until(|counts| counts.requests == 1).await;
        drop(client);
        storage.until(|counts| counts.ended == 1).await;
        gateway.idle().await;
        assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1);
    }
}

#[tokio::test]
async fn while_storage_stalls_in_the_body() {
    for size in [100, 200_000] {
        let content = Content::sized(size);
        let bytes = content.bytes.clone();
        let storage = Storage::scripted(move |seen| {
            let mut answer = Answer::object(seen, &bytes);
            answer.bytes.pop();
            Answer { then: Then::Stall, ..answer }
        })
        .await;
        let gateway = PATIENT.before(&storage);
        let mut client = gateway.connect();
        client.get(&content.path(), "").await;
        storage.until(|counts| counts.requests == 1).await;
        if size > 100 {
            // What there is has arrived: no write is left that could fail.
            assert_eq!(client.head().await.status, 200);
            client.bytes(size - 1).await;
        }
        drop(client);
        storage.until(|counts| counts.ended == 1).await;
        gateway.idle().await;
        assert_eq!(gateway.metric("casgate_requests_total", &["\"client_gone\""]), 1, "{size}");
    }
}
