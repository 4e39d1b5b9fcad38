//! A store whose writes have the fates that a test gives them.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::SystemTime;

use crate::state::memory::Memory;
use crate::state::{Create, Failure, Record, Replace, StateKey, StateStore, Version, Versioned};

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is refused.
    NotDone,
    /// It is lost, and its writer does not know.
    LostBefore,
    /// It is done, and its writer does not know.
    LostAfter,
    /// As [`Fate::LostAfter`], and nothing can be read then.
    LostAfterWithReads,
    /// It is done at [`Flaky::settle`], and its writer does not know whether it will.
    Late,
    /// It is done twice, and what is answered is the second time.
    Repeated,
}

enum Write {
    Create(StateKey, Record, SystemTime),
    Replace(StateKey, Version, Record, SystemTime),
}

enum Wrote {
    Create(Create),
    Replace(Replace),
}

#[derive(Default)]
pub(crate) struct Flaky {
    pub(crate) memory: Memory,
    fates: Mutex<VecDeque<Fate>>,
    late: Mutex<Vec<Write>>,
    is_unreadable: Mutex<bool>,
    /// Whether others come in between any two operations of one.
    yields: bool,
}

impl Flaky {
    /// The fates of the next writes. Those after them are fine.
    pub(crate) fn of(fates: &[Fate]) -> Self {
        Self { fates: Mutex::new(fates.iter().copied().collect()), ..Self::default() }
    }

    /// A store in which others come in between any two operations of one.
    pub(crate) fn crowded() -> Self {
        Self { yields: true, ..Self::default() }
    }

    pub(crate) fn next(&self, fate: Fate) {
        self.fates.lock().unwrap().push_back(fate);
    }

    /// From now on, writes and questions are fine.
    pub(crate) fn heal(&self) {
        self.fates.lock().unwrap().clear();
        *self.is_unreadable.lock().unwrap() = false;
    }

    /// Does what was late.
    pub(crate) async fn settle(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap());
        for write in late {
            self.carry_out(&write).await;
        }
    }

    async fn carry_out(&self, write: &Write) -> Wrote {
        match write {
            Write::Create(key, record, now) => {
                Wrote::Create(self.memory.create(key, record, *now).await.unwrap())
            }
            Write::Replace(key, seen, record, now) => {
                Wrote::Replace(self.memory.replace(key, seen, record, *now).await.unwrap())
            }
        }
    }

    async fn wait(&self) {
        if self.yields {
            tokio::task::yield_now().await;
        }
    }

    async fn write(&self, write: Write) -> Result<Wrote, Failure> {
        self.wait().await;
        let fate = self.fates.lock().unwrap().pop_front();
        let unknown = || Err(Failure::Unknown("no answer".to_owned()));
        match fate {
            None => Ok(self.carry_out(&write).await),
            Some(Fate::NotDone) => Err(Failure::NotDone("refused".to_owned())),
            Some(Fate::LostBefore) => unknown(),
            Some(fate @ (Fate::LostAfter | Fate::LostAfterWithReads)) => {
                self.carry_out(&write).await;
                *self.is_unreadable.lock().unwrap() = fate == Fate::LostAfterWithReads;
                unknown()
            }
            Some(Fate::Late) => {
                self.late.lock().unwrap().push(write);
                unknown()
            }
            Some(Fate::Repeated) => {
                self.carry_out(&write).await;
                Ok(self.carry_out(&write).await)
            }
        }
    }
}

impl StateStore for Flaky {
    async fn read(&self, key: &StateKey, now: SystemTime) -> Result<Option<Versioned>, Failure> {
        if *self.is_unreadable.lock().unwrap() {
            return Err(Failure::NotDone("not reached".to_owned()));
        }
        let there = self.memory.read(key, now).await;
        self.wait().await;
        there
    }

    async fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        match self.write(Write::Create(key.clone(), record.clone(), now)).await? {
            Wrote::Create(create) => Ok(create),
            Wrote::Replace(_) => unreachable!("it was no replacement"),
        }
    }

    async fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        let write = Write::Replace(key.clone(), seen.clone(), record.clone(), now);
        match self.write(write).await? {
            Wrote::Replace(replace) => Ok(replace),
            Wrote::Create(_) => unreachable!("it created nothing"),
        }
    }

    async fn remove(&self, key: &StateKey, seen: &Version, now: SystemTime) -> Result<(), Failure> {
        self.memory.remove(key, seen, now).await
    }
}
