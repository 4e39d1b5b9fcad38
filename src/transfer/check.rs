//! What is known of the bytes that pass.

use std::mem;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha512};

use crate::content::ContentId;
use crate::content::cid::{Cid, Hash};
use crate::content::digest::Sha256Digest;
use crate::error::Error;
use crate::graph::import::RootHasher;
use crate::graph::profile::{Profile, Version};

/// What a body is held against.
pub enum Check {
    /// All bytes are hashed, and the hash must be the digest.
    Digest(Box<Digesting>),
    /// A graph is made of all bytes, and its root must be the one.
    Root(Box<Rooting>),
    /// Nothing: part of the content, or storage's own checksum is trusted.
    None,
}

/// A digest in the making.
pub enum Digesting {
    /// SHA-256.
    Sha256 {
        /// Of the bytes so far.
        hasher: Sha256,
        /// What it has to become.
        expected: Sha256Digest,
    },
    /// SHA-512.
    Sha512 {
        /// Of the bytes so far.
        hasher: Sha512,
        /// What it has to become.
        expected: Box<[u8; 64]>,
    },
}

/// The root of a graph in the making.
pub struct Rooting {
    /// Of the ways to make it, one has to lead to the root.
    hashers: Vec<RootHasher>,
    expected: Cid,
}

impl Check {
    /// Hash everything and compare.
    #[must_use]
    pub fn digest(expected: &Sha256Digest) -> Self {
        let hasher = Sha256::new();
        Self::Digest(Box::new(Digesting::Sha256 { hasher, expected: *expected }))
    }

    /// Hash everything, and compare with what a CID says of the bytes themselves.
    #[must_use]
    pub fn hash(expected: &Hash) -> Self {
        match expected {
            Hash::Sha256(digest) => Self::digest(digest),
            Hash::Sha512(digest) => {
                let (hasher, expected) = (Sha512::new(), digest.clone());
                Self::Digest(Box::new(Digesting::Sha512 { hasher, expected }))
            }
            // Whoever has it has the bytes.
            Hash::Identity(_) => Self::None,
        }
    }

    /// Make the graph that this profile makes of everything, or where nobody knows it either of
    /// those that Kubo makes unasked, and compare the root.
    #[must_use]
    pub fn root(expected: &Cid, profile: Option<Profile>) -> Self {
        let hashers = match profile {
            Some(profile) => vec![RootHasher::new(profile)],
            None => [Version::V0, Version::V1].map(Profile::kubo).map(RootHasher::new).into(),
        };
        Self::Root(Box::new(Rooting { hashers, expected: expected.clone() }))
    }

    /// What is known of a content's bytes before anybody has them.
    #[must_use]
    pub fn of(content: &ContentId) -> Self {
        content.digest().map_or(Self::None, Self::digest)
    }

    /// Takes note of bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Digest(digesting) => match &mut **digesting {
                Digesting::Sha256 { hasher, .. } => hasher.update(bytes),
                Digesting::Sha512 { hasher, .. } => hasher.update(bytes),
            },
            Self::Root(rooting) => {
                rooting.hashers.iter_mut().for_each(|hasher| hasher.update(bytes));
            }
            Self::None => {}
        }
    }

    /// Whether the bytes so far, which are all of them, are the right ones. After this there is
    /// nothing left to check.
    ///
    /// # Errors
    /// [`Error::ContentCorrupt`] with what they are instead.
    pub fn finish(&mut self) -> Result<(), Error> {
        let actual = match mem::replace(self, Self::None) {
            Self::None => return Ok(()),
            Self::Digest(digesting) => digesting.mismatch(),
            Self::Root(rooting) => rooting.mismatch(),
        };
        actual.map_or(Ok(()), |actual| Err(Error::ContentCorrupt { actual }))
    }
}

impl Digesting {
    /// What it became. None: what it has to.
    fn mismatch(self) -> Option<String> {
        match self {
            Self::Sha256 { hasher, expected } => {
                let actual = Sha256Digest::from(<[u8; 32]>::from(hasher.finalize()));
                (actual != expected).then(|| actual.to_string())
            }
            Self::Sha512 { hasher, expected } => {
                let actual = hasher.finalize();
                let hex = || actual.iter().map(|byte| format!("{byte:02x}")).collect();
                (actual[..] != expected[..]).then(hex)
            }
        }
    }
}

impl Rooting {
    fn mismatch(self) -> Option<String> {
        let roots: Vec<_> = self.hashers.into_iter().map(|hasher| hasher.finish().root).collect();
        let texts = || roots.iter().map(Cid::as_str).collect::<Vec<_>>().join(" or ");
        (!roots.contains(&self.expected)).then(texts)
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
    use crate::graph::profile::Leaves;

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
    fn every_hash_of_a_cid_decides() {
        let long = Hash::Sha512(Box::new(Sha512::digest(b"hello").into()));
        for hash in [Hash::Sha256(Sha256Digest::of(b"hello")), long] {
            for (bytes, is_right) in [(b"hello", true), (b"hellO", false)] {
                let mut check = Check::hash(&hash);
                check.update(bytes);
                assert_eq!(check.finish().is_ok(), is_right, "{hash:?}");
            }
        }
    }

    #[test]
    fn the_root_decides_however_the_graph_was_made() {
        let content = vec![b'a'; 300_000];
        let small = Profile::new(Version::V1, 1000, Leaves::Raw, 3).unwrap();
        let [v0, v1] = [Version::V0, Version::V1].map(Profile::kubo);
        for (made, known, is_right) in [
            (v0, None, true),
            (v1, None, true),
            (v1, Some(v1), true),
            (small, Some(small), true),
            (small, None, false),
            (v0, Some(v1), false),
        ] {
            let mut hasher = RootHasher::new(made);
            hasher.update(&content);
            let root = hasher.finish().root;
            let finish = |content: &[u8]| {
                let mut check = Check::root(&root, known);
                content.chunks(70_000).for_each(|chunk| check.update(chunk));
                check.finish()
            };
            assert_eq!(finish(&content).is_ok(), is_right, "{made} {known:?}");
            let mut other = content.clone();
            other[299_999] ^= 1;
            assert!(matches!(finish(&other), Err(Error::ContentCorrupt { .. })));
            assert!(finish(&content[1..]).is_err());
        }
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
