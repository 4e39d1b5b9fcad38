//! The keys of one issuer.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::jwk::{self, Jwk};
use super::key::VerifyingKey;
use super::{json, refused};
use crate::error::Error;

/// The largest key set, in bytes.
const JWKS_BYTES_MAX: usize = 1024 * 1024;

/// The keys that may verify an issuer's tokens.
#[derive(Debug)]
pub struct Keyring {
    keys: Keys,
    /// SHA-256 of what the keys were read from.
    origin: [u8; 32],
}

#[derive(Debug)]
enum Keys {
    /// A shared secret. It has no name, so a token may call it what it likes.
    Secret(Arc<VerifyingKey>),
    /// A set, looked up by `kid`.
    Set {
        named: HashMap<String, Arc<VerifyingKey>>,
        only: Option<Arc<VerifyingKey>>,
        skipped: usize,
    },
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
    /// The file is larger than 1 MiB.
    #[error("the key set is larger than 1 MiB")]
    TooLarge,
    /// The file is not a JSON object with an array `keys` (RFC 7517 section 5).
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
        Ok(Self { keys: Keys::Secret(Arc::new(key)), origin: Sha256::digest(secret).into() })
    }

    /// The keys of a JSON Web Key Set (RFC 7517). Keys that are not for verifying signatures, and
    /// those of types, algorithms or curves unknown here, are skipped, as section 5 asks for.
    ///
    /// # Errors
    /// The bytes are no key set, a key of a known type is broken or weak, two keys share a `kid`,
    /// or no key is left. A file is written by people who should hear of its mistakes.
    pub fn jwks(bytes: &[u8]) -> Result<Self, KeyringProblem> {
        if bytes.len() > JWKS_BYTES_MAX {
            return Err(KeyringProblem::TooLarge);
        }
        let set = json::parse_object(bytes)
            .map_err(|error| KeyringProblem::NotASet(error.to_string()))?;
        let Some(cel::Value::List(entries)) = json::member(&set, "keys") else {
            return Err(KeyringProblem::NotASet("`keys` is not an array".to_owned()));
        };
        let (mut named, mut unnamed) = (HashMap::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            let jwk =
                jwk::read(entry).map_err(|reason| KeyringProblem::BrokenKey { index, reason })?;
            let Some(Jwk { key_id, key }) = jwk else { continue };
            let key = Arc::new(key);
            let Some(key_id) = key_id else {
                unnamed.push(key);
                continue;
            };
            if named.insert(key_id, key).is_some() {
                return Err(KeyringProblem::DuplicateKeyId { index });
            }
        }
        let usable = named.len() + unnamed.len();
        let skipped = entries.len() - usable;
        if usable == 0 {
            return Err(KeyringProblem::NoUsableKey { skipped });
        }
        let only = named.values().chain(&unnamed).next().filter(|_| usable == 1).map(Arc::clone);
        let keys = Keys::Set { named, only, skipped };
        Ok(Self { keys, origin: Sha256::digest(bytes).into() })
    }

    /// Whether `other` was made of the same secret or set.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.keys) == std::mem::discriminant(&other.keys)
            && self.origin == other.origin
    }

    /// How many keys of the set were skipped.
    #[must_use]
    pub fn skipped(&self) -> usize {
        match &self.keys {
            Keys::Secret(_) => 0,
            Keys::Set { skipped, .. } => *skipped,
        }
    }

    /// The key that may verify a token with this `kid`. A token without one is accepted only where
    /// there is nothing to choose.
    ///
    /// # Errors
    /// [`Kind::CredentialRefused`](crate::error::Kind::CredentialRefused): there is no such key.
    pub async fn find(&self, key_id: Option<&str>) -> Result<Arc<VerifyingKey>, Error> {
        let found = match (&self.keys, key_id) {
            (Keys::Secret(key), _) => Some(key),
            (Keys::Set { named, .. }, Some(key_id)) => named.get(key_id),
            (Keys::Set { only, .. }, None) => only.as_ref(),
        };
        found.map(Arc::clone).ok_or_else(|| refused("no key of the issuer has the token's kid"))
    }
}
