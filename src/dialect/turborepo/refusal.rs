//! Refusals, and what `turbo` makes of them.
//!
//! A 404 is a miss, which is followed by an upload. A 403 with the code `forbidden` ends all reads
//! and uploads of a run, or all uploads if it comes on one; the `remote_caching_` codes are words
//! that clients know. A 503 is asked again, once.

use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use super::answer;
use crate::error::Kind;
use crate::reply::Reply;

/// The refusal of a request. `message` is what is wrong with it, where that can be said.
pub(super) fn refuse(head: &Parts, kind: Kind, message: &str) -> Reply {
    let (mut status, code, text) = refusal(kind, message);
    // The two paths below which clients ask for their token, and know one thing more.
    let invalid_token = is_about_token(head) && is_bad_token(kind);
    if invalid_token {
        status = StatusCode::FORBIDDEN;
    }
    let error = Inner { code, message: text, invalid_token };
    answer::json(status, &Document { code, message: text, error })
}

/// The OpenAPI document has code and message on top, where the first versions looked for them; later
/// ones look into `error`.
#[derive(Serialize)]
struct Document<'a> {
    code: &'static str,
    message: &'a str,
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(rename = "invalidToken", skip_serializing_if = "std::ops::Not::not")]
    invalid_token: bool,
}

fn is_about_token(head: &Parts) -> bool {
    head.uri.path().ends_with("/user/tokens/current")
}

fn is_bad_token(kind: Kind) -> bool {
    matches!(kind, Kind::CredentialExpired | Kind::CredentialMalformed | Kind::CredentialRefused)
}

/// Status, code and message of a refusal.
fn refusal(kind: Kind, message: &str) -> (StatusCode, &'static str, &str) {
    let unauthorized = |message| (StatusCode::UNAUTHORIZED, "unauthorized", message);
    let unavailable = |message| (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", message);
    let forbidden = |code, message| (StatusCode::FORBIDDEN, code, message);
    match kind {
        Kind::ContentCorrupt => (
            StatusCode::BAD_GATEWAY,
            "content_corrupt",
            "the stored artifact does not match its digest",
        ),
        Kind::CredentialExpired => unauthorized("the token's time is over, or has not begun"),
        Kind::CredentialMalformed => unauthorized("the token is none that is known here"),
        Kind::CredentialMissing => unauthorized("a token is missing"),
        Kind::CredentialRefused => unauthorized("the token is not accepted here"),
        Kind::Forbidden => forbidden("forbidden", "the token does not permit this"),
        // The gateway's state and its own tokens have no part in this protocol.
        Kind::ContentChanged
        | Kind::IdempotencyMismatch
        | Kind::Internal
        | Kind::OutcomeUnknown
        | Kind::Prefetch
        | Kind::StateUnavailable
        | Kind::TokenExpired
        | Kind::TokenRevoked
        | Kind::TokenSpent
        | Kind::Conflict => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", "the gateway failed")
        }
        Kind::InvalidRequest => (StatusCode::BAD_REQUEST, "bad_request", message),
        // Not a 401: a client would throw away a token that is good.
        Kind::IssuerUnavailable => unavailable("the token cannot be checked now, try again"),
        Kind::MethodNotAllowed => (
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "the method is not one of this path",
        ),
        Kind::NotFound => (StatusCode::NOT_FOUND, "not_found", "there is no such thing here"),
        Kind::PayloadTooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "the body is too large")
        }
        Kind::PreconditionFailed => {
            (StatusCode::PRECONDITION_FAILED, "precondition_failed", "a precondition does not hold")
        }
        Kind::RangeNotSatisfiable => (
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            "the artifact has nothing in this range",
        ),
        Kind::StorageBusy => unavailable("storage is busy, try again"),
        Kind::StorageFailed => (StatusCode::BAD_GATEWAY, "bad_gateway", "storage failed"),
        Kind::StorageTimeout => {
            (StatusCode::GATEWAY_TIMEOUT, "gateway_timeout", "storage did not answer in time")
        }
        Kind::StorageUnavailable => unavailable("storage cannot be used now, try again"),
        Kind::TenantDisabled => {
            forbidden("remote_caching_disabled", "remote caching is disabled for this team")
        }
        Kind::TenantOverLimit => {
            forbidden("remote_caching_over_limit", "the team used up its limit")
        }
        Kind::TenantPaused => {
            forbidden("remote_caching_paused", "remote caching is paused for this team")
        }
        Kind::TenantUnpaid => {
            (StatusCode::PAYMENT_REQUIRED, "payment_required", "a payment of the team is missing")
        }
    }
}
