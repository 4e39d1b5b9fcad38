//! How an upload becomes an object.

use super::record::{Life, Name, Tail, Upload};
use super::register::{Changed, Seen};
use super::segments::{list_key, missing, segment_key};
use super::{Commit, Engine, Owner, Refused};
use crate::bucket::object::Annotations;
use crate::bucket::objects::{Objects, Piece};
use crate::content::layout::WritableKey;
use crate::content::upload::UploadId;
use crate::error::Error;
use crate::state::StateStore;

/// How often a change is tried that others, who want the same, come before.
const RACES_MAX: u32 = 8;

/// How many lists of an upload's objects are asked for to delete them, at the end of a request.
const LISTS_MAX: usize = 1000;

impl<O: Objects, S: StateStore> Engine<'_, O, S> {
    /// Closes an upload, so that it can be made the object `key`. Of an upload that is being made
    /// one, or is one, it says the same again. The key has to be one for this upload alone: if
    /// nobody says that it is an object ([`Engine::end`]) before it is over, what is there is
    /// deleted.
    ///
    /// # Errors
    /// See [`Refused`]; [`Refused::Length`] where it has not the length that was said.
    pub async fn close(
        &self,
        id: UploadId,
        owner: &Owner,
        key: &WritableKey,
    ) -> Result<Commit, Refused> {
        let key = key.key().as_str();
        let mut was_open = false;
        for _ in 0..RACES_MAX {
            let Seen { mut upload, version } = self.find(id, owner).await?;
            if upload.life == Life::Open {
                // Others may have closed it meanwhile. If they changed it, this is not what the
                // client knows of it.
                if was_open {
                    return Err(Refused::Raced);
                }
                was_open = true;
                if upload.length.is_some_and(|length| length != upload.size) {
                    return Err(Refused::Length);
                }
                upload.life = Life::Committing;
                key.clone_into(&mut upload.key);
            } else if upload.key != key {
                return Err(Refused::Elsewhere(self.progress(id, &upload)));
            }
            let commit = Commit::of(id, &upload);
            if commit.is_done {
                return Ok(commit);
            }
            // Of one that is closed this keeps the sweep away for some more time.
            upload.touch(self.time());
            match self.replace(id, &version, &upload).await? {
                Changed::Done(_) => return Ok(commit),
                Changed::Conflict => {}
            }
        }
        Err(Refused::Raced)
    }

    /// Makes a closed upload an object. Repeated, also at the same time, it makes the same.
    ///
    /// # Errors
    /// Storage failed; or the upload was swept meanwhile ([`Refused::Unknown`]).
    pub async fn assemble(
        &self,
        commit: &Commit,
        key: &WritableKey,
        annotations: &Annotations,
    ) -> Result<(), Refused> {
        let Some(upload) = self.closed(commit.id, key).await? else { return Ok(()) };
        let assembled = self.assemble_upload(commit.id, &upload, key, annotations).await;
        // Meanwhile, others may have made it an object and deleted the segments. Or the upload was
        // found to be over, and it may be that what is an object now was missed by that.
        let there = self.read(commit.id).await.ok().flatten();
        let life =
            there.filter(|there| there.upload.key == upload.key).map(|there| there.upload.life);
        match (assembled, life) {
            (Ok(()), Some(Life::Dead)) => {
                self.objects.delete(key).await?;
                Err(Refused::Unknown)
            }
            (Err(_), Some(Life::Dead)) => Err(Refused::Unknown),
            (Ok(()), _) | (Err(_), Some(Life::Done)) => Ok(()),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Writes down that a closed upload is an object, and deletes its segments. What it cannot delete
    /// is left to the sweep.
    ///
    /// # Errors
    /// The state store failed: the upload may count as closed, or as done.
    pub async fn end(&self, commit: &Commit, owner: &Owner) -> Result<(), Refused> {
        for _ in 0..RACES_MAX {
            let Seen { mut upload, version } = self.find(commit.id, owner).await?;
            match upload.life {
                Life::Done => {}
                Life::Committing => {
                    upload.leave(Life::Done);
                    upload.touch(self.time());
                    match self.replace(commit.id, &version, &upload).await? {
                        Changed::Done(_) => {}
                        Changed::Conflict => continue,
                    }
                }
                Life::Open | Life::Dead => {
                    return Err(Refused::Elsewhere(self.progress(commit.id, &upload)));
                }
            }
            self.delete_all(commit.id, &mut { LISTS_MAX }).await;
            return Ok(());
        }
        Err(Refused::Raced)
    }

    /// Ends an upload without an object. One that is an object stays one.
    ///
    /// # Errors
    /// See [`Refused`]; [`Refused::Elsewhere`] where it is being made an object, or is one.
    pub async fn abort(&self, id: UploadId, owner: &Owner) -> Result<(), Refused> {
        let Seen { mut upload, version } = self.find_open(id, owner).await?;
        upload.leave(Life::Dead);
        match self.replace(id, &version, &upload).await? {
            Changed::Done(_) => {}
            Changed::Conflict => return Err(Refused::Raced),
        }
        // The register stays, for what others may be storing now.
        self.delete_all(id, &mut { LISTS_MAX }).await;
        Ok(())
    }

    /// An upload that is to be made this object. None: it is one already.
    async fn closed(&self, id: UploadId, key: &WritableKey) -> Result<Option<Upload>, Refused> {
        let seen = self.read(id).await?.ok_or(Refused::Unknown)?;
        let upload = seen.upload;
        match upload.life {
            Life::Dead => Err(Refused::Unknown),
            Life::Committing if upload.key == key.key().as_str() => Ok(Some(upload)),
            Life::Done if upload.key == key.key().as_str() => Ok(None),
            Life::Open | Life::Committing | Life::Done => {
                Err(Refused::Elsewhere(self.progress(id, &upload)))
            }
        }
    }

    async fn assemble_upload(
        &self,
        id: UploadId,
        upload: &Upload,
        key: &WritableKey,
        annotations: &Annotations,
    ) -> Result<(), Error> {
        let bytes = upload.segment_bytes;
        let names = self.all_sealed(id, upload).await?;
        let mut offset = 0;
        let mut pieces = Vec::with_capacity(names.len());
        for name in &names {
            let source = segment_key(id, offset, name).key().clone();
            pieces.push(Piece { source, bytes });
            offset += bytes;
        }
        let mut rest = Vec::with_capacity(upload.tail_bytes() as usize);
        for Tail { name, length } in &upload.tail {
            let segment = segment_key(id, offset, name);
            if !self.objects.read(segment.key(), (0, length - 1), &mut rest).await? {
                return Err(missing());
            }
            offset += length;
        }
        self.objects.assemble(key, annotations, &pieces, &rest).await
    }

    /// The names of all sealed segments, in order.
    pub(super) async fn all_sealed(
        &self,
        id: UploadId,
        upload: &Upload,
    ) -> Result<Vec<Name>, Error> {
        let mut lists = Vec::new();
        let mut name = upload.last_list;
        for number in (1..=u64::from(upload.lists)).rev() {
            let listed = upload.listed() / u64::from(upload.lists) * number;
            let list = self.read_list(&list_key(id, listed * upload.segment_bytes, &name)).await?;
            name = list.before;
            lists.push(list.segments);
        }
        let listed = lists.into_iter().rev().flatten();
        Ok(listed.chain(upload.sealed.iter().copied()).collect())
    }
}

impl Commit {
    fn of(id: UploadId, upload: &Upload) -> Self {
        Self {
            id,
            size: upload.size,
            digests: upload.hashes.digests(),
            metadata: upload.metadata.clone(),
            is_done: upload.life == Life::Done,
        }
    }
}
