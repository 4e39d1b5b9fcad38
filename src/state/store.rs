//! The store of a configuration: one of the backends, with a deadline and metrics around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use super::bucket::{BucketStore, Swept};
use super::embedded::Embedded;
use super::memory::Memory;
use super::redis::RedisStore;
use super::{Create, Failure, Record, Replace, StateKey, StateStore, Version, Versioned};
use crate::content::digest::Sha256Digest;
use crate::telemetry::state::StateMetrics;

/// Where registers are. The set is closed: what is new here runs the conformance suite.
pub enum Backend {
    /// In memory, for tests.
    Memory(Memory),
    /// In a file of this process.
    Embedded(Embedded),
    /// In Redis or Valkey.
    Redis(Box<RedisStore>),
    /// In a bucket.
    Bucket(BucketStore),
}

/// Runs an operation on whichever it is. The largest are in boxes, as the future of every request
/// would be as large as they are.
macro_rules! of_backend {
    ($backend:expr, $store:ident => $operation:expr) => {
        match $backend {
            Backend::Memory($store) => $operation.await,
            Backend::Embedded($store) => $operation.await,
            Backend::Redis($store) => Box::pin($operation).await,
            Backend::Bucket($store) => Box::pin($operation).await,
        }
    };
}

impl Backend {
    /// Whether what `other` refers to is the very same.
    fn has_same_parts(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bucket(one), Self::Bucket(other)) => one.is_same(other),
            _ => true,
        }
    }
}

/// Why a store cannot be used.
#[derive(Debug)]
pub enum Unfit {
    /// It does not keep what a ledger is built on, so that tokens could serve twice. Nothing makes up
    /// for that but another store or another setting.
    Unsafe(String),
    /// It cannot be asked now.
    Unreachable(String),
}

/// Where a store is, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// What of it must not change as long as anything in it counts.
    place: String,
    /// The rest, of which only one thing matters: whether it is the same.
    access: Sha256Digest,
}

impl Whereabouts {
    /// A place, and all that is needed to reach it, secrets included.
    #[must_use]
    pub fn new(place: String, access: &[&str]) -> Self {
        Self { place, access: Sha256Digest::of(format!("{access:?}").as_bytes()) }
    }
}

/// A store with a deadline for each operation. It answers nothing until it was tried out.
pub struct Store {
    shared: Arc<Shared>,
    whereabouts: Whereabouts,
    deadline: Duration,
    metrics: Arc<StateMetrics>,
}

/// What stores of the same settings have in common.
struct Shared {
    backend: Backend,
    ready: AtomicBool,
}

impl Store {
    /// A store whose operations end within `deadline`.
    #[must_use]
    pub fn new(
        backend: Backend,
        whereabouts: Whereabouts,
        deadline: Duration,
        metrics: Arc<StateMetrics>,
    ) -> Self {
        let shared = Arc::new(Shared { backend, ready: AtomicBool::new(false) });
        Self { shared, whereabouts, deadline, metrics }
    }

    /// Whether `other` is the same store, reached in the same way.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_reached_as(other) && self.deadline == other.deadline
    }

    /// Whether `other` holds the same registers.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.whereabouts.place == other.whereabouts.place
    }

    /// Takes from an earlier store that is reached in the same way what it has opened and found out.
    /// Whoever has the earlier one goes on with it.
    pub fn inherit(&mut self, earlier: &Self) {
        if self.is_reached_as(earlier) {
            self.shared = Arc::clone(&earlier.shared);
        }
    }

    fn is_reached_as(&self, other: &Self) -> bool {
        self.whereabouts == other.whereabouts
            && self.shared.backend.has_same_parts(&other.shared.backend)
    }

    /// Opens the store and sees whether it is fit, unless that was done before.
    ///
    /// # Errors
    /// See [`Unfit`]. Until this passed once, all operations are [`Failure::NotDone`].
    pub async fn start(&self, now: fn() -> SystemTime) -> Result<(), Unfit> {
        if self.is_ready() {
            return Ok(());
        }
        match &self.shared.backend {
            Backend::Memory(_) => {}
            Backend::Embedded(embedded) => embedded.start(now).await?,
            Backend::Redis(redis) => redis.start(now).await?,
            Backend::Bucket(bucket) => bucket.start(now).await?,
        }
        self.shared.ready.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether operations are carried out.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Acquire)
    }

    /// Deletes what has ended for long, where the store does not do that by itself. None: it does.
    /// This asks as many requests as there are registers to delete, so the caller sets a limit to the
    /// time; a sweep may be dropped at any moment.
    ///
    /// # Errors
    /// Says what storage, or the way to it, answered.
    pub async fn sweep(&self, now: SystemTime) -> Option<Result<Swept, String>> {
        match &self.shared.backend {
            Backend::Bucket(bucket) => Some(bucket.sweep(now).await),
            Backend::Memory(_) | Backend::Embedded(_) | Backend::Redis(_) => None,
        }
    }

    /// Runs one operation within the deadline, and counts it.
    async fn run<T>(
        &self,
        name: &'static str,
        operation: impl Future<Output = Result<T, Failure>>,
        late: fn(String) -> Failure,
    ) -> Result<T, Failure> {
        if !self.is_ready() {
            return Err(Failure::NotDone("the state store is not known to be fit yet".into()));
        }
        let timer = self.metrics.time(name);
        let ended = timeout(self.deadline, operation).await;
        let result = ended.unwrap_or_else(|_| {
            Err(late(format!("no answer to {name} within {:?}", self.deadline)))
        });
        timer.observe_duration();
        self.metrics.count(name, result.as_ref().err());
        result
    }
}

impl StateStore for Store {
    async fn read(&self, key: &StateKey, now: SystemTime) -> Result<Option<Versioned>, Failure> {
        let operation = async { of_backend!(&self.shared.backend, store => store.read(key, now)) };
        self.run("read", operation, Failure::NotDone).await
    }

    async fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        let operation =
            async { of_backend!(&self.shared.backend, store => store.create(key, record, now)) };
        self.run("create", operation, Failure::Unknown).await
    }

    async fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        let operation = async {
            of_backend!(&self.shared.backend, store => store.replace(key, seen, record, now))
        };
        self.run("replace", operation, Failure::Unknown).await
    }

    async fn remove(&self, key: &StateKey, seen: &Version, now: SystemTime) -> Result<(), Failure> {
        let operation =
            async { of_backend!(&self.shared.backend, store => store.remove(key, seen, now)) };
        self.run("remove", operation, Failure::Unknown).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::Nonce;
    use super::*;
    use crate::telemetry::Metrics;

    /// They are part of the future of every request.
    #[test]
    fn operations_are_small() {
        let backend = Backend::Memory(Memory::default());
        let store = Store::new(
            backend,
            Whereabouts::new("memory".to_owned(), &[]),
            Duration::ZERO,
            Metrics::new().state(),
        );
        let (now, nonce) = (SystemTime::UNIX_EPOCH, Nonce::new([0; 16]));
        let (key, seen) = (StateKey::new("tests", "0", now), Version::of(nonce));
        let record = Record { nonce, end: now, value: Vec::new() };
        let sizes = [
            size_of_val(&store.read(&key, now)),
            size_of_val(&store.create(&key, &record, now)),
            size_of_val(&store.replace(&key, &seen, &record, now)),
            size_of_val(&store.remove(&key, &seen, now)),
        ];
        assert!(sizes.iter().all(|size| *size < 1536), "{sizes:?} bytes");
    }
}
