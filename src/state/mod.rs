//! What replicas have to agree on: a register for each key, shared by all of them.
//!
//! The ledger of single-use tokens is logic above it. Losing the store loses no object: it holds
//! coordination only.
//!
//! A register holds one [`Record`] or none. Each write of it brings a [`Nonce`] of its own, so that
//! no two writes look alike, whatever they say, and a writer that got no answer can recognise its
//! own work. All operations end in time: within the deadline that a store was made with.

pub mod bucket;
pub mod embedded;
mod failure;
#[cfg(test)]
pub(crate) mod flaky;
mod key;
pub mod memory;
mod record;
pub mod redis;
mod store;

use std::time::SystemTime;

pub use failure::Failure;
pub use key::StateKey;
pub use record::{Nonce, Record, VALUE_BYTES_MAX, Version, Versioned};
pub use store::{Backend, Store, Unfit, Whereabouts};

/// What became of [`StateStore::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Create {
    /// The register was empty, and holds the record now.
    Created(Version),
    /// It holds another one.
    Exists(Versioned),
}

/// What became of [`StateStore::replace`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replace {
    /// The record was the one that was seen, and is the new one now.
    Replaced(Version),
    /// It was not: another one, or none.
    Conflict,
}

/// A linearizable register per key. The conformance suite (`tests/it/conformance/state.rs`) says what
/// that means, for every implementation alike.
///
/// A record whose time is over counts as absent everywhere: it is not read, cannot be replaced, and
/// is no obstacle to another. `now` decides that where the store has no clock of its own; one that
/// has may keep a record a little longer, never shorter.
pub trait StateStore: Send + Sync {
    /// What the register holds.
    ///
    /// # Errors
    /// The store cannot be asked, or did not answer in time.
    fn read(
        &self,
        key: &StateKey,
        now: SystemTime,
    ) -> impl Future<Output = Result<Option<Versioned>, Failure>> + Send;

    /// Writes the record if the register is empty. Of all who try at the same time, one does.
    ///
    /// # Errors
    /// [`Failure::NotDone`]: the record was not written, and never will be by this call.
    /// [`Failure::Unknown`]: it may have been, or may still be. Nobody tries again.
    fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> impl Future<Output = Result<Create, Failure>> + Send;

    /// Writes the record if the register holds the one that was seen.
    ///
    /// # Errors
    /// As [`StateStore::create`].
    fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> impl Future<Output = Result<Replace, Failure>> + Send;

    /// Empties the register if it holds the record that was seen; whatever else it holds stays.
    ///
    /// # Errors
    /// As [`StateStore::create`].
    fn remove(
        &self,
        key: &StateKey,
        seen: &Version,
        now: SystemTime,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}
