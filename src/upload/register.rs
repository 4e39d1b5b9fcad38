//! How the register of an upload is read and changed.

use std::time::{Duration, SystemTime};

use super::record::{Life, Upload};
use super::{Engine, Owner, Progress, Refused, Stage};
use crate::bucket::objects::Objects;
use crate::content::digest::Sha256Digest;
use crate::content::upload::UploadId;
use crate::error::{Error, Kind};
use crate::state::{Create, Failure, Nonce, Record, Replace, StateKey, StateStore};
use crate::state::{Version, Versioned};

/// How long an upload takes at most, from its beginning. A register's end is part of its name, and
/// this makes it follow from the upload's.
pub const LIFE_MAX: Duration = Duration::from_secs(32 * 86_400);

/// What a register was seen to hold.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) upload: Upload,
    pub(super) version: Version,
}

/// What became of a change.
pub(super) enum Changed {
    /// It is what the register holds, by this version.
    Done(Version),
    /// Others changed it since it was seen.
    Conflict,
}

impl Owner {
    /// What a register says of it, which has the same length for all.
    pub(super) fn hash(&self) -> [u8; 32] {
        *Sha256Digest::of(self.0.as_bytes()).as_bytes()
    }
}

impl<O: Objects, S: StateStore> Engine<'_, O, S> {
    pub(super) fn time(&self) -> SystemTime {
        (self.now)()
    }

    /// What the register of an upload holds, whoever it belongs to and however old it is.
    pub(super) async fn read(&self, id: UploadId) -> Result<Option<Seen>, Error> {
        let there = self.store.read(&register(id), self.time()).await;
        let there = there.map_err(|failure| Error::state(&failure))?;
        there.map(|there| seen(&there).ok_or_else(unreadable)).transpose()
    }

    /// An upload that is there for this owner.
    pub(super) async fn find(&self, id: UploadId, owner: &Owner) -> Result<Seen, Refused> {
        let seen = self.read(id).await?.ok_or(Refused::Unknown)?;
        let is_there = seen.upload.life != Life::Dead
            && seen.upload.owner == owner.hash()
            && self.time() < self.expires(id, &seen.upload);
        if is_there { Ok(seen) } else { Err(Refused::Unknown) }
    }

    /// An upload that something can be done with.
    pub(super) async fn find_open(&self, id: UploadId, owner: &Owner) -> Result<Seen, Refused> {
        let seen = self.find(id, owner).await?;
        if seen.upload.life == Life::Open {
            return Ok(seen);
        }
        Err(Refused::Elsewhere(self.progress(id, &seen.upload)))
    }

    /// Creates the register of an upload.
    pub(super) async fn create(&self, id: UploadId, upload: &Upload) -> Result<(), Refused> {
        let register = register(id);
        let record = self.record(&register, upload)?;
        let failure = match self.store.create(&register, &record, self.time()).await {
            Ok(Create::Created(_)) => return Ok(()),
            // Something on the way to the store may have repeated the question.
            Ok(Create::Exists(there)) if there.record.nonce == record.nonce => return Ok(()),
            Ok(Create::Exists(_)) => {
                return Err(Error::Internal("an upload has this name already".into()).into());
            }
            Err(failure) => failure,
        };
        self.recognise(&register, &record.nonce, failure).await.map(|_| ())
    }

    /// Replaces what a register was seen to hold. Where that is in doubt, nobody tries again.
    pub(super) async fn replace(
        &self,
        id: UploadId,
        seen: &Version,
        upload: &Upload,
    ) -> Result<Changed, Refused> {
        let register = register(id);
        let record = self.record(&register, upload)?;
        let failure = match self.store.replace(&register, seen, &record, self.time()).await {
            Ok(Replace::Replaced(version)) => return Ok(Changed::Done(version)),
            Ok(Replace::Conflict) => {
                // What is there may be ours, as something on the way may have repeated the question.
                let there = self.store.read(&register, self.time()).await.map_err(in_doubt)?;
                return Ok(match there.filter(|there| there.record.nonce == record.nonce) {
                    Some(ours) => Changed::Done(ours.version),
                    None => Changed::Conflict,
                });
            }
            Err(failure) => failure,
        };
        self.recognise(&register, &record.nonce, failure).await.map(Changed::Done)
    }

    /// After a failure: whether the write was done all the same.
    async fn recognise(
        &self,
        register: &StateKey,
        write: &Nonce,
        failure: Failure,
    ) -> Result<Version, Refused> {
        if matches!(failure, Failure::NotDone(_)) {
            return Err(Error::state(&failure).into());
        }
        // What came of the failure is what matters, not why this question fails.
        let there = self.store.read(register, self.time()).await.ok().flatten();
        match there.filter(|there| there.record.nonce == *write) {
            Some(ours) => Ok(ours.version),
            None => Err(in_doubt(failure)),
        }
    }

    fn record(&self, register: &StateKey, upload: &Upload) -> Result<Record, Refused> {
        let nonce = Nonce::new((self.random)()?);
        Ok(Record { nonce, end: register.end(), value: upload.to_bytes() })
    }

    /// From when on it is over, if nobody appends.
    pub(super) fn expires(&self, id: UploadId, upload: &Upload) -> SystemTime {
        let end = id.began() + LIFE_MAX;
        upload.touched.checked_add(self.settings.idle).map_or(end, |idle| idle.min(end))
    }

    pub(super) fn progress(&self, id: UploadId, upload: &Upload) -> Progress {
        Progress {
            id,
            size: upload.size,
            length: upload.length,
            metadata: upload.metadata.clone(),
            stage: match upload.life {
                Life::Open => Stage::Open,
                Life::Committing => Stage::Committing,
                Life::Done | Life::Dead => Stage::Done,
            },
            expires: self.expires(id, upload),
        }
    }
}

/// What a register says. None: somebody else wrote it.
pub(super) fn seen(there: &Versioned) -> Option<Seen> {
    let upload = Upload::read(&there.record.value)?;
    Some(Seen { upload, version: there.version.clone() })
}

pub(super) fn register(id: UploadId) -> StateKey {
    StateKey::new("upload", &id.to_string(), id.began() + LIFE_MAX)
}

fn unreadable() -> Error {
    let detail = "the state store holds an upload that cannot be read".to_owned();
    Error::State { kind: Kind::StateUnavailable, detail }
}

fn in_doubt(failure: Failure) -> Refused {
    Refused::Failed(Error::State { kind: Kind::OutcomeUnknown, detail: failure.to_string() })
}
