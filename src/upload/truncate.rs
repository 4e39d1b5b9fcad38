//! How an upload gets shorter: segments are dropped, and at most one is written again.

use super::hashes::{HASHES_BYTES, Hashes};
use super::record::{Name, Tail, Upload};
use super::register::{Changed, Seen};
use super::segments::{list_key, segment_key};
use super::{Engine, Owner, Progress, Refused};
use crate::bucket::objects::Objects;
use crate::content::layout::WritableKey;
use crate::content::upload::UploadId;
use crate::state::{StateStore, Version};

/// A cut through an upload.
struct Cut<'u> {
    id: UploadId,
    upload: &'u mut Upload,
    /// Which state of it that was.
    version: &'u Version,
    /// What nobody reads any more after it.
    dropped: Vec<WritableKey>,
}

impl<O: Objects, S: StateStore> Engine<'_, O, S> {
    /// Drops what comes after the first `size` bytes.
    ///
    /// # Errors
    /// See [`Refused`]; [`Refused::Length`] where it has fewer.
    pub async fn truncate(
        &self,
        id: UploadId,
        owner: &Owner,
        size: u64,
    ) -> Result<Progress, Refused> {
        let Seen { mut upload, version } = self.find_open(id, owner).await?;
        let mut dropped = Vec::new();
        if size > upload.size {
            return Err(Refused::Length);
        }
        if size < upload.size {
            let upload = &mut upload;
            let cut = Cut { id, upload, version: &version, dropped: Vec::new() };
            dropped = self.cut(cut, size).await?;
        }
        upload.touch(self.time());
        match self.replace(id, &version, &upload).await? {
            Changed::Done(_) => {}
            Changed::Conflict => return Err(Refused::Raced),
        }
        // What cannot be deleted now is left to whoever deletes all.
        self.delete(&dropped).await;
        Ok(self.progress(id, &upload))
    }

    /// Makes an upload shorter. What it drops.
    async fn cut(&self, mut cut: Cut<'_>, size: u64) -> Result<Vec<WritableKey>, Refused> {
        let sealed = size / cut.upload.segment_bytes;
        if sealed < cut.upload.sealed_count() {
            self.open_lists(&mut cut, sealed).await?;
        }
        let broken = cut.drop_segments(size);
        let kept = cut.upload.sealed_count() * cut.upload.segment_bytes + cut.upload.tail_bytes();
        let mut hashes = self.hashes_at_end(&cut).await?;
        if let Some(segment) = broken {
            self.store_beginning(&mut cut, &segment, size - kept, &mut hashes).await?;
        }
        cut.upload.hashes = hashes;
        cut.upload.size = size;
        Ok(cut.dropped)
    }

    /// Takes lists back into the register, until it names the sealed segment before the one of this
    /// number, so that it is known what all bytes before that hash to.
    async fn open_lists(&self, cut: &mut Cut<'_>, sealed: u64) -> Result<(), Refused> {
        while cut.upload.lists > 0 && sealed <= cut.upload.listed() {
            // Beyond the one of this number, they are not needed.
            cut.drop_sealed(sealed + 1);
            let end = cut.upload.listed() * cut.upload.segment_bytes;
            let key = list_key(cut.id, end, &cut.upload.last_list);
            let list = match self.read_list(&key).await {
                Ok(list) => list,
                Err(error) => return Err(self.lost_or(cut.id, cut.version, error).await),
            };
            cut.dropped.push(key);
            cut.upload.lists -= 1;
            cut.upload.last_list = list.before;
            cut.upload.sealed.splice(..0, list.segments);
        }
        Ok(())
    }

    /// What all bytes of the segments that are left hash to.
    async fn hashes_at_end(&self, cut: &Cut<'_>) -> Result<Hashes, Refused> {
        let Upload { segment_bytes, sealed, tail, .. } = &*cut.upload;
        let end = cut.upload.sealed_count() * segment_bytes + cut.upload.tail_bytes();
        let (name, length) = match (tail.last(), sealed.last()) {
            (Some(tail), _) => (&tail.name, tail.length),
            (None, Some(name)) => (name, *segment_bytes),
            (None, None) => return Ok(Hashes::default()),
        };
        let key = segment_key(cut.id, end - length, name);
        match self.hashes_after(&key, length).await {
            Ok(hashes) => Ok(hashes),
            Err(error) => Err(self.lost_or(cut.id, cut.version, error).await),
        }
    }

    /// Makes a segment of the first bytes of one that is dropped.
    async fn store_beginning(
        &self,
        cut: &mut Cut<'_>,
        segment: &WritableKey,
        length: u64,
        hashes: &mut Hashes,
    ) -> Result<(), Refused> {
        let end = cut.upload.sealed_count() * cut.upload.segment_bytes + cut.upload.tail_bytes();
        let mut bytes = Vec::with_capacity(length as usize + HASHES_BYTES);
        if !self.objects.read(segment.key(), (0, length - 1), &mut bytes).await? {
            return Err(self.lost(cut.id, cut.version).await);
        }
        hashes.update(&bytes);
        bytes.extend_from_slice(&hashes.to_bytes());
        let name = (self.random)()?;
        self.objects.put(&segment_key(cut.id, end, &name), &bytes).await?;
        cut.upload.tail.push(Tail { name, length });
        Ok(())
    }
}

impl Cut<'_> {
    /// Drops all segments that do not end at `size` or before. The one that goes on beyond it, if
    /// there is one.
    fn drop_segments(&mut self, size: u64) -> Option<WritableKey> {
        let sealed = size / self.upload.segment_bytes;
        if sealed < self.upload.sealed_count() {
            self.drop_tail(0);
            let at = usize::try_from(sealed - self.upload.listed()).ok()?;
            let broken = self.upload.sealed.get(at).copied();
            self.drop_sealed(sealed);
            let offset = sealed * self.upload.segment_bytes;
            return broken.filter(|_| offset < size).map(|name| self.key(offset, &name));
        }
        let mut end = self.upload.sealed_count() * self.upload.segment_bytes;
        let mut kept = 0;
        for tail in &self.upload.tail {
            if end + tail.length > size {
                break;
            }
            end += tail.length;
            kept += 1;
        }
        let broken = self.upload.tail.get(kept).map(|tail| tail.name);
        self.drop_tail(kept);
        broken.filter(|_| end < size).map(|name| self.key(end, &name))
    }

    /// Keeps the first segments of the tail.
    fn drop_tail(&mut self, kept: usize) {
        let dropped = self.upload.tail.split_off(kept.min(self.upload.tail.len()));
        let mut offset =
            self.upload.sealed_count() * self.upload.segment_bytes + self.upload.tail_bytes();
        for tail in dropped {
            self.dropped.push(self.key(offset, &tail.name));
            offset += tail.length;
        }
    }

    /// Keeps the first sealed segments, those in lists counted.
    fn drop_sealed(&mut self, kept: u64) {
        let listed = self.upload.listed();
        let at = usize::try_from(kept.saturating_sub(listed)).unwrap_or(usize::MAX);
        if at >= self.upload.sealed.len() {
            return;
        }
        // What is in the tail comes after them.
        self.drop_tail(0);
        for (number, name) in (listed + at as u64..).zip(self.upload.sealed.split_off(at)) {
            self.dropped.push(self.key(number * self.upload.segment_bytes, &name));
        }
    }

    fn key(&self, offset: u64, name: &Name) -> WritableKey {
        segment_key(self.id, offset, name)
    }
}
