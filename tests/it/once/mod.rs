//! Does the first upload of an entry stay, and is that promised only where storage keeps it?

mod keeping;
mod parts;
mod reload;
mod start;
mod unknown;

use casgate::bucket::control::conditional::{ConditionalWrites, TagForm, Verdict};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::DuplexStream;

use crate::support::client::{Client, Response};
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::token::bearer;

/// The dialects that have uploads, and an entry of each below their routes, which are called like
/// them.
const ENTRIES: [(&str, &str); 5] = [
    ("turborepo", "v8/artifacts/0123456789abcdef?slug=acme"),
    ("nx", "v1/cache/0123456789"),
    ("bazel", "ac/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    ("gradle", "0123456789abcdef0123456789abcdef"),
    ("sccache", "0/1/2/0123456789abcdef"),
];

const TURBO: &str = "/turborepo/v8/artifacts/0123456789abcdef?slug=acme";

/// The paths of the entries.
fn paths() -> impl Iterator<Item = (&'static str, String)> {
    ENTRIES.into_iter().map(|(dialect, entry)| (dialect, format!("/{dialect}/{entry}")))
}

/// The status of an upload that is stored, and of one that is not as there was another.
const fn statuses(dialect: &str) -> (u16, u16) {
    match dialect.as_bytes() {
        b"turborepo" => (202, 200),
        b"nx" => (200, 409),
        _ => (200, 200),
    }
}

/// A configuration with a route for each dialect, all of which keep what was stored first.
fn yaml(endpoint: &str, folder: &TempDir, settings: Settings<'_>) -> String {
    let routes = ENTRIES.map(|(dialect, _)| {
        format!(
            "  - path: /{dialect}/
    dialect: {{ {dialect}: {{}} }}
    bucket: store
    layout: '{dialect}/{{tenant}}/{{hash}}'
    delivery: stream
    write_once: true
    auth:
      jwt:
        issuers: [tests]
        tenant: claims.teams
        read: 'true'
        write: 'claims.ref == \"refs/heads/main\"'
        untrusted: {{ isolate: claims.ref }}
"
        )
    });
    let file = format!("{}admin: 127.0.0.1:0\n", routes.concat());
    let limits = "upload_part_size: 5MiB";
    Settings { file: &file, limits, ..settings }.yaml(endpoint, folder)
}

/// A gateway in front of this endpoint, whose bucket was seen to do that.
fn gateway(endpoint: &str, seen: Option<ConditionalWrites>) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::of(&yaml(endpoint, &folder, STREAM));
    if let Some(seen) = seen {
        learn(&gateway, seen);
    }
    gateway
}

fn learn(gateway: &Gateway, seen: ConditionalWrites) {
    gateway.edge.serving().plan.buckets["store"].fitness.learn(seen);
}

const HONOURED: ConditionalWrites = ConditionalWrites {
    create: Verdict::Honoured,
    replace: Verdict::Honoured,
    complete: Verdict::Honoured,
    tags: TagForm::Quoted,
};

/// The header line of the pipeline whose uploads are for everybody.
fn main_branch() -> String {
    bearer(json!({"teams": ["acme"], "ref": "refs/heads/main"}))
}

/// The header line of one whose uploads are for itself.
fn pull_request(number: u32) -> String {
    bearer(json!({"teams": ["acme"], "ref": format!("refs/pull/{number}/merge")}))
}

fn head_of_put(path: &str, lines: &str) -> String {
    format!("PUT {path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n{lines}\r\n")
}

/// The answer to what was sent, and no other bytes.
async fn answer(mut client: Client<DuplexStream>) -> Response {
    let response = client.response().await;
    assert_eq!(client.rest().await, b"", "bytes after the answer");
    response
}

/// Uploads a body of known length.
async fn put(gateway: &Gateway, path: &str, who: &str, body: &[u8]) -> Response {
    let mut client = gateway.connect();
    let length = format!("Content-Length: {}\r\n", body.len());
    client.send(head_of_put(path, &[who, &length].concat())).await;
    client.send(body).await;
    answer(client).await
}

/// Uploads a body of which the length shows at its end only.
async fn put_chunked(gateway: &Gateway, path: &str, who: &str, body: &[u8]) -> Response {
    let mut client = gateway.connect();
    client.send(head_of_put(path, &[who, "Transfer-Encoding: chunked\r\n"].concat())).await;
    for chunk in body.chunks(100_000) {
        let size = format!("{:x}\r\n", chunk.len());
        client.send([size.as_bytes(), chunk, b"\r\n"].concat()).await;
    }
    client.send("0\r\n\r\n").await;
    answer(client).await
}

#[track_caller]
fn assert_uploads(gateway: &Gateway, dialect: &str, stored: u64, kept: u64) {
    let route = format!("route=\"/{dialect}/\"");
    let count = |result| gateway.metric("casgate_uploads_total", &[&route, result]);
    let counted = (count("result=\"stored\""), count("result=\"kept\""));
    assert_eq!(counted, (stored, kept), "stored and kept by {dialect}");
}
