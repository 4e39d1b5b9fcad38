//! Bodies that are part of a question, which every reader may ask.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::{CACHE, writer};
use crate::support::gateway::Settings;
use crate::support::storage::Storage;
use crate::support::within;

/// Questions at once, of which 128 may be long.
const ASKED: usize = 160;

/// More than a read buffer.
const BEGUN: usize = 80 * 1024;

/// How many long questions are in memory does not depend on how many clients ask one and do not
/// come to its end.
#[tokio::test]
async fn long_questions_wait_for_room() {
    let storage = Storage::scripted(|_| unreachable!()).await;
    let settings = Settings { timeouts: "storage_first_byte: 200ms", ..CACHE };
    let gateway = settings.before(&storage);
    let question = format!("[{}{{}}]", "{},".repeat(BEGUN / 2));
    let (begin, end) = question.split_at(BEGUN);
    let head = format!(
        "POST /turbo/v8/artifacts/events HTTP/1.1\r\nHost: gateway.test\r\n{}Content-Length: {}\r\n\r\n",
        writer(),
        question.len()
    );
    let mut clients = Vec::new();
    for _ in 0..ASKED {
        let mut client = gateway.connect();
        client.send(&head).await;
        client.send(begin).await;
        clients.push(client);
    }
    let mut answers: FuturesUnordered<_> = clients
        .iter_mut()
        .enumerate()
        .map(|(number, client)| async move { (number, client.response().await) })
        .collect();
    let mut refused = BTreeSet::new();
    for _ in 128..ASKED {
        let (number, response) = within(answers.next()).await.unwrap();
        assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
        refused.insert(number);
    }
    drop(answers);
    for (number, client) in clients.iter_mut().enumerate() {
        if !refused.contains(&number) {
            client.send(end).await;
            let response = client.response().await;
            assert_eq!((response.status, response.text()), (200, "{}"));
        }
    }
}
