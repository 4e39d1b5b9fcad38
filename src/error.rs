//! What can go wrong with a request: [`Error`] for the log, [`Kind`] for machines.
//!
//! An [`Error`] carries all we know. Only two things of it ever reach a client: its [`Kind`], which
//! a dialect turns into a status and a body of its own shape, and [`Error::message`], which says
//! nothing about storage, keys or credentials.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header};

use crate::auth::Carriage;
use crate::state::Failure;

/// Why a request was refused: the metric label, the log field and the input of
/// [`Dialect::refuse`](crate::dialect::Dialect::refuse).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Others changed what was to be changed, at the same time.
    Conflict,
    /// The object is no longer the one that the token was made for.
    ContentChanged,
    /// The bytes we hold are not the bytes the client named.
    ContentCorrupt,
    /// The credential's time is over (or has not begun).
    CredentialExpired,
    /// The credential does not have the form of one.
    CredentialMalformed,
    /// The request carries no credential.
    CredentialMissing,
    /// The credential is well-formed but not one we accept: signature, issuer, audience.
    CredentialRefused,
    /// The caller is known and may not do this.
    Forbidden,
    /// A defect of ours.
    Internal,
    /// The `Idempotency-Key` was used for another request.
    IdempotencyMismatch,
    /// The request makes no sense in this dialect.
    InvalidRequest,
    /// The issuer's keys cannot be had, so that nobody can tell whether the credential is good.
    IssuerUnavailable,
    /// The dialect has no such method.
    MethodNotAllowed,
    /// No such content.
    NotFound,
    /// Whether it was done is not known: a use of a token, which nobody gets then, or a change.
    OutcomeUnknown,
    /// The body is larger than may be uploaded.
    PayloadTooLarge,
    /// `If-Match` named something else (RFC 9110 section 13.1.1).
    PreconditionFailed,
    /// The client asks before anybody wants it.
    Prefetch,
    /// No byte of the content is in the range asked for (RFC 9110 section 15.5.17).
    RangeNotSatisfiable,
    /// The state store cannot be asked.
    StateUnavailable,
    /// Storage asks for fewer requests, or we cannot take more.
    StorageBusy,
    /// Storage failed, or answered something it must not.
    StorageFailed,
    /// Storage did not answer in time.
    StorageTimeout,
    /// There are no credentials to ask storage with, or storage is not known to be fit for it.
    StorageUnavailable,
    /// The tenant was switched off.
    TenantDisabled,
    /// The tenant used more than it may.
    TenantOverLimit,
    /// The tenant was paused, as it spent what it may.
    TenantPaused,
    /// A payment of the tenant is missing.
    TenantUnpaid,
    /// The single-use token's time is over.
    TokenExpired,
    /// Whoever issued the single-use token took it back.
    TokenRevoked,
    /// All uses of the single-use token are taken.
    TokenSpent,
}

impl Kind {
    /// Every kind, in the order of declaration, which is the order of [`Kind::index`].
    pub const ALL: [Self; 31] = [
        Self::Conflict,
        Self::ContentChanged,
        Self::ContentCorrupt,
        Self::CredentialExpired,
        Self::CredentialMalformed,
        Self::CredentialMissing,
        Self::CredentialRefused,
        Self::Forbidden,
        Self::Internal,
        Self::IdempotencyMismatch,
        Self::InvalidRequest,
        Self::IssuerUnavailable,
        Self::MethodNotAllowed,
        Self::NotFound,
        Self::OutcomeUnknown,
        Self::PayloadTooLarge,
        Self::PreconditionFailed,
        Self::Prefetch,
        Self::RangeNotSatisfiable,
        Self::StateUnavailable,
        Self::StorageBusy,
        Self::StorageFailed,
        Self::StorageTimeout,
        Self::StorageUnavailable,
        Self::TenantDisabled,
        Self::TenantOverLimit,
        Self::TenantPaused,
        Self::TenantUnpaid,
        Self::TokenExpired,
        Self::TokenRevoked,
        Self::TokenSpent,
    ];

    /// The name in metrics and logs; never changes once released.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::ContentChanged => "content_changed",
            Self::ContentCorrupt => "content_corrupt",
            Self::CredentialExpired => "credential_expired",
            Self::CredentialMalformed => "credential_malformed",
            Self::CredentialMissing => "credential_missing",
            Self::CredentialRefused => "credential_refused",
            Self::Forbidden => "forbidden",
            Self::Internal => "internal",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::InvalidRequest => "invalid_request",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound => "not_found",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::PayloadTooLarge => "payload_too_large",
            Self::PreconditionFailed => "precondition_failed",
            Self::Prefetch => "prefetch",
            Self::RangeNotSatisfiable => "range_not_satisfiable",
            Self::StateUnavailable => "state_unavailable",
            Self::StorageBusy => "storage_busy",
            Self::StorageFailed => "storage_failed",
            Self::StorageTimeout => "storage_timeout",
            Self::StorageUnavailable => "storage_unavailable",
            Self::TenantDisabled => "tenant_disabled",
            Self::TenantOverLimit => "tenant_over_limit",
            Self::TenantPaused => "tenant_paused",
            Self::TenantUnpaid => "tenant_unpaid",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::TokenSpent => "token_spent",
        }
    }

    /// Whether nobody is refused for it before the token was found good.
    #[must_use]
    pub const fn is_of_known_caller(self) -> bool {
        matches!(
            self,
            Self::Conflict
                | Self::Forbidden
                | Self::PayloadTooLarge
                | Self::StorageBusy
                | Self::StorageFailed
                | Self::StorageTimeout
                | Self::StorageUnavailable
                | Self::TenantDisabled
                | Self::TenantOverLimit
                | Self::TenantPaused
                | Self::TenantUnpaid
        )
    }

    /// The position in [`Kind::ALL`], for tables of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Everything that ends a request early. `Display` and the source chain are for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others changed it at the same time; the text says what, for the log.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// The content hashed to something else than its name.
    #[error("content does not match its digest: it hashes to {actual}")]
    ContentCorrupt {
        /// What the bytes hash to, in hexadecimal.
        actual: String,
    },
    /// A credential was given and not accepted.
    #[error("credential not accepted: {reason}")]
    Credential {
        /// One of the `Credential*` kinds.
        kind: Kind,
        /// Why, for the log; never the credential itself.
        reason: Cow<'static, str>,
    },
    /// The caller may not do this.
    #[error("forbidden: {0}")]
    Forbidden(Cow<'static, str>),
    /// A defect of ours; the text says where.
    #[error("internal: {0}")]
    Internal(Cow<'static, str>),
    /// The request is not one of this dialect. The text is shown to the client.
    #[error("invalid request: {0}")]
    InvalidRequest(Cow<'static, str>),
    /// The credential cannot be judged; the text says why, for the log.
    #[error("the token's issuer is unavailable: {0}")]
    IssuerUnavailable(Cow<'static, str>),
    /// The dialect does not know this method here.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: &'static str,
    },
    /// No such content.
    #[error("not found: {0}")]
    NotFound(Cow<'static, str>),
    /// The body is larger than may be uploaded.
    #[error("the body is larger than {limit} bytes")]
    PayloadTooLarge {
        /// What it may have, in bytes.
        limit: u64,
    },
    /// `If-Match` does not hold.
    #[error("precondition failed")]
    PreconditionFailed,
    /// The range lies outside the content.
    #[error("range not satisfiable")]
    RangeNotSatisfiable {
        /// The size of the whole content in bytes, where storage told.
        size: Option<u64>,
    },
    /// Storage, or the way to it, failed.
    #[error("storage: {detail}")]
    Storage {
        /// One of the `Storage*` kinds.
        kind: Kind,
        /// What happened, for the log.
        detail: Cow<'static, str>,
        /// The cause, where there is one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The state store, or the way to it, failed.
    #[error("state: {detail}")]
    State {
        /// [`Kind::StateUnavailable`] or [`Kind::OutcomeUnknown`].
        kind: Kind,
        /// What happened, for the log.
        detail: String,
    },
    /// A single-use token, or what was asked of it, is refused for the reason that the kind is.
    #[error("single-use token: {detail}")]
    Token {
        /// One of the `Token*` kinds, [`Kind::ContentChanged`], [`Kind::IdempotencyMismatch`] or
        /// [`Kind::Prefetch`].
        kind: Kind,
        /// Why, for the log; never the token.
        detail: &'static str,
    },
    /// The tenant is not served, for the reason that the kind is: one of the `Tenant*` kinds.
    #[error("the tenant is not served: {}", .0.name())]
    Suspended(Kind),
}

impl Error {
    /// A credential problem of one of the `Credential*` kinds.
    pub fn credential(kind: Kind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Credential { kind, reason: reason.into() }
    }

    /// A storage problem of one of the `Storage*` kinds, without a cause of its own.
    pub fn storage(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Storage { kind, detail: detail.into(), source: None }
    }

    /// A failure of the state store after which nothing is lost.
    #[must_use]
    pub fn state(failure: &Failure) -> Self {
        Self::State { kind: Kind::StateUnavailable, detail: failure.to_string() }
    }

    /// A refusal that concerns a single-use token.
    #[must_use]
    pub const fn token(kind: Kind, detail: &'static str) -> Self {
        Self::Token { kind, detail }
    }

    /// The closed classification.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Conflict(_) => Kind::Conflict,
            Self::ContentCorrupt { .. } => Kind::ContentCorrupt,
            Self::Credential { kind, .. }
            | Self::State { kind, .. }
            | Self::Storage { kind, .. }
            | Self::Suspended(kind)
            | Self::Token { kind, .. } => *kind,
            Self::Forbidden(_) => Kind::Forbidden,
            Self::Internal(_) => Kind::Internal,
            Self::InvalidRequest(_) => Kind::InvalidRequest,
            Self::IssuerUnavailable(_) => Kind::IssuerUnavailable,
            Self::MethodNotAllowed { .. } => Kind::MethodNotAllowed,
            Self::NotFound(_) => Kind::NotFound,
            Self::PayloadTooLarge { .. } => Kind::PayloadTooLarge,
            Self::PreconditionFailed => Kind::PreconditionFailed,
            Self::RangeNotSatisfiable { .. } => Kind::RangeNotSatisfiable,
        }
    }

    /// The part of the text a client may see. Empty where the kind says it all.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::InvalidRequest(message) => message,
            _ => "",
        }
    }

    /// Headers the refusal carries in every dialect because HTTP itself asks for them; `carriage` is
    /// where the dialect's tokens are.
    #[must_use]
    pub fn headers(&self, carriage: Carriage) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::Credential { .. } => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                if carriage == Carriage::BearerOrBasic {
                    let basic = HeaderValue::from_static("Basic realm=\"casgate\"");
                    headers.append(header::WWW_AUTHENTICATE, basic);
                }
            }
            Self::IssuerUnavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::MethodNotAllowed { allow } => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Self::RangeNotSatisfiable { size: Some(size) } => {
                if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
                    headers.insert(header::CONTENT_RANGE, value);
                }
            }
            Self::State { kind: Kind::StateUnavailable, .. }
            | Self::Storage { kind: Kind::StorageBusy | Kind::StorageUnavailable, .. } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        headers
    }
}

/// The longest text of an error in the log, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// An error with its causes, cut to a length that suits a log: some causes quote what was received.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_kind_once_in_order() {
        for (position, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(kind.index(), position, "{}", kind.name());
        }
    }
    #[test]
    fn causes_are_told_within_limits() {
        let cause = std::io::Error::other("é".repeat(1000));
        let error = Error::Storage {
            kind: Kind::StorageFailed,
            detail: "connecting".into(),
            source: Some(Box::new(cause)),
        };
        let text = with_causes(&error);
        assert!(text.starts_with("storage: connecting: éé") && text.ends_with("é..."), "{text}");
        assert!(text.len() <= TEXT_BYTES_MAX + 3);
    }
}
