//! Uploads: from the client's body to one object in storage, or to none, whatever either side does.
//! Those over HTTP/2 are in [`http2`](crate::http2).
//!
//! | module | question |
//! | --- | --- |
//! | [`abandoned`] | What becomes of what a killed process has begun? |
//! | [`bodies`] | Are bodies of all sizes stored as they came, with a length and without? |
//! | [`cuts`] | Is nothing left of a body that does not come to its end? |
//! | [`expectations`] | Are bodies asked for when they are wanted, and not else? |
//! | [`limits`] | How large can a body be, and how many of them in memory? |
//! | [`multipart`] | And where storage fails at a step of an upload in parts? |
//! | [`once`] | Does what was stored first stay? |
//! | [`races`] | Who wins where many upload the same? |
//! | [`refusals`] | What does a client get where storage does not take a body? |
//! | [`reuse`] | Which connections go on after an upload, and with what? |
//! | [`s3`] | Storage that does as it is told. |
//! | [`signatures`] | Does a refused signature cost a body? |

mod abandoned;
mod bodies;
mod cuts;
mod expectations;
mod limits;
mod multipart;
mod once;
mod races;
mod refusals;
mod reuse;
mod s3;
mod signatures;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

use crate::support::client::{Client, Response};
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::token;

/// The hash of the tests' artifact.
pub(crate) const HASH: &str = "0123456789abcdef";

/// Its key in storage.
pub(crate) const KEY: &str = "acme/0123456789abcdef";

/// The least size of a part that there is.
pub(crate) const PART: usize = 5 * 1024 * 1024;

/// Holders of a token with that scope may write, by `PUT /turbo/v8/artifacts/{hash}`.
pub(crate) const UPLOADS: Settings<'static> = Settings {
    file: r#"
  - path: /turbo/
    dialect: { turborepo: {} }
    bucket: store
    layout: '{tenant}/{hash}'
    delivery: stream
    upload_size: 16MiB
    auth:
      jwt:
        issuers: [tests]
        tenant: claims.teams
        read: 'true'
        write: 'claims.scope == "artifacts:write"'
"#,
    limits: "upload_part_size: 5MiB",
    ..STREAM
};

/// Where an artifact is.
pub(crate) fn path(hash: &str) -> String {
    format!("/turbo/v8/artifacts/{hash}?slug=acme")
}

/// The header line of somebody who may write.
pub(crate) fn writer() -> String {
    token::bearer(json!({"teams": ["acme"], "scope": "artifacts:write"}))
}

/// The head of a PUT, with these lines more.
pub(crate) fn head_of(hash: &str, lines: &str) -> String {
    let (path, writer) = (path(hash), writer());
    format!("PUT {path} HTTP/1.1\r\nHost: gateway.test\r\n{writer}{lines}\r\n")
}

/// The line that announces a body.
pub(crate) fn length_of(body: &[u8]) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

/// The line that announces chunks.
pub(crate) const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// A chunk.
pub(crate) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A body in chunks of this size, and its end.
pub(crate) fn chunks(body: &[u8], size: usize) -> Vec<u8> {
    let mut wire = Vec::with_capacity(body.len() + body.len() / size * 16 + 16);
    for piece in body.chunks(size) {
        wire.extend_from_slice(&chunk(piece));
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

/// Sends a PUT with its length on a connection of its own.
pub(crate) async fn put(gateway: &Gateway, body: &[u8], lines: &str) -> Response {
    let mut client = gateway.connect();
    send_put(&mut client, body, lines).await;
    client.response().await
}

/// Sends a PUT with its length.
pub(crate) async fn send_put(client: &mut Client<DuplexStream>, body: &[u8], lines: &str) {
    client.send(head_of(HASH, &format!("{}{lines}", length_of(body)))).await;
    client.send(body).await;
}

/// Sends a PUT in chunks on a connection of its own, and reads until that closes.
pub(crate) async fn put_chunked(gateway: &Gateway, body: &[u8], lines: &str) -> Response {
    let mut client = gateway.connect();
    client.send(head_of(HASH, &format!("{CHUNKED}{lines}"))).await;
    client.send(chunks(body, 100_000)).await;
    let response = client.response().await;
    assert_eq!(client.rest().await, b"", "bytes after the answer");
    response
}

/// Reads the artifact.
pub(crate) async fn get(gateway: &Gateway) -> Response {
    gateway.get(&path(HASH), &writer()).await
}

/// The refusal is in the dialect's shape, with this status and code.
#[track_caller]
pub(crate) fn assert_refused(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.is_whole), (status, true), "{}", response.text());
    let document = response.json();
    assert_eq!(document["code"], code);
    assert_eq!(document["error"]["code"], code);
    assert!(document["error"]["message"].is_string(), "{document}");
}

/// Nothing more comes, and no connection is left.
pub(crate) async fn assert_closed<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) {
    assert_eq!(client.rest().await, b"");
}
