//! How a file is made blocks of. Other ways give other graphs, and other names for the same bytes.

use std::fmt;
use std::str::FromStr;

use crate::content::cid::Cid;

/// The most bytes of a chunk.
pub const CHUNK_BYTES_MAX: u32 = 1 << 20;

/// The most links of a node: one of this many takes some 600 KiB.
pub const LINKS_MAX: u32 = 8192;

/// Kubo's defaults.
const KUBO_CHUNK_BYTES: u32 = 256 << 10;
const KUBO_LINKS_MAX: u32 = 174;

/// The version of identifiers in nodes and in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `Qm...`, where that can be said.
    V0,
    /// `bafy...`
    V1,
}

/// What the parts of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaves {
    /// Nodes with bytes in them.
    Nodes,
    /// The bytes themselves.
    Raw,
}

/// How a file is made blocks of: chunks of one size, in a balanced tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    version: Version,
    chunk_bytes: u32,
    leaves: Leaves,
    links_max: u32,
}

/// Nothing is imported like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProfile {
    /// The chunks are empty or too long.
    #[error("a chunk can have 1 to 1048576 bytes")]
    ChunkBytes,
    /// The chunker is one that looks at content.
    #[error("the only chunker here is size-N")]
    Chunker,
    /// The nodes have too few links to make a tree, or too many for a block.
    #[error("a node can have 2 to 8192 links")]
    LinksMax,
    /// The text says something else.
    #[error("expected a profile as in: v1 size-262144 raw 174")]
    Text,
}

impl Version {
    /// The identifier as a node has it.
    pub(super) fn cid_bytes(self, cid: &Cid) -> Vec<u8> {
        let v0 = match self {
            Self::V0 => cid.v0_bytes(),
            Self::V1 => None,
        };
        v0.unwrap_or_else(|| cid.to_bytes())
    }

    /// The identifier as an answer has it.
    #[must_use]
    pub fn text(self, cid: &Cid) -> String {
        let v0 = match self {
            Self::V0 => cid.to_v0(),
            Self::V1 => None,
        };
        v0.unwrap_or_else(|| cid.as_str().to_owned())
    }
}

impl Profile {
    /// Kubo's, where nobody asks for anything else.
    #[must_use]
    pub const fn kubo(version: Version) -> Self {
        let leaves = match version {
            Version::V0 => Leaves::Nodes,
            Version::V1 => Leaves::Raw,
        };
        Self { version, chunk_bytes: KUBO_CHUNK_BYTES, leaves, links_max: KUBO_LINKS_MAX }
    }

    /// Any other.
    ///
    /// # Errors
    /// A number is outside of its limits.
    pub const fn new(
        version: Version,
        chunk_bytes: u32,
        leaves: Leaves,
        links_max: u32,
    ) -> Result<Self, InvalidProfile> {
        if chunk_bytes == 0 || chunk_bytes > CHUNK_BYTES_MAX {
            return Err(InvalidProfile::ChunkBytes);
        }
        if links_max < 2 || links_max > LINKS_MAX {
            return Err(InvalidProfile::LinksMax);
        }
        Ok(Self { version, chunk_bytes, leaves, links_max })
    }

    /// The same with what Kubo's parameter `chunker` says: `size-N`, or `default`.
    ///
    /// # Errors
    /// It says something else, or more than a chunk may have.
    pub fn with_chunker(self, chunker: &str) -> Result<Self, InvalidProfile> {
        let chunk_bytes = match chunker {
            "" | "default" => KUBO_CHUNK_BYTES,
            _ => {
                let number = chunker.strip_prefix("size-").ok_or(InvalidProfile::Chunker)?;
                parse_number(number).ok_or(InvalidProfile::ChunkBytes)?
            }
        };
        Self::new(self.version, chunk_bytes, self.leaves, self.links_max)
    }

    /// The same with other leaves.
    #[must_use]
    pub const fn with_leaves(self, leaves: Leaves) -> Self {
        Self { leaves, ..self }
    }

    /// The version of identifiers.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// How many bytes each part of a file has, but for the last.
    #[must_use]
    pub const fn chunk_bytes(&self) -> usize {
        self.chunk_bytes as usize
    }

    /// What the parts are.
    #[must_use]
    pub const fn leaves(&self) -> Leaves {
        self.leaves
    }

    /// The most links of a node.
    #[must_use]
    pub const fn links_max(&self) -> usize {
        self.links_max as usize
    }
}

/// Digits alone, without a sign, and no zeros before others: a profile has one text.
fn parse_number(digits: &str) -> Option<u32> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    is_plain.then(|| digits.parse().ok()).flatten()
}

/// The text that is kept with an object, and read again.
impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.version {
            Version::V0 => "v0",
            Version::V1 => "v1",
        };
        let leaves = match self.leaves {
            Leaves::Nodes => "nodes",
            Leaves::Raw => "raw",
        };
        write!(formatter, "{version} size-{} {leaves} {}", self.chunk_bytes, self.links_max)
    }
}

impl FromStr for Profile {
    type Err = InvalidProfile;

    fn from_str(text: &str) -> Result<Self, InvalidProfile> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(InvalidProfile::Text);
        let version = match word()? {
            "v0" => Version::V0,
            "v1" => Version::V1,
            _ => return Err(InvalidProfile::Text),
        };
        let chunk_bytes = word()?.strip_prefix("size-").and_then(parse_number);
        let leaves = match word()? {
            "nodes" => Leaves::Nodes,
            "raw" => Leaves::Raw,
            _ => return Err(InvalidProfile::Text),
        };
        let links_max = parse_number(word()?);
        match (chunk_bytes, links_max, words.next()) {
            (Some(chunk_bytes), Some(links_max), None) => {
                Self::new(version, chunk_bytes, leaves, links_max)
            }
            _ => Err(InvalidProfile::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_from_its_text() {
        let v1 = Profile::kubo(Version::V1);
        assert_eq!(v1.to_string(), "v1 size-262144 raw 174");
        let v0 = Profile::kubo(Version::V0);
        assert_eq!(v0.to_string(), "v0 size-262144 nodes 174");
        for profile in [v0, v1, Profile::new(Version::V0, 1, Leaves::Raw, 2).unwrap()] {
            assert_eq!(profile.to_string().parse(), Ok(profile));
        }
        for text in [
            "",
            "v1",
            "v2 size-1 raw 2",
            "v1 size-01 raw 2",
            "v1 size-1 raw 2 ",
            "v1 size-1 raw +2",
        ] {
            assert_eq!(text.parse::<Profile>(), Err(InvalidProfile::Text), "{text}");
        }
        assert_eq!("v1 size-9999999 raw 2".parse::<Profile>(), Err(InvalidProfile::ChunkBytes));
        assert_eq!("v1 size-1 raw 1".parse::<Profile>(), Err(InvalidProfile::LinksMax));
    }

    #[test]
    fn chunkers_are_of_one_size() {
        let kubo = Profile::kubo(Version::V1);
        let chunk_bytes = |text| kubo.with_chunker(text).map(|profile| profile.chunk_bytes());
        assert_eq!(chunk_bytes("size-262144"), Ok(262_144));
        assert_eq!(chunk_bytes("default"), Ok(262_144));
        assert_eq!(chunk_bytes("size-1048576"), Ok(1 << 20));
        for text in ["size-0", "size-", "size-1048577", "size--1", "size-99999999999"] {
            assert_eq!(chunk_bytes(text), Err(InvalidProfile::ChunkBytes), "{text}");
        }
        for text in ["rabin", "rabin-262144-524288-1048576", "buzhash", "Size-1"] {
            assert_eq!(chunk_bytes(text), Err(InvalidProfile::Chunker), "{text}");
        }
    }
}
