//! Whether many at once get as many answers as there are uses, for as little work.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{Links, ONETIME, assert_refused, digest, object};
use crate::support::answer::{Answer, Then};
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::gateway::Settings;
use tokio::io::DuplexStream;

const CROWD: usize = 100;

/// That many requests for one link, at the same time.
async fn crowd(links: &Links, path: &str, count: usize) -> Vec<Client<DuplexStream>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = links.gateway.connect();
        client.get(path, "").await;
        clients.push(client);
    }
    clients
}

#[tokio::test]
async fn each_use_goes_to_one_of_many() {
    let content = Content::sized(100_000);
    for uses in [1, 3] {
        let links = Links::to(&content, ONETIME).await;
        let path = links.link(json!({ "digest": digest(&content), "uses": uses })).await;
        let before = links.storage.counts().requests;
        let mut served = 0;
        for mut client in crowd(&links, &path, CROWD).await {
            let response = client.response().await;
            if response.status == 200 {
                assert!(response.is_whole && response.body == content.bytes);
                served += 1;
            } else {
                assert_refused(&response, 410, "token_spent", "");
            }
        }
        assert_eq!(served, uses);
        assert_eq!(links.events("claimed"), uses);
        let opened = links.storage.counts().requests - before;
        assert_eq!(opened, usize::try_from(uses).unwrap(), "one opening for each use");
    }
}

#[tokio::test]
async fn one_that_leaves_the_crowd_makes_room_for_the_next() {
    let content = Content::sized(1000);
    let settings = Settings { timeouts: "storage_first_byte: 1h", ..ONETIME };
    let links = Links::to(&content, settings).await;
    let path = links.link_to(&content).await;
    let before = links.storage.counts();
    links.storage.change(|_| Answer::nothing(Then::Stall));
    let first = crowd(&links, &path, 1).await;
    links.storage.until(|counts| counts.requests == before.requests + 1).await;
    let clients = crowd(&links, &path, 20).await;
    links.storage.change(object(&content));
    // Whoever comes next takes its place, and nobody else does.
    drop(first);
    let mut statuses = Vec::new();
    for mut client in clients {
        statuses.push(client.response().await.status);
    }
    statuses.sort_unstable();
    let mut expected = vec![410; 20];
    expected[0] = 200;
    assert_eq!(statuses, expected);
    assert_eq!(links.storage.counts().requests, before.requests + 2);
}

/// What one waits for in vain, the others need not.
#[tokio::test]
async fn a_crowd_shares_a_failure() {
    const LIMIT: Duration = Duration::from_millis(500);
    let content = Content::sized(1000);
    let settings = Settings { timeouts: "storage_first_byte: 500ms", ..ONETIME };
    let links = Links::to(&content, settings).await;
    let path = links.link_to(&content).await;
    let before = links.storage.counts();
    links.storage.change(|_| Answer::nothing(Then::Stall));
    let began = Instant::now();
    let clients = crowd(&links, &path, 20).await;
    for mut client in clients {
        assert_refused(&client.response().await, 504, "storage_timeout", "");
    }
    // One after the other they would take ten seconds.
    assert!(began.elapsed() < 10 * LIMIT, "{:?}", began.elapsed());
    assert_eq!(links.storage.counts().requests, before.requests + 1);
    links.storage.change(object(&content));
    links.assert_fresh(&path, &content).await;
}

/// A crowd at one link does not hold up those with another.
#[tokio::test]
async fn other_links_do_not_wait() {
    let content = Content::sized(1000);
    let settings = Settings { timeouts: "storage_first_byte: 1h", ..ONETIME };
    let links = Links::to(&content, settings).await;
    let (slow, other) = (links.link_to(&content).await, links.link_to(&content).await);
    let before = links.storage.counts();
    links.storage.change(|_| Answer::nothing(Then::Stall));
    let clients = crowd(&links, &slow, 5).await;
    links.storage.until(|counts| counts.requests == before.requests + 1).await;
    links.storage.change(object(&content));
    links.assert_fresh(&other, &content).await;
    drop(clients);
}
