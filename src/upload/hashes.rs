//! What bytes hash to so far, in a form that can be stored and gone on with.

use sha1::Sha1;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::digest::typenum::Unsigned;
use sha2::{Digest as _, Sha256, Sha512};

use crate::content::digests::Digests;

const FORM: u8 = 1;
const SHA1_BYTES: usize = <<Sha1 as SerializableState>::SerializedStateSize as Unsigned>::USIZE;
const SHA256_BYTES: usize = <<Sha256 as SerializableState>::SerializedStateSize as Unsigned>::USIZE;
const SHA512_BYTES: usize = <<Sha512 as SerializableState>::SerializedStateSize as Unsigned>::USIZE;

/// How long the stored form is, in bytes.
pub(super) const HASHES_BYTES: usize = 1 + SHA1_BYTES + SHA256_BYTES + SHA512_BYTES;

/// The hashes of all bytes up to some place.
#[derive(Clone, Default)]
pub(super) struct Hashes {
    sha1: Sha1,
    sha256: Sha256,
    sha512: Sha512,
}

impl Hashes {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.sha512.update(bytes);
    }

    pub(super) fn digests(&self) -> Digests {
        Digests {
            sha1: self.sha1.clone().finalize().into(),
            sha256: <[u8; 32]>::from(self.sha256.clone().finalize()).into(),
            sha512: self.sha512.clone().finalize().into(),
        }
    }

    /// The stored form: [`HASHES_BYTES`] of them.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HASHES_BYTES);
        bytes.push(FORM);
        bytes.extend_from_slice(&self.sha1.serialize());
        bytes.extend_from_slice(&self.sha256.serialize());
        bytes.extend_from_slice(&self.sha512.serialize());
        bytes
    }

    /// Reads that form. None: somebody else wrote it.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (form, rest) = bytes.split_first()?;
        let (sha1, rest) = rest.split_at_checked(SHA1_BYTES)?;
        let (sha256, sha512) = rest.split_at_checked(SHA256_BYTES)?;
        (*form == FORM).then_some(())?;
        Some(Self { sha1: restore(sha1)?, sha256: restore(sha256)?, sha512: restore(sha512)? })
    }
}

fn restore<H: SerializableState>(bytes: &[u8]) -> Option<H> {
    H::deserialize(&SerializedState::<H>::try_from(bytes).ok()?).ok()
}

impl PartialEq for Hashes {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl std::fmt::Debug for Hashes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.digests().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_goes_on_where_it_was_left() {
        let bytes: Vec<u8> = (0..700_u32).map(|number| (number * 7) as u8).collect();
        for cut in [0, 1, 55, 63, 64, 65, 127, 128, 129, 500, 700] {
            let mut before = Hashes::default();
            before.update(&bytes[..cut]);
            let stored = before.to_bytes();
            assert_eq!(stored.len(), HASHES_BYTES);
            let mut after = Hashes::read(&stored).unwrap();
            assert_eq!(after, before);
            after.update(&bytes[cut..]);
            let digests = after.digests();
            assert_eq!(digests.sha1, <[u8; 20]>::from(Sha1::digest(&bytes)));
            assert_eq!(digests.sha256.as_bytes(), &<[u8; 32]>::from(Sha256::digest(&bytes)));
            assert_eq!(digests.sha512, <[u8; 64]>::from(Sha512::digest(&bytes)));
        }
    }

    /// Another release of the libraries must read what this one stored.
    #[test]
    fn the_stored_form_stays() {
        assert_eq!((SHA1_BYTES, SHA256_BYTES, SHA512_BYTES), (92, 104, 208));
        let mut hashes = Hashes::default();
        hashes.update(b"abc");
        let stored = crate::content::digest::Sha256Digest::of(&hashes.to_bytes()).to_string();
        assert_eq!(stored, "5d31bf646b989012292ee5702d8d8fa5b3c6b9ff538e065c0739cc681ed5725b");
    }

    #[test]
    fn what_others_wrote_is_none() {
        let mut stored = Hashes::default().to_bytes();
        assert_eq!(Hashes::read(&stored[1..]), None);
        assert_eq!(Hashes::read(&stored[..HASHES_BYTES - 1]), None);
        assert_eq!(Hashes::read(&[]), None);
        stored.push(0);
        assert_eq!(Hashes::read(&stored), None);
        assert_eq!(Hashes::read(&[1; HASHES_BYTES - 300]), None);
        assert_eq!(Hashes::read(&[0; HASHES_BYTES]), None);
    }
}
