//! Registers in memory, for tests: what the others are compared with.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::{Create, Failure, Record, Replace, StateKey, StateStore, Version, Versioned};

/// Registers that end with the process.
#[derive(Debug, Default)]
pub struct Memory {
    registers: Mutex<HashMap<String, Record>>,
}

impl Memory {
    /// Runs `step` on the record of a register that still counts, with nobody in between.
    fn with<T>(
        &self,
        key: &StateKey,
        now: SystemTime,
        step: impl FnOnce(&mut HashMap<String, Record>, Option<Versioned>) -> T,
    ) -> T {
        let mut registers = self.registers.lock().unwrap_or_else(PoisonError::into_inner);
        let record = registers.get(key.as_str()).filter(|record| record.lives(now)).cloned();
        let seen = record.map(|record| Versioned { version: Version::of(record.nonce), record });
        step(&mut registers, seen)
    }
}

impl StateStore for Memory {
    async fn read(&self, key: &StateKey, now: SystemTime) -> Result<Option<Versioned>, Failure> {
        Ok(self.with(key, now, |_, seen| seen))
    }

    async fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        Ok(self.with(key, now, |registers, seen| match seen {
            Some(seen) => Create::Exists(seen),
            None => {
                registers.insert(key.as_str().to_owned(), record.clone());
                Create::Created(Version::of(record.nonce))
            }
        }))
    }

    async fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        Ok(self.with(key, now, |registers, there| match there {
            Some(there) if there.version == *seen => {
                registers.insert(key.as_str().to_owned(), record.clone());
                Replace::Replaced(Version::of(record.nonce))
            }
            _ => Replace::Conflict,
        }))
    }

    async fn remove(&self, key: &StateKey, seen: &Version, now: SystemTime) -> Result<(), Failure> {
        self.with(key, now, |registers, there| {
            if there.is_some_and(|there| there.version == *seen) {
                registers.remove(key.as_str());
            }
        });
        Ok(())
    }
}
