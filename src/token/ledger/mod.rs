//! Which uses of a token are taken, by whom, and who may go on with a download that broke off.
//!
//! N uses are N registers, filled in order and each by one writer only, so that no two are given the
//! same use, whatever replicas and stores go through:
//!
//! ```text
//! use/<token id>/0   taken: hash of the receiver's secret, starts, time of the last start
//! use/<token id>/1   taken
//! use/<token id>/2   (empty: the next one)
//! ```
//!
//! The promise: **at most one 200 per use; a use is lost only by a crash or an unknown outcome between
//! the claim and the head of the answer.** The order of a download makes it so: storage is opened
//! first, then the use is claimed, then the client hears of it. Nothing depends on what is written
//! after that.
//!
//! That it holds, whatever stores, networks, clocks and replicas do, a simulation shows
//! (`tests/simulation`): a million histories of the code here, in an order of a gateway's steps that
//! is written down there, and the mistakes that would break the promise, each of them caught.
//!
//! The 200 carries a secret ([`ResumeTag`]), and only its hash is kept. Whoever has it may go on after a
//! cut, on any replica; each start replaces the record, so that the one before finds out that it was
//! taken over.

mod record;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, SystemTime};

use super::DownloadToken;
use super::random::sixteen_bytes;
use crate::error::Error;
use crate::state::{
    Create, Failure, Nonce, Record, Replace, StateKey, StateStore, Version, Versioned,
};
use record::{ClaimHash, Use};

pub use record::ResumeTag;

/// How often a resume tries again that came at the same time as another.
const RACES_MAX: u32 = 4;

/// Stores delete what ended this long ago; clocks differ by less.
const SWEPT_AFTER: Duration = Duration::from_secs(3600);

/// What one answer is known by: to its receiver by a secret, in the store by a nonce.
#[derive(Clone, Copy)]
pub struct Attempt {
    secret: [u8; 16],
    nonce: Nonce,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Attempt").field("nonce", &self.nonce).finish_non_exhaustive()
    }
}

impl Attempt {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn random() -> Result<Self, Error> {
        Ok(Self { secret: sixteen_bytes()?, nonce: Nonce::new(sixteen_bytes()?) })
    }

    /// What the store knows a write by.
    #[must_use]
    pub const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// One of these bytes, which nobody else may use, for simulations.
    #[must_use]
    pub const fn new(secret: [u8; 16], nonce: [u8; 16]) -> Self {
        Self { secret, nonce: Nonce::new(nonce) }
    }
}

/// Whether a token can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// This use is the next one.
    Free(u32),
    /// All of them are taken.
    Spent,
    /// Whoever issued it took it back.
    Revoked,
}

/// A start that is the receiver's: proof that it may get the object's bytes.
#[derive(Clone, Debug)]
pub struct Claim {
    slot: u32,
    tag: ResumeTag,
    version: Version,
}

impl Claim {
    /// What the receiver goes on by after a cut.
    #[must_use]
    pub const fn tag(&self) -> &ResumeTag {
        &self.tag
    }

    /// Which of the uses it is, from 0.
    #[must_use]
    pub const fn slot(&self) -> u32 {
        self.slot
    }
}

/// A use that its receiver may go on with.
#[derive(Clone, Debug)]
pub struct Resumable {
    tag: ResumeTag,
    claim: ClaimHash,
    starts: u32,
    version: Version,
}

/// Why there is no claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The token's last second is over.
    Expired,
    /// Another has the use, or there is nothing to go on with.
    Spent,
    /// Whoever issued the token took it back.
    Revoked,
    /// The store cannot tell; nothing was lost.
    Unavailable(String),
    /// The use may have been taken, and nobody has it.
    InDoubt(String),
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

/// The books over one store.
pub struct Ledger<'a, S> {
    store: &'a S,
    /// How often a download may be started again.
    resumes_max: u32,
}

impl<'a, S: StateStore> Ledger<'a, S> {
    /// The ledger of a store.
    pub const fn new(store: &'a S, resumes_max: u32) -> Self {
        Self { store, resumes_max }
    }

    /// Finds the first use that is free, where those before `known_taken` are known not to be.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn look_up(
        &self,
        token: &DownloadToken,
        known_taken: u32,
        now: SystemTime,
    ) -> Result<Standing, Failure> {
        // Uses are taken in order, so a search by halves finds the first free one.
        let (mut first, mut end) = (known_taken, token.facts().uses);
        let mut last = Use::Other;
        while first < end {
            let middle = first + (end - first) / 2;
            match self.store.read(&slot_key(token, middle), now).await? {
                None => end = middle,
                Some(taken) => {
                    first = middle + 1;
                    last = Use::read(&taken.record.value);
                }
            }
        }
        Ok(match last {
            _ if first < token.facts().uses => Standing::Free(first),
            Use::Revoked => Standing::Revoked,
            _ => Standing::Spent,
        })
    }

    /// Takes a use, from `slot` on. Of all who try at the same time, one gets each.
    ///
    /// It looks at the clock before and after. Records end some time after the token does, and to a
    /// process that stood still for so long all uses would seem to be free.
    ///
    /// # Errors
    /// See [`Denied`].
    pub async fn claim(
        &self,
        token: &DownloadToken,
        slot: u32,
        attempt: &Attempt,
        clock: impl Fn() -> SystemTime + Send,
    ) -> Result<Claim, Denied> {
        let now = clock();
        if token.has_expired(now) {
            return Err(Denied::Expired);
        }
        match self.take_first_free(token, slot, attempt, now).await {
            Ok(_) | Err(Denied::Spent) if !token.is_counted(clock()) => {
                Err(Denied::InDoubt("records of other claims may have ended meanwhile".into()))
            }
            result => result,
        }
    }

    async fn take_first_free(
        &self,
        token: &DownloadToken,
        slot: u32,
        attempt: &Attempt,
        now: SystemTime,
    ) -> Result<Claim, Denied> {
        let Attempt { secret, nonce } = *attempt;
        let hash = ClaimHash::of(token.id(), &secret);
        let value = Use::taken(hash, 1, now).to_bytes();
        let record = Record { nonce, end: token.end(), value };
        for slot in slot..token.facts().uses {
            let key = slot_key(token, slot);
            let granted = |version| Claim { slot, tag: ResumeTag { slot, secret }, version };
            let taken = match self.store.create(&key, &record, now).await {
                Ok(Create::Created(version)) => return Ok(granted(version)),
                Ok(Create::Exists(taken)) => taken,
                Err(Failure::NotDone(detail)) => return Err(Denied::Unavailable(detail)),
                // It may be ours. Looked at once: a second write could only make it worse.
                Err(Failure::Unknown(detail)) => match self.store.read(&key, now).await {
                    Ok(Some(taken)) => taken,
                    Ok(None) | Err(_) => return Err(Denied::InDoubt(detail)),
                },
            };
            match Use::read(&taken.record.value) {
                Use::Taken { claim, .. } if claim == hash => return Ok(granted(taken.version)),
                Use::Revoked => return Err(Denied::Revoked),
                // Somebody else's, for as long as there is a record: ours was refused.
                Use::Taken { .. } | Use::Other => {}
            }
        }
        Err(Denied::Spent)
    }

    /// Whether the holder of a tag may go on: the tag is that of a use, started not long ago, and
    /// not too often.
    ///
    /// # Errors
    /// [`Denied::Spent`] for all that is wrong with a tag; see [`Denied`].
    pub async fn find(
        &self,
        token: &DownloadToken,
        tag: &ResumeTag,
        now: SystemTime,
    ) -> Result<Resumable, Denied> {
        let window = token.facts().resume_window;
        if window.is_zero() || tag.slot >= token.facts().uses {
            return Err(Denied::Spent);
        }
        let there = self.store.read(&slot_key(token, tag.slot), now).await?;
        self.judge(token, tag, there.ok_or(Denied::Spent)?, now)
    }

    /// Whether what a register holds is the use of a tag, and can still be gone on with.
    fn judge(
        &self,
        token: &DownloadToken,
        tag: &ResumeTag,
        there: Versioned,
        now: SystemTime,
    ) -> Result<Resumable, Denied> {
        let window = token.facts().resume_window;
        match Use::read(&there.record.value) {
            Use::Revoked => Err(Denied::Revoked),
            // What is compared are hashes, so the time it takes tells nobody anything.
            Use::Taken { claim, starts, started }
                if claim == ClaimHash::of(token.id(), &tag.secret)
                    && starts <= self.resumes_max
                    && now <= started + window =>
            {
                Ok(Resumable { tag: *tag, claim, starts, version: there.version })
            }
            Use::Taken { .. } | Use::Other => Err(Denied::Spent),
        }
    }

    /// Starts again what was found; whoever was at it before finds out ([`Ledger::holds`]).
    ///
    /// # Errors
    /// See [`Denied`]. No use is lost: the tag stays good.
    pub async fn take_over(
        &self,
        token: &DownloadToken,
        found: Resumable,
        attempt: &Attempt,
        now: SystemTime,
    ) -> Result<Claim, Denied> {
        let mut found = found;
        for _ in 0..RACES_MAX {
            let Resumable { tag, claim, starts, version } = found;
            let key = slot_key(token, tag.slot);
            let value = Use::taken(claim, starts.saturating_add(1), now).to_bytes();
            let record = Record { nonce: attempt.nonce, end: token.end(), value };
            let granted = |version| Claim { slot: tag.slot, tag, version };
            let failure = match self.store.replace(&key, &version, &record, now).await {
                Ok(Replace::Replaced(version)) => return Ok(granted(version)),
                Ok(Replace::Conflict) => None,
                Err(Failure::NotDone(detail)) => return Err(Denied::Unavailable(detail)),
                Err(Failure::Unknown(detail)) => Some(detail),
            };
            // What is there may be ours, even after a conflict: something on the way to the store
            // may have repeated the question.
            let there = self.store.read(&key, now).await?.ok_or(Denied::Spent)?;
            if there.record.nonce == attempt.nonce {
                return Ok(granted(there.version));
            }
            if let Some(detail) = failure {
                return Err(Denied::Unavailable(detail));
            }
            found = self.judge(token, &tag, there, now)?;
        }
        Err(Denied::Unavailable("others start the same download again and again".into()))
    }

    /// Whether a start is still the last one, and not taken back. It stays so when its record has
    /// ended, as downloads may take longer than that: from then on nobody starts again.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn holds(
        &self,
        token: &DownloadToken,
        claim: &Claim,
        now: SystemTime,
    ) -> Result<bool, Failure> {
        let there = self.store.read(&slot_key(token, claim.slot), now).await?;
        Ok(there.is_none_or(|there| there.record.nonce == *claim.version.nonce()))
    }

    /// Takes a token back. Once this has returned, nobody who asks begins or goes on with a download
    /// by it, and those who are at it find out ([`Ledger::holds`]).
    ///
    /// # Errors
    /// The store failed, and some uses may still be good. It can be done again.
    pub async fn revoke(&self, token: &DownloadToken, now: SystemTime) -> Result<(), Error> {
        let failed = |failure: Failure| Error::state(&failure);
        if now >= token.end() + SWEPT_AFTER {
            // By no clock it is good for anything, and a store may have no place for it any more.
            return Ok(());
        }
        for slot in 0..token.facts().uses {
            let key = slot_key(token, slot);
            let mut races = 0;
            loop {
                let nonce = Nonce::new(sixteen_bytes()?);
                let record = Record { nonce, end: token.end(), value: Use::Revoked.to_bytes() };
                let taken = match self.store.create(&key, &record, now).await.map_err(failed)? {
                    Create::Created(_) => break,
                    Create::Exists(taken) => taken,
                };
                let is_revoked = matches!(Use::read(&taken.record.value), Use::Revoked);
                let replaced = async {
                    self.store.replace(&key, &taken.version, &record, now).await.map_err(failed)
                };
                if is_revoked || matches!(replaced.await?, Replace::Replaced(_)) {
                    break;
                }
                races += 1;
                if races == RACES_MAX {
                    let detail = "others start the same download again and again";
                    return Err(Error::state(&Failure::NotDone(detail.into())));
                }
            }
        }
        Ok(())
    }
}

fn slot_key(token: &DownloadToken, slot: u32) -> StateKey {
    StateKey::new("use", &format!("{}/{slot}", token.id()), token.end())
}
