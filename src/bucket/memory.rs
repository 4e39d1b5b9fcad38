//! Objects known to exist, so that a redirect of popular content costs storage nothing.
//!
//! Only positive answers are remembered: content that appears is found at once, and content that
//! was deleted is redirected to for at most a minute, which ends in storage's own 404.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use quick_cache::sync::Cache;

use super::object::ObjectHead;
use crate::content::layout::Key;
use crate::telemetry::MemoryMetrics;

/// How long an answer is believed.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// A bounded memory of object heads by key.
#[derive(Debug)]
pub struct ObjectMemory {
    capacity: usize,
    entries: Cache<Key, (SystemTime, Arc<ObjectHead>)>,
    metrics: MemoryMetrics,
}

impl ObjectMemory {
    /// A memory of at most `capacity` objects.
    #[must_use]
    pub fn new(capacity: usize, metrics: MemoryMetrics) -> Self {
        Self { capacity, entries: Cache::new(capacity), metrics }
    }

    /// The most objects it remembers.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The object, if storage confirmed it within the last minute.
    #[must_use]
    pub fn recall(&self, key: &Key, now: SystemTime) -> Option<Arc<ObjectHead>> {
        let found = self.entries.get(key).filter(|(seen, _)| {
            // A clock that was set back makes an entry too old, never young again.
            now.duration_since(*seen).is_ok_and(|age| age < REMEMBERED_FOR)
        });
        let counter = if found.is_some() { &self.metrics.hits } else { &self.metrics.misses };
        counter.inc();
        found.map(|(_, object)| object)
    }

    /// Remembers that storage has the object.
    pub fn remember(&self, key: Key, object: Arc<ObjectHead>, now: SystemTime) {
        self.entries.insert(key, (now, object));
    }

    /// Forgets the object: storage no longer has what it said.
    pub fn forget(&self, key: &Key) {
        self.entries.remove(key);
    }
}
