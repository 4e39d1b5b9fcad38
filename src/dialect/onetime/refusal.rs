//! Refusals: JSON with a `code` that stays and a `message` for people.

use http::StatusCode;
use serde::Serialize;

use super::answer;
use crate::error::Kind;
use crate::reply::Reply;

#[derive(Serialize)]
struct Refusal<'a> {
    code: &'static str,
    message: &'a str,
}

/// The refusal of a request. With `uniform`, nobody learns whether a token was ever good.
pub(super) fn refuse(kind: Kind, message: &str, uniform: bool) -> Reply {
    let is_telling = matches!(
        kind,
        Kind::ContentChanged | Kind::TokenExpired | Kind::TokenRevoked | Kind::TokenSpent
    );
    let kind = if uniform && is_telling { Kind::NotFound } else { kind };
    let (status, text) = refusal(kind, message);
    answer::json(status, &Refusal { code: kind.name(), message: text })
}

fn refusal(kind: Kind, message: &str) -> (StatusCode, &str) {
    let gone = |message| (StatusCode::GONE, message);
    let unauthorized = |message| (StatusCode::UNAUTHORIZED, message);
    let unavailable = |message| (StatusCode::SERVICE_UNAVAILABLE, message);
    let forbidden = |message| (StatusCode::FORBIDDEN, message);
    match kind {
        Kind::ContentChanged => gone("the artifact is no longer the one this link was made for"),
        Kind::ContentCorrupt => {
            (StatusCode::BAD_GATEWAY, "the stored artifact does not match its digest")
        }
        Kind::CredentialExpired => unauthorized("the JWT's time is over, or has not begun"),
        Kind::CredentialMalformed => unauthorized("the credential is no JWT"),
        Kind::CredentialMissing => unauthorized("a JWT is missing"),
        Kind::CredentialRefused => unauthorized("the JWT is not accepted here"),
        Kind::Forbidden => forbidden("the JWT does not permit this"),
        Kind::IdempotencyMismatch => {
            (StatusCode::UNPROCESSABLE_ENTITY, "the Idempotency-Key was used for another order")
        }
        Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "the gateway failed"),
        Kind::InvalidRequest => (StatusCode::BAD_REQUEST, message),
        Kind::IssuerUnavailable => unavailable("the JWT cannot be checked now, try again"),
        Kind::MethodNotAllowed => {
            (StatusCode::METHOD_NOT_ALLOWED, "the method is not one of this path")
        }
        Kind::NotFound => (StatusCode::NOT_FOUND, "there is no such download"),
        Kind::OutcomeUnknown => {
            unavailable("whether this link was used up just now is not known; it may be")
        }
        Kind::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
        Kind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "a precondition failed"),
        Kind::Prefetch => unavailable("this link is not for looking ahead; open it to use it"),
        Kind::RangeNotSatisfiable => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "the artifact has nothing in this range")
        }
        Kind::StateUnavailable => {
            unavailable("whether this link was used before cannot be told now, try again")
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
        Kind::TokenExpired => gone("this link has expired"),
        Kind::Conflict => (StatusCode::CONFLICT, "somebody else changed it"),
        Kind::TokenRevoked => gone("this link was taken back"),
        Kind::TokenSpent => gone("this link was used before"),
    }
}
