//! What there is: lists of storage, and the documents in them.

use std::collections::BTreeSet;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};

use super::document::{BlobBody, REMOVED_BYTES};
use super::places::parse_artifact;
use super::sharing::Found;
use super::{AT_ONCE, Artifact, ArtifactId, Blob, Caller, Catalog, Refused};
use crate::bucket::objects::Objects;
use crate::content::upload::UploadId;

/// The most artifacts, or blobs, of an answer.
const LISTED_MAX: usize = 10_000;

/// The most keys that are looked at for one; those of removed artifacts are passed over.
const KEYS_MAX: usize = 50_000;

/// The most versions of all artifacts of an answer together, and references of all blobs.
const ENTRIES_MAX: usize = 20_000;

impl<O: Objects> Catalog<'_, O> {
    /// All artifacts that the caller sees, its own first.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn artifacts(&self, caller: &Caller) -> Result<Vec<Artifact>, Refused> {
        let place = (!caller.is_system).then_some(caller.namespace.as_str());
        let prefix = self.artifacts_prefix(place);
        let folder = prefix.get(self.artifacts_prefix(None).len()..).unwrap_or_default();
        let keys = self.keys(&prefix).await?;
        let parse = |rest: &String| parse_artifact(&[folder, rest].concat());
        let places: Vec<_> = keys.iter().filter_map(parse).collect();
        let found = stream::iter(places)
            .map(|(namespace, id)| async move { self.read_live(&namespace, id).await })
            .buffered(AT_ONCE);
        let mut artifacts = artifacts_of(found).await?;
        if !caller.is_system {
            artifacts.extend(self.shared_with(caller).await?);
        }
        if artifacts.len() > LISTED_MAX {
            return Err(Refused::TooMany);
        }
        // Sorting keeps the order of what is alike.
        artifacts.sort_by_key(|artifact| artifact.namespace != caller.namespace);
        Ok(artifacts)
    }

    /// The blobs of an artifact's versions, the oldest first; those that are no more are left out.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn blobs_of(&self, artifact: &Artifact) -> Result<Vec<(u64, Blob)>, Refused> {
        let versions: Vec<_> =
            artifact.versions.iter().map(|version| (version.index, version.blob)).collect();
        let blobs = stream::iter(versions)
            .map(|(index, id)| async move { Ok((index, self.read_blob(id).await?)) })
            .buffered(AT_ONCE);
        blobs
            .try_filter_map(|(index, blob)| async move { Ok(blob.map(|blob| (index, blob))) })
            .try_collect()
            .await
    }

    /// The blobs of the artifacts that the caller sees; for the system, all. Who may read a blob
    /// whose name it knows is not told of those that it does not know.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn blobs(&self, caller: &Caller) -> Result<Vec<Blob>, Refused> {
        let ids: BTreeSet<UploadId> = if caller.is_system {
            let keys = self.keys(&self.blobs_prefix()).await?;
            keys.iter().filter_map(|rest| UploadId::parse(rest).ok()).collect()
        } else {
            let artifacts = self.artifacts(caller).await?;
            let versions = artifacts.iter().flat_map(|artifact| &artifact.versions);
            versions.map(|version| version.blob).collect()
        };
        let mut found =
            stream::iter(ids).map(|id| async move { self.read_blob(id).await }).buffered(AT_ONCE);
        let (mut blobs, mut entries) = (Vec::new(), 0);
        while let Some(blob) = found.try_next().await? {
            let Some(blob) = blob else { continue };
            entries += blob.references.len();
            blobs.push(blob);
            if blobs.len() > LISTED_MAX || entries > ENTRIES_MAX {
                return Err(Refused::TooMany);
            }
        }
        Ok(blobs)
    }

    async fn shared_with(&self, caller: &Caller) -> Result<Vec<Artifact>, Refused> {
        let keys = self.keys(&self.pointers_prefix()).await?;
        let ids: Vec<_> = keys.iter().filter_map(|rest| ArtifactId::parse(rest)).collect();
        let found =
            stream::iter(ids).map(|id| async move { self.read_shared(id).await }).buffered(AT_ONCE);
        let mut artifacts = artifacts_of(found).await?;
        artifacts.retain(|artifact| artifact.namespace != caller.namespace);
        Ok(artifacts)
    }

    /// What comes after a prefix in all keys that begin with it.
    pub(super) async fn keys(&self, prefix: &str) -> Result<Vec<String>, Refused> {
        let is_of_artifacts = prefix.starts_with(&self.artifacts_prefix(None));
        let mut keys = Vec::<String>::new();
        let mut after = None;
        loop {
            let page = self.objects.list(prefix, after.as_deref()).await?;
            let is_removed = |size: Option<u64>| {
                is_of_artifacts && size.is_some_and(|size| REMOVED_BYTES.contains(&size))
            };
            let objects = page.objects.iter().filter(|listed| !is_removed(listed.size));
            let rests = objects.filter_map(|listed| listed.key.strip_prefix(prefix));
            keys.extend(rests.map(str::to_owned));
            if keys.len() > KEYS_MAX {
                return Err(Refused::TooMany);
            }
            // A page without objects leads nowhere.
            match page.objects.into_iter().next_back() {
                Some(last) if page.goes_on => after = Some(last.key),
                _ => return Ok(keys),
            }
        }
    }

    async fn read_blob(&self, id: UploadId) -> Result<Option<Blob>, Refused> {
        let body = self.read::<BlobBody>(&self.blob_key(id)).await?.body;
        Ok(body.and_then(|body| body.blob(id)))
    }
}

/// Collects artifacts within the limits of an answer.
async fn artifacts_of(
    found: impl Stream<Item = Result<Option<Found>, Refused>> + Send,
) -> Result<Vec<Artifact>, Refused> {
    let mut found = std::pin::pin!(found);
    let (mut artifacts, mut entries) = (Vec::new(), 0);
    while let Some(one) = found.try_next().await? {
        let Some(one) = one else { continue };
        entries += one.live.versions.len();
        artifacts.push(one.live.artifact(one.id));
        if artifacts.len() > LISTED_MAX || entries > ENTRIES_MAX {
            return Err(Refused::TooMany);
        }
    }
    Ok(artifacts)
}
