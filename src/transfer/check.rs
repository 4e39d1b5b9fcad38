//! What is known of the bytes that pass.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::content::ContentId;
use crate::content::digest::Sha256Digest;
use crate::error::Error;

/// What a body is held against.
pub enum Check {
    /// All bytes are hashed, and the hash must be the digest.
    Digest(Box<Digesting>),
    /// Nothing: part of the content, or storage's own checksum is trusted.
    None,
}

/// A digest in the making.
pub struct Digesting {
    hasher: Sha256,
    expected: Sha256Digest,
}

impl Check {
    /// Hash everything and compare.
    #[must_use]
    pub fn digest(expected: &Sha256Digest) -> Self {
        Self::Digest(Box::new(Digesting { hasher: Sha256::new(), expected: *expected }))
    }

    /// What is known of a content's bytes before anybody has them.
    #[must_use]
    pub fn of(content: &ContentId) -> Self {
        content.digest().map_or(Self::None, Self::digest)
    }

    /// Takes note of bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Self::Digest(digesting) = self {
            digesting.hasher.update(bytes);
        }
    }

    /// Whether the bytes so far, which are all of them, are the right ones.
    ///
    /// # Errors
    /// [`Error::ContentCorrupt`] with what they are instead.
    pub fn finish(&mut self) -> Result<(), Error> {
        let Self::Digest(digesting) = self else { return Ok(()) };
        let actual = Sha256Digest::from(<[u8; 32]>::from(digesting.hasher.finalize_reset()));
        if actual == digesting.expected {
            return Ok(());
        }
        Err(Error::ContentCorrupt { actual: actual.to_string() })
    }
}

/// Whether storage's checksum of the whole object (base64, as in `x-amz-checksum-sha256`) is the
/// content's digest.
#[must_use]
pub fn storage_vouches(digest: &Sha256Digest, checksum: &[u8]) -> bool {
    STANDARD.decode(checksum).is_ok_and(|bytes| bytes == digest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_decides() {
        let content = ContentId::Sha256(Sha256Digest::of(b"hello"));
        let mut check = Check::of(&content);
        check.update(b"hel");
        check.update(b"lo");
        assert!(check.finish().is_ok());

        let mut check = Check::of(&content);
        check.update(b"hellO");
        assert!(matches!(check.finish(), Err(Error::ContentCorrupt { .. })));
    }

    #[test]
    fn storage_vouches_only_for_the_same_digest() {
        let digest = Sha256Digest::of(b"hello");
        let checksum = STANDARD.encode(digest.as_bytes());
        assert!(storage_vouches(&digest, checksum.as_bytes()));
        assert!(!storage_vouches(&digest, STANDARD.encode(b"other").as_bytes()));
        assert!(!storage_vouches(&digest, b"not base64!"));
    }
}
