//! What deletes uploads that nobody goes on with.

use std::time::SystemTime;

use super::record::{Life, Upload};
use super::register::{Changed, Seen, register, seen};
use super::segments::{folder, segment_key, upload_of};
use super::{Engine, Refused};
use crate::bucket::objects::{Objects, Page};
use crate::content::layout::{UPLOADS, WritableKey};
use crate::content::upload::UploadId;
use crate::error::{Error, Kind};
use crate::state::StateStore;

/// How many lists of objects a sweep asks for at most. The next one goes on with what is left.
const LISTS_MAX: usize = 10_000;

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uploads that are over.
    pub uploads: usize,
    /// Objects that were deleted.
    pub deleted: usize,
    /// The first failure; the sweep went on after it.
    pub failure: Option<String>,
}

/// A sweep under way.
struct Sweep<'e, O, S> {
    engine: &'e Engine<'e, O, S>,
    swept: Swept,
    lists: usize,
}

impl<O: Objects, S: StateStore> Engine<'_, O, S> {
    /// Deletes what is left of uploads that are over, that became objects, or that nobody knows, if
    /// they began longer ago than an upload may be idle. Before anything of one that was not over
    /// is deleted, its register says that it is. A sweep may be dropped at any moment; any number
    /// may run at the same time.
    ///
    /// While the state store cannot be asked, nothing is deleted: that ends the sweep.
    pub async fn sweep(&self) -> Swept {
        let mut sweep = Sweep { engine: self, swept: Swept::default(), lists: LISTS_MAX };
        if let Err(error) = sweep.run().await {
            sweep.note(&error);
        }
        sweep.swept
    }
}

impl<O: Objects, S: StateStore> Sweep<'_, O, S> {
    /// Visits all uploads. An error ends it.
    async fn run(&mut self) -> Result<(), Error> {
        let mut after: Option<String> = None;
        while let Some(page) = self.list(UPLOADS, after.as_deref()).await? {
            let goes_on = page.goes_on && !page.objects.is_empty();
            for listed in page.objects {
                if after.as_ref().is_some_and(|after| listed.key <= *after) {
                    continue;
                }
                // What is not ours stays.
                let Some(id) = upload_of(&listed.key) else {
                    after = Some(listed.key);
                    continue;
                };
                // All others began later, as they are in order.
                if !self.is_idle(id.began()) {
                    return Ok(());
                }
                self.visit(id).await?;
                // The next character after the slash: nothing more of this upload.
                after = Some(format!("{UPLOADS}{id}0"));
            }
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }

    /// None: there were enough lists.
    async fn list(&mut self, prefix: &str, after: Option<&str>) -> Result<Option<Page>, Error> {
        if self.lists == 0 {
            return Ok(None);
        }
        self.lists -= 1;
        self.engine.objects.list(prefix, after).await.map(Some)
    }

    /// Deletes what may be deleted of an upload. An error is one of the state store, which ends the
    /// sweep.
    async fn visit(&mut self, id: UploadId) -> Result<(), Error> {
        let engine = self.engine;
        let there = engine.store.read(&register(id), engine.time()).await;
        let there = there.map_err(|failure| Error::state(&failure))?;
        let Some(there) = there else {
            self.sweep_unknown(id).await;
            return Ok(());
        };
        let Some(Seen { upload, version }) = seen(&there) else {
            self.note("the state store holds an upload that cannot be read");
            return Ok(());
        };
        let mut is_half_made = false;
        if matches!(upload.life, Life::Open | Life::Committing) {
            if engine.time() < engine.expires(id, &upload) {
                return Ok(());
            }
            is_half_made =
                upload.life == Life::Committing && self.is_unfinished(id, &upload).await?;
            let mut dead = upload.clone();
            dead.leave(Life::Dead);
            match engine.replace(id, &version, &dead).await {
                Ok(Changed::Done(_)) => self.swept.uploads += 1,
                Ok(Changed::Conflict) => return Ok(()),
                Err(Refused::Failed(error)) if error.kind() == Kind::StateUnavailable => {
                    return Err(error);
                }
                Err(refused) => {
                    self.note(format!("an upload may be over now, or not: {refused:?}"));
                    return Ok(());
                }
            }
        }
        self.delete_all(id).await;
        // Nobody knows an object that nobody was told of.
        if let Some(key) = WritableKey::of_record(upload.key).filter(|_| is_half_made) {
            let (deleted, failure) = engine.delete(&[key]).await;
            self.swept.deleted += deleted;
            failure.iter().for_each(|error| self.note(error));
        }
        Ok(())
    }

    /// Whether an upload that is being made an object, as far as the state store knows, is not one:
    /// its segments are deleted only after it was written down that it is. A state store that was
    /// set back to an earlier time does not know that any more.
    async fn is_unfinished(&self, id: UploadId, upload: &Upload) -> Result<bool, Error> {
        let sealed = upload.sealed_count() * upload.segment_bytes;
        let newest = match (upload.tail.last(), upload.sealed.last()) {
            (Some(tail), _) => segment_key(id, upload.size - tail.length, &tail.name),
            (None, Some(name)) => segment_key(id, sealed - upload.segment_bytes, name),
            // Nothing tells.
            (None, None) => return Ok(false),
        };
        self.engine.objects.read(newest.key(), (0, 0), &mut Vec::new()).await
    }

    /// Deletes what is left of an upload without a register, if storage says of all of it that it is
    /// old: the state store may have lost what it held.
    async fn sweep_unknown(&mut self, id: UploadId) {
        match self.is_old(id).await {
            Ok(true) => {
                self.swept.uploads += 1;
                self.delete_all(id).await;
            }
            Ok(false) => {}
            Err(error) => self.note(error),
        }
    }

    async fn is_old(&mut self, id: UploadId) -> Result<bool, Error> {
        let folder = folder(id);
        let mut after: Option<String> = None;
        while let Some(page) = self.list(&folder, after.as_deref()).await? {
            let is_old = |stored: Option<SystemTime>| stored.is_some_and(|at| self.is_idle(at));
            if !page.objects.iter().all(|listed| is_old(listed.stored)) {
                return Ok(false);
            }
            let last = page.objects.into_iter().next_back();
            let Some(last) = last.filter(|_| page.goes_on) else { return Ok(true) };
            after = Some(last.key);
        }
        Ok(false)
    }

    async fn delete_all(&mut self, id: UploadId) {
        let (deleted, failure) = self.engine.delete_all(id, &mut self.lists).await;
        self.swept.deleted += deleted;
        failure.iter().for_each(|error| self.note(error));
    }

    /// Whether an upload that was last touched then is over.
    fn is_idle(&self, at: SystemTime) -> bool {
        at.checked_add(self.engine.settings.idle).is_some_and(|end| end <= self.engine.time())
    }

    fn note(&mut self, failure: impl ToString) {
        self.swept.failure.get_or_insert_with(|| failure.to_string());
    }
}
