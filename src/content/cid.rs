//! Content identifiers (multiformats, "CID"): one name for each, whatever base it is written in.
//!
//! ```text
//! QmT78zSu...            version 0: base58btc of a multihash; means dag-pb
//! bafybeicg2rebjoofv...  version 1: base, version, codec, multihash; here base32, 1, dag-pb, sha2-256
//! ```
//!
//! The name in keys is version 1 in lower-case base32. The codec stays in it: the same bytes are one
//! file as `raw` and another as a node of a graph.

use std::fmt;

use cid::multibase::{self, Base};
use cid::multihash::Multihash;
use sha2::{Digest as _, Sha256, Sha512};

use super::digest::Sha256Digest;

/// The longest text, in bytes: one with 128 bytes inside takes some 1,060 in base 2.
const TEXT_BYTES_MAX: usize = 1100;

/// The most bytes that an identifier may hold inside (IPIP-512).
pub const INLINE_BYTES_MAX: usize = 128;

/// Multicodec codes.
const RAW: u64 = 0x55;
const DAG_PB: u64 = 0x70;
const IDENTITY: u64 = 0x00;
const SHA2_256: u64 = 0x12;
const SHA2_512: u64 = 0x13;

/// A content identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cid {
    /// The canonical form.
    text: Box<str>,
    codec: Codec,
    hash: Hash,
}

/// What a block's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// The bytes themselves.
    Raw,
    /// A node of a graph (IPLD, "DAG-PB").
    DagPb,
    /// Something that is not looked into, by its multicodec code.
    Other(u64),
}

/// By what a block's bytes are known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// Their SHA-256.
    Sha256(Sha256Digest),
    /// Their SHA-512.
    Sha512(Box<[u8; 64]>),
    /// The bytes themselves.
    Identity(Box<[u8]>),
}

/// The text is no content identifier that is served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCid {
    /// It is none.
    #[error("no CID")]
    Malformed,
    /// Its hash is none of ours.
    #[error("the hash of a CID has to be a whole sha2-256 or sha2-512")]
    Hash,
    /// It holds too many bytes itself.
    #[error("a CID can hold no more than 128 bytes itself")]
    TooLong,
}

impl Cid {
    /// Reads any version in any base.
    ///
    /// # Errors
    /// It is none, has bytes too many, or a hash that is not served here.
    pub fn parse(text: &str) -> Result<Self, InvalidCid> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(InvalidCid::Malformed);
        }
        // Version 0 has no base in front (multiformats, "CID", decoding algorithm).
        let is_v0 = text.len() == 46 && text.starts_with("Qm");
        let bytes = match is_v0 {
            true => Base::Base58Btc.decode(text),
            false => multibase::decode(text).map(|(_, bytes)| bytes),
        };
        let bytes = bytes.map_err(|_| InvalidCid::Malformed)?;
        // In a base of its own, version 0 would have two texts in one.
        if !is_v0 && bytes.first() == Some(&0x12) {
            return Err(InvalidCid::Malformed);
        }
        Self::from_bytes(&bytes)
    }

    /// Reads the binary form of either version.
    ///
    /// # Errors
    /// As [`Cid::parse`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidCid> {
        let cid = cid::CidGeneric::<INLINE_BYTES_MAX>::try_from(bytes).map_err(|error| {
            match error {
                // The digest is longer than there is room for.
                cid::Error::ParsingError if bytes.len() > INLINE_BYTES_MAX => InvalidCid::TooLong,
                _ => InvalidCid::Malformed,
            }
        })?;
        // The library takes what comes after the digest for somebody else's.
        if cid.to_bytes() != bytes {
            return Err(InvalidCid::Malformed);
        }
        let digest = cid.hash().digest();
        let hash = match cid.hash().code() {
            IDENTITY => Hash::Identity(digest.into()),
            SHA2_256 => {
                Hash::Sha256(<[u8; 32]>::try_from(digest).map_err(|_| InvalidCid::Hash)?.into())
            }
            SHA2_512 => Hash::Sha512(Box::new(digest.try_into().map_err(|_| InvalidCid::Hash)?)),
            _ => return Err(InvalidCid::Hash),
        };
        let codec = match cid.codec() {
            RAW => Codec::Raw,
            DAG_PB => Codec::DagPb,
            other => Codec::Other(other),
        };
        Ok(Self::new(codec, hash))
    }

    /// The identifier of a block.
    #[must_use]
    pub fn new(codec: Codec, hash: Hash) -> Self {
        let text = multibase::encode(Base::Base32Lower, binary(codec, &hash)).into();
        Self { text, codec, hash }
    }

    /// The identifier, by SHA-256, of the block that has these bytes.
    #[must_use]
    pub fn of_block(codec: Codec, bytes: &[u8]) -> Self {
        Self::new(codec, Hash::Sha256(Sha256Digest::of(bytes)))
    }

    /// The canonical text: version 1 in lower-case base32.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text of version 0. None: it has none, being no node or of another hash.
    #[must_use]
    pub fn to_v0(&self) -> Option<String> {
        Some(Base::Base58Btc.encode(self.v0_bytes()?))
    }

    /// The binary form of version 1.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        binary(self.codec, &self.hash)
    }

    /// The binary form of version 0, where there is one.
    #[must_use]
    pub fn v0_bytes(&self) -> Option<Vec<u8>> {
        match (self.codec, &self.hash) {
            (Codec::DagPb, Hash::Sha256(digest)) => {
                Some([&[0x12, 0x20], digest.as_bytes().as_slice()].concat())
            }
            _ => None,
        }
    }

    /// What the block's bytes are.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// By what the block's bytes are known.
    #[must_use]
    pub const fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The block's bytes, where the identifier holds them itself.
    #[must_use]
    pub const fn inline(&self) -> Option<&[u8]> {
        match &self.hash {
            Hash::Identity(bytes) => Some(bytes),
            Hash::Sha256(_) | Hash::Sha512(_) => None,
        }
    }

    /// The SHA-256 of the bytes, where the identifier is that of the bytes themselves and not of a
    /// graph of blocks.
    #[must_use]
    pub const fn digest(&self) -> Option<&Sha256Digest> {
        match (self.codec, &self.hash) {
            (Codec::Raw, Hash::Sha256(digest)) => Some(digest),
            _ => None,
        }
    }

    /// Whether these are the bytes of the block.
    #[must_use]
    pub fn names(&self, block: &[u8]) -> bool {
        match &self.hash {
            Hash::Sha256(digest) => Sha256::digest(block)[..] == digest.as_bytes()[..],
            Hash::Sha512(digest) => Sha512::digest(block)[..] == digest[..],
            Hash::Identity(bytes) => **bytes == *block,
        }
    }
}

fn binary(codec: Codec, hash: &Hash) -> Vec<u8> {
    let (code, digest) = match hash {
        Hash::Sha256(digest) => (SHA2_256, digest.as_bytes().as_slice()),
        Hash::Sha512(digest) => (SHA2_512, digest.as_slice()),
        Hash::Identity(bytes) => (IDENTITY, &**bytes),
    };
    let codec = match codec {
        Codec::Raw => RAW,
        Codec::DagPb => DAG_PB,
        Codec::Other(code) => code,
    };
    // Nothing longer was let in.
    Multihash::<INLINE_BYTES_MAX>::wrap(code, digest)
        .map(|hash| cid::CidGeneric::new_v1(codec, hash).to_bytes())
        .unwrap_or_default()
}

impl fmt::Display for Cid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_texts_of_one_content_are_one_name() {
        let name = "bafybeicg2rebjoofv4kbyovkw7af3rpiitvnl6i7ckcywaq6xjcxnc2mby";
        for text in [
            "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
            name,
            "zdj7WaCPMsy3FP2whSwpFXHjDEaTVmjnddYSn5W2Gdn4aEZFj",
            "f0170122046d44814b9c5af141c3aaab7c05dc5e844ead5f91f12858b021eba45768b4c0e",
            "F0170122046D44814B9C5AF141C3AAAB7C05DC5E844EAD5F91F12858B021EBA45768B4C0E",
            "k2jmtxt4nv2kx0qz1ncwpjwzdixb27xsgqxk7kgho4nnmjceustvi80e",
            "uAXASIEbUSBS5xa8UHDqqt8BdxehE6tX5HxKFiwIeukV2i0wO",
        ] {
            let cid = Cid::parse(text).unwrap();
            assert_eq!((cid.as_str(), cid.digest()), (name, None), "{text}");
            assert_eq!(
                cid.to_v0().as_deref(),
                Some("QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o")
            );
            assert_eq!(Cid::from_bytes(&cid.to_bytes()), Ok(cid.clone()));
            assert_eq!(Cid::from_bytes(&cid.v0_bytes().unwrap()), Ok(cid));
        }
    }

    #[test]
    fn the_digest_of_raw_bytes_is_known() {
        let cid =
            Cid::parse("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e").unwrap();
        assert_eq!(cid.digest(), Some(&Sha256Digest::of(b"hello world")));
        assert!(cid.names(b"hello world") && !cid.names(b"hello worlD"));
        assert_eq!(Cid::of_block(Codec::Raw, b"hello world"), cid);
        assert_eq!(cid.to_v0(), None);
    }

    #[test]
    fn short_content_can_be_in_its_name() {
        let empty = Cid::parse("bafkqaaa").unwrap();
        assert_eq!((empty.inline(), empty.digest()), (Some(&b""[..]), None));
        let hello = Cid::parse("bafkqabtimvwgy3yk").unwrap();
        assert_eq!(hello.inline(), Some(&b"hello\n"[..]));
        let inline = |length| Cid::new(Codec::Raw, Hash::Identity(vec![7; length].into()));
        let longest = inline(INLINE_BYTES_MAX);
        assert_eq!(Cid::parse(longest.as_str()), Ok(longest));
        let mut longer = vec![1, 0x55, 0, 0x81, 1];
        longer.extend([7; 129]);
        assert_eq!(Cid::from_bytes(&longer), Err(InvalidCid::TooLong));
    }

    #[test]
    fn sha2_512_is_served_whole() {
        let digest: [u8; 64] = Sha512::digest(b"hello").into();
        let cid = Cid::new(Codec::Raw, Hash::Sha512(Box::new(digest)));
        let cid = Cid::parse(cid.as_str()).unwrap();
        assert!(cid.names(b"hello") && cid.digest().is_none());
    }

    #[test]
    fn what_says_nothing_is_refused() {
        for text in ["", "Qm", "../x", "hello world", "b", "bafk", "\u{0}", "é", "Qm\u{0}"] {
            assert_eq!(Cid::parse(text), Err(InvalidCid::Malformed), "{text}");
        }
        let v1 = |rest: &[u8]| {
            let mut bytes = vec![1, 0x55];
            bytes.extend(rest);
            Cid::from_bytes(&bytes)
        };
        let digest = [9; 32];
        let with = |front: &[u8], back: &[u8]| v1(&[front, &digest, back].concat());
        assert!(with(&[0x12, 32], b"").is_ok());
        // Something after it; a length in more bytes than it takes; SHA-1; half a SHA-256.
        assert_eq!(with(&[0x12, 32], b"x"), Err(InvalidCid::Malformed));
        assert_eq!(with(&[0x12, 0xa0, 0], b""), Err(InvalidCid::Malformed));
        assert_eq!(v1(&[&[0x11, 20][..], &digest[..20]].concat()), Err(InvalidCid::Hash));
        assert_eq!(v1(&[&[0x12, 16][..], &digest[..16]].concat()), Err(InvalidCid::Hash));
        // A version 0 in a base of its own.
        let v0 = [&[0x12, 32][..], &digest].concat();
        assert_eq!(
            Cid::parse(&multibase::encode(Base::Base32Lower, &v0)),
            Err(InvalidCid::Malformed)
        );
    }
}
