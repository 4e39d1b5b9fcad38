//! Sign-in by wallet, as clients of PollinationX ask for it: `auth/login`, and `auth/nonce`, which is
//! ours.

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::invalid;
use super::query::Query;
use crate::auth::{Challenge, NewToken};
use crate::dialect::{Call, SignIn};
use crate::error::{Error, Kind};
use crate::reply::{self, Reply};

/// What clients are told about parameters that are not there, or no use.
const INVALID: &str = "invalid params";

/// Whether a request is about signing in, wherever the dialect is mounted.
pub(super) fn is_meant(head: &Parts) -> bool {
    let path = head.uri.path();
    path.ends_with("/auth/login") || path.ends_with("/auth/nonce")
}

/// Reads a request; `below` is its path below `auth/`.
///
/// # Errors
/// [`Error::InvalidRequest`]: a parameter is missing or there twice. [`Error::MethodNotAllowed`],
/// [`Error::NotFound`].
pub(super) fn parse(head: &Parts, below: &str) -> Result<Call, Error> {
    if !matches!(below, "login" | "nonce") {
        return Err(Error::NotFound("there is no such command".into()));
    }
    if head.method != Method::GET {
        return Err(Error::MethodNotAllowed { allow: "GET, OPTIONS" });
    }
    let query = Query::of(head)?;
    let one = |name| {
        let value = query.one(&[name])?.filter(|value| !value.is_empty());
        value.map(ToOwned::to_owned).ok_or_else(|| invalid(INVALID))
    };
    let wallet = one("wallet")?;
    if below == "nonce" {
        return Ok(Call::Challenge(wallet));
    }
    let (chain, nonce, signature) = (one("chain")?, one("nonce")?, one("signature")?);
    Ok(Call::SignIn(Box::new(SignIn { wallet, chain, nonce, signature })))
}

/// The answer to whoever signed in.
pub(super) fn tokens(tokens: &[NewToken], endpoint: &str) -> Reply {
    let nfts: Vec<_> = tokens.iter().map(|token| nft(token, endpoint)).collect();
    let body = json!({"success": true, "totalCount": nfts.len(), "nfts": nfts});
    with_json(StatusCode::OK, &body)
}

/// The answer to whoever names another chain, which to clients is not an error of theirs.
pub(super) fn chain_not_supported() -> Reply {
    with_json(StatusCode::OK, &json!({"error": "Chain not supported"}))
}

/// The answer to whoever asks what to sign.
pub(super) fn challenge(challenge: &Challenge) -> Reply {
    let end = humantime::format_rfc3339_seconds(challenge.end()).to_string();
    with_json(StatusCode::OK, &json!({"nonce": challenge.text(), "expires": end}))
}

/// What clients read of a token on a chain, and the credential for its storage.
fn nft(token: &NewToken, endpoint: &str) -> Value {
    json!({
        "contract": {"address": token.contract.to_string()},
        "id": {"tokenId": token.token_id},
        "metadata": {},
        "jwt": token.jwt,
        "endpoint": endpoint,
    })
}

/// A refusal of what was asked here.
pub(super) fn refuse(kind: Kind) -> Reply {
    let (status, text) = match kind {
        Kind::InvalidRequest => (StatusCode::BAD_REQUEST, INVALID),
        Kind::CredentialExpired
        | Kind::CredentialMalformed
        | Kind::CredentialMissing
        | Kind::CredentialRefused => {
            (StatusCode::UNAUTHORIZED, "the signature or its nonce is not accepted")
        }
        Kind::NotFound => (StatusCode::NOT_FOUND, "not found"),
        Kind::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
        Kind::StateUnavailable | Kind::OutcomeUnknown => {
            (StatusCode::SERVICE_UNAVAILABLE, "try again with a new nonce")
        }
        Kind::ContentChanged
        | Kind::ContentCorrupt
        | Kind::Forbidden
        | Kind::IdempotencyMismatch
        | Kind::Internal
        | Kind::IssuerUnavailable
        | Kind::PayloadTooLarge
        | Kind::PreconditionFailed
        | Kind::Prefetch
        | Kind::RangeNotSatisfiable
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
        | Kind::Conflict => (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
    };
    with_json(status, &json!({"error": text}))
}

/// Pages of everybody may read it: no browser adds a credential, and only whoever can sign gets one.
fn with_json(status: StatusCode, body: &Value) -> Reply {
    let mut reply = reply::with_body(status, "application/json", body.to_string());
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    reply
}
