//! Which connections to storage live on, and which must not.

use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::{OPEN, REDIRECT, STREAM, Settings};
use crate::support::server::Counts;
use crate::support::storage::Storage;

#[tokio::test]
async fn answers_that_were_read_to_their_end_keep_the_connection() {
    let content = Content::sized(200_000);
    for delivery in ["stream", "redirect"] {
        let storage = Storage::holding(&content).await;
        let gateway = Settings { delivery, ..STREAM }.before(&storage);
        let missing = Content::of("").path();
        gateway.get(&missing, "").await;
        gateway.get(&content.path(), "").await;
        gateway.get(&missing, "Range: bytes=1-2\r\n").await;
        gateway.head(&missing, "").await;
        gateway.get(&missing, "").await;
        let Counts { opened, requests, .. } = storage.counts();
        assert_eq!((opened, requests), (1, 5), "{delivery}");
    }
}

#[tokio::test]
async fn a_reused_connection_that_is_dead_costs_one_retry() {
    for then in [Then::Reset, Then::Close] {
        for settings in [STREAM, Settings { auth: OPEN, ..REDIRECT }] {
            let content = Content::of("an artifact");
            let bytes = content.bytes.clone();
            let storage = Storage::scripted(move |seen| match seen.nth {
                0 => Answer::object(seen, &bytes),
                _ => Answer::nothing(then),
            })
            .await;
            let gateway = settings.before(&storage);
            let first = gateway.head(&Content::of("").path(), "").await;
            assert_eq!(first.status, 200);
            let response = gateway.get(&content.path(), "").await;
            assert!([200, 302].contains(&response.status), "{}", response.status);
            let Counts { opened, requests, .. } = storage.counts();
            assert_eq!((opened, requests), (2, 3));
            assert_eq!(gateway.metric("casgate_storage_retries_total", &["\"store\""]), 1);
        }
    }
}

#[tokio::test]
async fn a_second_failure_is_final() {
    let storage = Storage::scripted(|seen| match (seen.connection, seen.nth) {
        (0, 0) => Answer::error(seen, 404, "NoSuchKey"),
        _ => Answer::nothing(Then::Reset),
    })
    .await;
    let gateway = STREAM.before(&storage);
    let path = Content::of("").path();
    assert_eq!(gateway.get(&path, "").await.status, 404);
    assert_eq!(gateway.get(&path, "").await.status, 502);
    let Counts { opened, requests, .. } = storage.counts();
    assert_eq!((opened, requests), (2, 3));
}

#[tokio::test]
async fn a_new_connection_that_fails_is_not_tried_again() {
    for then in [Then::Reset, Then::Close] {
        let storage = Storage::scripted(move |_| Answer::nothing(then)).await;
        let gateway = STREAM.before(&storage);
        assert_eq!(gateway.get(&Content::of("").path(), "").await.status, 502);
        assert_eq!(storage.counts().opened, 1);
        assert_eq!(gateway.metric("casgate_storage_retries_total", &[]), 0);
    }
}

#[tokio::test]
async fn a_slow_answer_on_a_reused_connection_is_not_asked_for_twice() {
    let storage = Storage::scripted(|seen| match seen.nth {
        0 => Answer::error(seen, 404, "NoSuchKey"),
        _ => Answer::nothing(Then::Stall),
    })
    .await;
    let gateway = Settings { timeouts: "storage_first_byte: 200ms", ..STREAM }.before(&storage);
    let path = Content::of("").path();
    assert_eq!(gateway.get(&path, "").await.status, 404);
    assert_eq!(gateway.get(&path, "").await.status, 504);
    assert_eq!(storage.counts().requests, 2);
    storage.until(|counts| counts.ended == 1).await;
}

#[tokio::test]
async fn what_storage_sends_beyond_an_answer_is_never_an_answer() {
    let content = Content::of("an artifact");
    let forged = Content::of("forged");
    for more in [
        b"trailing garbage".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged".to_vec(),
    ] {
        let (own, other) = (content.clone(), forged.clone());
        let storage = Storage::scripted(move |seen| {
            let mut answer = match seen.target == own.target() {
                true => Answer::object(seen, &own.bytes),
                false => Answer::object(seen, &other.bytes),
            };
            answer.bytes.extend_from_slice(&more);
            answer
        })
        .await;
        let gateway = STREAM.before(&storage);
        for asked in [&content, &forged, &content] {
            let response = gateway.get(&asked.path(), "").await;
            assert_eq!(response.status, 200);
            assert_eq!(response.body, asked.bytes);
        }
        assert_eq!(storage.counts().opened, 3);
    }
}

#[tokio::test]
async fn storage_that_says_close_is_taken_at_its_word() {
    let content = Content::of("an artifact");
    let bytes = content.bytes.clone();
    let storage =
        Storage::scripted(move |seen| Answer::object_with(seen, &bytes, &["Connection: close"]))
            .await;
    let gateway = STREAM.before(&storage);
    for opened in 1..=2 {
        assert_eq!(gateway.get(&content.path(), "").await.status, 200);
        assert_eq!(storage.counts().opened, opened);
    }
}

#[tokio::test]
async fn a_long_error_document_costs_the_connection_and_not_the_memory() {
    let storage = Storage::scripted(|_| {
        let head = ["HTTP/1.1 404 Not Found", "Content-Length: 1000000000000"];
        Answer::head_and(&head, b"<Error>", Then::Flood(&[b'x'; 4096]))
    })
    .await;
    let gateway = STREAM.before(&storage);
    assert_eq!(gateway.get(&Content::of("").path(), "").await.status, 404);
    storage.until(|counts| counts.ended == 1).await;
}
