//! Outcomes to answers.

use std::time::SystemTime;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;

use super::refusal::Problem;
use super::{
    INTEROP_VERSION, Resumable, UPLOAD_COMPLETE, UPLOAD_LENGTH, UPLOAD_LIMIT, UPLOAD_OFFSET,
    VERSION,
};
use crate::dialect::{Completes, PieceOrder, UploadCall, UploadHead, UploadOutcome, field};
use crate::error::Kind;
use crate::reply::{self, Reply};

/// The headers that pages may read.
pub(super) const HEADERS: &str = "Content-Disposition, Location, Upload-Complete, \
    Upload-Draft-Interop-Version, Upload-Length, Upload-Limit, Upload-Offset";

/// The headers that pages may send.
const REQUEST_HEADERS: &str = "Authorization, Content-Digest, Content-Disposition, Content-Type, \
    If-None-Match, Range, Repr-Digest, Upload-Complete, Upload-Draft-Interop-Version, \
    Upload-Length, Upload-Offset, X-Request-ID, X-Requested-With";

const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST";

/// `Upload Resumption Supported`.
const RESUMPTION_SUPPORTED: u16 = 104;

/// The answer to OPTIONS: what is taken here.
pub(super) fn preflight(resumable: &Resumable, head: &Parts) -> Reply {
    let mut reply = resumable.origins.preflight(head, METHODS, REQUEST_HEADERS);
    say_limit(reply.headers_mut(), resumable.size_max, None);
    reply
}

/// Where an upload is, for whoever sends its first bytes.
pub(super) fn interim(base: &str, upload: &UploadHead<'_>) -> Option<Reply> {
    let mut reply = reply::empty(StatusCode::from_u16(RESUMPTION_SUPPORTED).ok()?);
    let headers = reply.headers_mut();
    headers.insert(INTEROP_VERSION, HeaderValue::from(VERSION));
    say_location(headers, base, upload);
    say_limit(headers, upload.size_max, life(upload));
    Some(reply)
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
            created(base, upload)
        }
        (UploadCall::Append(..), UploadOutcome::Grown(upload)) if upload.is_complete => {
            created(base, upload)
        }
        (UploadCall::Append(..), UploadOutcome::Grown(upload)) => {
            progress(reply::empty(StatusCode::NO_CONTENT), upload)
        }
        (UploadCall::Append(_, order), UploadOutcome::Elsewhere(upload)) => {
            elsewhere(base, head, order, upload)
        }
        (UploadCall::Abort(_), UploadOutcome::Elsewhere(upload)) => {
            let title = "the upload is complete, and stays";
            progress(Problem::new(title).reply(StatusCode::CONFLICT), upload)
        }
        (UploadCall::Begin(_), UploadOutcome::Mismatch) => mismatch(),
        (UploadCall::Append(_, order), UploadOutcome::Mismatch) => {
            let mut reply = mismatch();
            let headers = reply.headers_mut();
            headers.insert(UPLOAD_COMPLETE, boolean(false));
            if let Some(offset) = order.offset {
                headers.insert(UPLOAD_OFFSET, HeaderValue::from(offset));
            }
            reply
        }
        // Of what is not complete, there is nothing else to be had.
        (UploadCall::Look(_) | UploadCall::Fetch(_), UploadOutcome::Is(upload)) => {
            let mut reply = progress(reply::empty(StatusCode::NO_CONTENT), upload);
            let length = upload.length.or_else(|| upload.is_complete.then_some(upload.size));
            if let Some(length) = length {
                reply.headers_mut().insert(UPLOAD_LENGTH, HeaderValue::from(length));
            }
            reply
        }
        (UploadCall::Abort(_), UploadOutcome::Dropped) => reply::empty(StatusCode::NO_CONTENT),
        _ => return Err(Kind::Internal),
    })
}

/// The upload is complete, or goes on there.
fn created(base: &str, upload: &UploadHead<'_>) -> Reply {
    let mut reply = progress(reply::empty(StatusCode::CREATED), upload);
    say_location(reply.headers_mut(), base, upload);
    reply
}

/// The answer to a piece that the upload has no place for.
fn elsewhere(base: &str, head: &Parts, order: &PieceOrder, upload: &UploadHead<'_>) -> Reply {
    let is_at_end = order.offset == Some(upload.size);
    if !is_at_end || !upload.is_complete {
        let problem = Problem::mismatching_offset(upload.size, order.offset);
        return progress(problem.reply(StatusCode::CONFLICT), upload);
    }
    let is_empty = field::body_bytes(head).is_none_or(|bytes| bytes == 0);
    if is_empty && order.completes != Completes::Never {
        // Whoever asks did not hear the answer to the same before.
        return created(base, upload);
    }
    progress(Problem::inconsistent_length().reply(StatusCode::BAD_REQUEST), upload)
}

fn mismatch() -> Reply {
    let problem = Problem::new("the content does not hash to what Content-Digest says");
    problem.reply(StatusCode::BAD_REQUEST)
}

/// An answer that says how far an upload is.
fn progress(mut reply: Reply, upload: &UploadHead<'_>) -> Reply {
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UPLOAD_COMPLETE, boolean(upload.is_complete));
    headers.insert(UPLOAD_OFFSET, HeaderValue::from(upload.size));
    say_limit(headers, upload.size_max, life(upload));
    reply
}

fn say_location(headers: &mut HeaderMap, base: &str, upload: &UploadHead<'_>) {
    reply::insert(headers, header::LOCATION, &format!("{base}{}", upload.id));
}

/// For how many seconds an upload is there yet.
fn life(upload: &UploadHead<'_>) -> Option<u64> {
    let left = |end: SystemTime| end.duration_since(upload.now).unwrap_or_default();
    upload.expires.filter(|_| !upload.is_complete).map(|end| left(end).as_secs())
}

/// How large an upload may be, and how long it lasts.
pub(super) fn say_limit(headers: &mut HeaderMap, size_max: u64, life: Option<u64>) {
    let mut limit = format!("max-size={}", size_max.min(INTEGER_MAX));
    if let Some(seconds) = life {
        limit.push_str(&format!(", max-age={}", seconds.min(INTEGER_MAX)));
    }
    reply::insert(headers, UPLOAD_LIMIT, &limit);
}

/// The largest integer of structured fields (RFC 9651 section 3.3.1).
const INTEGER_MAX: u64 = 999_999_999_999_999;

fn boolean(value: bool) -> HeaderValue {
    HeaderValue::from_static(if value { "?1" } else { "?0" })
}
