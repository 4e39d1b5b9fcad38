//! JSON Web Key Sets (RFC 7517 section 5), from two kinds of writers: a file is written by people
//! who should hear of its mistakes; what an issuer publishes is for many readers, and most of it
//! may be for others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use cel::Value;

use super::json;
use super::jwk::{self, Jwk};
use super::key::VerifyingKey;
use super::keyring::KeyringProblem;

/// The largest key set, in bytes.
pub const JWKS_BYTES_MAX: usize = 1024 * 1024;

/// Keys to be looked up by `kid`, at least one.
#[derive(Debug)]
pub struct KeySet {
    named: HashMap<String, Arc<VerifyingKey>>,
    /// The key that is meant where a token names none.
    only: Option<Arc<VerifyingKey>>,
    usable: usize,
    skipped: usize,
}

impl KeySet {
    /// The keys of a file. Keys that are not for verifying signatures, and those of types,
    /// algorithms or curves unknown here, are skipped, as RFC 7517 section 5 asks for.
    ///
    /// # Errors
    /// The bytes are no key set, a key of a known type is broken or weak, two keys share a `kid`,
    /// or no key is left.
    pub fn written(bytes: &[u8]) -> Result<Self, KeyringProblem> {
        let (mut named, mut unnamed) = (HashMap::new(), Vec::new());
        let entries = entries(bytes)?;
        for (index, entry) in entries.iter().enumerate() {
            let jwk =
                jwk::read(entry).map_err(|reason| KeyringProblem::BrokenKey { index, reason })?;
            let Some(Jwk { key_id, key }) = jwk else { continue };
            let Some(key_id) = key_id else {
                unnamed.push(Arc::new(key));
                continue;
            };
            if named.insert(key_id, Arc::new(key)).is_some() {
                return Err(KeyringProblem::DuplicateKeyId { index });
            }
        }
        Self::of(named, unnamed, entries.len())
    }

    /// The keys that an issuer publishes. What cannot be used is skipped, whatever the reason, so
    /// that one odd key does not cost all others. Skipped are also:
    ///
    /// - shared secrets, since what everybody can fetch is none;
    /// - different keys with one `kid`, all of them, since a token that names it does not say which
    ///   is meant. Entries that are equal are one.
    ///
    /// # Errors
    /// The bytes are no key set, or no key is left.
    pub fn published(bytes: &[u8]) -> Result<Self, KeyringProblem> {
        let (mut named, mut unnamed) = (HashMap::new(), Vec::new());
        let entries = entries(bytes)?;
        for entry in entries.iter() {
            let Ok(Some(Jwk { key_id, key })) = jwk::read(entry) else { continue };
            if key.is_secret() {
                continue;
            }
            let key = Arc::new(key);
            let Some(key_id) = key_id else {
                unnamed.push(key);
                continue;
            };
            match named.entry(key_id) {
                Entry::Vacant(place) => {
                    place.insert((entry, Some(key)));
                }
                Entry::Occupied(mut first) if first.get().0 != entry => first.get_mut().1 = None,
                Entry::Occupied(_) => {}
            }
        }
        let named = named.into_iter().filter_map(|(key_id, (_, key))| Some((key_id, key?)));
        Self::of(named.collect(), unnamed, entries.len())
    }

    fn of(
        named: HashMap<String, Arc<VerifyingKey>>,
        unnamed: Vec<Arc<VerifyingKey>>,
        entries: usize,
    ) -> Result<Self, KeyringProblem> {
        let usable = named.len() + unnamed.len();
        let skipped = entries - usable;
        if usable == 0 {
            return Err(KeyringProblem::NoUsableKey { skipped });
        }
        let only = named.values().chain(&unnamed).next().filter(|_| usable == 1).map(Arc::clone);
        Ok(Self { named, only, usable, skipped })
    }

    /// How many keys can verify.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.usable
    }

    /// How many entries cannot.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The key with this `kid`; without one, the only key there is.
    pub(super) fn find(&self, key_id: Option<&str>) -> Option<&Arc<VerifyingKey>> {
        match key_id {
            Some(key_id) => self.named.get(key_id),
            None => self.only.as_ref(),
        }
    }
}

fn entries(bytes: &[u8]) -> Result<Arc<Vec<Value>>, KeyringProblem> {
    if bytes.len() > JWKS_BYTES_MAX {
        return Err(KeyringProblem::TooLarge);
    }
    let set =
        json::parse_object(bytes).map_err(|error| KeyringProblem::NotASet(error.to_string()))?;
    match json::member(&set, "keys") {
        Some(Value::List(entries)) => Ok(Arc::clone(entries)),
        _ => Err(KeyringProblem::NotASet("`keys` is not an array".to_owned())),
    }
}
