//! Outcomes to answers.

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;

use super::{
    TUS_CHECKSUM_ALGORITHM, TUS_EXTENSION, TUS_MAX_SIZE, TUS_VERSION, Tus, UPLOAD_DEFER_LENGTH,
    UPLOAD_EXPIRES, UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, VERSION,
};
use crate::dialect::{PieceOrder, UploadCall, UploadHead, UploadOutcome, field};
use crate::error::Kind;
use crate::reply::{self, Reply};

/// The headers that pages may read.
pub(super) const HEADERS: &str = "Content-Disposition, Location, Tus-Checksum-Algorithm, \
    Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Defer-Length, Upload-Expires, \
    Upload-Length, Upload-Metadata, Upload-Offset";

/// The headers that pages may send.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, If-None-Match, Range, Tus-Resumable, \
    Upload-Checksum, Upload-Concat, Upload-Defer-Length, Upload-Length, Upload-Metadata, \
    Upload-Offset, X-HTTP-Method-Override, X-Request-ID, X-Requested-With";

const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST";

const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration";

const ALGORITHMS: &str = "sha1,sha256,sha512";

/// What the protocol calls `Checksum Mismatch`.
const CHECKSUM_MISMATCH: u16 = 460;

/// The answer to OPTIONS: what is spoken here.
pub(super) fn preflight(tus: &Tus, head: &Parts) -> Reply {
    let mut reply = tus.origins.preflight(head, METHODS, REQUEST_HEADERS);
    let headers = reply.headers_mut();
    headers.insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    headers.insert(TUS_EXTENSION, HeaderValue::from_static(EXTENSIONS));
    headers.insert(TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(ALGORITHMS));
    headers.insert(TUS_MAX_SIZE, HeaderValue::from(tus.size_max));
    reply
}

/// The answer to a call, or as what it is refused.
pub(super) fn upload(
    base: &str,
    head: &Parts,
    call: &UploadCall,
    outcome: &UploadOutcome<'_>,
) -> Result<Reply, Kind> {
    Ok(match (call, outcome) {
        (UploadCall::Begin(_), UploadOutcome::Begun(upload) | UploadOutcome::Grown(upload)) => {
            let mut reply = progress(StatusCode::CREATED, upload);
            let location = format!("{base}{}", upload.id);
            reply::insert(reply.headers_mut(), header::LOCATION, &location);
            reply
        }
        (UploadCall::Append(..), UploadOutcome::Grown(upload)) => {
            progress(StatusCode::NO_CONTENT, upload)
        }
        (UploadCall::Append(_, order), UploadOutcome::Elsewhere(upload))
            if is_said_again(head, order, upload) =>
        {
            progress(StatusCode::NO_CONTENT, upload)
        }
        (UploadCall::Append(..), UploadOutcome::Elsewhere(upload)) => {
            let mut reply = reply::plain(StatusCode::CONFLICT, "the upload is at another offset");
            say_progress(reply.headers_mut(), upload);
            reply
        }
        (UploadCall::Begin(_) | UploadCall::Append(..), UploadOutcome::Mismatch) => {
            let status = StatusCode::from_u16(CHECKSUM_MISMATCH).map_err(|_| Kind::Internal)?;
            reply::plain(status, "the bytes do not hash to what Upload-Checksum says")
        }
        (UploadCall::Look(_), UploadOutcome::Is(upload)) => look(upload),
        // What others may have by now is no longer the client's to drop. It is not to be tried again.
        (UploadCall::Abort(_), UploadOutcome::Elsewhere(_)) => {
            reply::plain(StatusCode::FORBIDDEN, "the upload is complete, and stays")
        }
        (UploadCall::Abort(_), UploadOutcome::Dropped) => reply::empty(StatusCode::NO_CONTENT),
        // There is nothing to be had before it is complete.
        (UploadCall::Fetch(_), UploadOutcome::Is(_)) => return Err(Kind::NotFound),
        _ => return Err(Kind::Internal),
    })
}

/// Whether a client asks for what was done already, since it did not hear of that.
fn is_said_again(head: &Parts, order: &PieceOrder, upload: &UploadHead<'_>) -> bool {
    upload.is_complete
        && order.offset == Some(upload.size)
        && order.length.is_none_or(|length| length == upload.size)
        && field::body_bytes(head).is_none_or(|bytes| bytes == 0)
}

/// How far an upload is, for whoever asks.
fn look(upload: &UploadHead<'_>) -> Reply {
    let mut reply = progress(StatusCode::OK, upload);
    let headers = reply.headers_mut();
    let length = upload.length.or_else(|| upload.is_complete.then_some(upload.size));
    match length {
        Some(length) => headers.insert(UPLOAD_LENGTH, HeaderValue::from(length)),
        None => headers.insert(UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1")),
    };
    if !upload.metadata.is_empty() {
        reply::insert(headers, UPLOAD_METADATA, upload.metadata);
    }
    reply
}

/// An answer that says how far an upload is.
fn progress(status: StatusCode, upload: &UploadHead<'_>) -> Reply {
    let mut reply = reply::empty(status);
    say_progress(reply.headers_mut(), upload);
    reply
}

fn say_progress(headers: &mut HeaderMap, upload: &UploadHead<'_>) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UPLOAD_OFFSET, HeaderValue::from(upload.size));
    if let Some(expires) = upload.expires.filter(|_| !upload.is_complete) {
        reply::insert(headers, UPLOAD_EXPIRES, &httpdate::fmt_http_date(expires));
    }
}
