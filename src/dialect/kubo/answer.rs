//! Answers to commands.

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use serde::Serialize;

use super::query::Query;
use crate::content::cid::{Cid, Codec, Hash};
use crate::content::digest::Sha256Digest;
use crate::content::filename::Filename;
use crate::dialect::{GraphCall, GraphHead, ImportOrder, Imported, View};
use crate::graph::profile::Version as CidVersion;
use crate::reply::{self, Reply};

/// The bytes of the body are content, and not a document about it.
const STREAM_OUTPUT: HeaderName = HeaderName::from_static("x-stream-output");

/// The body is a document per line.
const CHUNKED_OUTPUT: HeaderName = HeaderName::from_static("x-chunked-output");

/// The size of what is in the body, as opposed to the body's.
const CONTENT_SIZE: HeaderName = HeaderName::from_static("x-content-length");

/// The version of Kubo whose RPC is spoken, for clients that want to know what they can ask.
const KUBO_VERSION: &str = "0.39.0";

/// The gateway's own name and version.
const AGENT: &str = concat!("casgate/", env!("CARGO_PKG_VERSION"));

/// The head of a content, or the document about a block.
pub(super) fn graph(call: &GraphCall, graph: &GraphHead<'_>) -> Reply {
    let is_compressed = call.gzip.is_some();
    let (content_type, extension, size) = match call.view {
        View::BlockSize => return block_size(call, graph),
        View::Block => ("application/vnd.ipld.raw", ".bin", None),
        View::Blocks(_) => ("application/vnd.ipld.car", ".car", None),
        View::Archive if is_compressed => ("application/gzip", ".tar.gz", Some(graph.size)),
        View::Archive => ("application/x-tar", ".tar", Some(graph.size)),
        View::File { .. } if is_compressed => ("application/gzip", ".gz", Some(graph.size)),
        View::File { offset, length } => {
            let rest = graph.size.saturating_sub(offset);
            let size = rest.min(length.unwrap_or(u64::MAX));
            ("application/octet-stream", "", Some(size))
        }
    };
    let mut reply = reply::empty(StatusCode::OK);
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(length) = graph.length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(size) = size {
        headers.insert(CONTENT_SIZE, HeaderValue::from(size));
    }
    headers.insert(STREAM_OUTPUT, HeaderValue::from_static("1"));
    let name = Filename::sanitize(&[call.path.name(), extension].concat());
    let disposition = name.unwrap_or_else(Filename::unnamed).content_disposition();
    reply::insert(headers, header::CONTENT_DISPOSITION, &disposition);
    keep_to_yourself(&mut reply);
    reply
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Block<'a> {
    key: &'a str,
    size: u64,
}

/// The size of a block. Whoever wrote its identifier in version 0 gets it back so.
fn block_size(call: &GraphCall, graph: &GraphHead<'_>) -> Reply {
    let version = call.path.version();
    json(StatusCode::OK, &Block { key: &version.text(graph.cid), size: graph.size })
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<String>,
}

/// What became of the files of a form, a document per line. `quiet` and `quieter` concern what the
/// command line prints, and not this.
pub(super) fn imported(head: &Parts, order: &ImportOrder, files: &[Imported]) -> Reply {
    let is_on = |name| Query::of(head).and_then(|query| query.is_on(&[name])).unwrap_or_default();
    let (with_progress, is_silent) = (is_on("progress"), is_on("silent"));
    let mut lines = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let hash = order.profile.version().text(&file.cid);
        // The folder around all of them is the last, and has no name.
        let is_wrapper = order.wrap && index + 1 == files.len();
        if with_progress && file.bytes > 0 {
            let event = Event { name: &file.name, bytes: Some(file.bytes), ..Event::default() };
            write(&mut lines, &event);
        }
        if !is_silent {
            let name = if file.name.is_empty() && !is_wrapper { &hash } else { &file.name };
            let size = Some(file.blocks_bytes.to_string());
            write(&mut lines, &Event { name, hash: Some(&hash), size, ..Event::default() });
        }
    }
    let mut reply = reply::with_body(StatusCode::OK, "application/json", lines);
    reply.headers_mut().insert(CHUNKED_OUTPUT, HeaderValue::from_static("1"));
    keep_to_yourself(&mut reply);
    reply
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: &'static str,
    commit: &'static str,
    repo: &'static str,
    system: String,
    golang: &'static str,
}

/// What is spoken here, and by whom.
pub(super) fn version() -> Reply {
    let system = format!("{}/{}", std::env::consts::ARCH, std::env::consts::OS);
    let (version, commit) = (KUBO_VERSION, AGENT);
    json(StatusCode::OK, &Version { version, commit, repo: "0", system, golang: "none" })
}

#[derive(Serialize)]
struct Id<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    #[serde(rename = "PublicKey")]
    public_key: &'static str,
    #[serde(rename = "Addresses")]
    addresses: [&'static str; 0],
    #[serde(rename = "AgentVersion")]
    agent_version: &'static str,
    #[serde(rename = "Protocols")]
    protocols: [&'static str; 0],
}

/// Nobody's name: clients cannot do without one that has the form of a peer's, but this is no peer.
pub(super) fn id() -> Reply {
    let name = Cid::new(Codec::DagPb, Hash::Sha256(Sha256Digest::of(b"casgate")));
    let id = CidVersion::V0.text(&name);
    let [addresses, protocols] = [[], []];
    let agent_version = AGENT;
    json(StatusCode::OK, &Id { id: &id, public_key: "", addresses, agent_version, protocols })
}

/// A JSON document, which nobody keeps.
pub(super) fn json(status: StatusCode, document: &impl Serialize) -> Reply {
    let mut body = Vec::new();
    write(&mut body, document);
    let mut reply = reply::with_body(status, "application/json", body);
    keep_to_yourself(&mut reply);
    reply
}

/// A document and the end of its line.
fn write(lines: &mut Vec<u8>, document: &impl Serialize) {
    // Texts and numbers always have a JSON form.
    lines.extend(serde_json::to_vec(document).unwrap_or_default());
    lines.push(b'\n');
}

/// No cache keeps an answer to POST, and nothing is taken for another type.
fn keep_to_yourself(reply: &mut Reply) {
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
