//! The keys of one issuer.

use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::key::VerifyingKey;
use super::key_set::KeySet;
use super::remote::RemoteKeys;
use super::secret::SharedSecret;
use super::{jwk, refused};
use crate::error::Error;

/// The keys that may verify an issuer's tokens.
#[derive(Debug)]
pub struct Keyring {
    keys: Keys,
    /// SHA-256 of the secret or set, or none where that changes.
    origin: Option<[u8; 32]>,
}

#[derive(Debug)]
enum Keys {
    /// A shared secret. It has no name, so a token may call it what it likes.
    Secret(Arc<VerifyingKey>, SharedSecret),
    /// A set that does not change.
    Set(KeySet),
    /// A set that its issuer changes.
    Remote(Arc<RemoteKeys>),
}

/// Why keys cannot be used. No text has key material in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringProblem {
    /// A shared secret is shorter than the hash it is for (RFC 7518 section 3.2).
    #[error("the secret has {actual} bytes; {algorithm} needs at least {least}")]
    ShortSecret {
        /// The algorithm as RFC 7518 spells it.
        algorithm: &'static str,
        /// The secret's length in bytes.
        actual: usize,
        /// The least length in bytes.
        least: usize,
    },
    /// The set is larger than 1 MiB.
    #[error("the key set is larger than 1 MiB")]
    TooLarge,
    /// The bytes are not a JSON object with an array `keys` (RFC 7517 section 5).
    #[error("not a JSON Web Key Set: {0}")]
    NotASet(String),
    /// A key of a known type is broken, or too weak to be used.
    #[error("keys[{index}]: {reason}")]
    BrokenKey {
        /// The position in `keys`, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Two usable keys share a `kid`, so that a token does not say which one is meant.
    #[error("keys[{index}]: another key has the same kid")]
    DuplicateKeyId {
        /// The position in `keys`, from 0, of the second one.
        index: usize,
    },
    /// Nothing in the set can verify a signature.
    #[error("no key of the set can be used; {skipped} skipped")]
    NoUsableKey {
        /// How many keys were skipped.
        skipped: usize,
    },
}

impl Keyring {
    /// One shared secret for HS256.
    ///
    /// # Errors
    /// The secret is shorter than 32 bytes.
    pub fn hs256(secret: &[u8]) -> Result<Self, KeyringProblem> {
        let key = jwk::secret(jsonwebtoken::Algorithm::HS256, secret)?;
        let origin = Some(Sha256::digest(secret).into());
        Ok(Self { keys: Keys::Secret(Arc::new(key), SharedSecret::new(secret)), origin })
    }

    /// The keys of a file with a JSON Web Key Set; see [`KeySet::written`].
    ///
    /// # Errors
    /// Those of [`KeySet::written`].
    pub fn jwks(bytes: &[u8]) -> Result<Self, KeyringProblem> {
        let origin = Some(Sha256::digest(bytes).into());
        KeySet::written(bytes).map(|set| Self { keys: Keys::Set(set), origin })
    }

    /// The keys that the issuer publishes, as they are at the time of each request.
    #[must_use]
    pub fn remote(keys: Arc<RemoteKeys>) -> Self {
        Self { keys: Keys::Remote(keys), origin: None }
    }

    /// Whether `other` has the same secret, the same written set, or the very same published one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.keys, &other.keys) {
            (Keys::Secret(..), Keys::Secret(..)) | (Keys::Set(_), Keys::Set(_)) => {
                self.origin == other.origin
            }
            (Keys::Remote(one), Keys::Remote(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// What signs, where that is what verifies.
    pub(super) const fn secret(&self) -> Option<&SharedSecret> {
        match &self.keys {
            Keys::Secret(_, secret) => Some(secret),
            Keys::Set(_) | Keys::Remote(_) => None,
        }
    }

    /// How many keys of a set that does not change were skipped.
    #[must_use]
    pub fn skipped(&self) -> usize {
        match &self.keys {
            Keys::Secret(..) | Keys::Remote(_) => 0,
            Keys::Set(set) => set.skipped(),
        }
    }

    /// The key that may verify a token with this `kid`. A token without one is accepted only where
    /// there is nothing to choose.
    ///
    /// # Errors
    /// - [`Kind::CredentialRefused`](crate::error::Kind::CredentialRefused): there is no such key.
    /// - [`Kind::IssuerUnavailable`](crate::error::Kind::IssuerUnavailable): nobody knows, as the
    ///   issuer's keys cannot be had.
    pub async fn find(
        &self,
        key_id: Option<&str>,
        now: SystemTime,
    ) -> Result<Arc<VerifyingKey>, Error> {
        let found = match &self.keys {
            Keys::Secret(key, _) => Some(key),
            Keys::Set(set) => set.find(key_id),
            Keys::Remote(keys) => return keys.find(key_id, now).await,
        };
        found.map(Arc::clone).ok_or_else(no_such_key)
    }
}

pub(super) fn no_such_key() -> Error {
    refused("no key of the issuer has the token's kid")
}
