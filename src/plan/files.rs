//! The files a plan is made of.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The most that is read of a file. Certificates and key sets of everybody are shorter.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Reads files, and remembers which: when one of them changes, the plan is outdated.
#[derive(Default)]
pub struct Files {
    read: Vec<ReadFile>,
    regular_only: bool,
}

/// A file as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadFile {
    path: PathBuf,
    stamp: Stamp,
}

/// What changes when a file does. Symbolic links are followed, so that it changes too when a link
/// is pointed elsewhere, as Kubernetes does with mounted ConfigMaps and Secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(Option<(u64, u64, Option<SystemTime>)>);

impl Stamp {
    fn of(path: &Path) -> Self {
        let stamp = |file: Metadata| (file.ino(), file.len(), file.modified().ok());
        Self(fs::metadata(path).ok().map(stamp))
    }
}

impl ReadFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it looked like before it was read.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// What it looks like now.
    #[must_use]
    pub fn current_stamp(&self) -> Stamp {
        Stamp::of(&self.path)
    }
}

impl Files {
    /// Reads nothing but regular files: who opens a pipe that nobody writes to waits for ever, which
    /// at a start somebody would notice, and later on nobody.
    #[must_use]
    pub fn regular() -> Self {
        Self { regular_only: true, ..Self::default() }
    }

    /// The content of a file.
    ///
    /// # Errors
    /// It cannot be read, or is larger than 16 MiB.
    pub fn bytes(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        // In this order a change in between is noticed later.
        self.read.push(ReadFile { path: path.to_owned(), stamp: Stamp::of(path) });
        if self.regular_only && !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    /// The content of a file.
    ///
    /// # Errors
    /// Says which file cannot be read, and why.
    pub(super) fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        self.bytes(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    }

    /// All that were asked for, once each.
    pub(super) fn into_vec(mut self) -> Vec<ReadFile> {
        self.read.sort();
        self.read.dedup();
        self.read
    }
}
