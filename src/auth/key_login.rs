//! Tokens for keys: whoever has the key of a namespace gets a short-lived token for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Map;

use super::{Issuer, Tenant};
use crate::content::digest::Sha256Digest;
use crate::error::{Error, Kind};

/// The claim that has the namespace.
pub const NAMESPACE_CLAIM: &str = "namespace";

/// The keys that there are, and how tokens are made for them.
#[derive(Debug)]
pub struct KeyLogins {
    issuer: Arc<Issuer>,
    ttl: Duration,
    /// What keys are called, by namespace and by what they hash to.
    keys: HashMap<(String, Sha256Digest), String>,
}

/// The settings of keys make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// The issuer's tokens cannot be made here.
    #[error("tokens are made in the name of an issuer with `keys: {{ hs256: ... }}` only")]
    CannotSign,
    /// A token would end before it is used, or outlive its key for long.
    #[error("a token is good for whole seconds, from 1s to 1day")]
    Ttl,
    /// It is no name of a tenant.
    #[error("the namespace is none that a tenant can have")]
    Namespace,
    /// It is no digest.
    #[error("sha256 has 64 hexadecimal digits in lower case")]
    Digest,
    /// The namespace has the same key twice.
    #[error("the namespace has this key already")]
    Twice,
}

/// A token, and who got it.
pub struct KeyToken {
    /// The JWT. It is a credential, and never logged.
    pub jwt: String,
    /// How long it is good for.
    pub life: Duration,
    /// What the key is called.
    pub key_name: String,
}

impl KeyLogins {
    /// No keys yet, and tokens of this issuer for them, good for `ttl`.
    ///
    /// # Errors
    /// See [`KeyProblem`].
    pub fn new(issuer: Arc<Issuer>, ttl: Duration) -> Result<Self, KeyProblem> {
        const TTL_MAX: Duration = Duration::from_secs(86_400);
        if !issuer.may_be_spoken_for() {
            return Err(KeyProblem::CannotSign);
        }
        if ttl.is_zero() || ttl > TTL_MAX || ttl.subsec_nanos() != 0 {
            return Err(KeyProblem::Ttl);
        }
        Ok(Self { issuer, ttl, keys: HashMap::new() })
    }

    /// Gives a namespace one more key.
    ///
    /// # Errors
    /// See [`KeyProblem`].
    pub fn add(&mut self, namespace: &str, name: &str, sha256: &str) -> Result<(), KeyProblem> {
        Tenant::parse(namespace).map_err(|_| KeyProblem::Namespace)?;
        let digest = Sha256Digest::parse_hex(sha256).map_err(|_| KeyProblem::Digest)?;
        match self.keys.insert((namespace.to_owned(), digest), name.to_owned()) {
            None => Ok(()),
            Some(_) => Err(KeyProblem::Twice),
        }
    }

    /// A token for the holder of a key. Whether the namespace or the key is unknown, nobody is told.
    ///
    /// # Errors
    /// [`Kind::CredentialRefused`]; or a defect of ours.
    pub fn token(&self, namespace: &str, key: &str, now: SystemTime) -> Result<KeyToken, Error> {
        let refused = || Error::credential(Kind::CredentialRefused, "no such key");
        // What is compared is a hash: how long that takes tells nothing of keys.
        let asked = (namespace.to_owned(), Sha256Digest::of(key.as_bytes()));
        let key_name = self.keys.get(&asked).ok_or_else(refused)?.clone();
        let claims = [(NAMESPACE_CLAIM, namespace), ("sub", namespace), ("key", &key_name)];
        let claims: Map<_, _> =
            claims.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let jwt = self.issuer.mint(claims, self.ttl, now)?;
        Ok(KeyToken { jwt, life: self.ttl, key_name })
    }
}
