//! Bytes on their way to the end of an upload.

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::hashes::{HASHES_BYTES, Hashes};
use super::record::{LIST_SEGMENTS, SEALED_MAX, TAIL_MAX, Tail, Upload};
use super::register::{Changed, Seen};
use super::segments::{List, list_key, missing, segment_key};
use super::{Engine, Owner, Piece, Progress, Refused};
use crate::bucket::objects::Objects;
use crate::bucket::write::PARTS_MAX;
use crate::content::digests::{Algorithm, AnyDigest};
use crate::content::layout::WritableKey;
use crate::content::upload::UploadId;
use crate::error::Error;
use crate::state::{StateStore, Version};

/// How many bytes a buffer has room for at first, where nobody says how many will come.
const BUFFER_BYTES_MIN: usize = 64 * 1024;

/// Bytes on their way to the end of an upload. Dropped, it leaves the upload as it was, or as it was
/// when bytes were last named.
pub struct Appending<'e, O, S> {
    engine: &'e Engine<'e, O, S>,
    piece: Piece,
    progress: Progress,
    /// What the register was last seen to hold, by its version.
    version: Version,
    /// The upload with all bytes that are stored, named or not.
    draft: Upload,
    /// Bytes that are not stored yet.
    buffer: Vec<u8>,
    /// How many of them the hashes know.
    hashed: usize,
    /// Of the whole upload, as far as they know it.
    hashes: Hashes,
    /// Of the piece, if it has to hash to something.
    own: Option<OwnHash>,
    /// How many bytes of the piece are stored.
    stored: u64,
    /// Segments that were stored and are not named yet.
    unnamed: Vec<WritableKey>,
    /// Segments that nobody reads once the draft is named.
    dropped: Vec<WritableKey>,
    /// Whether a step did not come to its end, so that the rest is not what it should be.
    is_broken: bool,
}

/// What the bytes of a piece hash to by themselves.
enum OwnHash {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl OwnHash {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn digest(&self) -> AnyDigest {
        match self {
            Self::Sha1(hash) => AnyDigest::Sha1(hash.clone().finalize().into()),
            Self::Sha256(hash) => {
                AnyDigest::Sha256(<[u8; 32]>::from(hash.clone().finalize()).into())
            }
            Self::Sha512(hash) => AnyDigest::Sha512(hash.clone().finalize().into()),
        }
    }
}

impl<O: Objects, S: StateStore> Engine<'_, O, S> {
    /// The most bytes of an upload with such segments: storage puts so many together.
    pub(super) fn size_max(&self, segment_bytes: u64) -> u64 {
        self.settings.size_max.min(segment_bytes.saturating_mul(PARTS_MAX))
    }

    /// Whether an upload may have `size` bytes.
    fn check_size(&self, upload: &Upload, size: u64) -> Result<(), Refused> {
        let size_max = self.size_max(upload.segment_bytes);
        if size > size_max {
            return Err(Refused::TooLarge(size_max));
        }
        if upload.length.is_some_and(|length| size > length) {
            return Err(Refused::Length);
        }
        Ok(())
    }
}

impl<'e, O: Objects, S: StateStore> Engine<'e, O, S> {
    /// Begins to append.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn append(
        &'e self,
        id: UploadId,
        owner: &Owner,
        piece: Piece,
    ) -> Result<Appending<'e, O, S>, Refused> {
        let Seen { upload: mut draft, version } = self.find_open(id, owner).await?;
        let progress = self.progress(id, &draft);
        if piece.offset.is_some_and(|offset| offset != draft.size) {
            return Err(Refused::Elsewhere(progress));
        }
        if let Some(length) = piece.length {
            if draft.length.is_some_and(|said| said != length) || length < draft.size {
                return Err(Refused::Length);
            }
            self.check_size(&draft, length)?;
            draft.length = Some(length);
        }
        let end = draft.size.checked_add(piece.bytes.unwrap_or(0)).ok_or(Refused::Length)?;
        self.check_size(&draft, end)?;
        Ok(Appending {
            engine: self,
            piece,
            progress,
            version,
            buffer: Vec::new(),
            hashed: 0,
            hashes: draft.hashes.clone(),
            own: piece.digest.map(|digest| OwnHash::new(digest.algorithm())),
            stored: 0,
            unnamed: Vec::new(),
            dropped: Vec::new(),
            is_broken: false,
            draft,
        })
    }
}

impl<O: Objects, S: StateStore> Appending<'_, O, S> {
    /// How far the upload was when it began, or when bytes were last named.
    #[must_use]
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Where bytes go, after what is there already, and the length at which it is full. Whoever
    /// adds bytes beyond that has made a mistake. There is room for some bytes, and asking for it
    /// each time before some are added keeps it from growing beyond what it needs.
    pub fn buffer(&mut self) -> (&mut Vec<u8>, usize) {
        // Here, as they come, so that a whole segment does not hold up everybody else.
        self.hash();
        let room = self.room();
        if self.buffer.len() == self.buffer.capacity() && self.buffer.len() < room {
            let left = self.piece.bytes.map(|bytes| bytes.saturating_sub(self.stored));
            let left = left.map_or(0, |left| usize::try_from(left).unwrap_or(usize::MAX));
            let wanted = left.max(BUFFER_BYTES_MIN).max(2 * self.buffer.len()).min(room);
            // A full buffer becomes a segment where it is.
            let segment = self.draft.segment_bytes as usize + HASHES_BYTES;
            let wanted = if wanted == room { segment } else { wanted };
            self.buffer.reserve_exact(wanted - self.buffer.len());
        }
        (&mut self.buffer, room)
    }

    /// Whether storing the buffer as it is takes reading back what is stored already: up to a segment
    /// in memory.
    #[must_use]
    pub fn reads_back(&self) -> bool {
        let tail = self.draft.tail.len();
        tail > 0 && self.buffer.len() == self.room() || tail == TAIL_MAX
    }

    /// Stores the buffer, be it full or not. It is empty then.
    ///
    /// # Errors
    /// See [`Refused`]. None of the bytes since they were last named counts.
    pub async fn store(&mut self) -> Result<(), Refused> {
        self.take_step()?;
        self.check()?;
        if !self.buffer.is_empty() {
            self.store_buffer().await?;
            if self.piece.keeps_part && self.piece.digest.is_none() {
                self.name().await?;
            }
        }
        self.is_broken = false;
        Ok(())
    }

    /// Names all bytes, those in the buffer too: that was the whole piece.
    ///
    /// # Errors
    /// See [`Refused`]; [`Refused::Mismatch`] where it does not hash to what was said.
    pub async fn finish(mut self) -> Result<Progress, Refused> {
        self.take_step()?;
        if let Err(refused) = self.check().and_then(|()| self.check_whole()) {
            // Nobody was asked to name them.
            self.engine.delete(&self.unnamed).await;
            return Err(refused);
        }
        self.name_rest().await
    }

    /// Names the bytes that came of a piece whose rest did not. Only of a [`Piece::keeps_part`].
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn finish_part(mut self) -> Result<Progress, Refused> {
        self.take_step()?;
        self.check()?;
        if !self.piece.keeps_part || self.piece.digest.is_some() {
            return Err(mistake("bytes of a piece that counts as a whole"));
        }
        self.name_rest().await
    }

    fn room(&self) -> usize {
        (self.draft.segment_bytes - self.draft.tail_bytes()) as usize
    }

    fn hash(&mut self) {
        let new = &self.buffer[self.hashed.min(self.buffer.len())..];
        self.hashes.update(new);
        if let Some(own) = &mut self.own {
            own.update(new);
        }
        self.hashed = self.buffer.len();
    }

    /// Whoever does not come to the end of a step, as it failed or was dropped, takes no other.
    fn take_step(&mut self) -> Result<(), Refused> {
        if std::mem::replace(&mut self.is_broken, true) {
            return Err(mistake("an upload is appended to after that failed"));
        }
        self.hash();
        Ok(())
    }

    fn check(&self) -> Result<(), Refused> {
        let new = self.buffer.len() as u64;
        if self.buffer.len() > self.room() {
            return Err(mistake("a buffer has more bytes than it is to have"));
        }
        if self.piece.bytes.is_some_and(|bytes| self.stored + new > bytes) {
            return Err(Refused::Length);
        }
        self.engine.check_size(&self.draft, self.draft.size.saturating_add(new))
    }

    fn check_whole(&self) -> Result<(), Refused> {
        let bytes = self.stored + self.buffer.len() as u64;
        if self.piece.bytes.is_some_and(|said| said != bytes) {
            return Err(Refused::Length);
        }
        let own = self.own.as_ref().map(OwnHash::digest);
        if own == self.piece.digest { Ok(()) } else { Err(Refused::Mismatch) }
    }

    async fn name_rest(&mut self) -> Result<Progress, Refused> {
        self.store_buffer().await?;
        self.name().await?;
        Ok(self.progress.clone())
    }

    async fn store_buffer(&mut self) -> Result<(), Refused> {
        if self.buffer.len() == self.room() {
            self.seal().await
        } else if self.buffer.is_empty() {
            Ok(())
        } else {
            self.store_tail().await
        }
    }

    /// Makes a sealed segment of the tail and the full buffer.
    async fn seal(&mut self) -> Result<(), Refused> {
        let offset = self.draft.sealed_count() * self.draft.segment_bytes;
        let name = self.store_segment(0, offset).await?;
        self.draft.sealed.push(name);
        if self.draft.sealed.len() > SEALED_MAX {
            self.list().await?;
        }
        Ok(())
    }

    /// Makes a segment of the tail of what is in the buffer. If there are as many as there may be,
    /// the last ones go into it: each byte only as often as it takes for what it is in to double.
    async fn store_tail(&mut self) -> Result<(), Refused> {
        let tail = &self.draft.tail;
        let (mut from, mut length) = (tail.len(), self.buffer.len() as u64);
        let mut offset = self.draft.size;
        let is_full = tail.len() == TAIL_MAX;
        while from > 0 && is_full && (from == TAIL_MAX || tail[from - 1].length <= length) {
            from -= 1;
            length += tail[from].length;
            offset -= tail[from].length;
        }
        let name = self.store_segment(from, offset).await?;
        self.draft.tail.push(Tail { name, length });
        Ok(())
    }

    /// Stores a segment of the tail's segments beginning with `from`, which begins at `offset`, and
    /// of the buffer, which is empty then.
    async fn store_segment(&mut self, from: usize, offset: u64) -> Result<[u8; 16], Refused> {
        let (id, new) = (self.progress.id, self.buffer.len());
        let parts = self.draft.tail.split_off(from);
        let before: u64 = parts.iter().map(|tail| tail.length).sum();
        self.buffer.reserve_exact(before as usize + HASHES_BYTES);
        let mut part_offset = offset;
        for Tail { name, length } in &parts {
            let key = segment_key(id, part_offset, name);
            let range = (0, length - 1);
            if !self.engine.objects.read(key.key(), range, &mut self.buffer).await? {
                return Err(self.engine.lost(id, &self.version).await);
            }
            part_offset += length;
            self.dropped.push(key);
        }
        if (self.buffer.len() - new) as u64 != before {
            return Err(missing().into());
        }
        self.buffer.rotate_left(new);
        let hashes = self.hashes.to_bytes();
        self.buffer.extend_from_slice(&hashes);
        let name = (self.engine.random)()?;
        let key = segment_key(id, offset, &name);
        self.engine.objects.put(&key, &self.buffer).await?;
        self.unnamed.push(key);
        self.buffer.clear();
        self.hashed = 0;
        self.stored += new as u64;
        self.draft.size += new as u64;
        self.draft.hashes = self.hashes.clone();
        Ok(name)
    }

    /// Makes a list of the first sealed segments that the register names.
    async fn list(&mut self) -> Result<(), Refused> {
        let draft = &mut self.draft;
        let segments = draft.sealed.drain(..LIST_SEGMENTS).collect();
        let list = List { before: draft.last_list, segments };
        draft.last_list = (self.engine.random)()?;
        draft.lists += 1;
        let end = draft.listed() * draft.segment_bytes;
        let key = list_key(self.progress.id, end, &draft.last_list);
        self.engine.store_list(&key, &list).await?;
        self.unnamed.push(key);
        Ok(())
    }

    /// Names what is stored, if nobody changed the upload meanwhile.
    async fn name(&mut self) -> Result<(), Refused> {
        let id = self.progress.id;
        self.draft.touch(self.engine.time());
        match self.engine.replace(id, &self.version, &self.draft).await? {
            Changed::Done(version) => self.version = version,
            // What others named may be ours, if our question was repeated on the way: nothing is
            // deleted.
            Changed::Conflict => return Err(Refused::Raced),
        }
        self.progress = self.engine.progress(id, &self.draft);
        self.unnamed.clear();
        // What cannot be deleted now is left to whoever deletes all.
        self.engine.delete(&std::mem::take(&mut self.dropped)).await;
        Ok(())
    }
}

fn mistake(what: &'static str) -> Refused {
    Refused::Failed(Error::Internal(what.into()))
}
