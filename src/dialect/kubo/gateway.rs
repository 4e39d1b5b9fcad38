//! The trustless gateway (IPFS specifications, "Trustless Gateway"): blocks and archives of them,
//! which clients check themselves. Files as such it does not send.

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

use super::accept::{self, Format};
use super::query::Query;
use super::{invalid, path};
use crate::content::digest::Sha256Digest;
use crate::content::filename::Filename;
use crate::dialect::{Call, GraphCall, GraphHead, GraphPath, Scope, View};
use crate::error::Error;
use crate::reply::{self, Reply, Visibility};

const X_IPFS_PATH: HeaderName = HeaderName::from_static("x-ipfs-path");
const X_IPFS_ROOTS: HeaderName = HeaderName::from_static("x-ipfs-roots");
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");

/// Reads a request for what is below `ipfs/`.
///
/// # Errors
/// [`Error::InvalidRequest`] and [`Error::MethodNotAllowed`].
pub(super) fn parse(head: &Parts, below: &str) -> Result<Call, Error> {
    let with_body = match head.method {
        Method::GET => true,
        Method::HEAD => false,
        _ => return Err(Error::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" }),
    };
    let path = path::parse_encoded(below)?;
    let is_script = head.headers.get(SERVICE_WORKER).is_some_and(|value| value == "script");
    // It would be asked about everything that this gateway has.
    if is_script && !below.contains('/') {
        return Err(invalid("a service worker has to be below a path that ends in a slash"));
    }
    let query = Query::of(head)?;
    let asked = match query.one(&["format"])? {
        Some(format) => Some(Format::named(format)?),
        None => accept::format(&head.headers)?,
    };
    let is_probe = path.names.is_empty() && path.root.inline() == Some(b"");
    let format = asked.or(is_probe.then_some(Format::Raw));
    let format = format.ok_or_else(|| {
        invalid("ask for a block with ?format=raw, or for an archive of blocks with ?format=car")
    })?;
    let view = match format {
        Format::Raw if path.names.is_empty() => View::Block,
        Format::Raw => return Err(invalid("a block is asked for by its CID, without a path")),
        Format::Car => View::Blocks(scope(&query)?),
    };
    let etag = Some(etag(&path, view));
    Ok(Call::Graph(Box::new(GraphCall { path, view, gzip: None, etag, with_body })))
}

/// What is to be in an archive, which is checked against the form that those here have.
fn scope(query: &Query<'_>) -> Result<Scope, Error> {
    let [version, order, dups] = ["car-version", "car-order", "car-dups"];
    accept::check_archive(query.one(&[version])?, query.one(&[order])?, query.one(&[dups])?)?;
    let scope = match query.one(&["dag-scope"])? {
        None | Some("" | "all") => Scope::All,
        Some("entity") => Scope::Entity,
        Some("block") => Scope::Block,
        Some(_) => return Err(invalid("dag-scope is block, entity or all")),
    };
    match query.one(&["entity-bytes"])? {
        None => Ok(scope),
        // All of it, which a scope says as well.
        Some("0:*") => Ok(Scope::Entity),
        Some(_) => Err(invalid("entity-bytes is 0:* here")),
    }
}

/// The tag of an answer, which is always the same bytes.
fn etag(path: &GraphPath, view: View) -> String {
    let scope = match view {
        View::Blocks(Scope::All) => "car",
        View::Blocks(Scope::Entity) => "car.entity",
        View::Blocks(Scope::Block) => "car.block",
        View::Archive | View::Block | View::BlockSize | View::File { .. } => "raw",
    };
    let GraphPath { root, names, .. } = path;
    // An archive names its blocks in the version of the request; a block has the same bytes in both.
    let root = match view {
        View::Blocks(_) => path.version().text(root),
        View::Archive | View::Block | View::BlockSize | View::File { .. } => root.to_string(),
    };
    if names.is_empty() {
        return format!("\"{root}.{scope}\"");
    }
    // No name has a slash, so that no two paths are one text.
    let names = Sha256Digest::of(names.join("/").as_bytes()).to_string();
    format!("\"{root}.{scope}.{}\"", &names[..32])
}

/// The head of an answer.
pub(super) fn answer(head: &Parts, call: &GraphCall, graph: &GraphHead<'_>) -> Reply {
    let (format, extension) = match call.view {
        View::Blocks(_) => (Format::Car, "car"),
        View::Archive | View::Block | View::BlockSize | View::File { .. } => (Format::Raw, "bin"),
    };
    let mut reply = validated(http::StatusCode::OK, head, call, graph.visibility);
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    if let Some(length) = graph.length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let disposition = filename(head).map_or_else(
        || format!("attachment; filename=\"{}.{extension}\"", call.path.root_text),
        |name| name.content_disposition(),
    );
    reply::insert(headers, header::CONTENT_DISPOSITION, &disposition);
    let path = head.uri.path();
    if let Some(start) = path.find(&format!("/ipfs/{}", call.path.root_text)) {
        reply::insert(headers, X_IPFS_PATH, &path[start..]);
    }
    // What else there is on the way, nobody knows yet.
    if call.path.names.is_empty() {
        reply::insert(headers, X_IPFS_ROOTS, &call.path.root_text);
    }
    reply
}

/// 304: the client has these bytes already.
pub(super) fn not_modified(head: &Parts, call: &GraphCall, visibility: Visibility) -> Reply {
    validated(http::StatusCode::NOT_MODIFIED, head, call, visibility)
}

fn validated(
    status: http::StatusCode,
    head: &Parts,
    call: &GraphCall,
    visibility: Visibility,
) -> Reply {
    let mut reply = reply::empty(status);
    let headers = reply.headers_mut();
    if let Some(etag) = &call.etag {
        reply::insert(headers, header::ETAG, etag);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(match visibility {
            Visibility::Private => "private, max-age=29030400, immutable",
            Visibility::Public => "public, max-age=29030400, immutable",
        }),
    );
    locate(head, call, headers);
    reply
}

/// Says under which address these very bytes are, where the client's headers had a part in it.
fn locate(head: &Parts, call: &GraphCall, headers: &mut HeaderMap) {
    let Ok(query) = Query::of(head) else { return };
    if !matches!(query.one(&["format"]), Ok(None)) {
        return;
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    let parameters = match call.view {
        View::Blocks(Scope::All) => "format=car",
        View::Blocks(Scope::Entity) => "format=car&dag-scope=entity",
        View::Blocks(Scope::Block) => "format=car&dag-scope=block",
        View::Archive | View::Block | View::BlockSize | View::File { .. } => "format=raw",
    };
    let location = format!("{}?{parameters}", head.uri.path());
    reply::insert(headers, header::CONTENT_LOCATION, &location);
}

/// The name that the client wants to save it under.
fn filename(head: &Parts) -> Option<Filename> {
    let query = Query::of(head).ok()?;
    Filename::sanitize(query.one(&["filename"]).ok()??)
}
