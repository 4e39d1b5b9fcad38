//! What connections and streams that do nothing cost in memory, in a process of its own.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::frames::{
    HEADERS, PING, REFUSED_STREAM, RST_STREAM, WINDOW_UPDATE, frame, get, setting,
};
use super::wire::{Outcome, Wire};
use crate::support::content::Content;
use crate::support::gateway::{STREAM, Settings};
use crate::support::process::Process;
use crate::support::storage::Storage;

/// Few enough for a process that may have 1024 files open.
const CONNECTIONS: usize = 400;

struct Running {
    _secrets: tempfile::TempDir,
    process: Process,
    address: SocketAddr,
}

impl Running {
    fn before(storage: &Storage, settings: Settings<'_>) -> Self {
        let secrets = tempfile::tempdir().unwrap();
        let yaml = settings.yaml(&format!("http://{}", storage.address), &secrets);
        let listener = "listen: [{ address: '127.0.0.1:0', http2: true }]";
        let yaml = yaml.replace("listen: ['127.0.0.1:0']", listener);
        let file = secrets.path().join("casgate.yaml");
        std::fs::write(&file, yaml).unwrap();
        let process = Process::start(&file);
        let address = process.address;
        Self { _secrets: secrets, process, address }
    }

    /// A connection that is there: a PING was answered.
    async fn connect(&self) -> Wire<TcpStream> {
        let mut wire = Wire::over(TcpStream::connect(self.address).await.unwrap()).await;
        wire.send(frame(PING, 0, 0, &[0; 8])).await;
        wire.next_of(&[PING]).await.unwrap();
        wire
    }
}

#[tokio::test]
async fn idle_connections() {
    let storage = Storage::holding(&Content::of("")).await;
    let running = Running::before(&storage, STREAM);
    // What the first ones cost is the process's, not theirs.
    let mut connections = Vec::new();
    for _ in 0..20 {
        connections.push(running.connect().await);
    }
    let before = running.process.resident_bytes();
    for _ in 0..CONNECTIONS {
        connections.push(running.connect().await);
    }
    let each = running.process.resident_bytes().saturating_sub(before) / CONNECTIONS;
    println!("{each} bytes for each idle connection");
    assert!(each < 64 * 1024, "{each} bytes for each idle connection");
}

/// All answers wait for clients that open no window: each costs what it may, wherever it waits.
#[tokio::test]
async fn answers_that_wait_for_their_clients() {
    const STREAMS: usize = 100;
    const ALLOWED: usize = 200;
    let content = Content::sized(1_000_000);
    let storage = Storage::holding(&content).await;
    let limits = format!("http2_streams: {ALLOWED}");
    let running = Running::before(&storage, Settings { limits: &limits, ..STREAM });
    let mut connections = vec![running.connect().await];
    let before = running.process.resident_bytes();
    let (mut waiting, mut refused) = (0, 0);
    for _ in 0..10 {
        let mut wire = running.connect().await;
        // The connection's window is wide open, those of its streams are not.
        wire.send(setting(4, 0)).await;
        wire.send(frame(WINDOW_UPDATE, 0, 0, &0x7000_0000_u32.to_be_bytes())).await;
        for number in 0..STREAMS {
            wire.send(get(u32::try_from(number).unwrap() * 2 + 1, &content.path())).await;
        }
        for _ in 0..STREAMS {
            let kinds = [HEADERS, RST_STREAM];
            match wire.next_of(&kinds).await.unwrap().kind {
                HEADERS => waiting += 1,
                _ => refused += 1,
            }
        }
        connections.push(wire);
    }
    assert_eq!((waiting, refused), (ALLOWED, 10 * STREAMS - ALLOWED));
    let each = running.process.resident_bytes().saturating_sub(before) / ALLOWED;
    println!("{each} bytes for each waiting answer");
    assert!(each < 400 * 1024, "{each} bytes for each waiting answer");
    // The others may ask again, when there is room.
    drop(connections);
    let mut wire = running.connect().await;
    for number in 0.. {
        wire.send(get(number * 2 + 1, "/nowhere")).await;
        match wire.outcome(number * 2 + 1).await {
            Outcome::Answered(404) => break,
            outcome => assert_eq!(outcome, Outcome::Reset(REFUSED_STREAM)),
        }
    }
}
