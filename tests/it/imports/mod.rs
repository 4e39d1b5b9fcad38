//! Imports: from the files of a form to graphs of blocks in storage.
//!
//! | module | question |
//! | --- | --- |
//! | [`cuts`] | Does nothing lead to what did not come to its end? |
//! | [`files`] | Are all blocks of all files stored, by the names that Kubo gives them? |
//! | [`folders`] | And folders? What is none? |
//! | [`limits`] | How much may come, how slowly, and what is in memory? |
//! | [`objects`] | Is a file one object where that is wanted, whatever its size? |
//! | [`quota`] | Does a tenant store what it may, and no more? |
//! | [`refusals`] | What does a client get where storage does not take a block? |

mod cuts;
mod files;
mod folders;
mod limits;
mod objects;
mod quota;
mod refusals;

use bytes::Bytes;
use casgate::bucket::control::conditional::{ConditionalWrites, TagForm, Verdict};
use casgate::content::cid::Cid;
use casgate::graph::import::{Imported, Importer};
use casgate::graph::profile::{Profile, Version};
use serde_json::json;

use crate::support::answer::{Answer, Then};
use crate::support::client::Response;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;
use crate::support::token;

/// Holders of a token with that scope may write. What is stored is `acme`'s.
pub(crate) const IMPORTS: Settings<'static> = Settings {
    file: r#"
  - path: /px/
    dialect: { kubo: {} }
    bucket: store
    layout: '{tenant}/{cid}'
    delivery: stream
    upload_size: 16MiB
    auth:
      jwt:
        issuers: [tests]
        tenant: claims.org
        read: 'true'
        write: 'claims.scope == "artifacts:write"'
"#,
    limits: "upload_part_size: 5MiB",
    timeouts: "drain: 300ms",
    ..STREAM
};

/// The boundary of the tests' forms.
const BOUNDARY: &str = "----tests-9f2c";

/// A part of a form.
struct Part<'p> {
    filename: Option<&'p str>,
    content_type: &'p str,
    bytes: &'p [u8],
}

const fn file<'p>(filename: &'p str, bytes: &'p [u8]) -> Part<'p> {
    Part { filename: Some(filename), content_type: "application/octet-stream", bytes }
}

const fn nameless(bytes: &[u8]) -> Part<'_> {
    Part { filename: None, content_type: "application/octet-stream", bytes }
}

const fn folder(filename: &str) -> Part<'_> {
    Part { filename: Some(filename), content_type: "application/x-directory", bytes: b"" }
}

/// A form of these parts, as Kubo's clients and browsers write it.
fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let filename = part.filename.map(|name| format!("; filename=\"{name}\""));
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"{}\r\n\
             Content-Type: {}\r\n\r\n",
            filename.unwrap_or_default(),
            part.content_type,
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(part.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// The head of an `add` with this query and these lines more.
fn head_of(query: &str, lines: &str) -> String {
    let writer = token::bearer(json!({"org": "acme", "scope": "artifacts:write"}));
    format!(
        "POST /px/api/v0/add{query} HTTP/1.1\r\nHost: gateway.test\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n{writer}{lines}\r\n"
    )
}

/// Sends a body on a connection of its own.
async fn add_body(gateway: &Gateway, query: &str, body: &[u8]) -> Response {
    let mut client = gateway.connect();
    client.send(head_of(query, &format!("Content-Length: {}\r\n", body.len()))).await;
    client.try_send(body).await;
    client.response().await
}

/// Sends a form of these parts.
async fn add(gateway: &Gateway, query: &str, parts: &[Part<'_>]) -> Response {
    add_body(gateway, query, &form(parts)).await
}

/// Name, identifier and size of what was stored.
type Added = (String, String, String);

/// What an answer says.
#[track_caller]
fn added(response: &Response) -> Vec<Added> {
    assert_eq!((response.status, response.is_whole), (200, true), "{}", response.text());
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = response.text().lines();
    let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.map(|line| (text(&line, "Name"), text(&line, "Hash"), text(&line, "Size"))).collect()
}

/// The identifiers of it.
#[track_caller]
fn hashes(response: &Response) -> Vec<String> {
    added(response).into_iter().map(|(_, hash, _)| hash).collect()
}

/// The request was refused like this, in the words of the dialect.
#[track_caller]
fn assert_refused(response: &Response, status: u16, word: &str) {
    assert_eq!((response.status, response.is_whole), (status, true), "{}", response.text());
    let message = response.json()["Message"].as_str().unwrap().to_owned();
    assert!(message.contains(word), "{message}");
}

/// The gateway has seen that storage keeps conditions.
fn learn(gateway: &Gateway) {
    let [create, replace, complete] = [(); 3].map(|()| Verdict::Honoured);
    let bucket = &gateway.edge.serving().plan.buckets["store"];
    bucket.fitness.learn(ConditionalWrites { create, replace, complete, tags: TagForm::Quoted });
}

/// Kubo's profile with smaller chunks.
fn profile(version: Version, chunk_bytes: usize) -> Profile {
    Profile::kubo(version).with_chunker(&format!("size-{chunk_bytes}")).unwrap()
}

/// The blocks of a file: names and bytes, the root last.
fn blocks_of(profile: Profile, bytes: &[u8]) -> (Imported, Vec<(Cid, Bytes)>) {
    let mut blocks = Vec::new();
    let mut importer = Importer::new(profile);
    importer.update(bytes, &mut |block| blocks.push(block.into_parts()));
    let imported = importer.finish(&mut |block| blocks.push(block.into_parts()));
    (imported, blocks)
}

/// Where a block is.
fn key_of(cid: &Cid) -> String {
    match cid.digest() {
        Some(_) => format!("acme/{cid}"),
        None => format!("acme/{cid}.block"),
    }
}

/// Where a block is that an answer names.
fn key_of_text(text: &str) -> String {
    key_of(&Cid::parse(text).unwrap())
}

/// The key that a request to scripted storage is about.
fn key_in(seen: &Seen) -> String {
    let path = seen.target.split('?').next().unwrap();
    path.strip_prefix("/artifacts/").unwrap().to_owned()
}

/// A 200 with nothing in it.
fn stored() -> Answer {
    Answer::head_and(&["HTTP/1.1 200 OK", "Content-Length: 0", "ETag: \"x\""], b"", Then::Keep)
}

/// The keys that storage was asked to store, in order.
fn keys_put(storage: &Storage) -> Vec<String> {
    storage.seen().iter().filter(|seen| seen.method == "PUT").map(key_in).collect()
}
