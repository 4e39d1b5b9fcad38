//! Storage as it can be at its worst: a write is lost, or its answer is; it is done later than
//! anybody waits for it, or twice.

use std::sync::{Mutex, MutexGuard};

use futures_util::FutureExt as _;

use super::random::Random;
use crate::bucket::object::Annotations;
use crate::bucket::objects::memory::MemoryObjects;
use crate::bucket::objects::{Document, Expected, Objects, Page, Piece, Swap, Tag};
use crate::content::layout::{Key, WritableKey};
use crate::error::{Error, Kind};

/// A write.
#[derive(Clone)]
enum Deed {
    Put(WritableKey, Vec<u8>),
    Write(WritableKey, Vec<u8>, Option<Tag>),
    Delete(WritableKey),
}

/// The bucket, and what is on its way to it.
pub(super) struct Storage {
    pub(super) inner: MemoryObjects,
    way: Mutex<Way>,
}

struct Way {
    random: Random,
    /// One call in so many goes wrong; none does where this is 0.
    faults: u64,
    late: Vec<Deed>,
}

impl Storage {
    pub(super) fn new(seed: u64, faults: u64) -> Self {
        let way = Way { random: Random::new(seed), faults, late: Vec::new() };
        Self { inner: MemoryObjects::default(), way: Mutex::new(way) }
    }

    /// What was on its way is there, in any order.
    pub(super) fn settle(&self) {
        while let Some(deed) = self.take_late(1) {
            self.carry_out(&deed);
        }
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap()
    }

    fn take_late(&self, chances: u64) -> Option<Deed> {
        let mut way = self.way();
        let count = way.late.len();
        if count == 0 || !way.random.one_in(chances) {
            return None;
        }
        let place = way.random.choice(count);
        Some(way.late.swap_remove(place))
    }

    /// Others come in, and what is late.
    async fn turn(&self) {
        tokio::task::yield_now().await;
        if let Some(deed) = self.take_late(6) {
            self.carry_out(&deed);
        }
    }

    fn carry_out(&self, deed: &Deed) -> Option<Swap> {
        let done = async {
            Ok::<_, Error>(match deed {
                Deed::Put(key, bytes) => self.inner.put(key, bytes).await.map(|()| None)?,
                Deed::Delete(key) => self.inner.delete(key).await.map(|()| None)?,
                Deed::Write(key, bytes, tag) => {
                    let expected = tag.as_ref().map_or(Expected::Absent, Expected::As);
                    Some(self.inner.write_document(key, bytes, expected).await?)
                }
            })
        };
        done.now_or_never().expect("memory answers at once").unwrap()
    }

    /// Sends a write on its way.
    async fn send(&self, deed: Deed) -> Result<Option<Swap>, Error> {
        self.turn().await;
        let fate = {
            let mut way = self.way();
            let faults = way.faults;
            if way.random.one_in(faults) { way.random.choice(4) } else { 4 }
        };
        match fate {
            0 => Err(failure()),
            1 => {
                self.carry_out(&deed);
                Err(failure())
            }
            2 => {
                self.way().late.push(deed);
                Err(failure())
            }
            3 => {
                self.carry_out(&deed);
                Ok(self.carry_out(&deed))
            }
            _ => Ok(self.carry_out(&deed)),
        }
    }

    async fn ask(&self) -> Result<(), Error> {
        self.turn().await;
        let mut way = self.way();
        let faults = way.faults;
        if way.random.one_in(faults * 2) { Err(failure()) } else { Ok(()) }
    }
}

fn failure() -> Error {
    Error::storage(Kind::StorageFailed, "the simulation says so")
}

impl Objects for Storage {
    async fn put(&self, key: &WritableKey, body: &[u8]) -> Result<(), Error> {
        self.send(Deed::Put(key.clone(), body.to_vec())).await.map(|_| ())
    }

    async fn read(&self, _: &Key, _: (u64, u64), _: &mut Vec<u8>) -> Result<bool, Error> {
        panic!("a catalog reads no objects")
    }

    async fn document(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.ask().await?;
        self.inner.document(key).await
    }

    async fn write_document(
        &self,
        key: &WritableKey,
        body: &[u8],
        expected: Expected<'_>,
    ) -> Result<Swap, Error> {
        let tag = match expected {
            Expected::Absent => None,
            Expected::As(tag) => Some(tag.clone()),
        };
        let swap = self.send(Deed::Write(key.clone(), body.to_vec(), tag)).await?;
        Ok(swap.expect("a conditional write"))
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, Error> {
        self.ask().await?;
        self.inner.list(prefix, after).await
    }

    async fn delete(&self, key: &WritableKey) -> Result<(), Error> {
        self.send(Deed::Delete(key.clone())).await.map(|_| ())
    }

    async fn assemble(
        &self,
        _: &WritableKey,
        _: &Annotations,
        _: &[Piece],
        _: &[u8],
    ) -> Result<(), Error> {
        panic!("a catalog makes no objects")
    }
}
