//! The token of a single-use download link.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::claims::Claims;
use super::random::sixteen_bytes;
use super::{Keys, Purpose};
use crate::auth::{Grant, Tenant};
use crate::content::digest::Sha256Digest;
use crate::content::filename::Filename;
use crate::content::layout::Key;
use crate::error::Error;

/// How far the clocks of two machines are apart at most.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(240);

/// How much longer than a token and its last resume the record of a use is kept: for clocks that
/// differ, and for a minute in which a claim is made.
const KEPT_LONGER: Duration = Duration::from_secs(300);

/// What the uses of a token are counted by: 128 random bits. It opens nothing, and may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn random() -> Result<Self, Error> {
        sixteen_bytes().map(Self)
    }

    /// The id of these bytes, for tests.
    #[cfg(test)]
    pub(crate) const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let id = Self(u128::from_str_radix(text, 16).ok()?.to_be_bytes());
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// What is promised to the holder of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The path of the route that made it, and alone takes it.
    pub route: String,
    /// Whose content it is.
    pub tenant: Option<Tenant>,
    /// The name of the bucket in the configuration.
    pub bucket: String,
    /// The object.
    pub key: Key,
    /// The entity tag that the object had. None: it did not exist yet, and any will do.
    pub etag: Option<String>,
    /// What its bytes hash to, where the issuer named them so.
    pub digest: Option<Sha256Digest>,
    /// The name to save it under, instead of the object's own.
    pub filename: Option<Filename>,
    /// Its type, instead of the object's own.
    pub content_type: Option<String>,
    /// When it was made.
    pub issued: SystemTime,
    /// Its last second.
    pub expires: SystemTime,
    /// How often it may be used.
    pub uses: u32,
    /// For how long after each start a download that broke off may go on. Zero: not at all.
    pub resume_window: Duration,
    /// Whether people have to press a button first.
    pub confirm: bool,
}

/// A token that was opened: proof that somebody who may issue gave its holder the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadToken {
    id: TokenId,
    facts: Facts,
}

impl DownloadToken {
    /// A token of somebody who may issue.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: the grant is not one to issue.
    pub fn new(grant: &Grant, id: TokenId, facts: Facts) -> Result<Self, Error> {
        if !grant.may_issue() {
            return Err(Error::Forbidden("the issue rule does not permit it".into()));
        }
        Ok(Self { id, facts })
    }

    /// A token of these facts, for tests of what comes after.
    #[cfg(test)]
    pub(crate) const fn for_test(id: TokenId, facts: Facts) -> Self {
        Self { id, facts }
    }

    /// The text for its holder.
    ///
    /// # Errors
    /// As [`Keys::seal`].
    pub fn seal(&self, keys: &Keys) -> Result<String, Error> {
        let claims = Claims::of(self.id, &self.facts).to_json()?;
        keys.seal(Purpose::Download, &claims)
    }

    /// Opens what a client sent. None: it is none of ours.
    #[must_use]
    pub fn open(keys: &Keys, text: &str) -> Option<Self> {
        let (id, facts) = Claims::from_json(&keys.open(Purpose::Download, text)?)?.into_facts()?;
        Some(Self { id, facts })
    }

    /// What its uses are counted by.
    #[must_use]
    pub const fn id(&self) -> TokenId {
        self.id
    }

    /// What is promised.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self, now: SystemTime) -> bool {
        now > self.facts.expires
    }

    /// Whether its uses are still counted everywhere, whatever other clocks say.
    pub(super) fn is_counted(&self, now: SystemTime) -> bool {
        now < self.end() - CLOCKS_DIFFER_MAX
    }

    /// When nothing of it is of interest any more. It depends on nothing but the token, so that all
    /// replicas look for its uses in the same place, whatever their configuration.
    #[must_use]
    pub fn end(&self) -> SystemTime {
        self.facts.expires + self.facts.resume_window + KEPT_LONGER
    }
}
