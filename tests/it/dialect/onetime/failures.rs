//! Whether a use is kept whatever storage, the state store or the client does.

use serde_json::json;

use super::{ETAG, Links, ONETIME, assert_refused, object, sealed};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::server::Seen;
use crate::support::storage::Storage;

/// Storage gets little time, the client a lot.
const IMPATIENT: Settings<'static> =
    Settings { timeouts: "storage_first_byte: 200ms, storage_read: 200ms", ..ONETIME };

/// Fails as said, and then, when storage is well again, gives the content.
async fn check(
    name: &str,
    content: &Content,
    script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    status: u16,
    code: &str,
) {
    let links = Links::to(content, IMPATIENT).await;
    let path = links.link_to(content).await;
    links.storage.change(script);
    for _ in 0..2 {
        assert_refused(&links.get(&path, "").await, status, code, name);
    }
    assert_eq!((links.events("claimed"), links.events("in_doubt")), (0, 0), "{name}");
    links.storage.change(object(content));
    links.assert_fresh(&path, content).await;
    assert_refused(&links.get(&path, "").await, 410, "token_spent", name);
}

#[tokio::test]
async fn errors_of_storage_take_no_use() {
    let content = Content::of("an artifact");
    for (status, code, answered, kind) in [
        (404, "NoSuchKey", 404, "not_found"),
        (403, "AccessDenied", 502, "storage_failed"),
        (500, "InternalError", 502, "storage_failed"),
        (503, "SlowDown", 503, "storage_busy"),
        (504, "GatewayTimeout", 504, "storage_timeout"),
        (412, "PreconditionFailed", 410, "content_changed"),
    ] {
        let script = move |seen: &Seen| Answer::error(seen, status, code);
        check(code, &content, script, answered, kind).await;
    }
}

#[tokio::test]
async fn answers_that_are_none_take_no_use() {
    let content = Content::sized(100_000);
    let long = format!("Content-Length: {}", content.bytes.len());
    let etag = format!("ETag: {ETAG}");
    let ok = "HTTP/1.1 200 OK";
    let partial = ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/100000", &etag];
    for (name, answer, status, kind) in [
        ("silence", Answer::nothing(Then::Stall), 504, "storage_timeout"),
        ("reset", Answer::nothing(Then::Reset), 502, "storage_failed"),
        ("close", Answer::nothing(Then::Close), 502, "storage_failed"),
        ("no HTTP", Answer::raw("nonsense\r\n\r\n", Then::Close), 502, "storage_failed"),
        ("no length", Answer::head_and(&[ok, &etag], b"", Then::Close), 502, "storage_failed"),
        ("a part", Answer::head_and(&partial, b"", Then::Close), 502, "storage_failed"),
        ("no tag", Answer::head_and(&[ok, &long], b"", Then::Close), 410, "content_changed"),
        (
            "another tag",
            Answer::head_and(&[ok, &long, "ETag: \"other\""], b"", Then::Close),
            410,
            "content_changed",
        ),
    ] {
        check(name, &content, move |_| answer.clone(), status, kind).await;
    }
}

/// Short content is read and checked before the use is taken.
#[tokio::test]
async fn short_content_that_is_not_right_takes_no_use() {
    let content = Content::sized(1000);
    let corrupt = content.corrupted();
    let script = move |seen: &Seen| Answer::object(seen, &corrupt);
    check("corrupt", &content, script, 502, "content_corrupt").await;
    for (then, status, kind) in [
        (Then::Close, 502, "storage_failed"),
        (Then::Reset, 502, "storage_failed"),
        (Then::Stall, 504, "storage_timeout"),
    ] {
        let bytes = content.bytes.clone();
        let script = move |seen: &Seen| {
            let mut answer = Answer::object(seen, &bytes);
            answer.bytes.pop();
            Answer { then, ..answer }
        };
        check("short", &content, script, status, kind).await;
    }
}

/// So it is where nobody knows its digest.
#[tokio::test]
async fn short_content_that_does_not_come_whole_takes_no_use() {
    let content = Content::sized(1000);
    let links = Links::to(&content, ONETIME).await;
    let path = super::sealed(&content, &json!({ "sha256": null }));
    let bytes = content.bytes.clone();
    links.storage.change(move |seen| {
        let mut answer = Answer::object(seen, &bytes);
        answer.bytes.pop();
        Answer { then: Then::Close, ..answer }
    });
    assert_refused(&links.get(&path, "").await, 502, "storage_failed", "");
    let bytes = content.bytes.clone();
    links.storage.change(move |seen| Answer::object(seen, &bytes));
    links.assert_fresh(&path, &content).await;
}

/// What is found out later ends the answer before the client could take it for whole.
#[tokio::test]
async fn long_content_that_is_not_right_is_never_whole() {
    let content = Content::sized(300_000);
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let corrupt = content.corrupted();
    links.storage.change(move |seen| Answer::object(seen, &corrupt));
    let mut client = links.gateway.connect();
    client.get(&path, "").await;
    let response = client.response().await;
    assert_eq!((response.status, response.is_whole), (200, false));
    assert_eq!(links.gateway.metric("casgate_verification_total", &["mismatched"]), 1);
}

/// Not one that was deleted, put again, or put in another's place.
#[tokio::test]
async fn an_object_that_was_replaced_is_not_given_away() {
    let (content, other) = (Content::of("an artifact"), Content::of("not the artifact"));
    for heeds in [true, false] {
        let links = Links::to(&content, ONETIME).await;
        let path = links.link_to(&content).await;
        let bytes = other.bytes.clone();
        links.storage.change(move |seen| match seen.header("if-match") {
            Some(_) if heeds => Answer::error(seen, 412, "PreconditionFailed"),
            _ => {
                let length = format!("Content-Length: {}", bytes.len());
                let body = if seen.is_head() { &[][..] } else { &bytes };
                Answer::head_and(&["HTTP/1.1 200 OK", &length, "ETag: \"new\""], body, Then::Keep)
            }
        });
        assert_refused(&links.get(&path, "").await, 410, "content_changed", "GET");
        assert_eq!(links.head(&path, "").await.status, 410);
        assert_eq!(links.events("claimed"), 0);
        links.storage.change(object(&content));
        links.assert_fresh(&path, &content).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_storage_answers_takes_no_use() {
    let content = Content::of("an artifact");
    let settings = Settings { timeouts: "storage_first_byte: 1h", ..ONETIME };
    let links = Links::to(&content, settings).await;
    let path = links.link_to(&content).await;
    let before = links.storage.counts();
    links.storage.change(|_| Answer::nothing(Then::Stall));
    let mut client = links.gateway.connect();
    client.get(&path, "").await;
    links.storage.until(|counts| counts.requests == before.requests + 1).await;
    drop(client);
    links.gateway.idle().await;
    assert_eq!(links.gateway.metric("casgate_requests_total", &["client_gone"]), 1);
    links.storage.change(object(&content));
    links.assert_fresh(&path, &content).await;
}

/// One that leaves with the answer has the use: what was received, nobody knows.
#[tokio::test]
async fn a_client_that_leaves_in_the_middle_has_the_use() {
    let content = Content::sized(8 * 1024 * 1024);
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let mut client = links.gateway.connect();
    client.get(&path, "").await;
    assert_eq!(client.head().await.status, 200);
    drop(client);
    links.gateway.idle().await;
    assert_refused(&links.get(&path, "").await, 410, "token_spent", "");
    assert_eq!(links.events("in_doubt"), 0);
}

/// A store that was not found fit yet is not asked, and nothing is given away unasked.
#[tokio::test]
async fn without_the_state_store_nothing_is_given_away() {
    let content = Content::of("an artifact");
    let storage = Storage::scripted(object(&content)).await;
    let links = Links::unfit(storage, ONETIME);
    let path = sealed(&content, &json!({}));
    let resume = "Range: bytes=5-\r\nIf-Range: \"0.AAAAAAAAAAAAAAAAAAAAAA\"\r\n";
    let status = format!("GET {path}/status");
    for (line, lines) in [
        (format!("GET {path}"), String::new()),
        (format!("GET {path}"), resume.to_owned()),
        (format!("POST {path}"), String::new()),
        (format!("DELETE {path}"), super::issuer()),
        (status, super::issuer()),
    ] {
        let response = links.ask(&line, &lines, "").await;
        assert_refused(&response, 503, "state_unavailable", &line);
        assert_eq!(response.header("retry-after"), Some("1"), "{line}");
    }
    assert_eq!(links.head(&path, "").await.status, 503);
    assert_eq!(links.storage.counts().requests, 0);
    // What needs no store works: a link that is made is not written down.
    let issued = links.order(json!({ "digest": super::digest(&content) })).await;
    assert_eq!(issued.status, 201);
    // And when it is found fit, nothing was lost.
    links.start().await;
    links.assert_fresh(&path, &content).await;
}
