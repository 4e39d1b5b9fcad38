//! Reloads and new certificates while clients never stop asking.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::support::certificates::{Authority, listener};
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::gateway::{STREAM, Settings};
use crate::support::process::Process;
use crate::support::storage::Storage;
use crate::support::tls::Dialer;
use crate::support::{is_full, within};

/// Requests on one connection before the next.
const REQUESTS_PER_CONNECTION: usize = 5;

struct Load {
    address: SocketAddr,
    authority: Authority,
    content: Content,
    ended: AtomicBool,
    answered: AtomicUsize,
}

impl Load {
    /// Asks over HTTP/1, again and again, on ever new connections. Every failure is a panic.
    async fn ask_over_http1(&self) {
        let dialer = Dialer::trusting(&self.authority).offering(&["http/1.1"]);
        while !self.ended.load(Ordering::Relaxed) {
            let stream = dialer.dial(self.address, "localhost").await.unwrap();
            let mut client = Client::new(stream);
            for _ in 0..REQUESTS_PER_CONNECTION {
                client.get(&self.content.path(), "").await;
                let response = client.response().await;
                assert_eq!(response.status, 200);
                assert!(response.body == self.content.bytes, "other bytes");
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The same over HTTP/2, with all requests of a connection at once.
    async fn ask_over_http2(&self) {
        let dialer = Dialer::trusting(&self.authority).offering(&["h2"]);
        while !self.ended.load(Ordering::Relaxed) {
            let stream = dialer.dial(self.address, "localhost").await.unwrap();
            let (sender, connection) = h2::client::handshake(stream).await.unwrap();
            let driver = tokio::spawn(connection);
            let asked: Vec<_> =
                (0..REQUESTS_PER_CONNECTION).map(|_| self.ask_stream(sender.clone())).collect();
            for asked in asked {
                assert!(within(asked).await == self.content.bytes, "other bytes");
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
            drop(sender);
            within(driver).await.unwrap().unwrap();
        }
    }

    async fn ask_stream(&self, sender: h2::client::SendRequest<Bytes>) -> Vec<u8> {
        let uri = format!("https://localhost{}", self.content.path());
        let request = http::Request::get(uri).body(()).unwrap();
        let (response, _) = sender.ready().await.unwrap().send_request(request, true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        let (mut body, mut bytes) = (response.into_body(), Vec::new());
        while let Some(chunk) = body.data().await {
            let chunk = chunk.unwrap();
            body.flow_control().release_capacity(chunk.len()).unwrap();
            bytes.extend_from_slice(&chunk);
        }
        bytes
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_certificates_and_settings_change() {
    let changes = if is_full() { 300 } else { 15 };
    let content = Content::sized(100_000);
    let storage = Storage::holding(&content).await;
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.write(folder.path(), "tls", &["localhost"]);
    let listen = listener(folder.path(), "");
    let settings = Settings { listen: &listen, timeouts: "reload_interval: 10ms", ..STREAM };
    let yaml = settings.yaml(&format!("http://{}", storage.address), &folder);
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, &yaml).unwrap();
    let process = tokio::task::block_in_place(|| Process::start(&file));
    let load = Arc::new(Load {
        address: process.address,
        authority,
        content,
        ended: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
    });

    let mut clients = JoinSet::new();
    for _ in 0..3 {
        let (http1, http2) = (Arc::clone(&load), Arc::clone(&load));
        clients.spawn(async move { http1.ask_over_http1().await });
        clients.spawn(async move { http2.ask_over_http2().await });
    }
    let changer = Arc::clone(&load);
    let changed = tokio::task::spawn_blocking(move || {
        for round in 0..changes {
            let before = changer.answered.load(Ordering::Relaxed);
            match round % 3 {
                // For a moment the key is not the certificate's, and the old pair stays in use.
                0 => drop(changer.authority.write(folder.path(), "tls", &["localhost"])),
                1 => {
                    let size = format!("limits: {{ drain_size: {}KiB", round + 1);
                    fs::write(&file, yaml.replace("limits: {", &size)).unwrap();
                }
                _ => {
                    fs::write(&file, yaml.replace("bucket: store\n", "bucket: none\n")).unwrap();
                    process.logged("not reloaded");
                    fs::write(&file, &yaml).unwrap();
                }
            }
            process.logged("was reloaded");
            while changer.answered.load(Ordering::Relaxed) == before {
                std::thread::yield_now();
            }
        }
        process
    });
    let process = changed.await.unwrap();
    load.ended.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    drop(process);
    assert!(load.answered.load(Ordering::Relaxed) >= changes);
}
