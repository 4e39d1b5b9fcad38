//! What a token is to be made for, as JSON.

use std::time::Duration;

use http::HeaderValue;
use serde::Deserialize;

use crate::content::ContentId;
use crate::content::cid::Cid;
use crate::content::digest::Sha256Digest;
use crate::content::entry::{Entry, EntryName};
use crate::content::filename::Filename;
use crate::content::path::ObjectPath;
use crate::dialect::Order;
use crate::error::Error;

/// The longest content type, in bytes.
const CONTENT_TYPE_BYTES_MAX: usize = 127;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Body {
    digest: Option<String>,
    hash: Option<String>,
    cid: Option<String>,
    key: Option<String>,
    filename: Option<String>,
    content_type: Option<String>,
    ttl: Option<Time>,
    uses: Option<u32>,
    #[serde(default = "yes")]
    resumable: bool,
    #[serde(default)]
    confirm: bool,
    #[serde(default = "yes")]
    must_exist: bool,
}

/// Seconds, or a text such as `15m`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "ttl: give seconds, or a text such as 15m")]
enum Time {
    Seconds(u64),
    Text(String),
}

const fn yes() -> bool {
    true
}

/// Reads an order.
pub(super) fn parse(json: &[u8]) -> Result<Order, Error> {
    let body: Body = serde_json::from_slice(json)
        .map_err(|error| invalid(format!("the order is not the JSON that is expected: {error}")))?;
    let content = content(&body)?;
    let filename = body.filename.as_deref().map(|name| {
        Filename::sanitize(name).ok_or_else(|| invalid("filename: no file can be called so"))
    });
    let ttl = body.ttl.map(|ttl| match ttl {
        Time::Seconds(seconds) => Ok(Duration::from_secs(seconds)),
        Time::Text(text) => humantime::parse_duration(&text)
            .map_err(|_| invalid("ttl: give seconds, or a text such as 15m")),
    });
    Ok(Order {
        content,
        filename: filename.transpose()?,
        content_type: body.content_type.map(content_type).transpose()?,
        ttl: ttl.transpose()?,
        uses: body.uses,
        resumable: body.resumable,
        confirm: body.confirm,
        must_exist: body.must_exist,
        fingerprint: Sha256Digest::of(json),
    })
}

fn content(body: &Body) -> Result<ContentId, Error> {
    match (&body.digest, &body.hash, &body.cid, &body.key) {
        (Some(digest), None, None, None) => digest
            .strip_prefix("sha256:")
            .and_then(|hex| Sha256Digest::parse_hex(hex).ok())
            .map(ContentId::Sha256)
            .ok_or_else(|| invalid("digest: give sha256: and 64 lower-case hexadecimal digits")),
        (None, Some(hash), None, None) => EntryName::parse(hash)
            .map(|name| ContentId::Entry(Entry::opaque(name)))
            .map_err(|error| invalid(format!("hash: {error}"))),
        (None, None, Some(cid), None) => {
            let cid = Cid::parse(cid).map_err(|error| invalid(format!("cid: {error}")))?;
            if cid.inline().is_some() {
                return Err(invalid("cid: it holds its content itself".to_owned()));
            }
            Ok(ContentId::Cid(cid))
        }
        (None, None, None, Some(key)) => ObjectPath::parse(key)
            .map(ContentId::Path)
            .map_err(|error| invalid(format!("key: {error}"))),
        _ => Err(invalid("give one of digest, hash, cid and key")),
    }
}

/// A type, and nothing that a header cannot hold (RFC 9110 section 8.3.1).
fn content_type(text: String) -> Result<String, Error> {
    let is_token = |text: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !text.is_empty() && text.bytes().all(legal)
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_type = essence.split_once('/').is_some_and(|(a, b)| is_token(a) && is_token(b));
    let fits = text.len() <= CONTENT_TYPE_BYTES_MAX && text.is_ascii();
    if !is_type || !fits || HeaderValue::from_str(&text).is_err() {
        return Err(invalid("content_type: give a type such as application/pdf"));
    }
    Ok(text)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::InvalidRequest(message.into())
}
