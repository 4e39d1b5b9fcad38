//! What the register of an upload says. Numbers are big-endian:
//!
//! ```text
//! | form: 1 | stage | owner | length, or all ones | touched, ms since 1970 | segment size | size |
//! |    1    |   1   |  32   |          8          |            8           |       8      |   8  |
//!
//! | hashes | lists | last list | count | each: name | count | each: name | length |
//! |  405   |   4   |    16     |   1   |     16     |   1   |     16     |    8   |
//!
//! | length | metadata     | length | key of the object |
//! |    2   | up to 2,048  |    2   | up to 1,024       |
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::hashes::{HASHES_BYTES, Hashes};

/// The most segments in the tail.
pub(super) const TAIL_MAX: usize = 16;

/// The most sealed segments that the register names itself.
pub(super) const SEALED_MAX: usize = 128;

/// How many sealed segments a list names.
pub(super) const LIST_SEGMENTS: usize = 64;

const FORM: u8 = 1;
const NO_LENGTH: u64 = u64::MAX;

/// The random part of the name of a segment or a list.
pub(super) type Name = [u8; 16];

/// What can become of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    Committing,
    Done,
    /// It is over, and its segments are being deleted.
    Dead,
}

/// A segment of the tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) name: Name,
    /// In bytes, at least one.
    pub(super) length: u64,
}

/// An upload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upload {
    pub(super) life: Life,
    /// A hash of whose it is.
    pub(super) owner: [u8; 32],
    pub(super) length: Option<u64>,
    pub(super) metadata: String,
    /// When something was last done with it, in whole milliseconds.
    pub(super) touched: SystemTime,
    /// The size of each sealed segment, in bytes.
    pub(super) segment_bytes: u64,
    /// In bytes.
    pub(super) size: u64,
    /// Of all bytes.
    pub(super) hashes: Hashes,
    /// How many lists there are.
    pub(super) lists: u32,
    /// The name of the last, which names the one before it. Zeros where there is none.
    pub(super) last_list: Name,
    /// The sealed segments after those in lists. If there are lists, there is one at least.
    pub(super) sealed: Vec<Name>,
    /// What comes after sealed segments: shorter than one, all together.
    pub(super) tail: Vec<Tail>,
    /// The key of the object, once it is to be one; otherwise empty.
    pub(super) key: String,
}

impl Upload {
    /// One that has no bytes yet.
    pub(super) fn new(owner: [u8; 32], segment_bytes: u64, now: SystemTime) -> Self {
        Self {
            life: Life::Open,
            owner,
            length: None,
            metadata: String::new(),
            touched: whole_milliseconds(now),
            segment_bytes: segment_bytes.max(1),
            size: 0,
            hashes: Hashes::default(),
            lists: 0,
            last_list: [0; 16],
            sealed: Vec::new(),
            tail: Vec::new(),
            key: String::new(),
        }
    }

    /// Notes that something was done with it.
    pub(super) fn touch(&mut self, now: SystemTime) {
        self.touched = self.touched.max(whole_milliseconds(now));
    }

    /// Makes it one whose segments nobody reads any more.
    pub(super) fn leave(&mut self, life: Life) {
        self.life = life;
        (self.lists, self.last_list) = (0, [0; 16]);
        self.sealed.clear();
        self.tail.clear();
    }

    /// How many sealed segments lists name.
    pub(super) fn listed(&self) -> u64 {
        u64::from(self.lists) * LIST_SEGMENTS as u64
    }

    /// How many sealed segments there are.
    pub(super) fn sealed_count(&self) -> u64 {
        self.listed() + self.sealed.len() as u64
    }

    /// How many bytes are in the tail.
    pub(super) fn tail_bytes(&self) -> u64 {
        self.tail.iter().map(|tail| tail.length).sum()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024 + self.metadata.len());
        bytes.push(FORM);
        bytes.push(match self.life {
            Life::Open => 0,
            Life::Committing => 1,
            Life::Done => 2,
            Life::Dead => 3,
        });
        bytes.extend_from_slice(&self.owner);
        let numbers = [
            self.length.unwrap_or(NO_LENGTH),
            milliseconds(self.touched),
            self.segment_bytes,
            self.size,
        ];
        numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_be_bytes()));
        bytes.extend_from_slice(&self.hashes.to_bytes());
        bytes.extend_from_slice(&self.lists.to_be_bytes());
        bytes.extend_from_slice(&self.last_list);
        bytes.push(self.sealed.len() as u8);
        self.sealed.iter().for_each(|name| bytes.extend_from_slice(name));
        bytes.push(self.tail.len() as u8);
        for tail in &self.tail {
            bytes.extend_from_slice(&tail.name);
            bytes.extend_from_slice(&tail.length.to_be_bytes());
        }
        for text in [&self.metadata, &self.key] {
            bytes.extend_from_slice(&(text.len() as u16).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// Reads that form. None: somebody else wrote it.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        if rest.number::<1>()? != u64::from(FORM) {
            return None;
        }
        let life = match rest.number::<1>()? {
            0 => Life::Open,
            1 => Life::Committing,
            2 => Life::Done,
            3 => Life::Dead,
            _ => return None,
        };
        let upload = Self {
            life,
            owner: *rest.array()?,
            length: Some(rest.number::<8>()?).filter(|length| *length != NO_LENGTH),
            touched: UNIX_EPOCH.checked_add(Duration::from_millis(rest.number::<8>()?))?,
            segment_bytes: rest.number::<8>()?,
            size: rest.number::<8>()?,
            hashes: Hashes::read(rest.bytes(HASHES_BYTES)?)?,
            lists: u32::from_be_bytes(*rest.array()?),
            last_list: *rest.array()?,
            sealed: rest.sealed()?,
            tail: rest.tail()?,
            metadata: rest.text()?,
            key: rest.text()?,
        };
        (rest.0.is_empty() && upload.is_sound()).then_some(upload)
    }

    /// Whether the segments make up the size.
    fn is_sound(&self) -> bool {
        if matches!(self.life, Life::Done | Life::Dead) {
            return self.lists == 0 && self.sealed.is_empty() && self.tail.is_empty();
        }
        let sealed = self.sealed_count().checked_mul(self.segment_bytes);
        let mut tail = self.tail.iter().map(|tail| tail.length);
        let in_tail = tail.try_fold(0_u64, |sum, length| sum.checked_add(length));
        let (Some(sealed), Some(in_tail)) = (sealed, in_tail) else { return false };
        in_tail < self.segment_bytes
            && sealed.checked_add(in_tail) == Some(self.size)
            && self.tail.iter().all(|tail| tail.length > 0)
            && (self.lists == 0 || !self.sealed.is_empty())
    }
}

/// What of a record was not read yet.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const LENGTH: usize>(&mut self) -> Option<&'b [u8; LENGTH]> {
        self.bytes(LENGTH)?.as_array()
    }

    fn number<const LENGTH: usize>(&mut self) -> Option<u64> {
        let bytes = self.array::<LENGTH>()?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn sealed(&mut self) -> Option<Vec<Name>> {
        let count = self.number::<1>()? as usize;
        if count > SEALED_MAX {
            return None;
        }
        (0..count).map(|_| self.array().copied()).collect()
    }

    fn tail(&mut self) -> Option<Vec<Tail>> {
        let count = self.number::<1>()? as usize;
        if count > TAIL_MAX {
            return None;
        }
        let tail = |_| Some(Tail { name: *self.array()?, length: self.number::<8>()? });
        (0..count).map(tail).collect()
    }

    fn text(&mut self) -> Option<String> {
        let count = self.number::<2>()? as usize;
        String::from_utf8(self.bytes(count)?.to_vec()).ok()
    }
}

/// A time as registers have it.
fn whole_milliseconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds(time))
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(since).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::layout::KEY_BYTES_MAX;
    use crate::state::VALUE_BYTES_MAX;
    use crate::upload::METADATA_BYTES_MAX;

    fn largest() -> Upload {
        let now = UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
        let mut upload = Upload::new([7; 32], 8 << 20, now);
        upload.life = Life::Committing;
        upload.length = Some(u64::MAX - 1);
        upload.metadata = "m".repeat(METADATA_BYTES_MAX);
        upload.hashes.update(b"something");
        (upload.lists, upload.last_list) = (155, [3; 16]);
        upload.sealed = (0..SEALED_MAX).map(|number| [number as u8; 16]).collect();
        upload.tail = vec![Tail { name: [9; 16], length: 1 << 10 }; TAIL_MAX];
        upload.size = upload.sealed_count() * upload.segment_bytes + upload.tail_bytes();
        upload.key = "k".repeat(KEY_BYTES_MAX);
        upload
    }

    #[test]
    fn the_largest_fits() {
        let bytes = largest().to_bytes();
        assert!(bytes.len() <= VALUE_BYTES_MAX, "{} bytes", bytes.len());
    }

    #[test]
    fn what_was_written_is_read() {
        let mut done = largest();
        done.leave(Life::Done);
        let mut dead = done.clone();
        dead.leave(Life::Dead);
        for upload in [largest(), done, dead, Upload::new([0; 32], 16, UNIX_EPOCH)] {
            assert!(Upload::read(&upload.to_bytes()) == Some(upload));
        }
    }

    #[test]
    fn what_others_wrote_is_no_upload() {
        let bytes = largest().to_bytes();
        for end in 0..bytes.len() {
            assert!(Upload::read(&bytes[..end]).is_none(), "{end}");
        }
        for at in [0, 1] {
            let mut bytes = bytes.clone();
            bytes[at] = 9;
            assert!(Upload::read(&bytes).is_none(), "{at}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(Upload::read(&longer).is_none());
    }

    #[test]
    fn segments_make_up_the_size() {
        let unsound: [fn(&mut Upload); 5] = [
            |upload| upload.size += 1,
            |upload| upload.segment_bytes -= 1,
            |upload| upload.tail[3].length = u64::MAX,
            |upload| {
                upload.size -= upload.tail[0].length;
                upload.tail[0].length = 0;
            },
            |upload| {
                upload.size -= upload.sealed.len() as u64 * upload.segment_bytes;
                upload.sealed.clear();
            },
        ];
        for spoil in unsound {
            let mut upload = largest();
            spoil(&mut upload);
            assert!(Upload::read(&upload.to_bytes()).is_none());
        }
    }
}
