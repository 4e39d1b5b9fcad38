//! How much may come, how slowly, and what is in memory.

use super::{
    IMPORTS, add, add_body, assert_refused, file, folder, form, hashes, head_of, keys_put, stored,
};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;
use crate::support::within;
use crate::uploads::chunk;

/// That of the route, in bytes.
const SIZE_MAX: usize = 16 * 1024 * 1024;

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    let mut client = gateway.connect();
    client.send(head_of("", &format!("Content-Length: {}\r\n", SIZE_MAX + 1))).await;
    assert_refused(&client.response().await, 413, "too large");
    assert_eq!(storage.counts().opened, 0);

    let body = form(&[file("a", &vec![b'x'; SIZE_MAX])]);
    let mut client = gateway.connect();
    client.send(head_of("", "Transfer-Encoding: chunked\r\n")).await;
    for piece in body.chunks(100_000) {
        if !client.try_send(&chunk(piece)).await {
            break;
        }
    }
    assert_refused(&client.response().await, 413, "too large");
    // Nodes of version 0 all are blocks of their own; equal ones are stored once, the root is not.
    assert_eq!(keys_put(&storage).len(), 1);
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_left() {
    let storage = Storage::scripted(|_| stored()).await;
    let settings = Settings {
        limits: "upload_part_size: 5MiB, receive_rate_min: 1KiB",
        timeouts: "header: 200ms, drain: 100ms",
        ..IMPORTS
    };
    let gateway = settings.before(&storage);
    let mut client = gateway.connect();
    client.send(head_of("", "Content-Length: 1000000\r\n")).await;
    client.send(&form(&[file("a", b"hello world")])[..150]).await;
    assert_eq!(client.rest().await, b"");
    let labels = ["/px/", "\"client_gone\""];
    gateway.until_metric("casgate_requests_total", &labels, 1).await;
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn an_import_takes_no_longer_than_an_upload_may() {
    let storage = Storage::scripted(|_| Answer::nothing(Then::Stall)).await;
    let settings = Settings { timeouts: "upload: 300ms, drain: 100ms", ..IMPORTS };
    let gateway = settings.before(&storage);
    let response = add(&gateway, "", &[file("a", b"hello world")]).await;
    assert_refused(&response, 504, "in time");
}

/// While storage takes its time, no more than a few blocks are read from the client.
#[tokio::test]
async fn storage_that_stalls_holds_the_client_back() {
    let storage = Storage::scripted(|_| Answer::nothing(Then::Stall)).await;
    let gateway = Settings { timeouts: "drain: 300ms", ..IMPORTS }.before(&storage);
    let body = form(&[file("a", &Content::sized(10_000_000).bytes)]);
    let mut client = gateway.connect();
    client.send(head_of("", &format!("Content-Length: {}\r\n", body.len()))).await;
    let sending = client.send(&body);
    tokio::pin!(sending);
    // As many as there may be, and no more of them.
    tokio::select! {
        () = &mut sending => panic!("all of it was taken"),
        () = storage.until(|counts| counts.requests == 4) => {}
    }
    let received = gateway.metric("casgate_received_bytes_total", &["/px/"]);
    assert!(received < 3_000_000, "{received}");
    assert_eq!(storage.counts().opened, 4);
}

#[tokio::test]
async fn long_files_wait_for_memory() {
    let storage = Storage::scripted(|_| stored()).await;
    let settings = Settings {
        limits: "upload_part_size: 5MiB, upload_memory: 5MiB",
        timeouts: "storage_first_byte: 300ms, drain: 300ms",
        ..IMPORTS
    };
    let gateway = settings.before(&storage);
    let long = form(&[file("a", &Content::sized(70_000).bytes)]);
    let mut first = gateway.connect();
    first.send(head_of("", "Transfer-Encoding: chunked\r\n")).await;
    first.send(chunk(&long[..69_000])).await;
    // Others are refused as soon as it has the only room there is.
    within(async { while add_body(&gateway, "", &long).await.status != 503 {} }).await;
    assert_eq!(add(&gateway, "", &[file("a", b"short")]).await.status, 200);
    first.send(chunk(&long[69_000..])).await;
    first.send("0\r\n\r\n").await;
    assert_eq!(hashes(&first.response().await).len(), 1);
}

#[tokio::test]
async fn there_can_be_so_many_parts() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    let names: Vec<_> = (0..=10_000).map(|number| format!("{number}")).collect();
    let parts: Vec<_> = names.iter().map(|name| folder(name)).collect();
    let query = "?only-hash=true";
    assert_eq!(hashes(&add(&gateway, query, &parts[1..]).await).len(), 10_000);
    assert_refused(&add(&gateway, query, &parts).await, 400, "10000");
}

#[tokio::test]
async fn chunks_have_a_least_size() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    let response = add(&gateway, "?chunker=size-1", &[file("a", b"hello world")]).await;
    assert_refused(&response, 400, "256");
}
