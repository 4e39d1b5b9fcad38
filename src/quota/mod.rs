//! How many bytes a tenant may store, whatever number of replicas it sends them to.
//!
//! Each tenant has one register, in which is what it stored, and what it may be storing now:
//!
//! ```text
//! quota/<hash of route and tenant>    used: 7000; open: (a, 1000, until 12:00), (b, 50, until 12:30)
//! ```
//!
//! The promise: **what was stored and what may still be is never more than the quota, whatever becomes
//! of replicas and answers.** It holds in this order: an upload reserves its bytes before the first of
//! them is stored ([`Quota::reserve`]), as many at a time as it likes ([`Quota::extend`]); it settles
//! before the last write, which is what makes the bytes one content ([`Quota::settle`]); and whoever
//! hears of a failure there does not write it. So an answer that is lost costs the tenant room, and
//! never gives it any.
//!
//! A reservation that nobody settles, as its replica died, ends by itself. What it stored until then
//! has no name, and does not count. Clocks that differ end one too early for its holder, who then
//! cannot settle.

mod meter;
mod record;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::auth::Tenant;
use crate::content::digest::Sha256Digest;
use crate::error::{Error, Kind};
use crate::state::{
    Create, Failure, Nonce, Record, Replace, StateKey, StateStore, Version, Versioned,
};
use record::{Account, Open};

pub use meter::Meter;

/// 9999-01-01T00:00:00Z: a register's end is part of its name, so it never changes.
const FOR_EVER: Duration = Duration::from_secs(253_370_764_800);

/// How often a change is tried that others come before. Each time at least one of them goes on.
const RACES_MAX: u32 = 64;

/// The most uploads of a tenant at the same time.
const OPEN_MAX: usize = 200;

/// How much longer than an upload may take its reservation is kept: for clocks that differ.
const KEPT_LONGER: Duration = Duration::from_secs(600);

/// The accounts of one route in one store.
pub struct Quota<'a, S> {
    store: &'a S,
    route: &'a str,
    /// In bytes, for each tenant.
    limit: u64,
    /// The longest that an upload takes.
    upload: Duration,
}

/// Bytes that an upload may store.
#[derive(Debug, PartialEq, Eq)]
pub struct Reservation {
    register: StateKey,
    id: [u8; 16],
    bytes: u64,
    end: SystemTime,
}

impl Reservation {
    /// How many bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Why nothing may be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It would be more than the quota.
    #[error("the tenant would store more than it may")]
    OverQuota,
    /// The tenant has too many uploads at the same time.
    #[error("the tenant has {OPEN_MAX} uploads at the same time")]
    TooMany,
    /// The upload took longer than it may.
    #[error("the reservation has ended")]
    Ended,
    /// The store cannot tell. It may have noted what it was asked to.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::OverQuota => Self::Suspended(Kind::TenantOverLimit),
            Refused::TooMany => Self::storage(Kind::StorageBusy, refused.to_string()),
            Refused::Ended => Self::storage(Kind::StorageTimeout, refused.to_string()),
            Refused::Unavailable(detail) => Self::State { kind: Kind::StateUnavailable, detail },
        }
    }
}

/// What a register was seen to hold.
struct Seen {
    account: Account,
    /// None: nothing.
    version: Option<Version>,
}

impl<'a, S: StateStore> Quota<'a, S> {
    /// The accounts of a route's tenants, each of whom may store `limit` bytes in uploads that take
    /// `upload` at most.
    pub const fn new(store: &'a S, route: &'a str, limit: u64, upload: Duration) -> Self {
        Self { store, route, limit, upload }
    }

    /// Sets bytes aside for an upload that begins now. `write` is random.
    ///
    /// # Errors
    /// See [`Refused`]. Where the store cannot tell, the bytes may be set aside until the upload would
    /// have had to end.
    pub async fn reserve(
        &self,
        tenant: &Tenant,
        bytes: u64,
        write: Nonce,
        now: SystemTime,
    ) -> Result<Reservation, Refused> {
        let id = *write.as_bytes();
        // A register keeps milliseconds, and what is compared later has to be the same.
        let end = record::whole_milliseconds(now + self.upload + KEPT_LONGER);
        let register = self.register(tenant);
        self.change(&register, write, now, |account| {
            if account.find(&id).is_some() {
                // It came by a conflict with itself: see below.
                return Ok(());
            }
            if account.open.len() >= OPEN_MAX {
                return Err(Refused::TooMany);
            }
            account.open.push(Open { id, bytes, end });
            self.check(account)
        })
        .await?;
        Ok(Reservation { register, id, bytes, end })
    }

    /// Sets more bytes aside for the same upload. `write` is random, and another each time.
    ///
    /// # Errors
    /// See [`Refused`]. The reservation is as large as before, as far as its holder may use it.
    pub async fn extend(
        &self,
        reservation: &mut Reservation,
        more: u64,
        write: Nonce,
        now: SystemTime,
    ) -> Result<(), Refused> {
        let Reservation { register, id, bytes, end } = &*reservation;
        let bytes = bytes.checked_add(more).ok_or(Refused::OverQuota)?;
        if now >= *end {
            return Err(Refused::Ended);
        }
        self.change(register, write, now, |account| {
            let open = account.find(id).ok_or(Refused::Ended)?;
            open.bytes = bytes;
            self.check(account)
        })
        .await?;
        reservation.bytes = bytes;
        Ok(())
    }

    /// Writes down what an upload stored, and gives back the rest of what was set aside. 0: it stored
    /// nothing that counts. `write` is random, and another each time.
    ///
    /// # Errors
    /// See [`Refused`]: the upload must not be completed. If it stored more than was set aside, the
    /// rest may be too much.
    pub async fn settle(
        &self,
        reservation: Reservation,
        stored: u64,
        write: Nonce,
        now: SystemTime,
    ) -> Result<(), Refused> {
        let Reservation { register, id, bytes, end } = reservation;
        if now >= end {
            return Err(Refused::Ended);
        }
        self.change(&register, write, now, |account| {
            account.find(&id).ok_or(Refused::Ended)?;
            account.open.retain(|open| open.id != id);
            account.used = account.used.checked_add(stored).ok_or(Refused::OverQuota)?;
            // What was set aside was within the quota, also when that has become smaller since.
            if stored > bytes { self.check(account) } else { Ok(()) }
        })
        .await
    }

    /// Takes back that an upload stored so much, as its last write was refused. `write` is random.
    ///
    /// # Errors
    /// [`Refused::Unavailable`]: the bytes may count for ever. Nobody tries again.
    pub async fn give_back(
        &self,
        tenant: &Tenant,
        bytes: u64,
        write: Nonce,
        now: SystemTime,
    ) -> Result<(), Refused> {
        self.change(&self.register(tenant), write, now, |account| {
            account.used = account.used.saturating_sub(bytes);
            Ok(())
        })
        .await
    }

    fn check(&self, account: &Account) -> Result<(), Refused> {
        let total = account.total().ok_or(Refused::OverQuota)?;
        if total <= self.limit { Ok(()) } else { Err(Refused::OverQuota) }
    }

    /// Changes an account, with nobody in between.
    async fn change(
        &self,
        register: &StateKey,
        write: Nonce,
        now: SystemTime,
        step: impl Fn(&mut Account) -> Result<(), Refused> + Send,
    ) -> Result<(), Refused> {
        let mut seen = look(self.store.read(register, now).await?)?;
        for _ in 0..RACES_MAX {
            let Seen { mut account, version } = seen;
            account.forget_ended(now);
            step(&mut account)?;
            let record = Record { nonce: write, end: register.end(), value: account.to_bytes() };
            let doubt = match self.write(register, version, &record, now).await {
                Ok(true) => return Ok(()),
                Ok(false) => None,
                Err(Failure::NotDone(detail)) => return Err(Refused::Unavailable(detail)),
                Err(Failure::Unknown(detail)) => Some(detail),
            };
            // What is there may be ours, even after a conflict: something on the way to the store
            // may have repeated the question.
            let there = self.store.read(register, now).await?;
            if there.as_ref().is_some_and(|there| there.record.nonce == write) {
                return Ok(());
            }
            if let Some(detail) = doubt {
                return Err(Refused::Unavailable(detail));
            }
            seen = look(there)?;
        }
        Err(Refused::Unavailable("others change the tenant's account again and again".into()))
    }

    /// Whether the record is what the register holds now, as nobody wrote since it was seen.
    async fn write(
        &self,
        register: &StateKey,
        seen: Option<Version>,
        record: &Record,
        now: SystemTime,
    ) -> Result<bool, Failure> {
        Ok(match seen {
            None => {
                let created = self.store.create(register, record, now).await?;
                matches!(created, Create::Created(_))
            }
            Some(seen) => {
                let replaced = self.store.replace(register, &seen, record, now).await?;
                matches!(replaced, Replace::Replaced(_))
            }
        })
    }

    /// Route and tenant quoted, no two can be taken for others.
    fn register(&self, tenant: &Tenant) -> StateKey {
        let name = format!("{:?}", [self.route, tenant.as_str()]);
        let name = Sha256Digest::of(name.as_bytes()).to_string();
        StateKey::new("quota", &name, UNIX_EPOCH + FOR_EVER)
    }
}

fn look(there: Option<Versioned>) -> Result<Seen, Refused> {
    let Some(there) = there else {
        return Ok(Seen { account: Account::default(), version: None });
    };
    let account = Account::read(&there.record.value).ok_or_else(|| {
        Refused::Unavailable("the state store holds an account that cannot be read".into())
    })?;
    Ok(Seen { account, version: Some(there.version) })
}
