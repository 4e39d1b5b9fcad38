//! Refusals, with the statuses that clients have a word for: 400, 401, 403, 404, 406, 409, 500 and
//! 507. Whatever else they get ends them with a stack trace.

use http::{Method, StatusCode};
use serde_json::json;

use super::{answer, request};
use crate::error::Kind;
use crate::reply::Reply;

/// What a request is about, as far as its refusal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A token.
    Login,
    /// A piece of an upload.
    Piece,
    /// Something else of an upload.
    Upload,
    /// A new version.
    Publication,
    Artifact,
    Blob,
    Nothing,
}

impl Subject {
    fn of(method: &Method, rest: &str) -> Self {
        match request::segments(rest)[..] {
            ["auth"] => Self::Login,
            ["upload", _] => Self::Piece,
            ["upload", ..] => Self::Upload,
            ["artifacts", "upload", _] if method == Method::POST => Self::Publication,
            ["artifacts", ..] => Self::Artifact,
            ["blobs" | "blob_checksums", ..] => Self::Blob,
            _ => Self::Nothing,
        }
    }

    const fn not_found(self) -> &'static str {
        match self {
            Self::Piece | Self::Upload => "upload not found",
            Self::Publication => "upload, blob or namespace not found",
            Self::Artifact => "artifact not found",
            Self::Blob => "blob not found",
            Self::Login | Self::Nothing => "not found",
        }
    }
}

/// The refusal of a request; `rest` is its path below that of the route.
pub(super) fn refuse(method: &Method, rest: &str, kind: Kind, message: &str) -> Reply {
    let (status, text) = refusal(Subject::of(method, rest), kind, message);
    document(status, text)
}

/// A refusal for this reason.
pub(super) fn document(status: StatusCode, text: &str) -> Reply {
    answer::json(status, &json!({"error": text, "status": status.as_u16()}))
}

/// A call that can be made again, as it was, with nothing done meanwhile.
///
/// To clients 406 says that something is not ready yet: they make the call again after a second, for
/// a minute or an hour. After any other refusal they cut off a piece of an upload and send it again
/// five times at once, which storage that is busy needs least; and all other calls fail. Tokens are
/// not asked for again, so that those who look at statuses may as well have the true one.
const fn again(subject: Subject, text: &str) -> (StatusCode, &str) {
    match subject {
        Subject::Login => (StatusCode::SERVICE_UNAVAILABLE, text),
        Subject::Piece
        | Subject::Upload
        | Subject::Publication
        | Subject::Artifact
        | Subject::Blob
        | Subject::Nothing => (StatusCode::NOT_ACCEPTABLE, text),
    }
}

fn refusal(subject: Subject, kind: Kind, message: &str) -> (StatusCode, &str) {
    let unauthorized = |text| (StatusCode::UNAUTHORIZED, text);
    let forbidden = |text| (StatusCode::FORBIDDEN, text);
    let failed = |text| (StatusCode::INTERNAL_SERVER_ERROR, text);
    match kind {
        Kind::Conflict => (StatusCode::CONFLICT, "it was changed at the same time, try again"),
        Kind::ContentCorrupt => failed("what is stored is not what was uploaded"),
        Kind::CredentialExpired => unauthorized("the token's time is over, or has not begun"),
        Kind::CredentialMalformed => unauthorized("the token is none that is known here"),
        Kind::CredentialMissing => unauthorized("a token is missing"),
        Kind::CredentialRefused if subject == Subject::Login => {
            unauthorized("the key is not one of the namespace")
        }
        Kind::CredentialRefused => unauthorized("the token is not accepted here"),
        Kind::Forbidden => forbidden("the token does not permit this"),
        // The gateway's own tokens have no part in this protocol.
        Kind::ContentChanged
        | Kind::IdempotencyMismatch
        | Kind::Internal
        | Kind::Prefetch
        | Kind::TokenExpired
        | Kind::TokenRevoked
        | Kind::TokenSpent => failed("the gateway failed"),
        Kind::InvalidRequest => (StatusCode::BAD_REQUEST, message),
        Kind::IssuerUnavailable => again(subject, "the token cannot be checked now, try again"),
        Kind::MethodNotAllowed => {
            (StatusCode::METHOD_NOT_ALLOWED, "the method is not one of this path")
        }
        Kind::NotFound => (StatusCode::NOT_FOUND, subject.not_found()),
        // If the piece is there, it must be cut off first, which clients do for this status.
        Kind::OutcomeUnknown if subject == Subject::Piece => {
            failed("whether the bytes are there is not known, truncate and try again")
        }
        Kind::OutcomeUnknown => again(subject, "whether it was done is not known, try again"),
        Kind::PayloadTooLarge if subject == Subject::Piece => {
            (StatusCode::INSUFFICIENT_STORAGE, "the upload may not have that many bytes")
        }
        Kind::PayloadTooLarge => (StatusCode::BAD_REQUEST, "the body is too large"),
        Kind::PreconditionFailed => (StatusCode::CONFLICT, "a precondition failed"),
        Kind::RangeNotSatisfiable => (StatusCode::BAD_REQUEST, "there are no such bytes"),
        Kind::StateUnavailable => {
            again(subject, "the gateway cannot tell how far it is, try again")
        }
        Kind::StorageBusy => again(subject, "storage is busy, try again"),
        Kind::StorageFailed => failed("storage failed, try again"),
        Kind::StorageTimeout => again(subject, "storage did not answer in time, try again"),
        Kind::StorageUnavailable => again(subject, "storage cannot be used now, try again"),
        Kind::TenantDisabled => forbidden("the namespace is disabled"),
        Kind::TenantOverLimit => {
            (StatusCode::INSUFFICIENT_STORAGE, "the namespace used up its limit")
        }
        Kind::TenantPaused => forbidden("the namespace is paused"),
        Kind::TenantUnpaid => forbidden("a payment of the namespace is missing"),
    }
}
