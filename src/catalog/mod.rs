//! Which artifacts there are, and which versions of them: small documents in the bucket.
//!
//! ```text
//! .casgate/catalog/<catalog>/
//! ├── artifacts/<namespace>/<artifact>           name, type, versions: index and blob of each
//! ├── shared/<artifact>                          whose an artifact is that all namespaces see
//! ├── blobs/<blob>                               size, digests, and which artifacts refer to it
//! └── digests/<namespace>/<algorithm>/<digest>   a hint: which blob to look at
//! ```
//!
//! Each document is changed by conditional writes alone, so that what two replicas add is both
//! there. The name of an artifact's document follows from namespace, type and name: no index has to
//! agree with anything. The documents of blobs say what is referred to; hints are believed of
//! nothing.
//!
//! A reference is noted at the blob before the artifact has it, and taken back after: whatever breaks
//! off in between leaves a blob too many, which the sweep finds, and never one too few (`blobs`).
//!
//! Documents that somebody could be making again are not deleted: what is removed stays as a document
//! that says so. That of an artifact knows its last index; that of a blob keeps its name from being
//! used again, and goes when nobody can try to any more (`sweep`).

mod blobs;
mod change;
mod document;
mod listing;
mod places;
mod sharing;
mod sweep;
mod versions;

use std::time::SystemTime;

pub use sweep::Swept;

use crate::content::digests::Digests;
use crate::content::upload::UploadId;
use crate::error::Error;

/// The most versions that are kept of an artifact.
pub const VERSIONS_MAX: u32 = 1000;

/// The most claims on a blob.
const CLAIMS_MAX: usize = 1000;

/// With fewer left than these, a blob is not found by its digest any more: who found it just before
/// still gets one.
const CLAIMS_SPARE: usize = 32;

/// How many documents one caller reads at once.
const AT_ONCE: usize = 16;

/// An artifact, by the UUID that follows from its namespace, type and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactId(pub(crate) uuid::Uuid);

/// What an artifact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its name.
    pub id: ArtifactId,
    /// Whose it is.
    pub namespace: String,
    /// What its owner calls it: 1 to 255 bytes, no `/`, no control characters.
    pub name: String,
    /// Its type, as the protocol has it.
    pub kind: String,
    /// Where it came from, as the protocol has it.
    pub source_url: String,
    /// Whether all namespaces see it.
    pub is_shared: bool,
    /// How many versions are kept.
    pub max_versions: u32,
    /// The versions there are, by index, the oldest first.
    pub versions: Vec<Version>,
}

/// A version of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// From 1 on; no two versions of an artifact have the same, now or later.
    pub index: u64,
    /// The bytes.
    pub blob: UploadId,
    /// How many those are.
    pub size: u64,
    /// When it was added.
    pub added: SystemTime,
}

/// Bytes that versions of artifacts refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its name, which is that of the upload it was.
    pub id: UploadId,
    /// Whose it is.
    pub namespace: String,
    /// How many bytes.
    pub size: u64,
    /// What they hash to.
    pub digests: Digests,
    /// The key of the object.
    pub key: String,
    /// When it was stored.
    pub stored: SystemTime,
    /// The artifacts that refer to it, once for each version that is, or is about to be.
    pub references: Vec<ArtifactId>,
}

/// How a client calls an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactRef {
    /// By its UUID.
    Id(ArtifactId),
    /// By its name in the caller's namespace.
    Name(String),
}

/// What becomes of an artifact when a version is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Where it came from. None: what [`Catalog::default_source`] says.
    pub source_url: Option<String>,
    /// Whether all namespaces see it from now on; `false` changes nothing.
    pub share: bool,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The caller's namespace: the name of a [`Tenant`](crate::auth::Tenant).
    pub namespace: String,
    /// Whether it may see and change what is of others, and share.
    pub is_system: bool,
}

/// Why something cannot be done.
#[derive(Debug)]
pub enum Refused {
    /// There is no such artifact, version or blob, as far as this caller is concerned.
    Unknown,
    /// Two artifacts of different types have the name.
    Ambiguous,
    /// The caller may see it and not change it.
    Forbidden,
    /// The name is none, or the type, source or number; the text says why.
    Name(&'static str),
    /// Others change the same document again and again.
    Contended,
    /// There are more than an answer has.
    TooMany,
    /// Storage failed; or a document cannot be read.
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The catalogs of one bucket with one name.
pub struct Catalog<'a, O> {
    /// The bucket.
    pub objects: &'a O,
    /// Which of its catalogs: lower-case letters, digits and `-`.
    pub name: &'a str,
    /// Whether namespaces are kept apart. If not, whoever knows the UUID or a digest of a blob may
    /// have it, whosever it is.
    pub isolated: bool,
    /// How many versions of new artifacts are kept: 1 to [`VERSIONS_MAX`].
    pub max_versions: u32,
    /// The types that artifacts can have: a name can be that of one of each.
    pub kinds: &'static [&'static str],
    /// Sixteen bytes that nobody can guess, and others each time.
    pub random: &'a (dyn Fn() -> Result<[u8; 16], Error> + Send + Sync),
}

#[cfg(test)]
mod tests;
