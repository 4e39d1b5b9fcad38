//! What clients name: content, by names that say what the bytes are, entries of caches, by names that
//! say what they are for, and objects, by where they are.

pub mod cid;
pub mod digest;
pub mod digests;
pub mod entry;
pub mod filename;
pub mod layout;
pub mod path;
pub mod upload;

use std::borrow::Cow;
use std::fmt;

use cid::Cid;
use digest::Sha256Digest;
use entry::Entry;
use path::ObjectPath;
use upload::UploadId;

/// The parsed name of bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContentId {
    /// Bytes named by their SHA-256.
    Sha256(Sha256Digest),
    /// Bytes, or a graph of blocks, named by their content identifier.
    Cid(Cid),
    /// An entry of a cache.
    Entry(Entry),
    /// Whatever is at a path.
    Path(ObjectPath),
    /// What an upload became, and what its bytes hash to, where that is known.
    Upload(UploadId, Option<Sha256Digest>),
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
            Self::Cid(cid) => cid.digest(),
            Self::Entry(entry) => entry.digest(),
            Self::Path(_) => None,
            Self::Upload(_, digest) => digest.as_ref(),
        }
    }

    /// Appends the name as it is in keys.
    pub fn push_name(&self, out: &mut String) {
        match self {
            Self::Sha256(digest) => digest.push_hex(out),
            Self::Cid(cid) => out.push_str(cid.as_str()),
            Self::Entry(entry) => out.push_str(entry.name()),
            Self::Path(path) => out.push_str(path.as_str()),
            Self::Upload(id, _) => out.push_str(&id.to_string()),
        }
    }

    /// The name to save the bytes under, where nothing else gives one.
    #[must_use]
    pub fn file_name(&self) -> Cow<'_, str> {
        match self {
            Self::Sha256(digest) => Cow::Owned(digest.to_string()),
            Self::Cid(cid) => Cow::Borrowed(cid.as_str()),
            Self::Entry(entry) => Cow::Borrowed(last_segment(entry.name())),
            Self::Path(path) => Cow::Borrowed(last_segment(path.as_str())),
            Self::Upload(id, _) => Cow::Owned(id.to_string()),
        }
    }
}

fn last_segment(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

impl fmt::Display for ContentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(formatter, "sha256:{digest}"),
            Self::Cid(cid) => cid.fmt(formatter),
            Self::Entry(entry) => formatter.write_str(entry.name()),
            Self::Path(path) => path.fmt(formatter),
            Self::Upload(id, _) => id.fmt(formatter),
        }
    }
}
