//! Blocks from storage: each in memory as a whole, and looked at before anybody uses it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};

use super::ahead::Ahead;
use super::output::Output;
use crate::auth::Grant;
use crate::bucket::object::ObjectHead;
use crate::conditions::Range;
use crate::config::KuboAdd;
use crate::content::cid::Cid;
use crate::content::layout::Places;
use crate::error::{Error, Kind};
use crate::gateway::Storage as _;
use crate::graph::node::InvalidNode;
use crate::graph::{BLOCK_BYTES_MAX, Block, InvalidBlock};
use crate::plan::Route;
use crate::transfer::Cut;
use crate::transfer::answer::Answer;
use crate::transfer::client::Gone;
use crate::transfer::download;
use crate::transfer::storage::StorageClient;

/// What memory for blocks is counted in, in bytes.
const UNIT_BYTES: usize = 1024;

/// The memory that the longest block takes, in units.
const BLOCK_UNITS: u32 = (BLOCK_BYTES_MAX / UNIT_BYTES) as u32;

/// Memory for the blocks of all requests of the process: 256 MiB.
static MEMORY: Semaphore = Semaphore::const_new(128 * BLOCK_UNITS as usize);

/// Requests that wait for memory.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// How often somebody whose client takes its time looks whether others wait.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a block may wait for a client while others wait for memory: shorter than they do.
const PATIENCE: Duration = Duration::from_secs(8);

/// One that waits for memory.
struct Waiting;

impl Waiting {
    fn new() -> Self {
        WAITING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Completes when others wait for memory, looked at once in a while.
pub(super) async fn others_wait() {
    loop {
        sleep(LOOK_INTERVAL).await;
        if WAITING.load(Ordering::Relaxed) > 0 {
            return;
        }
    }
}

/// Sends the bytes of a block that is held. A client that takes too long for it, while others wait for
/// the memory that it is in, is given up: a few of them could hold all of it.
///
/// # Errors
/// As of `output`; and the client is given up.
pub(super) async fn send_held(
    output: &mut Output<'_>,
    bytes: &[u8],
    mut ahead: Option<&mut Ahead>,
) -> Result<(), Cut> {
    let began = Instant::now();
    let mut sent = pin!(output.write(bytes));
    loop {
        tokio::select! {
            biased;
            sent = &mut sent => return sent,
            () = others_wait() => {
                if let Some(ahead) = &mut ahead {
                    ahead.give_back();
                }
                if began.elapsed() >= PATIENCE {
                    return Err(Cut::Client(Gone::new("it keeps a block that others wait for")));
                }
            }
        }
    }
}

/// What may be read of graphs, and how.
pub(super) struct Reader {
    pub(super) route: Arc<Route>,
    pub(super) grant: Grant,
    pub(super) storage: StorageClient,
}

/// Memory for one block.
pub(super) struct Room(SemaphorePermit<'static>);

/// A block, and the memory it is in.
pub(super) struct Held {
    pub(super) block: Block,
    /// Given back when it is dropped. None: the block was in a name.
    _room: Option<Room>,
}

impl Room {
    /// Room for a block of any length, if there is some at once.
    pub(super) fn at_once() -> Option<Self> {
        MEMORY.try_acquire_many(BLOCK_UNITS).ok().map(Self)
    }

    /// Gives back what a block of this length does not need.
    fn shrink(&mut self, bytes: usize) {
        let excess = self.0.num_permits().saturating_sub(bytes.div_ceil(UNIT_BYTES));
        drop(self.0.split(excess));
    }
}

impl Reader {
    /// As what the route stores files.
    pub(super) fn adds(&self) -> KuboAdd {
        self.route.graphs.as_ref().map_or(KuboAdd::Blocks, |graphs| graphs.add)
    }

    /// Room for a block of any length. Whoever waits for it must hold none: else all could wait for
    /// one another.
    pub(super) async fn room(&self) -> Result<Room, Error> {
        let _waiting = Waiting::new();
        let permit = timeout(self.storage.first_byte, MEMORY.acquire_many(BLOCK_UNITS)).await;
        match permit {
            Ok(Ok(permit)) => Ok(Room(permit)),
            Ok(Err(_)) | Err(_) => {
                Err(Error::storage(Kind::StorageBusy, "there is no memory for blocks"))
            }
        }
    }

    /// Fetches one block. One in its own name takes no storage, and no room.
    ///
    /// # Errors
    /// It is not there, too long, not what its name says, or storage failed.
    pub(super) async fn block(&self, cid: &Cid) -> Result<Held, Error> {
        match held_inline(cid) {
            Some(held) => held,
            None => self.fetch(cid, self.room().await?).await,
        }
    }

    /// The same for whoever has room already.
    pub(super) async fn fetch(&self, cid: &Cid, mut room: Room) -> Result<Held, Error> {
        let places = self.route.block_places(&self.grant, cid)?;
        let (object, mut answer) = self.get(&places).await?;
        let length = usize::try_from(object.size).unwrap_or(usize::MAX);
        if length > BLOCK_BYTES_MAX {
            return Err(refusal(cid, InvalidBlock::TooLong, &[]));
        }
        room.shrink(length);
        let mut bytes = Vec::with_capacity(length);
        while let Some(chunk) = answer.chunk().await? {
            bytes.extend_from_slice(chunk.bytes);
        }
        answer.release().await;
        let bytes = Bytes::from(bytes);
        let block = Block::verify(cid.clone(), bytes.clone());
        let block = block.map_err(|invalid| refusal(cid, invalid, &bytes))?;
        Ok(Held { block, _room: Some(room) })
    }

    async fn get(&self, places: &Places) -> Result<(ObjectHead, Answer), Error> {
        let (storage, route) = (&self.storage, &self.route);
        let (object, _, answer) =
            download::find(storage, route, places, None, Range::Whole).await?;
        Ok((object, answer))
    }

    /// How many bytes the object in one of these places has.
    ///
    /// # Errors
    /// It is in none, or storage failed.
    pub(super) async fn size(&self, places: &Places) -> Result<u64, Error> {
        let bucket = &self.route.bucket;
        let first = self.storage.stat(bucket, &places.first).await;
        let object = match (first, &places.other) {
            (Err(Error::NotFound(_)), Some(other)) => self.storage.stat(bucket, other).await?,
            (first, _) => first?,
        };
        Ok(object.size)
    }
}

/// A block that is in its own name.
pub(super) fn held_inline(cid: &Cid) -> Option<Result<Held, Error>> {
    let bytes = Bytes::copy_from_slice(cid.inline()?);
    let block = Block::verify(cid.clone(), bytes.clone());
    let held = block.map(|block| Held { block, _room: None });
    Some(held.map_err(|invalid| refusal(cid, invalid, &bytes)))
}

fn refusal(cid: &Cid, invalid: InvalidBlock, bytes: &[u8]) -> Error {
    match invalid {
        InvalidBlock::TooLong => {
            Error::storage(Kind::StorageFailed, format!("{}: {invalid}", cid.as_str()))
        }
        InvalidBlock::Corrupted => {
            let actual = Cid::of_block(cid.codec(), bytes).as_str().to_owned();
            Error::ContentCorrupt { actual }
        }
    }
}

/// The refusal of a graph that is what its name says, but nothing that is served here.
pub(super) fn unserved(invalid: InvalidNode) -> Error {
    Error::InvalidRequest(match invalid {
        InvalidNode::Sharded => "sharded folders are not served".into(),
        InvalidNode::NotAFile => "it is no file".into(),
        other => other.to_string().into(),
    })
}

/// What becomes of an error that concerns a block below another. That it is not there is nothing the
/// client could have known better: what it asked for exists, and storage has only a part of it.
pub(super) fn inner(cid: &Cid, error: Error) -> Error {
    match error {
        Error::NotFound(_) => {
            let detail = format!("a part of a graph is not there: {}", cid.as_str());
            Error::storage(Kind::StorageFailed, detail)
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_as_soon_as_a_block_needs_less() {
        for (bytes, units) in [(0, 0), (1, 1), (1024, 1), (1025, 2), (BLOCK_BYTES_MAX, 2048)] {
            let mut room = Room::at_once().unwrap();
            assert_eq!(room.0.num_permits(), 2048);
            room.shrink(bytes);
            assert_eq!(room.0.num_permits(), units, "{bytes}");
        }
    }
}
