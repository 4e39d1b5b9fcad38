//! What clients name: content, by names that say what the bytes are, and entries of caches, by
//! names that say what they are for.

pub mod digest;
pub mod entry;
pub mod filename;
pub mod layout;

use std::borrow::Cow;
use std::fmt;

use digest::Sha256Digest;
use entry::Entry;

/// The parsed name of bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContentId {
    /// Bytes named by their SHA-256.
    Sha256(Sha256Digest),
    /// An entry of a cache.
    Entry(Entry),
}

impl ContentId {
    /// The strong entity tag (RFC 9110 section 8.8.3) of these bytes, quotes included: a digest
    /// names exactly one sequence of bytes, so it is its own validator. None: the name says nothing
    /// about the bytes.
    #[must_use]
    pub fn etag(&self) -> Option<String> {
        let digest = self.digest()?;
        let mut etag = String::with_capacity("\"sha256:\"".len() + 64);
        etag.push_str("\"sha256:");
        digest.push_hex(&mut etag);
        etag.push('"');
        Some(etag)
    }

    /// The digest the bytes must have. None: they can be any bytes, and others tomorrow.
    #[must_use]
    pub const fn digest(&self) -> Option<&Sha256Digest> {
        match self {
            Self::Sha256(digest) => Some(digest),
            Self::Entry(entry) => entry.digest(),
        }
    }

    /// Appends the name as it is in keys.
    pub fn push_name(&self, out: &mut String) {
        match self {
            Self::Sha256(digest) => digest.push_hex(out),
            Self::Entry(entry) => out.push_str(entry.name()),
        }
    }

    /// The name to save the bytes under, where nothing else gives one.
    #[must_use]
    pub fn file_name(&self) -> Cow<'_, str> {
        match self {
            Self::Sha256(digest) => Cow::Owned(digest.to_string()),
            Self::Entry(entry) => {
                let name = entry.name();
                Cow::Borrowed(name.rsplit_once('/').map_or(name, |(_, last)| last))
            }
        }
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(formatter, "sha256:{digest}"),
            Self::Entry(entry) => formatter.write_str(entry.name()),
        }
    }
}
