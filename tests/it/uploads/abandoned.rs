//! A process that ends without a word leaves an upload behind, and the next one clears it away.

use std::path::Path;

use tokio::net::TcpStream;

use super::{CHUNKED, HASH, PART, UPLOADS, chunk, head_of};
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::Settings;
use crate::support::process::Process;
use crate::support::within;

fn start(settings: &Settings<'_>, storage: &Embedded, folder: &tempfile::TempDir) -> Process {
    let file: &Path = &folder.path().join("gateway.yaml");
    let yaml = settings.yaml(&storage.endpoint, folder);
    std::fs::write(file, format!("admin: 127.0.0.1:0{yaml}")).unwrap();
    tokio::task::block_in_place(|| Process::start(file))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_began_is_swept() {
    let storage = Embedded::start().await;
    let folder = tempfile::tempdir().unwrap();
    let killed = start(&UPLOADS, &storage, &folder);
    let mut client = Client::new(TcpStream::connect(killed.address).await.unwrap());
    client.send(head_of(HASH, CHUNKED)).await;
    client.send(chunk(&Content::sized(PART + 1).bytes)).await;
    within(async { while storage.uploads().await.is_empty() {} }).await;
    // With SIGKILL.
    tokio::task::block_in_place(|| drop(killed));
    assert_eq!(client.rest().await, b"");
    assert_eq!(storage.uploads().await, [super::KEY]);

    let bucket = "abandoned_uploads_after: 200ms";
    let settings = Settings { bucket, timeouts: "upload: 100ms", ..UPLOADS };
    let next = start(&settings, &storage, &folder);
    within(async { while !storage.uploads().await.is_empty() {} }).await;
    assert_eq!(storage.keys().await, [""; 0]);
    tokio::task::block_in_place(|| next.logged("abandoned uploads"));
    let swept = next.metric("casgate_multipart_uploads_total", &["\"swept\""]);
    assert!((swept - 1.0).abs() < f64::EPSILON, "{swept}");
}
