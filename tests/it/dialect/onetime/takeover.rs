//! Whether a later start ends the earlier one.

use tokio::io::DuplexStream;

use super::{Links, ONETIME, issuer};
use crate::support::client::Client;
use crate::support::content::Content;

const SIZE: usize = 8 * 1024 * 1024;

/// A client that began and reads nothing more for now, and the tag it got.
async fn slow(links: &Links, path: &str, lines: &str) -> (Client<DuplexStream>, String) {
    let mut client = links.gateway.connect();
    client.get(path, lines).await;
    let head = client.head().await;
    assert!(matches!(head.status, 200 | 206), "{}", head.status);
    let tag = head.header("etag").unwrap().to_owned();
    (client, tag)
}

fn from(offset: usize, tag: &str) -> String {
    format!("Range: bytes={offset}-\r\nIf-Range: {tag}\r\n")
}

#[tokio::test]
async fn one_at_a_time_has_the_bytes() {
    let content = Content::sized(SIZE);
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let (mut first, tag) = slow(&links, &path, "").await;
    let (mut second, same) = slow(&links, &path, &from(1000, &tag)).await;
    assert_eq!(tag, same);
    links.gateway.until_metric("casgate_single_use_total", &["\"superseded\""], 1).await;
    let received = first.rest().await.len();
    assert!(received < SIZE, "the first one is cut: {received}");
    // And the second by a third.
    let third = links.get(&path, &from(2000, &tag)).await;
    assert_eq!(third.status, 206);
    assert!(third.is_whole && third.body == content.bytes[2000..]);
    links.gateway.until_metric("casgate_single_use_total", &["\"superseded\""], 2).await;
    assert!(second.rest().await.len() < SIZE - 1000);
    assert_eq!(links.events("claimed"), 1);
}

#[tokio::test]
async fn what_is_taken_back_ends() {
    let content = Content::sized(SIZE);
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let (mut client, _) = slow(&links, &path, "").await;
    assert_eq!(links.ask(&format!("DELETE {path}"), &issuer(), "").await.status, 204);
    links.gateway.until_metric("casgate_single_use_total", &["\"superseded\""], 1).await;
    assert!(client.rest().await.len() < SIZE);
}

/// Looks, other links and other uses end nothing.
#[tokio::test]
async fn others_go_on() {
    let content = Content::sized(SIZE);
    let links = Links::to(&content, ONETIME).await;
    let order = serde_json::json!({ "digest": super::digest(&content), "uses": 2 });
    let path = links.link(order).await;
    let (mut first, _) = slow(&links, &path, "").await;
    let (second, tag) = slow(&links, &path, "").await;
    assert_eq!(links.head(&path, "").await.status, 410);
    assert_eq!(links.get(&path, "").await.status, 410);
    // By the time that the second one is cut, the first one would be too.
    assert_eq!(links.get(&path, &from(7, &tag)).await.status, 206);
    links.gateway.until_metric("casgate_single_use_total", &["\"superseded\""], 1).await;
    drop(second);
    assert!(first.bytes(SIZE).await == content.bytes);
}
