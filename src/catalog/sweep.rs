//! Ends what nobody brought to an end: uploads that were announced and not published, claims that no
//! version has, blobs whose deletion broke off.
//!
//! A claim is dead if the artifact's document has no version with it, and changed after the claim
//! was seen (see `blobs`). So the sweep changes that document itself, if only its nonce, before it
//! takes the claim away. It is right however old a claim is; its age only says that nobody is about
//! to use it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, stream};

use super::change::{Outcome, Seen, Step};
use super::document::{
    ArtifactBody, BlobBody, BlobState, Claim, ClaimEntry, StoredBlob, milliseconds,
};
use super::{AT_ONCE, ArtifactId, Catalog, Refused};
use crate::bucket::objects::{Listed, Objects};
use crate::content::upload::UploadId;

/// The most pages of storage's list that one run looks at.
const PAGES_MAX: usize = 20;

/// How long a blob's name is remembered after its object was deleted: longer than anybody tries to
/// publish an upload again.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Blobs whose documents were read.
    pub seen: u64,
    /// Blobs that were deleted, since nobody refers to them.
    pub deleted: u64,
    /// References that were taken away, since no version has them.
    pub let_go: u64,
    /// Deletions that were seen to be done.
    pub finished: u64,
    /// Names of deleted blobs that were forgotten.
    pub forgotten: u64,
    /// Blobs of which something failed.
    pub failed: u64,
    /// The first failure.
    pub failure: Option<Refused>,
    /// Where the next run goes on. None: this one came to the end, or storage made no list.
    pub next: Option<UploadId>,
}

/// What became of a blob.
#[derive(Clone, Copy)]
enum Tended {
    /// Nothing.
    Kept,
    /// It lost so many claims, and is deleted or not.
    LetGo(usize, bool),
    Deleted,
    Finished,
    Forgotten,
}

impl<O: Objects> Catalog<'_, O> {
    /// Looks after blobs of which nothing was heard for `older_than`, which has to be longer than
    /// it takes to make an object and to publish it. Each run looks at some thousand, those after
    /// `after`. It does the same whether namespaces are kept apart.
    pub async fn sweep(
        &self,
        older_than: Duration,
        now: SystemTime,
        after: Option<UploadId>,
    ) -> Swept {
        let prefix = self.blobs_prefix();
        let mut swept = Swept::default();
        let mut after = after.map(|id| format!("{prefix}{id}"));
        let Some(end) = now.checked_sub(older_than) else { return swept };
        for _ in 0..PAGES_MAX {
            let page = match self.objects.list(&prefix, after.as_deref()).await {
                Ok(page) => page,
                Err(error) => {
                    swept.note(Err(error.into()));
                    return swept;
                }
            };
            let last = page.objects.last().map(|listed| listed.key.clone());
            self.sweep_page(page.objects, end, now, &mut swept).await;
            match last.filter(|_| page.goes_on) {
                Some(last) => after = Some(last),
                None => return swept,
            }
        }
        let name = after.as_deref().and_then(|key| key.strip_prefix(prefix.as_str()));
        swept.next = name.and_then(|name| UploadId::parse(name).ok());
        swept
    }

    async fn sweep_page(
        &self,
        objects: Vec<Listed>,
        end: SystemTime,
        now: SystemTime,
        swept: &mut Swept,
    ) {
        let prefix = self.blobs_prefix();
        // What was written since needs no look: each state of a blob is to last for a while.
        let is_due = |listed: &Listed| listed.stored.is_none_or(|stored| stored <= end);
        let name = |listed: Listed| UploadId::parse(listed.key.strip_prefix(&prefix)?).ok();
        let ids: Vec<_> = objects.into_iter().filter(is_due).filter_map(name).collect();
        let mut tended = stream::iter(ids)
            .map(|id| async move { self.tend(id, end, now).await })
            .buffer_unordered(AT_ONCE);
        while let Some(outcome) = tended.next().await {
            swept.seen += 1;
            swept.note(outcome);
        }
    }

    async fn tend(
        &self,
        id: UploadId,
        end: SystemTime,
        now: SystemTime,
    ) -> Result<Tended, Refused> {
        let seen = self.read::<BlobBody>(&self.blob_key(id)).await?;
        let Some(body) = &seen.body else { return Ok(Tended::Kept) };
        let is_due = body.changed <= milliseconds(end);
        match &body.state {
            BlobState::Announced if is_due => self.delete(id, &seen, body, now).await,
            BlobState::Stored(stored) => self.let_dead_go(id, stored, end, now).await,
            BlobState::Deleted { .. } if is_due => {
                // Once more, even if it was done: the object may have been made after that.
                self.clear(id, body).await?;
                let state = BlobState::Gone;
                let gone = BlobBody { changed: milliseconds(now), state, ..body.clone() };
                self.write(&self.blob_key(id), &gone, &seen).await?;
                Ok(Tended::Finished)
            }
            BlobState::Gone if is_due && self.is_forgettable(body, now) => {
                // Whoever took longer than a sweep to make the object may have made it after all.
                self.clear(id, body).await?;
                self.objects.delete(&self.blob_key(id)).await?;
                Ok(Tended::Forgotten)
            }
            BlobState::Announced | BlobState::Deleted { .. } | BlobState::Gone => Ok(Tended::Kept),
        }
    }

    fn is_forgettable(&self, body: &BlobBody, now: SystemTime) -> bool {
        let limit = now.checked_sub(REMEMBERED).map(milliseconds);
        limit.is_some_and(|limit| body.changed <= limit)
    }

    async fn delete(
        &self,
        id: UploadId,
        seen: &Seen<BlobBody>,
        body: &BlobBody,
        now: SystemTime,
    ) -> Result<Tended, Refused> {
        let deleted = body.deleted(now);
        match self.write(&self.blob_key(id), &deleted, seen).await? {
            Outcome::Done => self.clear(id, &deleted).await.map(|()| Tended::Deleted),
            // Somebody uses it.
            Outcome::Conflict(_) => Ok(Tended::Kept),
        }
    }

    /// Takes away the claims that are dead by now.
    async fn let_dead_go(
        &self,
        id: UploadId,
        stored: &StoredBlob,
        end: SystemTime,
        now: SystemTime,
    ) -> Result<Tended, Refused> {
        let mut old = BTreeMap::<(&str, ArtifactId), Vec<Claim>>::new();
        for ClaimEntry { claim, namespace, artifact, noted } in &stored.claims {
            if *noted <= milliseconds(end) {
                old.entry((namespace, *artifact)).or_default().push(*claim);
            }
        }
        let mut dead = Vec::new();
        for ((namespace, artifact), claims) in old {
            dead.extend(self.bury(namespace, artifact, &claims).await?);
        }
        if dead.is_empty() {
            return Ok(Tended::Kept);
        }
        let is_deleted = self.let_blob_go(id, &dead, now).await?;
        Ok(Tended::LetGo(dead.len(), is_deleted))
    }

    /// Those of the claims that the artifact has no version with, nor will have.
    async fn bury(
        &self,
        namespace: &str,
        artifact: ArtifactId,
        claims: &[Claim],
    ) -> Result<Vec<Claim>, Refused> {
        let key = self.artifact_key(namespace, artifact);
        let seen = self.read::<ArtifactBody>(&key).await?;
        self.change(&key, seen, |there| {
            let live = there.and_then(|body| body.live.as_ref());
            let is_used = |claim: &Claim| live.is_some_and(|live| live.has_claim(*claim));
            let dead: Vec<_> = claims.iter().copied().filter(|claim| !is_used(claim)).collect();
            if dead.is_empty() {
                return Ok(Step::Keep(dead));
            }
            // The same again, or that there is none: whoever read it before cannot write any more.
            let none = || ArtifactBody { last_index: 0, live: None };
            Ok(Step::Write(there.cloned().unwrap_or_else(none), dead))
        })
        .await
    }
}

impl Swept {
    fn note(&mut self, outcome: Result<Tended, Refused>) {
        match outcome {
            Ok(Tended::Kept) => {}
            Ok(Tended::LetGo(count, is_deleted)) => {
                self.let_go += count as u64;
                self.deleted += u64::from(is_deleted);
            }
            Ok(Tended::Deleted) => self.deleted += 1,
            Ok(Tended::Finished) => self.finished += 1,
            Ok(Tended::Forgotten) => self.forgotten += 1,
            Err(refused) => {
                self.failed += 1;
                self.failure.get_or_insert(refused);
            }
        }
    }
}
