//! Blobs: announced, stored, held by claims of versions, and deleted when nobody holds them.
//!
//! A claim is of one version that is about to be added, and is noted after the artifact's document
//! was read, as which it is then changed. So it is dead for good as soon as that document changed
//! without it, and only dead claims are taken away. With the last one the blob is deleted, in the
//! same write: nobody claims it after that, and so nobody can miss its object.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::change::Step;
use super::document::{
    ArtifactBody, BlobBody, BlobState, Claim, ClaimEntry, Entry, HexDigests, HintBody, StoredBlob,
    milliseconds, unreadable,
};
use super::{AT_ONCE, Blob, CLAIMS_MAX, CLAIMS_SPARE, Caller, Catalog, Refused};
use crate::bucket::objects::Objects;
use crate::content::digests::{Algorithm, AnyDigest, Digests};
use crate::content::layout::WritableKey;
use crate::content::upload::UploadId;
use crate::error::Error;

/// A claim to be noted.
pub(super) struct Note<'n> {
    pub(super) blob: UploadId,
    pub(super) entry: ClaimEntry,
    /// A claim of the same writer that is dead.
    pub(super) instead_of: Option<Claim>,
    /// What the bytes are, where the blob was only announced. Then it is the writer's own.
    pub(super) stored: Option<(u64, &'n Digests)>,
}

impl<O: Objects> Catalog<'_, O> {
    /// Announces a blob before its object is made, so that the object is found if nobody refers to it
    /// in the end. Repeated, it says that the object is still being made; of a blob that is stored it
    /// changes nothing.
    ///
    /// # Errors
    /// [`Refused::Unknown`] where the blob was deleted, is somebody else's, or has another key. See
    /// [`Refused`].
    pub async fn announce(
        &self,
        caller: &Caller,
        id: UploadId,
        key: &WritableKey,
        now: SystemTime,
    ) -> Result<(), Refused> {
        let (place, object) = (self.blob_key(id), key.key().as_str());
        let seen = self.read::<BlobBody>(&place).await?;
        self.change(&place, seen, |there| {
            if let Some(there) = there {
                let is_same = there.namespace == caller.namespace && there.key == object;
                match &there.state {
                    BlobState::Announced if is_same => {}
                    BlobState::Stored(_) if is_same => return Ok(Step::Keep(())),
                    _ => return Err(Refused::Unknown),
                }
            }
            let body = BlobBody {
                namespace: caller.namespace.clone(),
                key: object.to_owned(),
                changed: milliseconds(now),
                state: BlobState::Announced,
            };
            Ok(Step::Write(body, ()))
        })
        .await
    }

    /// A blob that the caller may read: its own, one of a shared artifact or of the caller's, or any
    /// where namespaces are not kept apart.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn blob(&self, caller: &Caller, id: UploadId) -> Result<Blob, Refused> {
        let body = self.read::<BlobBody>(&self.blob_key(id)).await?.body.ok_or(Refused::Unknown)?;
        let blob = body.blob(id).ok_or(Refused::Unknown)?;
        if self.may_read(caller, id, &body).await? { Ok(blob) } else { Err(Refused::Unknown) }
    }

    /// A blob with this digest: of the caller's namespace, or of any where they are not kept apart.
    ///
    /// # Errors
    /// See [`Refused`]; that there is none is no error.
    pub async fn find(&self, caller: &Caller, digest: &AnyDigest) -> Result<Option<Blob>, Refused> {
        let hint = self.hint_key(&caller.namespace, digest);
        let Some(HintBody { blob: id }) = self.read(&hint).await?.body else { return Ok(None) };
        let body = self.read::<BlobBody>(&self.blob_key(id)).await?.body;
        let is_theirs = |body: &BlobBody| !self.isolated || body.namespace == caller.namespace;
        let blob = body.filter(is_theirs).and_then(|body| body.blob(id));
        // One that cannot have another version is not offered for one: the bytes are stored again.
        let blob = blob.filter(|blob| blob.references.len() + CLAIMS_SPARE <= CLAIMS_MAX);
        Ok(blob.filter(|blob| blob.digests.by(digest.algorithm()) == *digest))
    }

    async fn may_read(
        &self,
        caller: &Caller,
        id: UploadId,
        body: &BlobBody,
    ) -> Result<bool, Refused> {
        if caller.is_system || !self.isolated || body.namespace == caller.namespace {
            return Ok(true);
        }
        let BlobState::Stored(stored) = &body.state else { return Ok(false) };
        let mut holders: Vec<_> =
            stored.claims.iter().map(|claim| (claim.namespace.clone(), claim.artifact)).collect();
        holders.sort_unstable_by_key(|(namespace, id)| (*namespace != caller.namespace, *id));
        holders.dedup();
        let mut answers = stream::iter(holders)
            .map(|(namespace, artifact)| async move {
                let key = self.artifact_key(&namespace, artifact);
                let body = self.read::<ArtifactBody>(&key).await?.body;
                Ok::<_, Refused>(body.and_then(|body| body.live).is_some_and(|live| {
                    (live.is_shared || namespace == caller.namespace) && live.has_blob(id)
                }))
            })
            .buffered(AT_ONCE);
        while let Some(may_read) = answers.try_next().await? {
            if may_read {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes a claim. The answer: the size of the blob.
    pub(super) async fn note(&self, note: &Note<'_>) -> Result<u64, Refused> {
        let key = self.blob_key(note.blob);
        let seen = self.read::<BlobBody>(&key).await?;
        self.change(&key, seen, |there| {
            let body = there.ok_or(Refused::Unknown)?;
            let mut stored = note.stored_in(body)?;
            stored.claims.retain(|entry| Some(entry.claim) != note.instead_of);
            if stored.claims.len() >= CLAIMS_MAX {
                return Err(Refused::TooMany);
            }
            stored.claims.push(note.entry.clone());
            let size = stored.size;
            let changed = match body.state {
                BlobState::Announced => note.entry.noted,
                _ => body.changed,
            };
            let body = BlobBody { changed, state: BlobState::Stored(stored), ..body.clone() };
            Ok(Step::Write(body, size))
        })
        .await
    }

    /// Tells where to look for a blob by its digests. What is not told is not found: the same bytes
    /// are uploaded again then, and that is no reason to refuse these.
    pub(super) async fn hint(&self, namespace: &str, blob: UploadId, digests: &Digests) {
        let hints = Algorithm::ALL.map(|algorithm| async move {
            let key = self.hint_key(namespace, &digests.by(algorithm));
            self.overwrite(&key, &HintBody { blob }).await
        });
        join_all(hints).await;
    }

    /// Takes away the claims of versions that were removed. The sweep finds those that stay because
    /// storage fails, or because nobody waits for the end of this.
    pub(super) async fn let_go(&self, removed: Vec<Entry>, now: SystemTime) {
        let mut claims = BTreeMap::<UploadId, Vec<Claim>>::new();
        for entry in removed {
            claims.entry(entry.blob).or_default().push(entry.claim);
        }
        stream::iter(claims)
            .for_each_concurrent(AT_ONCE, |(blob, claims)| async move {
                drop(self.let_blob_go(blob, &claims, now).await);
            })
            .await;
    }

    /// Takes away claims that are dead. If none is left, the blob is deleted; the answer is whether
    /// it was.
    pub(super) async fn let_blob_go(
        &self,
        blob: UploadId,
        dead: &[Claim],
        now: SystemTime,
    ) -> Result<bool, Refused> {
        let key = self.blob_key(blob);
        let seen = self.read::<BlobBody>(&key).await?;
        let deleted = self
            .change(&key, seen, |there| {
                let Some(body) = there else { return Ok(Step::Keep(None)) };
                let BlobState::Stored(stored) = &body.state else { return Ok(Step::Keep(None)) };
                let mut left = stored.clone();
                left.claims.retain(|entry| !dead.contains(&entry.claim));
                if left.claims.len() == stored.claims.len() {
                    return Ok(Step::Keep(None));
                }
                if !left.claims.is_empty() {
                    let body = BlobBody { state: BlobState::Stored(left), ..body.clone() };
                    return Ok(Step::Write(body, None));
                }
                let body = body.deleted(now);
                Ok(Step::Write(body.clone(), Some(body)))
            })
            .await?;
        match deleted {
            Some(body) => self.clear(blob, &body).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Deletes the object of a blob that is deleted, and the hints that lead to it.
    pub(super) async fn clear(&self, blob: UploadId, body: &BlobBody) -> Result<(), Refused> {
        let object = WritableKey::of_record(body.key.clone()).ok_or_else(unreadable)?;
        self.objects.delete(&object).await?;
        let BlobState::Deleted { digests: Some(HexDigests(digests)) } = &body.state else {
            return Ok(());
        };
        // In both places: the route may have been another when it was stored.
        let keys = Algorithm::ALL
            .into_iter()
            .flat_map(|algorithm| self.hint_keys(&body.namespace, &digests.by(algorithm)));
        for key in keys {
            let hint = self.read::<HintBody>(&key).await?.body;
            if hint.is_some_and(|hint| hint.blob == blob) {
                // One that somebody overwrites just now is lost, and with it no more than a hint.
                self.objects.delete(&key).await?;
            }
        }
        Ok(())
    }
}

impl Note<'_> {
    /// The blob as it is once its bytes are known to be there.
    fn stored_in(&self, body: &BlobBody) -> Result<StoredBlob, Refused> {
        match (&body.state, self.stored) {
            (_, Some(_)) if body.namespace != self.entry.namespace => Err(Refused::Unknown),
            (BlobState::Announced, Some((size, digests))) => Ok(StoredBlob {
                size,
                stored: self.entry.noted,
                digests: HexDigests(*digests),
                claims: Vec::new(),
            }),
            (BlobState::Stored(there), Some((size, digests)))
                if there.size != size || there.digests.0 != *digests =>
            {
                Err(Error::Internal("a blob is said to have other bytes than it has".into()).into())
            }
            (BlobState::Stored(there), _) => Ok(there.clone()),
            (BlobState::Announced, None) | (BlobState::Deleted { .. } | BlobState::Gone, _) => {
                Err(Refused::Unknown)
            }
        }
    }
}

impl BlobBody {
    /// The same, deleted.
    pub(super) fn deleted(&self, now: SystemTime) -> Self {
        let digests = match &self.state {
            BlobState::Stored(stored) => Some(stored.digests),
            BlobState::Deleted { digests } => *digests,
            BlobState::Announced | BlobState::Gone => None,
        };
        let state = BlobState::Deleted { digests };
        Self { changed: milliseconds(now), state, ..self.clone() }
    }
}
