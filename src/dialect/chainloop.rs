//! Chainloop's artifact downloads: `GET /download/{digest}`.
//!
//! The requests, redirects and `Refresh` answers follow the OpenAPI document of the control plane
//! ("Download Artifacts from CAS"); the error bodies are those of its server framework, kratos.

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;

use super::{Body, Call, Dialect, Outcome, UploadHead, unasked};
use crate::auth::{AskedTenant, Carriage};
use crate::bucket::object::ObjectHead;
use crate::content::ContentId;
use crate::content::digest::Sha256Digest;
use crate::error::{Error, Kind};
use crate::reply::{self, Reply};

/// The Chainloop dialect.
#[derive(Debug)]
pub struct Chainloop {
    login: Option<Login>,
}

/// Where callers without a credential are sent.
#[derive(Debug)]
pub struct Login {
    /// The login page; `?callback=` is added.
    pub url: String,
    /// Scheme and host of the gateway as clients see it, without a slash at the end.
    pub public_origin: String,
}

impl Chainloop {
    /// With `login`, callers without a credential get a 307 there instead of a 401.
    #[must_use]
    pub const fn new(login: Option<Login>) -> Self {
        Self { login }
    }
}

impl Dialect for Chainloop {
    fn name(&self) -> &'static str {
        "chainloop"
    }

    fn carriage(&self) -> Carriage {
        Carriage::BearerOrQuery("t")
    }

    fn parse(&self, head: &Parts, rest: &str) -> Result<Call, Error> {
        let call = match head.method {
            Method::GET => Call::Download,
            Method::HEAD => Call::Describe,
            _ => return Err(Error::MethodNotAllowed { allow: "GET, HEAD" }),
        };
        Ok(call(ContentId::Sha256(parse_digest(rest)?)))
    }

    fn redacted(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn tenant<'r>(&self, _: &'r Parts) -> Result<Vec<AskedTenant<'r>>, Error> {
        Ok(Vec::new())
    }

    fn stores(&self, _: &str) -> bool {
        false
    }

    fn body(&self, _: &Call) -> Body {
        Body::None
    }

    fn complete(&self, call: Call, _: &[u8]) -> Result<Call, Error> {
        Ok(call)
    }

    fn may_redirect(&self, _: &ObjectHead) -> bool {
        true
    }

    fn link(&self, _: &str) -> Option<String> {
        None
    }

    fn interim(&self, _: &UploadHead<'_>) -> Option<Reply> {
        None
    }

    fn answer(&self, head: &Parts, call: &Call, outcome: &Outcome<'_>) -> Reply {
        let (Call::Download(content) | Call::Describe(content)) = call else {
            return unasked(self, head);
        };
        match *outcome {
            Outcome::Redirect { url, life } => {
                let mut reply = redirect(head, url);
                let headers = reply.headers_mut();
                headers.insert(header::CACHE_CONTROL, reply::redirect_cache_control(life));
                headers.insert(header::VARY, HeaderValue::from_static("Accept"));
                // The request's URL may hold the caller's token (`?t=`).
                headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
                reply
            }
            Outcome::Object { object, portion, visibility } => {
                reply::object(content, object, portion, visibility)
            }
            Outcome::NotModified(visibility) => reply::not_modified(content, visibility),
            Outcome::AlreadyThere
            | Outcome::Found(_)
            | Outcome::Granted { .. }
            | Outcome::Graph(_)
            | Outcome::Imported(_)
            | Outcome::Challenge(_)
            | Outcome::ChainNotSupported
            | Outcome::SignedIn { .. }
            | Outcome::Upload(_)
            | Outcome::Catalog(_)
            | Outcome::LoggedIn { .. }
            | Outcome::Greeting
            | Outcome::Preflight
            | Outcome::Stored
            | Outcome::Token(_) => unasked(self, head),
        }
    }

    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply {
        if let (Kind::CredentialMissing, Some(login)) = (kind, &self.login)
            && !head.headers.contains_key(header::AUTHORIZATION)
        {
            return to_login(head, login);
        }
        let (status, reason, text) = refusal(kind, message);
        let body = KratosError { code: status.as_u16(), reason, message: text, metadata: Empty {} };
        // Strings and numbers always have a JSON form.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut reply = reply::with_body(status, "application/json", body);
        reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply
    }
}

/// Reads `sha256:` and 64 lower-case digits. The colon may come percent-encoded, as it does from
/// JavaScript's `encodeURIComponent`.
fn parse_digest(rest: &str) -> Result<Sha256Digest, Error> {
    rest.strip_prefix("sha256:")
        .or_else(|| rest.strip_prefix("sha256%3A"))
        .or_else(|| rest.strip_prefix("sha256%3a"))
        .and_then(|hex| Sha256Digest::parse_hex(hex).ok())
        .ok_or(Error::InvalidRequest(
            "invalid digest format: expected sha256: and 64 lower-case hexadecimal digits".into(),
        ))
}

fn redirect(head: &Parts, url: &str) -> Reply {
    if wants_html(head) {
        let text = "Your download will begin shortly...\n";
        let mut reply = reply::with_body(StatusCode::FOUND, "text/plain; charset=utf-8", text);
        reply::insert(reply.headers_mut(), header::REFRESH, &format!("1;url={url}"));
        return reply;
    }
    let mut reply = reply::empty(StatusCode::FOUND);
    reply::insert(reply.headers_mut(), header::LOCATION, url);
    reply
}

fn wants_html(head: &Parts) -> bool {
    head.headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

fn to_login(head: &Parts, login: &Login) -> Reply {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let original = format!("{}{path}", login.public_origin);
    let separator = if login.url.contains('?') { '&' } else { '?' };
    let mut url = format!("{}{separator}callback=", login.url);
    crate::bucket::sigv4::encode_query_component(&original, &mut url);

    let mut reply = reply::empty(StatusCode::TEMPORARY_REDIRECT);
    let headers = reply.headers_mut();
    reply::insert(headers, header::LOCATION, &url);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// Status, `reason` and `message` of a refusal.
///
/// What the caller may not see and what does not exist are the same answer, so that nobody learns
/// from it which digests exist.
fn refusal(kind: Kind, message: &str) -> (StatusCode, &'static str, &str) {
    match kind {
        Kind::ContentCorrupt => (
            StatusCode::BAD_GATEWAY,
            "CONTENT_CORRUPT",
            "the stored artifact does not match its digest",
        ),
        Kind::CredentialExpired => {
            (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "JWT token has expired")
        }
        Kind::CredentialMalformed => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Token is invalid"),
        Kind::CredentialMissing => {
            (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "JWT token is missing")
        }
        Kind::CredentialRefused => {
            (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Fail to parse JWT token ")
        }
        Kind::Forbidden | Kind::NotFound => {
            (StatusCode::NOT_FOUND, "not found", "artifact not found")
        }
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
        | Kind::Conflict => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "server error"),
        Kind::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid", message),
        // Not a 401: a client would throw away a token that is good.
        Kind::IssuerUnavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "ISSUER_UNAVAILABLE",
            "the token cannot be checked now, try again",
        ),
        Kind::MethodNotAllowed => {
            (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "method not allowed")
        }
        Kind::PayloadTooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "the body is too large")
        }
        Kind::PreconditionFailed => {
            (StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", "precondition failed")
        }
        Kind::RangeNotSatisfiable => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_NOT_SATISFIABLE", "range not satisfiable")
        }
        Kind::StorageBusy => {
            (StatusCode::SERVICE_UNAVAILABLE, "STORAGE_BUSY", "storage is busy, try again")
        }
        Kind::StorageFailed => (StatusCode::BAD_GATEWAY, "STORAGE_FAILED", "storage failed"),
        Kind::StorageTimeout => {
            (StatusCode::GATEWAY_TIMEOUT, "STORAGE_TIMEOUT", "storage did not answer in time")
        }
        Kind::StorageUnavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "STORAGE_UNAVAILABLE",
            "storage cannot be used now, try again",
        ),
        Kind::TenantDisabled => {
            (StatusCode::FORBIDDEN, "ORGANIZATION_DISABLED", "the organization is disabled")
        }
        Kind::TenantOverLimit => {
            (StatusCode::FORBIDDEN, "ORGANIZATION_OVER_LIMIT", "the organization used up its limit")
        }
        Kind::TenantPaused => {
            (StatusCode::FORBIDDEN, "ORGANIZATION_PAUSED", "the organization is paused")
        }
        Kind::TenantUnpaid => {
            (StatusCode::PAYMENT_REQUIRED, "PAYMENT_REQUIRED", "a payment is missing")
        }
    }
}

/// The error body of go-kratos (`errors.Status`).
#[derive(Serialize)]
struct KratosError<'a> {
    code: u16,
    reason: &'static str,
    message: &'a str,
    metadata: Empty,
}

#[derive(Serialize)]
struct Empty {}
