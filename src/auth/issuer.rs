use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::claims::Claims;
use super::jwt::Token;
use super::keyring::Keyring;
use super::refused;
use crate::error::{Error, Kind};

/// The most that clocks may differ.
const LEEWAY_MAX: Duration = Duration::from_secs(600);

/// Somebody whose tokens are accepted, and for whom they must be made.
#[derive(Debug)]
pub struct Issuer {
    id: IssuerId,
    iss: String,
    audience: Vec<String>,
    keyring: Keyring,
    leeway: Duration,
}

/// Tells issuers apart, those of an earlier plan included: what was verified with keys that are
/// gone is not believed after a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct IssuerId(u64);

/// The settings of an issuer make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerProblem {
    /// `iss` is empty.
    #[error("iss is empty")]
    EmptyIss,
    /// No audience, or an empty one, so that no token could be meant for us.
    #[error("audience needs at least one value, and no empty ones")]
    EmptyAudience,
    /// The leeway would outlive short tokens.
    #[error("leeway is longer than 10 minutes")]
    LeewayTooLong,
}

impl Issuer {
    /// An issuer whose tokens carry exactly `iss`, at least one of `audience`, and a signature of
    /// a key in `keyring`. `leeway` is added to `exp` and taken from `nbf`.
    ///
    /// # Errors
    /// See [`IssuerProblem`].
    pub fn new(
        iss: String,
        audience: Vec<String>,
        keyring: Keyring,
        leeway: Duration,
    ) -> Result<Self, IssuerProblem> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if iss.is_empty() {
            return Err(IssuerProblem::EmptyIss);
        }
        if audience.is_empty() || audience.iter().any(String::is_empty) {
            return Err(IssuerProblem::EmptyAudience);
        }
        if leeway > LEEWAY_MAX {
            return Err(IssuerProblem::LeewayTooLong);
        }
        let id = IssuerId(NEXT.fetch_add(1, Ordering::Relaxed));
        Ok(Self { id, iss, audience, keyring, leeway })
    }

    /// Whether `other` accepts the same tokens, by the same keys: what one verified, the other
    /// would have verified.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.iss == other.iss
            && self.audience == other.audience
            && self.leeway == other.leeway
            && self.keyring.is_same(&other.keyring)
    }

    /// Whether tokens can be made in its name: it shares a secret with us.
    #[must_use]
    pub fn may_be_spoken_for(&self) -> bool {
        self.keyring.secret().is_some()
    }

    /// A token in its name, for the first of its audiences, that is good from now on until `ttl` is
    /// over. What `claims` say of issuer, audience and time does not count.
    ///
    /// # Errors
    /// Its keys only verify.
    pub(super) fn mint(
        &self,
        mut claims: Map<String, Value>,
        ttl: Duration,
        now: SystemTime,
    ) -> Result<String, Error> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        claims.insert("iss".to_owned(), self.iss.as_str().into());
        claims.insert("aud".to_owned(), self.audience.first().map(String::as_str).into());
        claims.insert("iat".to_owned(), now.as_secs().into());
        claims.insert("exp".to_owned(), now.saturating_add(ttl).as_secs().into());
        let token = self.keyring.secret().and_then(|secret| secret.jwt(claims));
        token.ok_or(Error::Internal("the issuer's keys cannot sign".into()))
    }

    pub(super) fn id(&self) -> IssuerId {
        self.id
    }

    /// Whether the claims name this issuer: equal bytes, no normalization (RFC 7519 section 4.1.1).
    pub(super) fn is(&self, claims: &Claims) -> bool {
        self.iss == claims.issuer()
    }

    /// The signature, by a key of this issuer; the audience first, as it costs nothing.
    pub(super) async fn verify(&self, token: &Token<'_>, now: SystemTime) -> Result<(), Error> {
        self.check_party(token.claims())?;
        let key = self.keyring.find(token.key_id(), now).await?;
        token.is_signed_by(&key)
    }

    /// `iss` and `aud`.
    pub(super) fn check_party(&self, claims: &Claims) -> Result<(), Error> {
        if !self.is(claims) {
            return Err(refused("the token's iss is another"));
        }
        if !claims.audience().iter().any(|audience| self.audience.contains(audience)) {
            return Err(refused("the token is for another audience"));
        }
        Ok(())
    }

    /// `exp` and `nbf`. A token's last moment is before `exp` (RFC 7519 section 4.1.4), its first
    /// one is `nbf`.
    pub(super) fn check_time(&self, claims: &Claims, now: SystemTime) -> Result<(), Error> {
        let end = claims.expires().checked_add(self.leeway);
        if end.is_none_or(|end| now >= end) {
            return Err(Error::credential(Kind::CredentialExpired, "the token has expired"));
        }
        let latest = now.checked_add(self.leeway).unwrap_or(now);
        if claims.not_before().is_some_and(|not_before| latest < not_before) {
            return Err(Error::credential(Kind::CredentialExpired, "the token is not valid yet"));
        }
        Ok(())
    }
}
