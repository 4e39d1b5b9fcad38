//! A bucket in memory, whose operations have the fates that a test gives them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use http::HeaderValue;

use super::{Document, Expected, Listed, Objects, Page, Piece, Swap, Tag};
use crate::bucket::object::Annotations;
use crate::content::layout::{Key, WritableKey};
use crate::error::{Error, Kind};

/// How many objects a page of a list has.
const PAGE: usize = 3;

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done.
    Done,
    /// It is not, and fails.
    Lost,
    /// It is done, and fails.
    LostAnswer,
}

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) bytes: Vec<u8>,
    tag: HeaderValue,
    at: SystemTime,
}

/// The bucket.
#[derive(Default)]
pub(crate) struct MemoryObjects {
    state: Mutex<State>,
    /// Whether others come in before each operation.
    yields: bool,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Stored>,
    fates: VecDeque<Fate>,
    writes: u64,
    /// The names of all operations.
    log: Vec<String>,
    now: Option<SystemTime>,
}

impl MemoryObjects {
    /// A bucket in which others come in before each operation.
    pub(crate) fn crowded() -> Self {
        Self { yields: true, ..Self::default() }
    }

    /// The fates of the next operations. Those after them are done.
    pub(crate) fn fates(&self, fates: impl IntoIterator<Item = Fate>) {
        self.state().fates = fates.into_iter().collect();
    }

    /// Its clock.
    pub(crate) fn set_now(&self, now: SystemTime) {
        self.state().now = Some(now);
    }

    /// The keys, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// What is stored.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(key).map(|stored| stored.bytes.clone())
    }

    /// All operations so far, as `name key`.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn run<T>(
        &self,
        name: &str,
        key: &str,
        operation: impl FnOnce(&mut State) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        if self.yields {
            tokio::task::yield_now().await;
        }
        let mut state = self.state();
        state.log.push(format!("{name} {key}"));
        let failure = || Error::storage(Kind::StorageFailed, "a test says so");
        match state.fates.pop_front().unwrap_or(Fate::Done) {
            Fate::Done => operation(&mut state),
            Fate::Lost => Err(failure()),
            Fate::LostAnswer => operation(&mut state).and(Err(failure())),
        }
    }
}

impl State {
    fn store(&mut self, key: &str, bytes: Vec<u8>) -> Tag {
        self.writes += 1;
        let tag = HeaderValue::try_from(format!("\"{}\"", self.writes)).unwrap();
        let at = self.now.unwrap_or(SystemTime::UNIX_EPOCH);
        self.objects.insert(key.to_owned(), Stored { bytes, tag: tag.clone(), at });
        Tag(tag)
    }
}

impl Objects for MemoryObjects {
    async fn put(&self, key: &WritableKey, body: &[u8]) -> Result<(), Error> {
        let key = key.key().as_str();
        self.run("put", key, |state| {
            state.store(key, body.to_vec());
            Ok(())
        })
        .await
    }

    async fn read(
        &self,
        key: &Key,
        (first, last): (u64, u64),
        buffer: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let bytes = self
            .run("read", key.as_str(), |state| {
                Ok(state.objects.get(key.as_str()).map(|stored| stored.bytes.clone()))
            })
            .await?;
        let Some(bytes) = bytes else { return Ok(false) };
        let part = bytes.get(first as usize..=last as usize);
        let part = part.ok_or_else(|| Error::storage(Kind::StorageFailed, "another length"))?;
        buffer.extend_from_slice(part);
        Ok(true)
    }

    async fn document(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.run("document", key.as_str(), |state| {
            let stored = state.objects.get(key.as_str()).cloned();
            Ok(stored.map(|stored| Document { bytes: stored.bytes, tag: Tag(stored.tag) }))
        })
        .await
    }

    async fn write_document(
        &self,
        key: &WritableKey,
        body: &[u8],
        expected: Expected<'_>,
    ) -> Result<Swap, Error> {
        let key = key.key().as_str();
        self.run("write_document", key, |state| {
            let there = state.objects.get(key).map(|stored| &stored.tag);
            let fits = match expected {
                Expected::Absent => there.is_none(),
                Expected::As(Tag(tag)) => there == Some(tag),
            };
            Ok(if fits { Swap::Written(state.store(key, body.to_vec())) } else { Swap::Conflict })
        })
        .await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, Error> {
        self.run("list", prefix, |state| {
            let begin = match after.filter(|after| *after >= prefix) {
                Some(after) => Bound::Excluded(after),
                None => Bound::Included(prefix),
            };
            let keys = state.objects.range::<str, _>((begin, Bound::Unbounded));
            let mut objects: Vec<_> = keys
                .take_while(|(key, _)| key.starts_with(prefix))
                .take(PAGE + 1)
                .map(|(key, stored)| Listed {
                    key: key.clone(),
                    size: Some(stored.bytes.len() as u64),
                    stored: Some(stored.at),
                })
                .collect();
            let goes_on = objects.len() > PAGE;
            objects.truncate(PAGE);
            Ok(Page { objects, goes_on })
        })
        .await
    }

    async fn delete(&self, key: &WritableKey) -> Result<(), Error> {
        let key = key.key().as_str();
        self.run("delete", key, |state| {
            state.objects.remove(key);
            Ok(())
        })
        .await
    }

    async fn assemble(
        &self,
        key: &WritableKey,
        _: &Annotations,
        pieces: &[Piece],
        rest: &[u8],
    ) -> Result<(), Error> {
        let key = key.key().as_str();
        self.run("assemble", key, |state| {
            let mut bytes = Vec::new();
            for piece in pieces {
                let missing = || Error::storage(Kind::StorageFailed, "no such piece");
                let source = state.objects.get(piece.source.as_str()).ok_or_else(missing)?;
                let part = source.bytes.get(..piece.bytes as usize).ok_or_else(missing)?;
                bytes.extend_from_slice(part);
            }
            bytes.extend_from_slice(rest);
            state.store(key, bytes);
            Ok(())
        })
        .await
    }
}
