//! What a file is kept on.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// Where a file is, or what stands for one. It is shown as what it is called.
pub trait Medium: fmt::Display + Send + Sync + 'static {
    /// Opens it; makes it where there is none.
    ///
    /// # Errors
    /// It cannot be opened or made.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;
}

/// Only this user's file.
const MODE: u32 = 0o600;

/// A file in a folder.
pub(super) struct OnDisk(pub(super) PathBuf);

impl fmt::Display for OnDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(formatter)
    }
}

impl Medium for OnDisk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(MODE);
        let file = match options.clone().create_new(true).open(&self.0) {
            Ok(file) => {
                // Its name has to be on the disk too, or it is gone after a power failure.
                File::open(folder(&self.0))?.sync_all()?;
                tracing::info!(file = %self, "a new state file: no token is spent yet");
                file
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(&self.0)?,
            Err(error) => return Err(error),
        };
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }
}

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether a medium failed to say that all is on the disk.
///
/// What the system could not write it may have forgotten, and then reads as if it were written:
/// from then on nothing that is read is known to last.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    pub(super) fn exists(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A medium that is open, and notes doubts.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) backend: Box<dyn StorageBackend>,
    pub(super) doubt: Doubt,
}

type Lock = Result<bool, BackendError>;

impl StorageBackend for Watched {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.backend.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.backend.sync_data().inspect_err(|_| self.doubt.0.store(true, Ordering::Release))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backend.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Lock {
        self.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Lock {
        self.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Lock {
        self.backend.query_lock_range(start, end)
    }
}
