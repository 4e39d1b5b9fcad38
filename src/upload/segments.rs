//! The objects that an upload is made of.
//!
//! A segment is some bytes, and after them what all bytes up to their end hash to so far. A list
//! names the list before it, and then the sealed segments between that one and itself:
//!
//! ```text
//! | 1 byte  | 16 bytes: the list before, or zeros | 64 times 16 bytes |
//! | form: 1 |                                     | a segment         |
//! ```
//!
//! Nobody writes an object a second time: its name has a random part.

use futures_util::future::join_all;

use super::Engine;
use super::hashes::{HASHES_BYTES, Hashes};
use super::record::{LIST_SEGMENTS, Name};
use crate::bucket::objects::Objects;
use crate::content::layout::{UPLOADS, WritableKey};
use crate::content::upload::UploadId;
use crate::error::{Error, Kind};
use crate::state::StateStore;

const LIST_FORM: u8 = 1;
const LIST_BYTES: usize = 1 + 16 + 16 * LIST_SEGMENTS;

/// How many objects are deleted at the same time.
const DELETED_AT_ONCE: usize = 16;

/// Names of sealed segments, and of the list before them.
pub(super) struct List {
    pub(super) before: Name,
    pub(super) segments: Vec<Name>,
}

/// What the keys of an upload's objects begin with.
pub(super) fn folder(id: UploadId) -> String {
    format!("{UPLOADS}{id}/")
}

/// The upload to which a key belongs. None: it is not one of ours.
pub(super) fn upload_of(key: &str) -> Option<UploadId> {
    let (id, _) = key.strip_prefix(UPLOADS)?.split_once('/')?;
    UploadId::parse(id).ok()
}

/// An object of an upload that was listed.
pub(super) fn listed_key(key: &str) -> Option<WritableKey> {
    Some(WritableKey::of_books(UPLOADS, key.strip_prefix(UPLOADS)?))
}

/// The segment that begins at `offset`.
pub(super) fn segment_key(id: UploadId, offset: u64, name: &Name) -> WritableKey {
    let name = format!("{id}/{offset:012x}-{:032x}", u128::from_be_bytes(*name));
    WritableKey::of_books(UPLOADS, &name)
}

/// The list of what is before `offset`.
pub(super) fn list_key(id: UploadId, offset: u64, name: &Name) -> WritableKey {
    let name = format!("{id}/{offset:012x}-{:032x}.list", u128::from_be_bytes(*name));
    WritableKey::of_books(UPLOADS, &name)
}

/// An object that is named, and not there.
pub(super) fn missing() -> Error {
    Error::storage(Kind::StorageFailed, "a segment of an upload is not there")
}

impl<O: Objects, S: StateStore> Engine<'_, O, S> {
    /// What all bytes up to the end of a segment hash to, as it says.
    pub(super) async fn hashes_after(
        &self,
        segment: &WritableKey,
        length: u64,
    ) -> Result<Hashes, Error> {
        let mut bytes = Vec::with_capacity(HASHES_BYTES);
        let range = (length, length + HASHES_BYTES as u64 - 1);
        if !self.objects.read(segment.key(), range, &mut bytes).await? {
            return Err(missing());
        }
        let foreign = "a segment of an upload does not end as segments do";
        Hashes::read(&bytes).ok_or_else(|| Error::storage(Kind::StorageFailed, foreign))
    }

    /// Stores a list.
    pub(super) async fn store_list(&self, key: &WritableKey, list: &List) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(LIST_BYTES);
        bytes.push(LIST_FORM);
        bytes.extend_from_slice(&list.before);
        list.segments.iter().for_each(|name| bytes.extend_from_slice(name));
        self.objects.put(key, &bytes).await
    }

    /// Reads a list.
    pub(super) async fn read_list(&self, key: &WritableKey) -> Result<List, Error> {
        let mut bytes = Vec::with_capacity(LIST_BYTES);
        if !self.objects.read(key.key(), (0, LIST_BYTES as u64 - 1), &mut bytes).await? {
            return Err(missing());
        }
        let foreign = || Error::storage(Kind::StorageFailed, "a list of segments is none");
        let (form, rest) = bytes.split_first().ok_or_else(foreign)?;
        let (names, remainder) = rest.as_chunks::<16>();
        let (before, segments) = names.split_first().ok_or_else(foreign)?;
        let is_list = *form == LIST_FORM && remainder.is_empty();
        if !is_list || segments.len() != LIST_SEGMENTS {
            return Err(foreign());
        }
        Ok(List { before: *before, segments: segments.to_vec() })
    }

    /// Deletes objects that nothing names, as many as it can. The first failure, and how many it
    /// were.
    pub(super) async fn delete(&self, keys: &[WritableKey]) -> (usize, Option<Error>) {
        let (mut count, mut failure) = (0, None);
        for keys in keys.chunks(DELETED_AT_ONCE) {
            for deleted in join_all(keys.iter().map(|key| self.objects.delete(key))).await {
                match deleted {
                    Ok(()) => count += 1,
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
        (count, failure)
    }

    /// Deletes all objects of an upload that is over, as far as `lists` questions list them.
    pub(super) async fn delete_all(
        &self,
        id: UploadId,
        lists: &mut usize,
    ) -> (usize, Option<Error>) {
        let folder = folder(id);
        let (mut count, mut failure, mut after) = (0, None, None::<String>);
        while *lists > 0 {
            *lists -= 1;
            let page = match self.objects.list(&folder, after.as_deref()).await {
                Ok(page) => page,
                Err(error) => return (count, failure.or(Some(error))),
            };
            let keys = page.objects.iter().filter_map(|listed| listed_key(&listed.key));
            let (deleted, failed) = self.delete(&keys.collect::<Vec<_>>()).await;
            count += deleted;
            failure = failure.or(failed);
            let last = page.objects.into_iter().next_back();
            let Some(last) = last.filter(|_| page.goes_on) else { break };
            after = Some(last.key);
        }
        (count, failure)
    }
}
