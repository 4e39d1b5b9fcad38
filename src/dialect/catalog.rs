//! Artifacts, their versions and their bytes, in words no protocol owns.

use crate::catalog::{Artifact, ArtifactId, ArtifactRef, Blob};
use crate::content::digests::AnyDigest;
use crate::content::upload::UploadId;

/// What is asked of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogCall {
    /// To add a version to the artifact of this name; of what is in the body, and None until that was
    /// read.
    Publish(String, Option<Box<Publication>>),
    /// All artifacts.
    Artifacts,
    /// One artifact.
    Artifact(ArtifactRef),
    /// The bytes of its versions.
    Versions(ArtifactRef),
    /// To keep so many versions; the number is in the body, and None until that was read.
    KeepVersions(ArtifactRef, Option<u32>),
    /// To remove one version.
    RemoveVersion(ArtifactRef, u64),
    /// To remove an artifact.
    Remove(ArtifactRef),
    /// To remove all artifacts of a namespace; which, and that it is meant, is in the body, and None
    /// until that was read.
    RemoveAll(Option<AllOf>),
    /// To show it to all namespaces, or to its own only.
    Share(ArtifactRef, bool),
    /// All blobs.
    Blobs,
    /// One blob.
    Blob(UploadId),
    /// Its bytes.
    BlobData {
        /// Of which.
        blob: UploadId,
        /// From this one on.
        offset: u64,
        /// No more than so many. None: all.
        limit: Option<u64>,
    },
    /// A blob with this digest.
    Find(AnyDigest),
    /// What happened to an artifact, as far as the protocol has that.
    ArtifactEvents(ArtifactRef),
    /// What happened to a blob.
    BlobEvents(UploadId),
}

/// What a version is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The bytes.
    pub of: PublicationSource,
    /// The type of the artifact.
    pub kind: String,
    /// Where it came from, if the client says so.
    pub source_url: Option<String>,
    /// Whether all namespaces see it.
    pub share: bool,
    /// Whose it is, if not the caller's.
    pub namespace: Option<String>,
}

/// The bytes of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationSource {
    /// Those of an upload.
    Upload(UploadId),
    /// Those of a blob.
    Blob(UploadId),
}

/// All artifacts of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllOf {
    /// Whose, if not the caller's.
    pub namespace: Option<String>,
}

/// What became of a [`CatalogCall`].
#[derive(Clone, Copy, Debug)]
pub enum CatalogOutcome<'a> {
    /// The artifact, as it is now, and its blobs by the index of the version.
    Artifact {
        /// The artifact.
        artifact: &'a Artifact,
        /// The bytes of its versions, the oldest first.
        blobs: &'a [(u64, Blob)],
    },
    /// All that the caller sees.
    Artifacts(&'a [Artifact]),
    /// The bytes of versions, by their index, the oldest first.
    Versions(&'a [(u64, Blob)]),
    /// It was done, and there is nothing to say.
    Done,
    /// These are no more.
    Removed(&'a [ArtifactId]),
    /// All blobs that the caller sees.
    Blobs(&'a [Blob]),
    /// The blob. None: there is none with that digest.
    Blob(Option<&'a Blob>),
    /// None of the bytes that were asked for is there: they begin at the end, or after it.
    NoBytes,
    /// What happened: nothing is written down of that.
    NoEvents,
}

/// A key, for which there is a token.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyLogin {
    /// Whose it is.
    pub namespace: String,
    /// The key. It is a credential, and never logged.
    pub key: String,
}

impl std::fmt::Debug for KeyLogin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { namespace, key: _ } = self;
        write!(formatter, "KeyLogin({namespace}, ***)")
    }
}
