//! Refusals: problems (RFC 9457). After 4xx clients give up, but for 409; after 5xx they ask how
//! far the upload is.

use http::StatusCode;
use http::header::{self, HeaderValue};
use http::request::Parts;
use serde::Serialize;

use super::{UPLOAD_COMPLETE, answer, request};
use crate::dialect::LENGTH_DIFFERS;
use crate::error::Kind;
use crate::reply::{self, Reply};

/// What is wrong.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Problem<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provided_offset: Option<u64>,
}

impl<'a> Problem<'a> {
    /// One that the status says all about.
    pub(super) const fn new(title: &'a str) -> Self {
        Self { r#type: None, title, status: None, expected_offset: None, provided_offset: None }
    }

    /// A piece is for another place than the end of the upload.
    pub(super) const fn mismatching_offset(expected: u64, provided: Option<u64>) -> Self {
        Self {
            r#type: Some(
                "https://iana.org/assignments/http-problem-types#mismatching-upload-offset",
            ),
            expected_offset: Some(expected),
            provided_offset: provided,
            ..Self::new("the upload is at another offset")
        }
    }

    /// What was said of an upload's length does not fit what was said before, or what came.
    pub(super) const fn inconsistent_length() -> Self {
        Self {
            r#type: Some(
                "https://iana.org/assignments/http-problem-types#inconsistent-upload-length",
            ),
            ..Self::new(LENGTH_DIFFERS)
        }
    }

    /// The answer that says so.
    pub(super) fn reply(mut self, status: StatusCode) -> Reply {
        self.status = Some(status.as_u16());
        // Texts and numbers always have a JSON form.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut reply = reply::with_body(status, "application/problem+json", body);
        let headers = reply.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        reply
    }
}

/// The refusal of a request. `message` is what is wrong with it, where that can be said.
pub(super) fn refuse(size_max: u64, head: &Parts, kind: Kind, message: &str) -> Reply {
    let (status, title) = refusal(kind, message);
    if kind == Kind::InvalidRequest && message == LENGTH_DIFFERS {
        let mut reply = Problem::inconsistent_length().reply(status);
        reply.headers_mut().insert(UPLOAD_COMPLETE, HeaderValue::from_static("?0"));
        return reply;
    }
    let is_of_other_type = kind == Kind::InvalidRequest && request::is_of_other_type(head);
    let status = if is_of_other_type { StatusCode::UNSUPPORTED_MEDIA_TYPE } else { status };
    let mut reply = Problem::new(title).reply(status);
    let headers = reply.headers_mut();
    if kind == Kind::Conflict {
        // So that clients know that they may go on.
        headers.insert(UPLOAD_COMPLETE, HeaderValue::from_static("?0"));
    }
    if kind == Kind::PayloadTooLarge {
        answer::say_limit(headers, size_max, None);
    }
    reply
}

/// Status and text of a refusal.
fn refusal(kind: Kind, message: &str) -> (StatusCode, &str) {
    let unauthorized = |text| (StatusCode::UNAUTHORIZED, text);
    let unavailable = |text| (StatusCode::SERVICE_UNAVAILABLE, text);
    let forbidden = |text| (StatusCode::FORBIDDEN, text);
    match kind {
        Kind::Conflict => (StatusCode::CONFLICT, "somebody else sends to this upload, try again"),
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
        Kind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "a precondition failed"),
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
