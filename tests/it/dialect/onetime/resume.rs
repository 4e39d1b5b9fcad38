//! Who may go on with a download that broke off.

use std::time::{Duration, SystemTime};

use casgate::token::DownloadToken;
use casgate::token::ledger::{Attempt, Ledger};
use serde_json::json;

use super::{
    ETAG, Links, ONETIME, TENANTS, assert_private, assert_refused, digest, issuer_of, keys, object,
    path, sealed,
};
use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;

const SIZE: usize = 300_000;

/// Takes a use; returns the tag of the answer.
async fn begin(links: &Links, path: &str) -> String {
    let response = links.get(path, "").await;
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    response.header("etag").unwrap().to_owned()
}

/// The headers of Chromium.
fn from(offset: usize, tag: &str) -> String {
    format!("Range: bytes={offset}-\r\nIf-Range: {tag}\r\n")
}

#[tokio::test]
async fn who_has_the_tag_goes_on() {
    for size in [1000, SIZE] {
        let content = Content::sized(size);
        let links = Links::to(&content, ONETIME).await;
        let path = links.link_to(&content).await;
        // The transfer looked complete: what arrived, nobody knows.
        let tag = begin(&links, &path).await;
        for (lines, first, last) in [
            (format!("Range: bytes=700-\r\nIf-Range: {tag}\r\n"), 700, size - 1),
            (format!("Range: bytes=700-\r\nIf-Match: {tag}\r\n"), 700, size - 1),
            (format!("Range: bytes=7-\r\nIf-Match: {tag}\r\nIf-Range: {tag}\r\n"), 7, size - 1),
            (format!("Range: bytes=700-799\r\nIf-Range: {tag}\r\n"), 700, 799),
            (format!("Range: bytes=700-9999999\r\nIf-Range: {tag}\r\n"), 700, size - 1),
            (format!("Range: bytes=1-1\r\nIf-Range: {tag}\r\n"), 1, 1),
            (from(size - 1, &tag), size - 1, size - 1),
        ] {
            let response = links.get(&path, &lines).await;
            assert_eq!(response.status, 206, "{lines}");
            assert!(response.is_whole && response.body == content.bytes[first..=last], "{lines}");
            let range = format!("bytes {first}-{last}/{size}");
            assert_eq!(response.header("content-range"), Some(range.as_str()));
            assert_eq!(response.header("etag"), Some(tag.as_str()), "{lines}");
            assert_eq!(response.header("content-type"), Some("text/x-test"));
            assert_private(&response, &lines);
            let seen = links.storage.seen().pop().unwrap();
            assert_eq!(seen.header("if-match"), Some(ETAG), "of the object, not of the link");
        }
        assert_eq!((links.events("claimed"), links.events("resumed")), (1, 7));
    }
}

#[tokio::test]
async fn a_download_that_was_cut_is_completed() {
    let content = Content::sized(4 * 1024 * 1024);
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let mut client = links.gateway.connect();
    client.get(&path, "").await;
    let head = client.head().await;
    let tag = head.header("etag").unwrap().to_owned();
    let mut received = client.bytes(100_000).await;
    drop(client);
    assert_refused(&links.get(&path, "").await, 410, "token_spent", "without the tag");
    let rest = links.get(&path, &from(received.len(), &tag)).await;
    assert_eq!(rest.status, 206);
    received.extend(rest.body);
    assert!(received == content.bytes);
}

/// Of what is wrong with a resume, nothing counts as one.
#[tokio::test]
async fn nobody_else_goes_on() {
    let content = Content::sized(SIZE);
    let settings = Settings { chainloop: "resume_attempts: 1", ..ONETIME };
    let links = Links::to(&content, settings).await;
    let path = links.link(json!({ "digest": digest(&content), "uses": 2 })).await;
    let tag = begin(&links, &path).await;
    let second = begin(&links, &path).await;
    let other = begin(&links, &links.link_to(&content).await).await;
    let secret = tag.trim_matches('"').strip_prefix("0.").unwrap();
    let range = "Range: bytes=7-\r\n";
    for lines in [
        String::new(),
        range.to_owned(),
        "Range: bytes=0-\r\n".to_owned(),
        format!("If-Range: {tag}\r\n"),
        format!("If-Match: {tag}\r\n"),
        format!("{range}If-Range: W/{tag}\r\n"),
        format!("{range}If-Range: {other}\r\n"),
        format!("{range}If-Range: {ETAG}\r\n"),
        format!("{range}If-Range: {secret}\r\n"),
        format!("{range}If-Range: \"1.{secret}\"\r\n"),
        format!("{range}If-Range: \"2.{secret}\"\r\n"),
        format!("{range}If-Range: \"-0.{secret}\"\r\n"),
        format!("{range}If-Range: \"4294967295.{secret}\"\r\n"),
        format!("{range}If-Range: \"4294967296.{secret}\"\r\n"),
        format!("{range}If-Range: \"0.{}\"\r\n", "A".repeat(22)),
        format!("{range}If-Range: \"0.\"\r\n"),
        format!("{range}If-Range: \"\"\r\n"),
        format!("{range}If-Range: Wed, 21 Oct 2015 07:28:00 GMT\r\n"),
        format!("{range}If-Match: *\r\n"),
        format!("{range}If-Match: {tag}\r\nIf-Range: {second}\r\n"),
        format!("{range}If-Match: {other}\r\nIf-Range: {tag}\r\n"),
        format!("{range}If-Unmodified-Since: {tag}\r\n"),
        format!("Range: bytes=0-\r\nIf-Range: {tag}\r\n"),
        format!("Range: bytes=0-9\r\nIf-Range: {tag}\r\n"),
        format!("Range: bytes=-9\r\nIf-Range: {tag}\r\n"),
        format!("Range: bytes=7-9,11-\r\nIf-Range: {tag}\r\n"),
        format!("Range: bytes=9-7\r\nIf-Range: {tag}\r\n"),
        format!("Range: lines=7-\r\nIf-Range: {tag}\r\n"),
        format!("{range}{range}If-Range: {tag}\r\n"),
    ] {
        let response = links.get(&path, &lines).await;
        assert_refused(&response, 410, "token_spent", &lines);
    }
    assert_eq!(links.events("resumed"), 0);
    for tag in [tag, second] {
        assert_eq!(links.get(&path, &from(7, &tag)).await.status, 206);
    }
}

/// A tag that is none of this link takes no use of it.
#[tokio::test]
async fn a_fresh_link_is_not_gone_on_with() {
    let content = Content::sized(SIZE);
    let links = Links::to(&content, ONETIME).await;
    let other = begin(&links, &links.link_to(&content).await).await;
    let path = links.link_to(&content).await;
    assert_refused(&links.get(&path, &from(7, &other)).await, 410, "token_spent", "");
    assert_eq!(links.events("claimed"), 1);
    links.assert_fresh(&path, &content).await;
}

#[tokio::test]
async fn who_has_it_all_is_told_so() {
    let content = Content::sized(SIZE);
    let settings = Settings { chainloop: "resume_attempts: 1", ..ONETIME };
    let links = Links::to(&content, settings).await;
    let path = links.link_to(&content).await;
    let tag = begin(&links, &path).await;
    for offset in [SIZE, SIZE + 1, 10 * SIZE] {
        let response = links.get(&path, &from(offset, &tag)).await;
        assert_refused(&response, 416, "range_not_satisfiable", "");
        let range = format!("bytes */{SIZE}");
        assert_eq!(response.header("content-range"), Some(range.as_str()));
    }
    assert_eq!(links.get(&path, &from(7, &tag)).await.status, 206, "none of them was a start");
}

#[tokio::test]
async fn as_often_as_the_route_says() {
    let content = Content::sized(SIZE);
    let settings = Settings { chainloop: "resume_attempts: 3", ..ONETIME };
    let links = Links::to(&content, settings).await;
    let path = links.link_to(&content).await;
    let tag = begin(&links, &path).await;
    for _ in 0..3 {
        assert_eq!(links.get(&path, &from(7, &tag)).await.status, 206);
    }
    assert_refused(&links.get(&path, &from(7, &tag)).await, 410, "token_spent", "");
}

/// Takes a use at another time than now.
async fn claim_at(links: &Links, path: &str, now: SystemTime) -> String {
    let token = path.rsplit('/').next().unwrap();
    let token = DownloadToken::open(&keys(), token).unwrap();
    let plan = &links.gateway.edge.serving().plan;
    let store = plan.state.as_ref().unwrap();
    let attempt = Attempt::random().unwrap();
    let claim = Ledger::new(&**store, 10).claim(&token, 0, &attempt, || now).await.unwrap();
    claim.tag().to_string()
}

#[tokio::test]
async fn as_long_as_the_link_says() {
    let content = Content::sized(SIZE);
    let links = Links::to(&content, ONETIME).await;
    for (ago, status) in [(30, 206), (570, 206), (601, 410), (3000, 410)] {
        // Its own time may be over meanwhile.
        let path = sealed(&content, &json!({ "exp": super::time(-20), "resume_seconds": 600 }));
        let began = SystemTime::now() - Duration::from_secs(ago);
        let tag = claim_at(&links, &path, began).await;
        let response = links.get(&path, &from(7, &tag)).await;
        assert_eq!(response.status, status, "{ago}");
        // Each start begins the time anew.
        if status == 206 {
            assert_eq!(links.get(&path, &from(9, &tag)).await.status, 206, "{ago}");
        } else {
            assert_refused(&response, 410, "token_spent", "");
        }
        assert_refused(&links.get(&path, "").await, 410, "token_expired", "a new start");
    }
}

#[tokio::test]
async fn some_downloads_do_not_go_on() {
    let content = Content::sized(SIZE);
    for (chainloop, resumable) in [("", false), ("resume_window: 0s", true)] {
        let links = Links::to(&content, Settings { chainloop, ..ONETIME }).await;
        let order = json!({ "digest": digest(&content), "resumable": resumable });
        let path = links.link(order).await;
        let response = links.get(&path, "").await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("etag"), None);
        assert_eq!(response.header("accept-ranges"), Some("none"));
        let path = sealed(&content, &json!({ "resume_seconds": 0 }));
        let tag = claim_at(&links, &path, SystemTime::now()).await;
        assert_refused(&links.get(&path, &from(7, &tag)).await, 410, "token_spent", "");
    }
}

/// What is under a key can be replaced. A link to what was not there yet names no version of it, so
/// that the rest would be the rest of something else.
#[tokio::test]
async fn two_versions_of_an_object_are_not_mixed() {
    let storage = Storage::scripted(|seen| Answer::error(seen, 404, "NoSuchKey")).await;
    let links = Links::before(storage, TENANTS).await;
    let order = json!({ "key": "late.bin", "must_exist": false }).to_string();
    let issued = links.ask("POST /download/", &issuer_of("acme"), &order).await;
    let path = path(issued.json()["token"].as_str().unwrap());
    links.storage.change(|seen| Answer::object(seen, &[b'1'; SIZE]));
    let response = links.get(&path, "").await;
    assert!(response.status == 200 && response.body == [b'1'; SIZE]);
    assert_eq!(response.header("accept-ranges"), Some("none"));
    assert_eq!(response.header("etag"), None);
    links.storage.change(|seen| Answer::object(seen, &[b'2'; SIZE]));
    let response = links.get(&path, "Range: bytes=1000-\r\n").await;
    assert_refused(&response, 410, "token_spent", "the rest of another version");
}

/// All of it, as a 200, would be another use.
#[tokio::test]
async fn storage_that_ignores_the_range_makes_no_second_200() {
    let content = Content::sized(SIZE);
    let settings = Settings { chainloop: "resume_attempts: 1", ..ONETIME };
    let links = Links::to(&content, settings).await;
    let path = links.link_to(&content).await;
    let tag = begin(&links, &path).await;
    for range in [None, Some("bytes 0-9/300000"), Some("bytes 8-299999/300000")] {
        let bytes = content.bytes.clone();
        links.storage.change(move |_| {
            let length = match range {
                None => bytes.len(),
                Some("bytes 0-9/300000") => 10,
                Some(_) => bytes.len() - 8,
            };
            let status = if range.is_none() { "200 OK" } else { "206 Partial Content" };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: {ETAG}\r\n{}\r\n",
                range.map(|range| format!("Content-Range: {range}\r\n")).unwrap_or_default()
            );
            let mut all = head.into_bytes();
            all.extend_from_slice(&bytes[..length]);
            Answer::raw(all, crate::support::answer::Then::Keep)
        });
        assert_refused(&links.get(&path, &from(7, &tag)).await, 502, "storage_failed", "");
    }
    for (status, code, answered, kind) in [
        (412, "PreconditionFailed", 410, "content_changed"),
        (404, "NoSuchKey", 404, "not_found"),
        (503, "SlowDown", 503, "storage_busy"),
    ] {
        links.storage.change(move |seen| Answer::error(seen, status, code));
        assert_refused(&links.get(&path, &from(7, &tag)).await, answered, kind, code);
    }
    links.storage.change(object(&content));
    assert_eq!(links.get(&path, &from(7, &tag)).await.status, 206, "none of them was a start");
}

#[tokio::test]
async fn what_was_taken_back_does_not_go_on() {
    let content = Content::sized(SIZE);
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let tag = begin(&links, &path).await;
    let revoked = links.ask(&format!("DELETE {path}"), &super::issuer(), "").await;
    assert_eq!(revoked.status, 204);
    assert_refused(&links.get(&path, &from(7, &tag)).await, 410, "token_revoked", "");
}
