//! What clients name: content, by names that say what the bytes are.

pub mod digest;
pub mod filename;
pub mod layout;

use std::fmt;

use digest::Sha256Digest;

/// The parsed name of immutable bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentId {
    /// Bytes named by their SHA-256.
    Sha256(Sha256Digest),
}

impl ContentId {
    /// The strong entity tag (RFC 9110 section 8.8.3) of these bytes, quotes included: a digest
    /// names exactly one sequence of bytes, so it is its own validator.
    #[must_use]
    pub fn etag(&self) -> String {
        let Self::Sha256(digest) = self;
        let mut etag = String::with_capacity("\"sha256:\"".len() + 64);
        etag.push_str("\"sha256:");
        digest.push_hex(&mut etag);
        etag.push('"');
        etag
    }

    /// The digest the bytes must have.
    #[must_use]
    pub const fn sha256(&self) -> &Sha256Digest {
        let Self::Sha256(digest) = self;
        digest
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(formatter, "sha256:{digest}"),
        }
    }
}
