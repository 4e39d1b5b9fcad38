//! Blocks that are fetched while those before them are sent.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::blocks::{Held, Reader, Room, held_inline, inner};
use crate::content::cid::Cid;
use crate::error::Error;

/// How many blocks are fetched at once: the next one, and those after it.
pub(super) const WINDOW: usize = 5;

/// How many may be held or under way. Some are known long before they are wanted: the nodes beside
/// one whose own blocks come first.
const HELD_MAX: usize = 3 * WINDOW;

/// Blocks under way, or come.
pub(super) struct Ahead {
    reader: Arc<Reader>,
    tasks: HashMap<Cid, Task>,
}

/// Fetches one block until nobody wants it any more.
struct Task(JoinHandle<Result<Held, Error>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ahead {
    pub(super) fn new(reader: &Arc<Reader>) -> Self {
        Self { reader: Arc::clone(reader), tasks: HashMap::new() }
    }

    /// The first of these blocks, while the others are on their way. The one before it must have
    /// been dropped.
    ///
    /// # Errors
    /// As [`Reader::fetch`], but that the block is not there is a failure of storage.
    pub(super) async fn next(&mut self, wanted: &[Cid]) -> Result<Held, Error> {
        let Some(first) = wanted.first() else {
            return Err(Error::Internal("a block that nobody wants".into()));
        };
        if self.tasks.len() + wanted.len() > HELD_MAX {
            self.tasks.retain(|cid, _| wanted.contains(cid));
        }
        if !self.start(first) {
            // Whoever waits for memory must hold none.
            self.tasks.clear();
            let room = self.reader.room().await?;
            self.spawn(first, room);
        }
        // Without room for one there is none for the next.
        let _ = wanted[1..].iter().all(|cid| self.start(cid));
        if let Some(held) = held_inline(first) {
            return held;
        }
        let task = self.tasks.get_mut(first);
        let task = task.ok_or_else(|| Error::Internal("a block that nobody fetches".into()))?;
        let fetched = (&mut task.0).await;
        self.tasks.remove(first);
        let fetched = fetched.map_err(|_| Error::Internal("a task that fetches failed".into()))?;
        fetched.map_err(|error| inner(first, error))
    }

    /// Gives back the memory of blocks that are not wanted yet.
    pub(super) fn give_back(&mut self) {
        self.tasks.clear();
    }

    /// Begins to fetch a block, unless somebody does or need not. False: there is no room.
    fn start(&mut self, cid: &Cid) -> bool {
        if self.tasks.contains_key(cid) || cid.inline().is_some() {
            return true;
        }
        let Some(room) = Room::at_once() else { return false };
        self.spawn(cid, room);
        true
    }

    fn spawn(&mut self, cid: &Cid, room: Room) {
        let (reader, name) = (Arc::clone(&self.reader), cid.clone());
        let task = tokio::spawn(async move { reader.fetch(&name, room).await });
        self.tasks.insert(cid.clone(), Task(task));
    }
}
