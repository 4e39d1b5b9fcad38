//! Blocks on their way to storage, a few at a time.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::bucket::object::Annotations;
use crate::bucket::write::{Step, Write, Written};
use crate::content::cid::{Cid, Hash};
use crate::content::layout::WritableKey;
use crate::error::Error;
use crate::gateway::{Import, Storage as _};
use crate::graph::Block;
use crate::plan::Route;
use crate::transfer::storage::StorageClient;
use crate::transfer::upload::judge;

/// Blocks that are sent at the same time.
const IN_FLIGHT_MAX: usize = 4;

/// The bytes of them: with what else an import holds, no more than the smallest part of an upload.
const IN_FLIGHT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How many blocks are remembered, so that one that comes again is not sent again. Not fewer than are
/// sent at the same time: where what was stored first stays, storage may refuse the second of two.
const REMEMBERED_MAX: usize = 64;

/// What an import stores. Dropped, it ends what is under way; storage makes no object of a part of a
/// block.
pub(super) struct Puts<'i> {
    storage: &'i StorageClient,
    import: &'i Import,
    in_flight: FuturesUnordered<BoxFuture<'i, Result<usize, Error>>>,
    bytes: usize,
    remembered: VecDeque<Cid>,
}

impl<'i> Puts<'i> {
    /// Nothing is under way.
    pub(super) fn new(storage: &'i StorageClient, import: &'i Import) -> Self {
        let (in_flight, bytes, remembered) = Default::default();
        Self { storage, import, in_flight, bytes, remembered }
    }

    /// Begins to store a block, once there is room for it among others.
    ///
    /// # Errors
    /// Storage refused another, or failed; or the grant opens no key for this one.
    pub(super) async fn start(&mut self, block: Block) -> Result<(), Error> {
        if self.remembered.contains(block.cid()) {
            return Ok(());
        }
        let length = block.bytes().len();
        while self.in_flight.len() >= IN_FLIGHT_MAX
            || (!self.is_empty() && self.bytes + length > IN_FLIGHT_BYTES_MAX)
        {
            self.next().await?;
        }
        let Import { route, grant, .. } = self.import;
        let (cid, bytes) = block.into_parts();
        let key = route.writable_block_key(grant, &cid)?;
        if self.remembered.len() == REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        self.remembered.push_back(cid.clone());
        self.bytes += length;
        self.in_flight.push(Box::pin(put(self.storage, route, key, cid, bytes)));
        Ok(())
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Completes when one more block is stored, or none is under way. Cancellation loses nothing.
    ///
    /// # Errors
    /// Storage refused it, or failed.
    pub(super) async fn next(&mut self) -> Result<(), Error> {
        if let Some(stored) = self.in_flight.next().await {
            self.bytes -= stored?;
        }
        Ok(())
    }

    /// Completes when all are stored.
    ///
    /// # Errors
    /// As [`Puts::next`].
    pub(super) async fn finish(&mut self) -> Result<(), Error> {
        while !self.is_empty() {
            self.next().await?;
        }
        Ok(())
    }
}

/// Whether others have stored these bytes, for whom there is more to the object than its bytes: the
/// name to save it under. One of another length is not what its name says.
///
/// # Errors
/// Storage failed.
pub(super) async fn is_there(
    storage: &StorageClient,
    route: &Route,
    key: &WritableKey,
    cid: &Cid,
    length: u64,
) -> Result<bool, Error> {
    if !route.shares_files(cid) {
        return Ok(false);
    }
    match storage.stat(&route.bucket, key.key()).await {
        Ok(object) => Ok(object.size == length),
        Err(Error::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Stores a block; its length.
async fn put(
    storage: &StorageClient,
    route: &Route,
    key: WritableKey,
    cid: Cid,
    bytes: Bytes,
) -> Result<usize, Error> {
    let digest = match cid.hash() {
        Hash::Sha256(digest) => Some(digest),
        Hash::Sha512(_) | Hash::Identity(_) => None,
    };
    if is_there(storage, route, &key, &cid, bytes.len() as u64).await? {
        return Ok(bytes.len());
    }
    let annotations = &Annotations::default();
    let (length, once) = (bytes.len() as u64, route.write_once);
    let step = Step::Put { length, annotations, digest, once };
    let write = Write { key: &key, step };
    let answer = storage.send_write(&route.bucket, &write, &bytes).await?;
    match judge(&step, answer).await? {
        Written::Stored => route.bucket.objects.forget(key.key()),
        // By that name there are no other bytes.
        Written::AlreadyThere => {}
    }
    Ok(bytes.len())
}
