//! Sending a file in pieces.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;

use super::hashing::{Hasher, Hashes};
use super::patience::Patience;
use super::progress::{Progress, Show};
use super::resume::{self, Memory, Remembered};
use super::{Client, Failure};

/// The size of a piece in bytes. Uploads that were begun with another size are begun anew.
pub(super) const PIECE_BYTES: u64 = 8 * 1024 * 1024;

/// A file that is uploaded.
pub(in crate::cli) struct Source {
    file: File,
    /// Without links in it.
    path: PathBuf,
    /// Its size in bytes.
    pub(in crate::cli) size: u64,
    /// When it was changed last, in nanoseconds since 1970.
    pub(super) modified: u128,
    /// What it hashed to when it was opened.
    pub(in crate::cli) hashes: Hashes,
}

/// An upload that is complete, but no artifact yet.
pub(in crate::cli) struct Uploaded {
    /// Its name.
    pub(in crate::cli) uuid: String,
    /// How many bytes this process has sent, those twice that were.
    pub(in crate::cli) sent: u64,
    memory: Memory,
}

/// An upload on its way.
struct Sending<'a> {
    client: &'a mut Client,
    source: &'a Source,
    memory: Memory,
    progress: Progress,
    uuid: String,
    /// The end of the last piece that the gateway said it has.
    acknowledged: u64,
    /// The end of the last piece that was sent.
    sent: u64,
    bytes_sent: u64,
}

impl Source {
    /// Opens a file and hashes it.
    pub(in crate::cli) fn open(path: &Path, show: Show) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::of_file(path, &error);
        let canonical = path.canonicalize().map_err(failed)?;
        let mut file = File::open(&canonical).map_err(failed)?;
        let (size, modified) = identity(&file).map_err(failed)?;
        let progress = show.progress("hashing", size);
        let mut hasher = Hasher::default();
        let read = hasher.read(&mut file, &progress).map_err(failed)?;
        progress.clear();
        let source = Self { file, path: canonical, size, modified, hashes: hasher.finish() };
        match read == size {
            true => Ok(source),
            false => Err(source.changed("hashed")),
        }
    }

    /// Whether it is as it was, as far as its size and time tell.
    ///
    /// # Errors
    /// It is not, or cannot be asked.
    pub(in crate::cli) fn check(&self) -> Result<(), Failure> {
        let now = identity(&self.file).map_err(|error| Failure::of_file(&self.path, &error))?;
        let is_same = now == (self.size, self.modified);
        is_same.then_some(()).ok_or_else(|| self.changed("uploaded"))
    }

    /// What to say of a file that changes.
    pub(in crate::cli) fn changed(&self, when: &str) -> Failure {
        Failure::Failed(format!("{} changed while it was {when}", self.path.display()))
    }

    fn piece(&self, offset: u64) -> Result<Bytes, Failure> {
        let length = PIECE_BYTES.min(self.size - offset);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        match self.file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(bytes.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.changed("uploaded"))
            }
            Err(error) => Err(Failure::of_file(&self.path, &error)),
        }
    }
}

/// Size, and time of the last change in nanoseconds since 1970.
fn identity(file: &File) -> io::Result<(u64, u128)> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((metadata.len(), modified.as_nanos()))
}

impl Uploaded {
    /// It is an artifact, or never will be one: nothing of it is remembered.
    pub(in crate::cli) fn forget(&self) {
        self.memory.forget();
    }
}

/// Sends a file, or what is missing of an upload that an earlier process began.
///
/// # Errors
/// See [`Failure`]. Unless the gateway does not know the upload any more, a later process can go on.
pub(in crate::cli) async fn upload(
    client: &mut Client,
    source: &Source,
    show: Show,
) -> Result<Uploaded, Failure> {
    let memory = Memory::open(resume::folder(), client.place(), &source.path);
    let known = memory.recall(source);
    let is_resumed = known.is_some();
    let Remembered { upload: uuid, acknowledged } = match known {
        Some(known) => known,
        None => {
            let begun = Remembered { upload: client.begin().await?, acknowledged: 0 };
            memory.note(source, &begun);
            begun
        }
    };
    let progress = show.progress("uploading", source.size);
    let sent = end_of_piece(acknowledged, source.size);
    let sent = if is_resumed { sent } else { 0 };
    let mut sending =
        Sending { client, source, memory, progress, uuid, acknowledged, sent, bytes_sent: 0 };
    let outcome = sending.run(is_resumed).await;
    let Sending { memory, progress, uuid, bytes_sent, .. } = sending;
    match outcome {
        Ok(()) => {
            progress.finish("uploaded", bytes_sent);
            Ok(Uploaded { uuid, sent: bytes_sent, memory })
        }
        Err(failure) => {
            progress.clear();
            // Also one that is an artifact already, or that somebody else appends to.
            if failure.is_not_found() || failure.is_conflict() {
                memory.forget();
            }
            Err(failure)
        }
    }
}

impl Sending<'_> {
    async fn run(&mut self, is_resumed: bool) -> Result<(), Failure> {
        let mut patience = Patience::default();
        // Whether the gateway is known to have just the bytes up to `acknowledged`.
        let mut is_in_step = !is_resumed;
        while !is_in_step || self.acknowledged < self.source.size {
            let step = match is_in_step {
                true => self.send_piece().await,
                false => self.resynchronize().await,
            };
            match (step, is_in_step) {
                (Ok(()), true) => patience.renew(),
                (Ok(()), false) => is_in_step = true,
                (Err(failure), _) => {
                    patience.pause(failure).await?;
                    is_in_step = false;
                }
            }
        }
        Ok(())
    }

    async fn send_piece(&mut self) -> Result<(), Failure> {
        let piece = self.source.piece(self.acknowledged)?;
        let end = self.acknowledged + piece.len() as u64;
        self.sent = self.sent.max(end);
        self.bytes_sent += piece.len() as u64;
        let progress = Some(self.progress.clone());
        match self.client.append(&self.uuid, piece, progress).await? {
            total if total == end => self.acknowledge(end),
            total => return Err(Failure::OutOfStep(total)),
        }
        Ok(())
    }

    /// Finds out what the gateway has. What may be of a piece that was sent twice is dropped.
    async fn resynchronize(&mut self) -> Result<(), Failure> {
        let total = self.client.append(&self.uuid, Bytes::new(), None).await?;
        let good = good(total, self.acknowledged, self.sent, self.source.size);
        if good != total {
            self.client.truncate(&self.uuid, good).await?;
        }
        self.acknowledge(good);
        self.progress.begin_at(good);
        Ok(())
    }

    fn acknowledge(&mut self, end: u64) {
        self.acknowledged = end;
        self.progress.set(end);
        let remembered = Remembered { upload: self.uuid.clone(), acknowledged: end };
        self.memory.note(self.source, &remembered);
    }
}

/// Where the piece ends that begins there.
fn end_of_piece(begin: u64, size: u64) -> u64 {
    begin.saturating_add(PIECE_BYTES).min(size)
}

/// How many of the `total` bytes that the gateway has can be kept: all, if they end where a piece
/// does that was sent; else those that it said it has, as far as it still does.
fn good(total: u64, acknowledged: u64, sent: u64, size: u64) -> u64 {
    let is_end = |end: u64| end.is_multiple_of(PIECE_BYTES) || end == size;
    if total <= sent && is_end(total) {
        return total;
    }
    let kept = acknowledged.min(total);
    if is_end(kept) { kept } else { kept - kept % PIECE_BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gateway_has_is_kept_if_it_can_be_right() {
        const P: u64 = PIECE_BYTES;
        let size = 3 * P + 5;
        for (total, acknowledged, sent, expected) in [
            (0, 0, 0, 0),
            (P, 0, P, P),
            (0, 0, P, 0),
            // The answer was lost, not the piece.
            (2 * P, P, 2 * P, 2 * P),
            (size, 3 * P, size, size),
            // The piece counted twice.
            (3 * P, P, 2 * P, P),
            (size + 5, 3 * P, size, 3 * P),
            // Nobody sent that.
            (P + 1, P, 2 * P, P),
            (7, 0, P, 0),
            (u64::MAX, 2 * P, 2 * P, 2 * P),
            // It forgot some.
            (P, 2 * P, 3 * P, P),
            (P + 1, 2 * P, 3 * P, P),
            (P - 1, 2 * P, 3 * P, 0),
            (3 * P, size, size, 3 * P),
        ] {
            let found = good(total, acknowledged, sent, size);
            assert_eq!(found, expected, "{total} {acknowledged} {sent}");
        }
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Source::open(folder.path(), Show::Nothing).is_err());
    }
}
