//! Clients that send a little and then nothing, where memory has room for one segment only.

use tokio::io::DuplexStream;

use super::tus::{assert_offset, begin_sized, fetch, lines_of_patch, look, patch};
use super::{SEGMENT, Subject};
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::embedded::Embedded;

/// What a client sends before it stalls: more than is read at once.
const SENT: usize = 70_000;

/// Begins to send a piece; the gateway has nearly all of that when this returns.
async fn stall(subject: &Subject, path: &str, content: &[u8]) -> Client<DuplexStream> {
    let mut client = subject.connect_from("192.0.2.1:1024", 1024);
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: {}\r\n{}\r\n",
        content.len(),
        lines_of_patch(0)
    );
    client.send(head).await;
    client.send(&content[..SENT]).await;
    client
}

#[tokio::test]
async fn a_client_that_stalls_keeps_nobody_from_appending() {
    let storage = Embedded::start().await;
    let subject = Subject::with_memory(&storage.endpoint, "5MiB").await;
    let long = Content::sized(SEGMENT + 200_000).bytes;
    let path = begin_sized(&subject, long.len()).await;
    let mut slow = stall(&subject, &path, &long).await;
    for size in [1000, 200_000, SEGMENT + 1000] {
        let content = Content::sized(size).bytes;
        let other = begin_sized(&subject, size).await;
        assert_offset(&patch(&subject, &other, 0, &content).await, 204, size);
        assert!(fetch(&subject, &other).await.body == content, "{size}");
    }
    // That of the slow one is as it was, as far as it came.
    slow.send(&long[SENT..]).await;
    assert_offset(&slow.response().await, 204, long.len());
    assert!(fetch(&subject, &path).await.body == long);
}

/// Many of them neither, and what they sent is not lost.
#[tokio::test]
async fn many_that_stall_neither() {
    let storage = Embedded::start().await;
    let subject = Subject::with_memory(&storage.endpoint, "5MiB").await;
    let long = Content::sized(SEGMENT + 1).bytes;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let path = begin_sized(&subject, long.len()).await;
        slow.push((stall(&subject, &path, &long).await, path));
    }
    let content = Content::sized(200_000).bytes;
    let other = begin_sized(&subject, content.len()).await;
    assert_offset(&patch(&subject, &other, 0, &content).await, 204, content.len());
    let (gone, path) = slow.pop().unwrap();
    drop(gone);
    for (mut client, path) in slow {
        client.send(&long[SENT..]).await;
        assert_offset(&client.response().await, 204, long.len());
        assert!(fetch(&subject, &path).await.body == long);
    }
    let looked = look(&subject, &path).await;
    assert_offset(&looked, 200, SENT);
}
