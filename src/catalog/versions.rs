//! Versions: added and removed.

use std::time::SystemTime;

use super::blobs::Note;
use super::change::{ATTEMPTS, Outcome, Seen, Step};
use super::document::{ArtifactBody, Claim, ClaimEntry, Entry, Live, milliseconds};
use super::{
    Artifact, ArtifactId, ArtifactRef, Caller, Catalog, NewVersion, Refused, VERSIONS_MAX,
};
use crate::bucket::objects::Objects;
use crate::content::digests::Digests;
use crate::content::upload::UploadId;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// The longest source, in bytes.
const SOURCE_BYTES_MAX: usize = 2048;

/// A version to be added.
struct Addition<'a> {
    id: ArtifactId,
    namespace: &'a str,
    version: &'a NewVersion,
    blob: UploadId,
    /// What the bytes are. None: they are there, and are added again.
    stored: Option<(u64, &'a Digests)>,
    now: SystemTime,
}

/// What an artifact's document is written as, to add a version.
struct Added {
    body: ArtifactBody,
    artifact: Artifact,
    removed: Vec<Entry>,
}

impl<O: Objects> Catalog<'_, O> {
    /// Adds a version whose bytes were announced and are stored by now, and removes the oldest if
    /// there are too many. Repeated for the same blob it adds nothing.
    ///
    /// # Errors
    /// See [`Refused`]. After [`Refused::Failed`] the version may be there, or may come to be.
    pub async fn publish(
        &self,
        caller: &Caller,
        version: &NewVersion,
        blob: (UploadId, u64, &Digests),
        now: SystemTime,
    ) -> Result<Artifact, Refused> {
        let (blob, size, digests) = blob;
        self.add(caller, version, blob, Some((size, digests)), now).await
    }

    /// Adds a version of bytes that are there. What the newest version is already, it stays.
    ///
    /// # Errors
    /// See [`Refused`], and [`Catalog::publish`].
    pub async fn publish_again(
        &self,
        caller: &Caller,
        version: &NewVersion,
        blob: UploadId,
        now: SystemTime,
    ) -> Result<Artifact, Refused> {
        self.check(caller, version)?;
        self.blob(caller, blob).await?;
        self.add(caller, version, blob, None, now).await
    }

    /// Keeps so many versions from now on, 1 to [`VERSIONS_MAX`], and removes the oldest of those
    /// there are.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn keep_versions(
        &self,
        caller: &Caller,
        which: &ArtifactRef,
        max_versions: u32,
        now: SystemTime,
    ) -> Result<Artifact, Refused> {
        if !(1..=VERSIONS_MAX).contains(&max_versions) {
            return Err(Refused::Name("an artifact keeps 1 to 1000 versions"));
        }
        let change = |live: &mut Live| {
            live.max_versions = max_versions;
            Ok(live.trim())
        };
        self.change_live(caller, which, now, change).await
    }

    /// Removes one version. Without versions the artifact stays.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn remove_version(
        &self,
        caller: &Caller,
        which: &ArtifactRef,
        index: u64,
        now: SystemTime,
    ) -> Result<Artifact, Refused> {
        let change = |live: &mut Live| {
            let place = live.versions.iter().position(|entry| entry.index == index);
            place.map(|place| vec![live.versions.remove(place)]).ok_or(Refused::Unknown)
        };
        self.change_live(caller, which, now, change).await
    }

    /// Removes an artifact with all of its versions: the answer is what it was. Its name is free, and
    /// indices go on after those it had.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn remove(
        &self,
        caller: &Caller,
        which: &ArtifactRef,
        now: SystemTime,
    ) -> Result<Artifact, Refused> {
        let found = self.look_up(caller, which).await?;
        found.may_change(caller)?;
        let key = self.artifact_key(&found.live.namespace, found.id);
        let live = self
            .change(&key, found.seen, |there| {
                let body = there.ok_or(Refused::Unknown)?;
                let live = body.live.clone().ok_or(Refused::Unknown)?;
                Ok(Step::Write(ArtifactBody { live: None, ..body.clone() }, live))
            })
            .await?;
        let artifact = live.artifact(found.id);
        self.let_go(live.versions, now).await;
        Ok(artifact)
    }

    /// Changes an artifact that is there; `change` says which versions it took away.
    pub(super) async fn change_live(
        &self,
        caller: &Caller,
        which: &ArtifactRef,
        now: SystemTime,
        change: impl Fn(&mut Live) -> Result<Vec<Entry>, Refused> + Send + Sync,
    ) -> Result<Artifact, Refused> {
        let found = self.look_up(caller, which).await?;
        found.may_change(caller)?;
        let key = self.artifact_key(&found.live.namespace, found.id);
        let (artifact, removed) = self
            .change(&key, found.seen, |there| {
                let body = there.ok_or(Refused::Unknown)?;
                let before = body.live.as_ref().ok_or(Refused::Unknown)?;
                let mut live = before.clone();
                let removed = change(&mut live)?;
                let answer = (live.artifact(found.id), removed);
                if live == *before {
                    return Ok(Step::Keep(answer));
                }
                Ok(Step::Write(ArtifactBody { live: Some(live), ..body.clone() }, answer))
            })
            .await?;
        self.let_go(removed, now).await;
        Ok(artifact)
    }

    fn check(&self, caller: &Caller, version: &NewVersion) -> Result<(), Refused> {
        let NewVersion { name, kind, source_url, share } = version;
        if *share && !caller.is_system {
            return Err(Refused::Forbidden);
        }
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(Refused::Name("a name has 1 to 255 bytes"));
        }
        if name.contains(|c: char| c == '/' || c.is_control()) {
            return Err(Refused::Name("a name has no slash and no control characters"));
        }
        if !self.kinds.contains(&kind.as_str()) {
            return Err(Refused::Name("no artifact is of this type"));
        }
        let is_source =
            |url: &String| url.len() <= SOURCE_BYTES_MAX && !url.contains(char::is_control);
        if !source_url.as_ref().is_none_or(is_source) {
            return Err(Refused::Name("a source has at most 2048 bytes, no control characters"));
        }
        Ok(())
    }

    async fn add(
        &self,
        caller: &Caller,
        version: &NewVersion,
        blob: UploadId,
        stored: Option<(u64, &Digests)>,
        now: SystemTime,
    ) -> Result<Artifact, Refused> {
        self.check(caller, version)?;
        let namespace = caller.namespace.as_str();
        let id = self.artifact_id(namespace, &version.kind, &version.name);
        let addition = Addition { id, namespace, version, blob, stored, now };
        let artifact = self.add_claimed(&addition).await?;
        if !version.share || artifact.is_shared {
            return Ok(artifact);
        }
        self.share(caller, &ArtifactRef::Id(id), true, now).await
    }

    /// Adds a version, with another claim in each attempt: what became of a claim is known only of
    /// one that was used once.
    async fn add_claimed(&self, addition: &Addition<'_>) -> Result<Artifact, Refused> {
        let Addition { id, namespace, blob, now, .. } = *addition;
        let key = self.artifact_key(namespace, id);
        let mut seen: Seen<ArtifactBody> = self.read(&key).await?;
        let mut dead = None;
        for _ in 0..ATTEMPTS {
            if let Some(live) = addition.is_done(&seen, dead) {
                let artifact = live.artifact(id);
                // An attempt of ours may have been done all the same, and hold the version by this.
                if let Some(claim) = dead.filter(|claim| !live.has_claim(*claim)) {
                    drop(self.let_blob_go(blob, &[claim], now).await);
                }
                return Ok(artifact);
            }
            let claim = self.fresh()?;
            let note = Note {
                blob,
                entry: addition.claim(claim),
                instead_of: dead.replace(claim),
                stored: addition.stored,
            };
            let size = self.note(&note).await?;
            if let (Some((_, digests)), None) = (addition.stored, note.instead_of) {
                self.hint(namespace, blob, digests).await;
            }
            let added = self.added(addition, seen.body.as_ref(), claim, size);
            match self.write(&key, &added.body, &seen).await? {
                Outcome::Done => {
                    self.let_go(added.removed, now).await;
                    return Ok(added.artifact);
                }
                Outcome::Conflict(there) => seen = there,
            }
        }
        // The last claim stays until the sweep, so that the blob is there when it is tried again.
        Err(Refused::Contended)
    }

    fn added(
        &self,
        addition: &Addition<'_>,
        there: Option<&ArtifactBody>,
        claim: Claim,
        size: u64,
    ) -> Added {
        let mut body = there.cloned().unwrap_or(ArtifactBody { last_index: 0, live: None });
        let Addition { namespace, version, blob, now, .. } = *addition;
        let mut live = body.live.take().unwrap_or_else(|| Live {
            namespace: namespace.to_owned(),
            name: version.name.clone(),
            kind: version.kind.clone(),
            source_url: Self::default_source(namespace, &version.name),
            is_shared: false,
            max_versions: self.max_versions.clamp(1, VERSIONS_MAX),
            versions: Vec::new(),
        });
        if let Some(source) = &version.source_url {
            live.source_url.clone_from(source);
        }
        body.last_index += 1;
        let (index, added) = (body.last_index, milliseconds(now));
        live.versions.push(Entry { index, blob, claim, size, added });
        let removed = live.trim();
        let artifact = live.artifact(addition.id);
        body.live = Some(live);
        Added { body, artifact, removed }
    }
}

impl Addition<'_> {
    /// The artifact, if there is nothing to add to it.
    fn is_done<'s>(&self, seen: &'s Seen<ArtifactBody>, ours: Option<Claim>) -> Option<&'s Live> {
        let live = seen.body.as_ref()?.live.as_ref()?;
        let is_newest = live.versions.last().is_some_and(|newest| newest.blob == self.blob);
        let is_there = self.stored.is_some() && live.has_blob(self.blob);
        let is_ours = ours.is_some_and(|claim| live.has_claim(claim));
        (is_newest || is_there || is_ours).then_some(live)
    }

    fn claim(&self, claim: Claim) -> ClaimEntry {
        let (namespace, noted) = (self.namespace.to_owned(), milliseconds(self.now));
        ClaimEntry { claim, namespace, artifact: self.id, noted }
    }
}
