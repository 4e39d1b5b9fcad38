//! A disk with faults.

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};

use casgate::state::embedded::Medium;
use redb::StorageBackend;
use redb::backends::FileBackend;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It takes nothing more.
    Full,
    /// What is to be on the disk for good takes for ever.
    Stalled,
    /// What is to be on the disk for good is not.
    Broken,
}

#[derive(Debug, Default)]
struct State {
    fault: Mutex<Option<Fault>>,
    changed: Condvar,
}

/// A file on it.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    path: PathBuf,
    state: Arc<State>,
}

impl Disk {
    pub(super) fn with(path: PathBuf) -> Self {
        Self { path, state: Arc::default() }
    }

    pub(super) fn fill(&self) {
        self.become_(Some(Fault::Full));
    }

    pub(super) fn stall(&self) {
        self.become_(Some(Fault::Stalled));
    }

    pub(super) fn break_down(&self) {
        self.become_(Some(Fault::Broken));
    }

    pub(super) fn recover(&self) {
        self.become_(None);
    }

    fn become_(&self, fault: Option<Fault>) {
        *self.state.fault.lock().unwrap() = fault;
        self.state.changed.notify_all();
    }

    fn check(&self, fault: Fault, error: io::ErrorKind) -> io::Result<()> {
        let fails = *self.state.fault.lock().unwrap() == Some(fault);
        if fails { Err(error.into()) } else { Ok(()) }
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(formatter)
    }
}

impl Medium for Disk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        self.check(Fault::Full, io::ErrorKind::StorageFull)?;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&self.path)?;
        let file = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Box::new(File { file, disk: self.clone() }))
    }
}

#[derive(Debug)]
struct File {
    file: FileBackend,
    disk: Disk,
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.check(Fault::Full, io::ErrorKind::StorageFull)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.check(Fault::Broken, io::ErrorKind::Other)?;
        self.file.sync_data()?;
        let fault = self.disk.state.fault.lock().unwrap();
        let stalled = |fault: &mut Option<Fault>| *fault == Some(Fault::Stalled);
        drop(self.disk.state.changed.wait_while(fault, stalled).unwrap());
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.check(Fault::Full, io::ErrorKind::StorageFull)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}
