//! Registers in memory, and outages that are only played.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;

use casgate::state::memory::Memory;
use casgate::state::{Create, Failure, Record, Replace, StateKey, StateStore, Version, Versioned};

use super::state::{Subject, promises};

promises!(async { Played::default() });

const REACHED: u8 = 0;
const AWAY: u8 = 1;
const SILENT: u8 = 2;

/// Memory behind a way that can be cut.
#[derive(Default)]
struct Cut {
    memory: Memory,
    way: AtomicU8,
}

impl Cut {
    async fn write<T>(
        &self,
        write: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match self.way.load(Ordering::SeqCst) {
            REACHED => write.await,
            AWAY => Err(Failure::NotDone("it is away".into())),
            _ => {
                let _ = write.await;
                Err(Failure::Unknown("it says nothing".into()))
            }
        }
    }
}

impl StateStore for Cut {
    async fn read(&self, key: &StateKey, now: SystemTime) -> Result<Option<Versioned>, Failure> {
        match self.way.load(Ordering::SeqCst) {
            REACHED => self.memory.read(key, now).await,
            _ => Err(Failure::NotDone("it cannot be read".into())),
        }
    }

    async fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        self.write(self.memory.create(key, record, now)).await
    }

    async fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        self.write(self.memory.replace(key, seen, record, now)).await
    }

    async fn remove(&self, key: &StateKey, seen: &Version, now: SystemTime) -> Result<(), Failure> {
        self.write(self.memory.remove(key, seen, now)).await
    }
}

#[derive(Default)]
struct Played(Arc<Cut>);

impl Subject for Played {
    type Store = Cut;

    fn replicas(&self) -> [Arc<Cut>; 2] {
        [Arc::clone(&self.0), Arc::clone(&self.0)]
    }

    async fn later_than(&self, time: SystemTime) -> SystemTime {
        time
    }

    async fn go_away(&self) {
        self.0.way.store(AWAY, Ordering::SeqCst);
    }

    async fn lose_replies(&self) {
        self.0.way.store(SILENT, Ordering::SeqCst);
    }

    async fn come_back(&self) {
        self.0.way.store(REACHED, Ordering::SeqCst);
    }
}
