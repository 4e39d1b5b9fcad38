//! Answers the gateway makes itself, and the headers every dialect shares.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::bucket::object::ObjectHead;
use crate::content::ContentId;
use crate::content::filename::Filename;

/// A whole answer. Its body is small and in memory; content never is.
pub type Reply = Response<Bytes>;

/// Who may keep a copy of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Only the caller: the route asks for authorization.
    Private,
    /// Anybody: the route is open.
    Public,
}

/// The part of an object an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// All of it: 200.
    Whole,
    /// `length` bytes from `first`: 206.
    Part {
        /// Offset of the first byte.
        first: u64,
        /// Number of bytes.
        length: u64,
    },
}

/// Room for the headers of most answers, so that the map is not made anew while it is filled.
const HEADERS: usize = 14;

/// An answer without a body and without headers.
#[must_use]
pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Bytes::new());
    *reply.status_mut() = status;
    *reply.headers_mut() = http::HeaderMap::with_capacity(HEADERS);
    reply
}

/// An answer with a body in memory.
#[must_use]
pub fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = empty(status);
    *reply.body_mut() = body.into();
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// An answer of one line of plain text, for whatever is refused before a dialect is known.
#[must_use]
pub fn plain(status: StatusCode, text: &str) -> Reply {
    let mut reply = with_body(status, "text/plain; charset=utf-8", format!("{text}\n"));
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

/// The head of an answer that carries an object, or describes it to a HEAD.
///
/// Content is always an attachment and never sniffed: what is in a bucket must not become a page
/// of the gateway's origin.
#[must_use]
pub fn object(
    content: &ContentId,
    object: &ObjectHead,
    portion: Portion,
    visibility: Visibility,
) -> Reply {
    let (status, length) = match portion {
        Portion::Whole => (StatusCode::OK, object.size),
        Portion::Part { length, .. } => (StatusCode::PARTIAL_CONTENT, length),
    };
    let mut reply = validated(status, content, visibility);
    let headers = reply.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        object.content_type.clone().unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if content.digest().is_some() {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    insert(reply.headers_mut(), header::CONTENT_DISPOSITION, &disposition(object, content));
    let headers = reply.headers_mut();
    if let Some(modified) = &object.last_modified {
        headers.insert(header::LAST_MODIFIED, modified.clone());
    }
    if let Portion::Part { first, length } = portion {
        let last = first + length - 1;
        insert(headers, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{}", object.size));
    }
    reply
}

/// 304: the client has these bytes already.
#[must_use]
pub fn not_modified(content: &ContentId, visibility: Visibility) -> Reply {
    validated(StatusCode::NOT_MODIFIED, content, visibility)
}

fn validated(status: StatusCode, content: &ContentId, visibility: Visibility) -> Reply {
    let mut reply = empty(status);
    let headers = reply.headers_mut();
    let Some(etag) = content.etag() else {
        // Other bytes may have the name tomorrow.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        return reply;
    };
    insert(headers, header::ETAG, &etag);
    // The year is the most RFC 9111 caches are advised to count on; `immutable` (RFC 8246) spares
    // the revalidation on reload.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(match visibility {
            Visibility::Private => "private, max-age=31536000, immutable",
            Visibility::Public => "public, max-age=31536000, immutable",
        }),
    );
    reply
}

/// `Content-Disposition` of an object: its own file name, or one made from the content's name.
#[must_use]
pub fn disposition(object: &ObjectHead, content: &ContentId) -> String {
    object.filename.as_ref().map_or_else(
        || format!("attachment; filename=\"{}\"", content.file_name()),
        Filename::content_disposition,
    )
}

/// `Cache-Control` of a redirect to a URL that is good for `life`.
///
/// Caches may keep it for half of that: whoever gets it from a cache at the last moment has the
/// other half to follow it.
#[must_use]
pub fn redirect_cache_control(life: Duration) -> HeaderValue {
    let mut text = String::with_capacity(32);
    let _ = match life.as_secs() / 2 {
        0 => write!(text, "private, no-store"),
        seconds => write!(text, "private, max-age={seconds}"),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-store"))
}

/// Inserts a header whose value we made. One that HTTP cannot carry is left out: its parts were
/// checked when they were parsed, so this is a second line of defence, not a path that is taken.
pub fn insert(headers: &mut http::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
