//! Which part of the content is sent.

use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::STREAM;
use crate::support::storage::Storage;

const TEXT: &str = "0123456789";

#[tokio::test]
async fn one_range_is_cut_by_storage() {
    let content = Content::of(TEXT);
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    for (range, body, content_range) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=7-99", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", TEXT, "bytes 0-9/10"),
        ("bytes=0-9", TEXT, "bytes 0-9/10"),
    ] {
        let response = gateway.get(&content.path(), &format!("Range: {range}\r\n")).await;
        assert_eq!((response.status, response.text()), (206, body), "{range}");
        assert_eq!(response.header("content-range"), Some(content_range), "{range}");
        assert_eq!(response.header("content-length"), Some(body.len().to_string().as_str()));
        assert_eq!(response.header("etag"), Some(content.etag().as_str()));
        assert_eq!(storage.seen().last().unwrap().header("range"), Some(range));
    }
    assert_eq!(gateway.metric("casgate_verification_total", &["\"partial\""]), 5);
    assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 2);
}

#[tokio::test]
async fn a_range_from_the_start_is_the_whole_and_verified() {
    for size in [10, 200_000] {
        let content = Content::sized(size);
        let storage = Storage::holding(&content).await;
        let gateway = STREAM.before(&storage);
        let response = gateway.get(&content.path(), "Range: bytes=0-\r\n").await;
        assert_eq!(response.status, 206);
        let content_range = format!("bytes 0-{}/{size}", size - 1);
        assert_eq!(response.header("content-range"), Some(content_range.as_str()));
        assert!(response.is_whole && response.body == content.bytes);
        assert_eq!(storage.seen()[0].header("range"), None);
        assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 1);

        let bytes = content.corrupted();
        let storage = Storage::scripted(move |seen| Answer::object(seen, &bytes)).await;
        let gateway = STREAM.before(&storage);
        let response = gateway.get(&content.path(), "Range: bytes=0-\r\n").await;
        assert!(response.status == 502 || !response.is_whole, "{size}");
        assert_eq!(gateway.metric("casgate_verification_total", &["\"mismatched\""]), 1);
    }
}

#[tokio::test]
async fn what_lies_outside_is_not_satisfiable() {
    for (text, range) in
        [(TEXT, "bytes=10-"), (TEXT, "bytes=10-20"), (TEXT, "bytes=-0"), ("", "bytes=0-0")]
    {
        let content = Content::of(text);
        let storage = Storage::holding(&content).await;
        let gateway = STREAM.before(&storage);
        let response = gateway.get(&content.path(), &format!("Range: {range}\r\n")).await;
        assert_eq!(response.status, 416, "{range}");
        let expected = format!("bytes */{}", text.len());
        assert_eq!(response.header("content-range"), Some(expected.as_str()), "{range}");
        assert_eq!(response.json()["reason"], "RANGE_NOT_SATISFIABLE");
    }
}

#[tokio::test]
async fn what_is_no_single_range_of_bytes_is_ignored() {
    let content = Content::of(TEXT);
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    for lines in [
        "Range: bytes=0-1,4-5\r\n",
        "Range: bytes=5-2\r\n",
        "Range: bytes=x-\r\n",
        "Range: bytes\r\n",
        "Range: items=0-1\r\n",
        "Range: bytes=0-1\r\nRange: bytes=4-5\r\n",
        "Range: bytes=18446744073709551616-\r\n",
    ] {
        let response = gateway.get(&content.path(), lines).await;
        assert_eq!((response.status, response.text()), (200, TEXT), "{lines}");
        assert_eq!(response.header("content-range"), None);
        assert_eq!(storage.seen().last().unwrap().header("range"), None, "{lines}");
    }
    // Of empty content there is no part to send, but all of it can be.
    let content = Content::of("");
    let storage = Storage::holding(&content).await;
    let response = STREAM.before(&storage).get(&content.path(), "Range: bytes=0-\r\n").await;
    assert_eq!((response.status, response.text()), (200, ""));
}

#[tokio::test]
async fn if_range_must_name_these_bytes() {
    let content = Content::of(TEXT);
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    let etag = content.etag();
    for (condition, expected) in [
        (etag.clone(), 206),
        (format!("W/{etag}"), 200),
        ("\"storage's own\"".to_owned(), 200),
        ("Sat, 01 Jan 2022 00:00:00 GMT".to_owned(), 200),
    ] {
        let lines = format!("Range: bytes=5-\r\nIf-Range: {condition}\r\n");
        let response = gateway.get(&content.path(), &lines).await;
        assert_eq!(response.status, expected, "{condition}");
    }
}

#[tokio::test]
async fn storage_that_ignores_the_range_sends_the_whole() {
    let content = Content::of(TEXT);
    let storage = Storage::scripted(|_| {
        Answer::head_and(&["HTTP/1.1 200 OK", "Content-Length: 10"], TEXT.as_bytes(), Then::Keep)
    })
    .await;
    let gateway = STREAM.before(&storage);
    let response = gateway.get(&content.path(), "Range: bytes=5-\r\n").await;
    assert_eq!((response.status, response.text()), (200, TEXT));
    assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 1);
}

#[tokio::test]
async fn storage_that_sends_another_part_is_not_believed() {
    for (range, content_range) in [
        ("bytes=2-4", "Content-Range: bytes 3-5/10"),
        ("bytes=2-4", "Content-Range: bytes 2-3/10"),
        ("bytes=2-4", "Content-Range: bytes 2-4/*"),
        ("bytes=2-4", "Content-Range: bytes 2-4/3"),
        ("bytes=2-4", "Content-Range: nonsense"),
        ("bytes=2-4", "X: no Content-Range at all"),
        ("bytes=-3", "Content-Range: bytes 2-4/10"),
        ("bytes=0-", "Content-Range: bytes 0-2/3"),
    ] {
        let storage = Storage::scripted(move |_| {
            let head = ["HTTP/1.1 206 Partial Content", "Content-Length: 3", content_range];
            Answer::head_and(&head, b"234", Then::Keep)
        })
        .await;
        let gateway = STREAM.before(&storage);
        let lines = format!("Range: {range}\r\n");
        let response = gateway.get(&Content::of(TEXT).path(), &lines).await;
        assert_eq!(response.status, 502, "{range} {content_range}");
    }
}
