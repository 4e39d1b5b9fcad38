//! Whether a changed configuration leaves links as they are.

use super::{Links, ONETIME, assert_refused, object};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::Settings;

#[tokio::test]
async fn what_is_used_stays_used() {
    let content = Content::sized(100_000);
    let links = Links::to(&content, ONETIME).await;
    let (used, fresh) = (links.link_to(&content).await, links.link_to(&content).await);
    let tag = links.get(&used, "").await.header("etag").unwrap().to_owned();
    for limits in ["drain_size: 1KiB", "drain_size: 2KiB"] {
        links.reload(Settings { limits, ..ONETIME }, |yaml| yaml).await;
        assert_refused(&links.get(&used, "").await, 410, "token_spent", limits);
    }
    let lines = format!("Range: bytes=7-\r\nIf-Range: {tag}\r\n");
    assert_eq!(links.get(&used, &lines).await.status, 206);
    links.assert_fresh(&fresh, &content).await;
}

/// A new plan has no crowd of its own: there is one opening for both.
#[tokio::test]
async fn those_before_and_after_wait_for_one_another() {
    let content = Content::sized(1000);
    let settings = Settings { timeouts: "storage_first_byte: 1h", ..ONETIME };
    let links = Links::to(&content, settings).await;
    let path = links.link_to(&content).await;
    let before = links.storage.counts().requests;
    links.storage.change(|_| Answer::nothing(Then::Stall));
    let mut first = links.gateway.connect();
    first.get(&path, "").await;
    links.storage.until(move |counts| counts.requests == before + 1).await;
    links.reload(Settings { limits: "drain_size: 1KiB", ..settings }, |yaml| yaml).await;
    links.storage.change(object(&content));
    let mut second = links.gateway.connect();
    second.get(&path, "").await;
    drop(first);
    assert_eq!(second.response().await.status, 200);
    assert_eq!(links.storage.counts().requests, before + 2);
}

/// The settings of a link are sealed in it.
#[tokio::test]
async fn terms_are_those_of_the_order() {
    let content = Content::sized(1000);
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let chainloop = "max_ttl: 1s, default_ttl: 1s, resume_window: 0s";
    links.reload(Settings { chainloop, ..ONETIME }, |yaml| yaml).await;
    let response = links.get(&path, "").await;
    assert_eq!(response.status, 200);
    let tag = response.header("etag").unwrap();
    let lines = format!("Range: bytes=7-\r\nIf-Range: {tag}\r\n");
    assert_eq!(links.get(&path, &lines).await.status, 206);
    // A bucket or a route of another name is another one.
    let path = links.link_to(&content).await;
    links.reload(ONETIME, |yaml| yaml.replace("path: /download/", "path: /links/")).await;
    let moved = path.replace("/download/", "/links/");
    assert_refused(&links.get(&moved, "").await, 404, "not_found", "");
}
