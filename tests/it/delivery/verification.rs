//! Whether wrong bytes can ever look like the right ones.

use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM};
use crate::support::storage::Storage;

const KIB_64: usize = 64 * 1024;

/// A gateway whose storage holds other bytes than the content's name says.
async fn before_corrupt(content: &Content) -> (Storage, Gateway) {
    let bytes = content.corrupted();
    let storage = Storage::scripted(move |seen| Answer::object(seen, &bytes)).await;
    let gateway = STREAM.before(&storage);
    (storage, gateway)
}

#[tokio::test]
async fn the_right_bytes_arrive_whole() {
    for size in [0, 1, KIB_64 - 1, KIB_64, KIB_64 + 1, 3 * 1024 * 1024] {
        let content = Content::sized(size);
        let storage = Storage::holding(&content).await;
        let gateway = STREAM.before(&storage);
        let response = gateway.get(&content.path(), "").await;
        assert_eq!(response.status, 200, "{size}");
        assert!(response.is_whole && response.body == content.bytes, "{size}");
        assert_eq!(response.header("content-length"), Some(size.to_string().as_str()));
        assert_eq!(response.header("etag"), Some(content.etag().as_str()));
        assert_eq!(response.header("accept-ranges"), Some("bytes"));
        assert_eq!(response.header("content-type"), Some("text/x-test"));
        let caching = Some("public, max-age=31536000, immutable");
        assert_eq!(response.header("cache-control"), caching);
        assert_eq!(response.header("x-amz-request-id"), None, "storage's own headers stay here");
        assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 1, "{size}");
        assert_eq!(gateway.metric("casgate_requests_total", &["kind=\"ok\""]), 1, "{size}");
        assert_eq!(gateway.metric("casgate_sent_bytes_total", &[]), size as u64);
    }
}

#[tokio::test]
async fn wrong_bytes_of_a_small_object_are_never_sent() {
    for size in [1, 1000, KIB_64] {
        let content = Content::sized(size);
        let (_storage, gateway) = before_corrupt(&content).await;
        let mut client = gateway.connect();
        // The connection is as good as before: the refusal is a whole answer.
        for _ in 0..2 {
            client.get(&content.path(), "").await;
            let response = client.response().await;
            assert_eq!(response.status, 502, "{size}");
            assert_eq!(response.json()["reason"], "CONTENT_CORRUPT");
            assert_eq!(response.header("cache-control"), Some("no-store"));
            assert_eq!(response.header("etag"), None);
        }
        drop(client);
        gateway.idle().await;
        assert_eq!(gateway.metric("casgate_verification_total", &["\"mismatched\""]), 2);
        assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 0);
        assert_eq!(gateway.metric("casgate_requests_total", &["\"content_corrupt\""]), 2);
    }
}

#[tokio::test]
async fn wrong_bytes_of_a_large_object_end_short_of_their_length() {
    for size in [KIB_64 + 1, 3 * 1024 * 1024] {
        let content = Content::sized(size);
        let (_storage, gateway) = before_corrupt(&content).await;
        let mut client = gateway.connect();
        client.get(&content.path(), "").await;
        let response = client.response().await;
        assert_eq!(response.status, 200, "{size}");
        assert_eq!(response.header("content-length"), Some(size.to_string().as_str()));
        assert!(!response.is_whole, "{size}: a client would take this for the whole");
        assert_ne!(response.body.last_chunk::<1>(), content.bytes.last_chunk::<1>());
        // Nothing may follow on this connection, or it would be taken for the missing bytes.
        client.get(&content.path(), "").await;
        assert_eq!(client.rest().await, b"");
        assert_eq!(gateway.metric("casgate_verification_total", &["\"mismatched\""]), 1);
        assert_eq!(gateway.metric("casgate_requests_total", &["\"content_corrupt\""]), 1);
    }
}

#[tokio::test]
async fn one_wrong_bit_is_enough_wherever_it_is() {
    let content = Content::sized(2 * KIB_64 + 7);
    for position in [0, KIB_64, content.bytes.len() - 1] {
        let mut bytes = content.bytes.clone();
        bytes[position] ^= 0x80;
        let storage = Storage::scripted(move |seen| Answer::object(seen, &bytes)).await;
        let gateway = STREAM.before(&storage);
        let response = gateway.get(&content.path(), "").await;
        assert!(!response.is_whole, "{position}");
    }
}

#[tokio::test]
async fn another_object_of_the_same_size_is_no_substitute() {
    let asked = Content::of("this one");
    let stored = Content::of("that one");
    let bytes = stored.bytes.clone();
    let storage = Storage::scripted(move |seen| Answer::object(seen, &bytes)).await;
    let gateway = STREAM.before(&storage);
    assert_eq!(gateway.get(&asked.path(), "").await.status, 502);
    assert_eq!(gateway.get(&stored.path(), "").await.status, 200);
}
