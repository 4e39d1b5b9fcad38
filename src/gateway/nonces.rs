//! The books of nonces that wallets sign: of all who show one, one gets in.
//!
//! ```text
//! nonce/<hash of wallet and nonce>    used; kept for ever, as the client chose it
//! issued/<hash of wallet and nonce>   issued | used; until its time is over
//! ```
//!
//! A signature that somebody copied is as good as the first time, and nothing else tells the two
//! apart. So whoever cannot write that a nonce is used, or does not know whether that was done, lets
//! nobody in. Nothing is written of nonces that no wallet with storage signed.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::auth::{Challenge, Proof};
use crate::content::digest::Sha256Digest;
use crate::state::{Create, Failure, Nonce, Record, Replace, StateKey, StateStore};

/// 9999-01-01T00:00:00Z: a register's end is part of its name, so it never changes.
const FOR_EVER: Duration = Duration::from_secs(253_370_764_800);

const ISSUED: &[u8] = b"issued";
const USED: &[u8] = b"used";

/// The books in one store.
pub struct Nonces<'a, S> {
    store: &'a S,
}

/// Why a nonce lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It was used before.
    Used,
    /// It was not issued, or its time is over.
    Unknown,
    /// The store cannot tell; it may be tried again.
    Unavailable(String),
    /// It may be used up now, and let nobody in.
    InDoubt(String),
}

impl From<Failure> for Unusable {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotDone(detail) => Self::Unavailable(detail),
            Failure::Unknown(detail) => Self::InDoubt(detail),
        }
    }
}

impl<'a, S: StateStore> Nonces<'a, S> {
    /// The books of a store.
    pub const fn new(store: &'a S) -> Self {
        Self { store }
    }

    /// Writes down a nonce that is issued, by a write of that number, which has to be random.
    ///
    /// # Errors
    /// It cannot be used.
    pub async fn issue(
        &self,
        challenge: &Challenge,
        write: Nonce,
        now: SystemTime,
    ) -> Result<(), Unusable> {
        let register = issued(&challenge.name(), challenge.end());
        let record = Record { nonce: write, end: challenge.end(), value: ISSUED.to_vec() };
        match self.store.create(&register, &record, now).await? {
            Create::Created(_) => Ok(()),
            // It has 16 random bytes, so this is a repetition by something on the way.
            Create::Exists(there) if there.record.nonce == write => Ok(()),
            Create::Exists(_) => Err(Unusable::Used),
        }
    }

    /// Uses a nonce up. Of all who try, at any time and anywhere, one may go on.
    ///
    /// # Errors
    /// See [`Unusable`]. Nobody tries again after [`Unusable::InDoubt`].
    pub async fn consume(
        &self,
        proof: &Proof,
        write: Nonce,
        now: SystemTime,
    ) -> Result<(), Unusable> {
        match proof {
            Proof::Chosen(name) => self.take_chosen(name, write, now).await,
            Proof::Issued(name, end) => self.take_issued(name, *end, write, now).await,
        }
    }

    async fn take_chosen(
        &self,
        name: &Sha256Digest,
        write: Nonce,
        now: SystemTime,
    ) -> Result<(), Unusable> {
        let end = UNIX_EPOCH + FOR_EVER;
        let register = StateKey::new("nonce", &name.to_string(), end);
        let record = Record { nonce: write, end, value: USED.to_vec() };
        match self.store.create(&register, &record, now).await? {
            Create::Created(_) => Ok(()),
            Create::Exists(_) => Err(Unusable::Used),
        }
    }

    async fn take_issued(
        &self,
        name: &Sha256Digest,
        end: SystemTime,
        write: Nonce,
        now: SystemTime,
    ) -> Result<(), Unusable> {
        let register = issued(name, end);
        let there = self.store.read(&register, now).await.map_err(|failure| {
            // Nothing was written.
            Unusable::Unavailable(failure.to_string())
        })?;
        let there = there.ok_or(Unusable::Unknown)?;
        if there.record.value != ISSUED {
            return Err(Unusable::Used);
        }
        let record = Record { nonce: write, end, value: USED.to_vec() };
        match self.store.replace(&register, &there.version, &record, now).await? {
            Replace::Replaced(_) => Ok(()),
            // Somebody else was faster: nobody writes there but to use it up.
            Replace::Conflict => Err(Unusable::Used),
        }
    }
}

fn issued(name: &Sha256Digest, end: SystemTime) -> StateKey {
    StateKey::new("issued", &name.to_string(), end)
}
