//! Registers in a file of this process (redb).
//!
//! A write is answered when it is on the disk. One thread makes all of them: what comes while the
//! disk is busy shares the next commit, so that a burst costs few. Reads wait for no write, and see
//! all that were answered.
//!
//! The file is locked: a second process gets none of it, which rules out rolling restarts.

mod file;
mod medium;
mod writer;

use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::SystemTime;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;

use self::file::{File, register};
use self::writer::{Change, Job, Outcome};
use super::{Create, Failure, Record, Replace, StateKey, StateStore, Unfit, Version, Versioned};
pub use medium::Medium;
use medium::OnDisk;

/// How many writes may wait for the disk. One more is not done.
const WAITING_MAX: usize = 2048;

/// How many reads may wait for the disk at the same time. More of them wait for those.
const READS_MAX: usize = 8;

/// Registers in a file.
pub struct Embedded {
    medium: Arc<dyn Medium>,
    open: Arc<Open>,
}

/// What there is once the file is open.
#[derive(Default)]
struct Open {
    running: OnceLock<Running>,
    /// Held while the file is opened, so that nobody opens it twice.
    opening: Mutex<()>,
}

struct Running {
    file: Arc<File>,
    /// Its end is the end of the thread.
    jobs: SyncSender<Job>,
    reads: Arc<Semaphore>,
}

impl Embedded {
    /// Registers in the file there. Nothing is opened yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self::on(Arc::new(OnDisk(path)))
    }

    /// The same on something that need not be a file.
    #[must_use]
    pub fn on(medium: Arc<dyn Medium>) -> Self {
        Self { medium, open: Arc::default() }
    }

    /// Opens the file, unless that was done before; makes it where there is none. `now` is the
    /// clock by which records are deleted that are over.
    pub(super) async fn start(&self, now: fn() -> SystemTime) -> Result<(), Unfit> {
        let (medium, open) = (Arc::clone(&self.medium), Arc::clone(&self.open));
        // Whoever does not wait for it any more finds it open the next time.
        let started = spawn_blocking(move || open.start(medium, now)).await;
        started.unwrap_or_else(|_| {
            let medium = &self.medium;
            Err(Unfit::Unsafe(format!("the state file {medium} is damaged: it cannot be read")))
        })
    }

    /// Has the thread decide and do it.
    async fn write(
        &self,
        key: &StateKey,
        change: Change,
        now: SystemTime,
    ) -> Result<Outcome, Failure> {
        let running = self.running()?;
        let (answer, answered) = oneshot::channel();
        let job = Job { key: register(key), change, now, answer };
        running.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Failure::NotDone("too many writes wait for the disk".into()),
            TrySendError::Disconnected(_) => Failure::NotDone("the writer has ended".into()),
        })?;
        let lost = |_| Err(Failure::Unknown("the writer gave up on it".into()));
        answered.await.unwrap_or_else(lost)
    }

    fn running(&self) -> Result<&Running, Failure> {
        let closed = || Failure::NotDone("the state file is not open yet".into());
        self.open.running.get().ok_or_else(closed)
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Embedded({})", self.medium)
    }
}

impl Open {
    fn start(&self, medium: Arc<dyn Medium>, now: fn() -> SystemTime) -> Result<(), Unfit> {
        // Whoever panicked while it was opened has left nothing behind.
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.running.get().is_some() {
            return Ok(());
        }
        let file = Arc::new(File::open(medium)?);
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        let writer = {
            let file = Arc::clone(&file);
            thread::Builder::new().name("state".into()).spawn(move || {
                writer::run(&waiting, &file, now);
            })
        };
        writer.map_err(|error| Unfit::Unreachable(format!("no thread for it: {error}")))?;
        let reads = Arc::new(Semaphore::new(READS_MAX));
        let _ = self.running.set(Running { file, jobs, reads });
        Ok(())
    }
}

fn versioned(record: Record) -> Versioned {
    Versioned { version: Version::of(record.nonce), record }
}

impl StateStore for Embedded {
    async fn read(&self, key: &StateKey, now: SystemTime) -> Result<Option<Versioned>, Failure> {
        let running = self.running()?;
        let ended = |error: &dyn fmt::Display| Failure::NotDone(error.to_string());
        let permit = Arc::clone(&running.reads).acquire_owned().await;
        let permit = permit.map_err(|error| ended(&error))?;
        let (file, key) = (Arc::clone(&running.file), register(key));
        let read = spawn_blocking(move || {
            // A read that nobody waits for any more takes up its place for as long as it lasts.
            let _permit = permit;
            file.read(&key)
        });
        let there = read.await.map_err(|error| ended(&error))??;
        Ok(there.filter(|record| record.lives(now)).map(versioned))
    }

    async fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        let nonce = record.nonce;
        match self.write(key, Change::Create(record.clone()), now).await? {
            Outcome::Done => Ok(Create::Created(Version::of(nonce))),
            Outcome::Kept(Some(record)) => Ok(Create::Exists(versioned(record))),
            Outcome::Kept(None) => Err(Failure::NotDone("the register stayed empty".into())),
        }
    }

    async fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        let nonce = record.nonce;
        match self.write(key, Change::Replace(*seen.nonce(), record.clone()), now).await? {
            Outcome::Done => Ok(Replace::Replaced(Version::of(nonce))),
            Outcome::Kept(_) => Ok(Replace::Conflict),
        }
    }

    async fn remove(&self, key: &StateKey, seen: &Version, now: SystemTime) -> Result<(), Failure> {
        self.write(key, Change::Remove(*seen.nonce()), now).await.map(|_| ())
    }
}
