//! Content identifiers (multiformats, "CID"): one name for each, whatever base it is written in.

use std::fmt;

use cid::multibase::Base;

use super::digest::Sha256Digest;

/// The longest text, in bytes: a digest of 64 bytes takes 137 in the longest base.
const TEXT_BYTES_MAX: usize = 256;

/// Multicodec codes: bytes as they are, and the hashes that say what bytes are.
const RAW: u64 = 0x55;
const IDENTITY: u64 = 0x00;
const SHA2_256: u64 = 0x12;

/// Shorter digests do not tell contents apart for certain.
const DIGEST_BYTES_MIN: u8 = 20;

/// A content identifier in its canonical form: version 1, lower-case base32.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cid {
    text: Box<str>,
    digest: Option<Sha256Digest>,
}

/// The text is no content identifier that is served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no CID, or one whose digest is part of it or shorter than 20 bytes")]
pub struct InvalidCid;

impl Cid {
    /// Reads any version in any base.
    ///
    /// # Errors
    /// It is none, or its digest says too little.
    pub fn parse(text: &str) -> Result<Self, InvalidCid> {
        if text.len() > TEXT_BYTES_MAX || text.contains('/') {
            return Err(InvalidCid);
        }
        let cid = cid::Cid::try_from(text).map_err(|_| InvalidCid)?;
        let (codec, hash) = (cid.codec(), cid.hash());
        if hash.code() == IDENTITY || hash.size() < DIGEST_BYTES_MIN {
            return Err(InvalidCid);
        }
        let digest = match (codec, hash.code(), <[u8; 32]>::try_from(hash.digest())) {
            (RAW, SHA2_256, Ok(digest)) => Some(digest.into()),
            _ => None,
        };
        let cid = cid.into_v1().map_err(|_| InvalidCid)?;
        let text = cid.to_string_of_base(Base::Base32Lower).map_err(|_| InvalidCid)?;
        Ok(Self { text: text.into(), digest })
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The SHA-256 of the bytes, where the identifier is that of the bytes themselves and not of a
    /// graph of blocks.
    #[must_use]
    pub const fn digest(&self) -> Option<&Sha256Digest> {
        self.digest.as_ref()
    }
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
            "k2jmtxt4nv2kx0qz1ncwpjwzdixb27xsgqxk7kgho4nnmjceustvi80e",
            "uAXASIEbUSBS5xa8UHDqqt8BdxehE6tX5HxKFiwIeukV2i0wO",
        ] {
            let cid = Cid::parse(text).unwrap();
            assert_eq!((cid.as_str(), cid.digest()), (name, None), "{text}");
        }
    }

    #[test]
    fn the_digest_of_raw_bytes_is_known() {
        let cid =
            Cid::parse("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e").unwrap();
        assert_eq!(cid.digest(), Some(&Sha256Digest::of(b"hello world")));
    }

    #[test]
    fn what_says_nothing_is_refused() {
        for text in ["", "Qm", "bafkqaaa", "bafkqabtimvwgy3yk", "../x", "hello world"] {
            assert_eq!(Cid::parse(text), Err(InvalidCid), "{text}");
        }
    }
}
