//! Many uploads of one artifact at once.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use super::{CHUNKED, HASH, KEY, UPLOADS, chunks, get, head_of, length_of, path, writer};
use crate::support::client::Client;
use crate::support::embedded::Embedded;
use crate::support::within;

const WRITERS: usize = 50;

/// A body that no other writer has in any part: it is of one byte, and as long as no other.
fn body_of(writer: usize) -> Vec<u8> {
    vec![u8::try_from(writer).unwrap(); 100_000 + writer]
}

#[track_caller]
fn assert_whole(body: &[u8]) {
    let writer = usize::from(*body.first().expect("bytes"));
    assert!(body == body_of(writer), "{} bytes that begin like {writer}", body.len());
}

/// Half of them with their length, half in chunks, while others read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_fifty_writers_wins_whole() {
    let storage = Embedded::start().await;
    let gateway = std::sync::Arc::new(storage.gateway(&UPLOADS));
    let address = gateway.listen().await;
    let done = std::sync::Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (gateway, done) = (gateway.clone(), done.clone());
            tokio::spawn(async move {
                let mut hits = 0;
                while !done.load(Ordering::Relaxed) {
                    let response = get(&gateway).await;
                    match response.status {
                        200 => {
                            assert!(response.is_whole);
                            assert_whole(&response.body);
                            hits += 1;
                        }
                        status => assert_eq!(status, 404),
                    }
                }
                hits
            })
        })
        .collect();
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        writers.spawn(async move {
            let mut client = Client::new(stream);
            let body = body_of(number);
            if number % 2 == 0 {
                client.send(head_of(HASH, &length_of(&body))).await;
                client.send(&body).await;
            } else {
                client.send(head_of(HASH, CHUNKED)).await;
                client.send(chunks(&body, 10_000)).await;
            }
            client.response().await.status
        });
    }
    let statuses = within(writers.join_all()).await;
    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    done.store(true, Ordering::Relaxed);
    let mut hits = 0;
    for reader in readers {
        hits += within(reader).await.unwrap();
    }
    assert!(hits > 0, "nobody read anything");
    assert_whole(&storage.object(KEY).await);
    assert_eq!(storage.keys().await, [KEY]);
    assert_eq!(storage.uploads().await, [""; 0]);
    assert_eq!(gateway.metric("casgate_uploads_total", &["stored"]), WRITERS as u64);
    let response = gateway.head(&path(HASH), &writer()).await;
    assert_eq!(response.status, 200);
}
