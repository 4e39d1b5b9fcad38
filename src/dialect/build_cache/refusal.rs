//! What is refused, and with which status.
//!
//! All tools get the same text, which is the truth. The status is bent where a tool would make more
//! of the true one than it means; metrics and the log keep the real kind.

use http::request::Parts;
use http::{Method, StatusCode};

use super::{Preset, text};
use crate::error::Kind;
use crate::reply::Reply;

/// The refusal of a request.
pub(super) fn of(preset: Preset, head: &Parts, kind: Kind, message: &str) -> Reply {
    let (status, reason) = truth(kind, message);
    let status = bent(preset, head, kind).unwrap_or(status);
    let mut line = String::new();
    if head.method == Method::PUT {
        line.push_str("not stored: ");
    }
    line.push_str(reason);
    if status == StatusCode::UNAUTHORIZED {
        line.push_str("; tokens are taken from ");
        line.push_str(preset.token_place());
    }
    text(status, &line)
}

/// The status a tool gets instead of the true one.
fn bent(preset: Preset, head: &Parts, kind: Kind) -> Option<StatusCode> {
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    let is_write = head.method == Method::PUT;
    match preset {
        // Every failure is a warning to Bazel, and the build goes on.
        Preset::Bazel => None,
        // Every failure ends the use of the cache for this build, and so does 413, whatever
        // `HttpBuildCache` says (`BaseRemoteBuildCacheServiceHandle`): that is right when the cache
        // is out of order. Those who may not write should not set `push`. To tell them that it was
        // stored would help them, and deceive all those who think that they may.
        Preset::Gradle => None,
        Preset::Nx if is_read => nx_read(kind),
        Preset::Nx if is_write => nx_write(kind),
        Preset::Nx => None,
        Preset::Sccache if is_read => sccache_read(head, kind),
        // To writes, sccache takes every failure alike: it counts it.
        Preset::Sccache => None,
    }
}

/// Nx stops the user's build at everything but 200 and 404 (`HttpRemoteCache::retrieve`). Users can
/// mend their tokens and addresses; for what is the cache's own trouble, their builds go on.
fn nx_read(kind: Kind) -> Option<StatusCode> {
    is_of_the_cache(kind).then_some(StatusCode::NOT_FOUND)
}

/// Nx fails the user's build, after some attempts, at everything but 200, 409 and 403
/// (`HttpRemoteCache::store`), although there is nothing wrong with what was built. A token that is
/// none at all has stopped it before, when it read.
fn nx_write(kind: Kind) -> Option<StatusCode> {
    let ends_the_build = match kind {
        Kind::CredentialMalformed | Kind::CredentialMissing | Kind::CredentialRefused => true,
        // The address is not one of Nx's.
        Kind::InvalidRequest | Kind::MethodNotAllowed => true,
        // What took longer than the token lives is built all the same.
        Kind::CredentialExpired => false,
        Kind::ContentChanged
        | Kind::ContentCorrupt
        | Kind::Forbidden
        | Kind::IdempotencyMismatch
        | Kind::Internal
        | Kind::IssuerUnavailable
        | Kind::NotFound
        | Kind::OutcomeUnknown
        | Kind::PayloadTooLarge
        | Kind::PreconditionFailed
        | Kind::Prefetch
        | Kind::RangeNotSatisfiable
        | Kind::StateUnavailable
        | Kind::StorageBusy
        | Kind::StorageFailed
        | Kind::StorageTimeout
        | Kind::StorageUnavailable
        | Kind::TenantDisabled
        | Kind::TenantOverLimit
        | Kind::TenantPaused
        | Kind::TenantUnpaid
        | Kind::TokenExpired
        | Kind::TokenRevoked
        | Kind::TokenSpent
        | Kind::Conflict => false,
    };
    (!ends_the_build).then_some(StatusCode::FORBIDDEN)
}

/// sccache reads this entry when it starts, and does not start if that fails in any other way than
/// 404 (`Storage::check`), which ends the user's build. Later failures are misses to it anyway.
fn sccache_read(head: &Parts, kind: Kind) -> Option<StatusCode> {
    let is_check = head.uri.path().ends_with("/.sccache_check");
    (is_check && is_of_the_cache(kind)).then_some(StatusCode::NOT_FOUND)
}

/// Whether it is the cache's own trouble, or its operator's with the tenant: nothing that is wrong
/// with the request or with the token.
const fn is_of_the_cache(kind: Kind) -> bool {
    match kind {
        Kind::ContentCorrupt
        | Kind::Internal
        | Kind::IssuerUnavailable
        | Kind::OutcomeUnknown
        | Kind::StateUnavailable
        | Kind::StorageBusy
        | Kind::StorageFailed
        | Kind::StorageTimeout
        | Kind::StorageUnavailable
        | Kind::TenantDisabled
        | Kind::TenantOverLimit
        | Kind::TenantPaused
        | Kind::TenantUnpaid => true,
        Kind::ContentChanged
        | Kind::CredentialExpired
        | Kind::CredentialMalformed
        | Kind::CredentialMissing
        | Kind::CredentialRefused
        | Kind::Forbidden
        | Kind::IdempotencyMismatch
        | Kind::InvalidRequest
        | Kind::MethodNotAllowed
        | Kind::NotFound
        | Kind::PayloadTooLarge
        | Kind::PreconditionFailed
        | Kind::Prefetch
        | Kind::RangeNotSatisfiable
        | Kind::TokenExpired
        | Kind::TokenRevoked
        | Kind::TokenSpent
        | Kind::Conflict => false,
    }
}

/// The true status, and why.
fn truth(kind: Kind, message: &str) -> (StatusCode, &str) {
    match kind {
        Kind::ContentCorrupt => {
            (StatusCode::BAD_GATEWAY, "what is stored does not match its digest")
        }
        Kind::CredentialExpired => {
            (StatusCode::UNAUTHORIZED, "the token has expired, or is not good yet")
        }
        Kind::CredentialMalformed => {
            (StatusCode::UNAUTHORIZED, "the token does not have the form of one")
        }
        Kind::CredentialMissing => (StatusCode::UNAUTHORIZED, "there is no token"),
        Kind::CredentialRefused => (StatusCode::UNAUTHORIZED, "the token is not accepted here"),
        Kind::Forbidden => (StatusCode::FORBIDDEN, "the token does not allow this"),
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
        | Kind::Conflict => (StatusCode::INTERNAL_SERVER_ERROR, "the cache has a defect"),
        Kind::InvalidRequest => (StatusCode::BAD_REQUEST, message),
        Kind::IssuerUnavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "the token cannot be checked now")
        }
        Kind::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "the cache has no such method"),
        Kind::NotFound => (StatusCode::NOT_FOUND, "not found"),
        Kind::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the entry is too large"),
        Kind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "a precondition failed"),
        Kind::RangeNotSatisfiable => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "the entry has no such range")
        }
        Kind::StorageBusy => (StatusCode::SERVICE_UNAVAILABLE, "storage is busy"),
        Kind::StorageFailed => (StatusCode::BAD_GATEWAY, "storage failed"),
        Kind::StorageTimeout => (StatusCode::GATEWAY_TIMEOUT, "storage did not answer in time"),
        Kind::StorageUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "storage cannot be used now"),
        Kind::TenantDisabled => (StatusCode::FORBIDDEN, "the tenant is disabled"),
        Kind::TenantOverLimit => (StatusCode::FORBIDDEN, "the tenant used up its limit"),
        Kind::TenantPaused => (StatusCode::FORBIDDEN, "the tenant is paused"),
        Kind::TenantUnpaid => (StatusCode::PAYMENT_REQUIRED, "a payment is missing"),
    }
}
