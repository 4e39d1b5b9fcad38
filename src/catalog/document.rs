//! What the documents say, as JSON:
//!
//! ```text
//! artifacts/<namespace>/<artifact>
//!   {"form": 1, "nonce": "...", "body": {"last_index": 2, "live": {"namespace": "acme", "name": "disk",
//!    "kind": "image", "source_url": "...", "is_shared": false, "max_versions": 3, "versions":
//!    [{"index": 2, "blob": "<blob>", "claim": "<claim>", "size": 7, "added": 1790000000123}]}}}
//! blobs/<blob>
//!   {"form": 1, "nonce": "...", "body": {"namespace": "acme", "key": "...", "changed": 1790000000123,
//!    "state": {"stored": {"size": 7, "stored": 1790000000123, "sha1": "...", "sha256": "...",
//!     "sha512": "...", "claims": [{"claim": "<claim>", "namespace": "acme", "artifact": "<artifact>",
//!     "noted": 1790000000123}]}}}}
//! shared/<artifact>                         ... "body": {"namespace": "system"}
//! digests/<namespace>/<algorithm>/<digest>  ... "body": {"blob": "<blob>"}
//! ```
//!
//! Times are milliseconds since 1970. A nonce is another one in each state of a document, so that
//! no two states have the same entity tag.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Artifact, ArtifactId, Blob, Version};
use crate::content::digests::{Algorithm, AnyDigest, Digests};
use crate::content::upload::UploadId;
use crate::error::{Error, Kind};

/// The form described above. Documents of other forms are left alone.
const FORM: u8 = 1;

/// How long the document of an artifact that was removed is, in bytes. All of those that are there
/// are longer: a list tells them apart, and what was removed is not read, however much there was.
pub(super) const REMOVED_BYTES: RangeInclusive<u64> = 89..=108;

/// What all documents have.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet<B> {
    form: u8,
    nonce: Claim,
    body: B,
}

/// Sixteen bytes that are nowhere else: a state of a document, or the claim of a version on its blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claim(pub(super) u128);

/// An artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtifactBody {
    /// The highest index there ever was.
    pub(super) last_index: u64,
    /// None: it was removed. What it was called follows from nothing then.
    pub(super) live: Option<Live>,
}

/// An artifact that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Live {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) source_url: String,
    pub(super) is_shared: bool,
    pub(super) max_versions: u32,
    /// The oldest first.
    pub(super) versions: Vec<Entry>,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) index: u64,
    pub(super) blob: UploadId,
    /// By what it holds the blob: one of the blob's claims, and of no other version.
    pub(super) claim: Claim,
    pub(super) size: u64,
    pub(super) added: u64,
}

/// A blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlobBody {
    pub(super) namespace: String,
    pub(super) key: String,
    /// When it came to be in this state.
    pub(super) changed: u64,
    pub(super) state: BlobState,
}

/// How far a blob is: from one to the next, never back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum BlobState {
    /// Its object is being made.
    Announced,
    /// Its object is there.
    Stored(StoredBlob),
    /// Nothing refers to it, and nothing will. Its object may be there yet.
    Deleted {
        /// Where hints may be.
        digests: Option<HexDigests>,
    },
    /// Its object is no more.
    Gone,
}

/// A blob whose object is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredBlob {
    pub(super) size: u64,
    pub(super) stored: u64,
    pub(super) digests: HexDigests,
    /// Of versions there are, and of some that are about to be, or came to nothing.
    pub(super) claims: Vec<ClaimEntry>,
}

/// Who holds a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimEntry {
    pub(super) claim: Claim,
    pub(super) namespace: String,
    pub(super) artifact: ArtifactId,
    pub(super) noted: u64,
}

/// Digests, written in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HexDigests(pub(super) Digests);

/// Whose a shared artifact is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PointerBody {
    pub(super) namespace: String,
}

/// Which blob may have a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HintBody {
    pub(super) blob: UploadId,
}

/// The bytes of a document in a state.
pub(super) fn to_bytes<B: Serialize>(body: &B, nonce: Claim) -> Result<Vec<u8>, Error> {
    let sheet = Sheet { form: FORM, nonce, body };
    serde_json::to_vec(&sheet).map_err(|_| Error::Internal("a document has no JSON".into()))
}

/// What a document says, and in which state it is.
///
/// # Errors
/// It is of another form, or somebody else's.
pub(super) fn read<B: DeserializeOwned>(bytes: &[u8]) -> Result<(B, Claim), Error> {
    let sheet: Option<Sheet<B>> = serde_json::from_slice(bytes).ok();
    let sheet = sheet.filter(|sheet| sheet.form == FORM).ok_or_else(unreadable)?;
    Ok((sheet.body, sheet.nonce))
}

/// A document is not what it should be.
pub(super) fn unreadable() -> Error {
    Error::storage(Kind::StorageFailed, "a document of the catalog is none that this version reads")
}

/// A time as documents have it.
pub(super) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(since).unwrap_or(u64::MAX)
}

fn time(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)).unwrap_or(UNIX_EPOCH)
}

impl Live {
    /// What callers get to see.
    pub(super) fn artifact(&self, id: ArtifactId) -> Artifact {
        let version = |entry: &Entry| Version {
            index: entry.index,
            blob: entry.blob,
            size: entry.size,
            added: time(entry.added),
        };
        Artifact {
            id,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            kind: self.kind.clone(),
            source_url: self.source_url.clone(),
            is_shared: self.is_shared,
            max_versions: self.max_versions,
            versions: self.versions.iter().map(version).collect(),
        }
    }

    /// Takes the oldest versions away, until no more are left than are kept.
    pub(super) fn trim(&mut self) -> Vec<Entry> {
        let kept = usize::try_from(self.max_versions).unwrap_or(usize::MAX);
        let surplus = self.versions.len().saturating_sub(kept);
        self.versions.drain(..surplus).collect()
    }

    pub(super) fn has_blob(&self, blob: UploadId) -> bool {
        self.versions.iter().any(|entry| entry.blob == blob)
    }

    pub(super) fn has_claim(&self, claim: Claim) -> bool {
        self.versions.iter().any(|entry| entry.claim == claim)
    }
}

impl BlobBody {
    /// What callers get to see. None: its object is not there, as far as this says.
    pub(super) fn blob(&self, id: UploadId) -> Option<Blob> {
        let BlobState::Stored(stored) = &self.state else { return None };
        Some(Blob {
            id,
            namespace: self.namespace.clone(),
            size: stored.size,
            digests: stored.digests.0,
            key: self.key.clone(),
            stored: time(stored.stored),
            references: stored.claims.iter().map(|claim| claim.artifact).collect(),
        })
    }
}

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(&text, 16).ok().filter(|_| is_hex);
        number.map(Self).ok_or_else(|| D::Error::custom("32 hexadecimal digits"))
    }
}

impl Serialize for ArtifactId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ArtifactId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a UUID"))
    }
}

impl Serialize for UploadId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UploadId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    sha1: String,
    sha256: String,
    sha512: String,
}

impl Serialize for HexDigests {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |algorithm| self.0.by(algorithm).to_string();
        let [sha1, sha256, sha512] =
            [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].map(text);
        Texts { sha1, sha256, sha512 }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HexDigests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Texts::deserialize(deserializer)?;
        let parse =
            |algorithm, text: &str| AnyDigest::parse_hex(algorithm, text).map_err(D::Error::custom);
        let digests = (
            parse(Algorithm::Sha1, &texts.sha1)?,
            parse(Algorithm::Sha256, &texts.sha256)?,
            parse(Algorithm::Sha512, &texts.sha512)?,
        );
        match digests {
            (AnyDigest::Sha1(sha1), AnyDigest::Sha256(sha256), AnyDigest::Sha512(sha512)) => {
                Ok(Self(Digests { sha1, sha256, sha512 }))
            }
            _ => Err(D::Error::custom("digests of three algorithms")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_is_shorter_than_anything_that_is_there() {
        let length = |last_index, live| {
            let body = ArtifactBody { last_index, live };
            to_bytes(&body, Claim(u128::MAX)).unwrap().len() as u64
        };
        let shortest = Live {
            namespace: "a".to_owned(),
            name: "a".to_owned(),
            kind: "a".to_owned(),
            source_url: String::new(),
            is_shared: true,
            max_versions: 1,
            versions: Vec::new(),
        };
        assert_eq!(length(1, None)..=length(u64::MAX, None), REMOVED_BYTES);
        assert!(length(0, Some(shortest)) > *REMOVED_BYTES.end());
    }
}
