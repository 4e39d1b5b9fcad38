//! Refusals: a line of text. What counts is the status: of 4xx, clients try again after 409, 423 and
//! 429 only, and after what fails to tell how far an upload is they begin another.

use http::header::HeaderValue;
use http::request::Parts;
use http::{Method, StatusCode};

use super::{TUS_VERSION, VERSION, request};
use crate::error::Kind;
use crate::reply::{self, Reply};

/// The refusal of a request. `message` is what is wrong with it, where that can be said.
pub(super) fn refuse(head: &Parts, kind: Kind, message: &str) -> Reply {
    let (status, text) = refusal(kind, message);
    let method = request::method(head);
    let is_passing = matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    );
    // After anything else tus-js-client gives the upload up, and sends all of it again.
    if method == Method::HEAD && is_passing && kind != Kind::ContentCorrupt {
        return reply::plain(StatusCode::LOCKED, text);
    }
    if kind == Kind::InvalidRequest && request::is_of_other_type(head) {
        return reply::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    let mut reply = reply::plain(status, text);
    if kind == Kind::PreconditionFailed {
        reply.headers_mut().insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    }
    reply
}

/// Status and text of a refusal.
fn refusal(kind: Kind, message: &str) -> (StatusCode, &str) {
    let unauthorized = |text| (StatusCode::UNAUTHORIZED, text);
    let unavailable = |text| (StatusCode::SERVICE_UNAVAILABLE, text);
    let forbidden = |text| (StatusCode::FORBIDDEN, text);
    match kind {
        Kind::Conflict => (StatusCode::LOCKED, "somebody else sends to this upload, try again"),
        Kind::ContentCorrupt => {
            (StatusCode::BAD_GATEWAY, "the stored content is not what was uploaded")
        }
        Kind::CredentialExpired => unauthorized("the token's time is over, or has not begun"),
        Kind::CredentialMalformed => unauthorized("the token is none that is known here"),
        Kind::CredentialMissing => unauthorized("a token is missing"),
        Kind::CredentialRefused => unauthorized("the token is not accepted here"),
        Kind::Forbidden => forbidden("the token does not permit this"),
        // The gateway's own tokens have no part in this protocol.
        Kind::ContentChanged
        | Kind::IdempotencyMismatch
        | Kind::Internal
        | Kind::Prefetch
        | Kind::TokenExpired
        | Kind::TokenRevoked
        | Kind::TokenSpent => (StatusCode::INTERNAL_SERVER_ERROR, "the gateway failed"),
        Kind::InvalidRequest => (StatusCode::BAD_REQUEST, message),
        // Not a 401: the token may be good.
        Kind::IssuerUnavailable => unavailable("the token cannot be checked now, try again"),
        Kind::MethodNotAllowed => {
            (StatusCode::METHOD_NOT_ALLOWED, "the method is not one of this path")
        }
        Kind::NotFound => (StatusCode::NOT_FOUND, "there is no such upload"),
        Kind::OutcomeUnknown | Kind::StateUnavailable => {
            unavailable("how far the upload is cannot be told now, try again")
        }
        Kind::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the upload is too large"),
        Kind::PreconditionFailed => (
            StatusCode::PRECONDITION_FAILED,
            "a precondition failed, or Tus-Resumable is not 1.0.0",
        ),
        Kind::RangeNotSatisfiable => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "the content has nothing in this range")
        }
        Kind::StorageBusy => unavailable("storage is busy, try again"),
        Kind::StorageFailed => (StatusCode::BAD_GATEWAY, "storage failed, try again"),
        Kind::StorageTimeout => {
            (StatusCode::GATEWAY_TIMEOUT, "storage did not answer in time, try again")
        }
        Kind::StorageUnavailable => unavailable("storage cannot be used now, try again"),
        Kind::TenantDisabled => forbidden("the tenant is disabled"),
        Kind::TenantOverLimit => forbidden("the tenant used up its limit"),
        Kind::TenantPaused => forbidden("the tenant is paused"),
        Kind::TenantUnpaid => (StatusCode::PAYMENT_REQUIRED, "a payment of the tenant is missing"),
    }
}
