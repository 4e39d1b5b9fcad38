//! The file: one table, whose keys begin with the hour a register ends.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, StorageError, Table, TableDefinition,
};

use super::super::{Failure, Record, StateKey, Unfit};
use super::medium::{Doubt, Medium, Watched};

/// Registers by hour and name; records in the form all stores have.
const REGISTERS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("registers");

/// In place of a register, behind all of them: the last hour whose registers were deleted.
const SWEPT: [u8; 8] = [u8::MAX; 8];

/// What is kept in memory of the file, in bytes.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// How many registers one sweep deletes, so that writes do not wait long for it.
const SWEPT_MAX: usize = 512;

pub(super) type Registers<'a> = Table<'a, &'static [u8], &'static [u8]>;

/// Any error of redb.
type Error = Box<redb::Error>;

pub(super) struct File {
    medium: Arc<dyn Medium>,
    doubt: Doubt,
    /// None: it failed, and was closed.
    database: RwLock<Option<Database>>,
}

/// The key of a register.
pub(super) fn register(key: &StateKey) -> Box<[u8]> {
    [&key.end_hour().to_be_bytes(), key.as_str().as_bytes()].concat().into()
}

/// What a register is said to hold.
pub(super) fn record(bytes: &[u8]) -> Result<Record, Failure> {
    Record::from_bytes(bytes).map_err(|foreign| Failure::NotDone(foreign.to_owned()))
}

impl File {
    /// Opens it, and sees whether it can be written.
    pub(super) fn open(medium: Arc<dyn Medium>) -> Result<Self, Unfit> {
        let doubt = Doubt::default();
        let database = open(&*medium, &doubt).map_err(|error| unfit(&*medium, &error))?;
        Ok(Self { medium, doubt, database: RwLock::new(Some(database)) })
    }

    pub(super) fn is_open(&self) -> bool {
        self.database.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Opens it again after a failure.
    pub(super) fn reopen(&self) {
        if self.doubt.exists() {
            return;
        }
        let opened = catch_unwind(AssertUnwindSafe(|| open(&*self.medium, &self.doubt)));
        let error = match opened {
            Ok(Ok(database)) => {
                self.put(Some(database));
                tracing::info!(file = %self.medium, "the state file is open again");
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it cannot be read".to_owned(),
        };
        tracing::error!(file = %self.medium, error, "the state file cannot be opened again");
    }

    /// Closes it: what it has in memory may not be what the disk has.
    fn close(&self, why: &str) {
        self.put(None);
        let file = &self.medium;
        match self.doubt.exists() {
            false => tracing::error!(%file, why, "the state file failed, and was closed"),
            true => tracing::error!(
                %file,
                why,
                "the state file may not be on the disk; it stays closed until a restart"
            ),
        }
    }

    fn put(&self, database: Option<Database>) {
        // Reads end first. Nobody who panics leaves the place half changed.
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = database;
    }

    pub(super) fn read(&self, key: &[u8]) -> Result<Option<Record>, Failure> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(closed)?;
        let read = || -> Result<Option<Vec<u8>>, Error> {
            let table = database.begin_read().map_err(boxed)?.open_table(REGISTERS);
            let there = table.map_err(boxed)?.get(key).map_err(boxed)?;
            Ok(there.map(|bytes| bytes.value().to_vec()))
        };
        let there = read().map_err(|error| Failure::NotDone(error.to_string()))?;
        there.map(|bytes| record(&bytes)).transpose()
    }

    /// Changes registers, all of them or none, and returns when that is on the disk. `change` says
    /// whether it changed any. After a failure the file is closed.
    ///
    /// # Errors
    /// [`Failure::NotDone`]: none of them is changed. [`Failure::Unknown`]: all may be.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&mut Registers<'_>) -> Result<(T, bool), StorageError>,
    ) -> Result<T, Failure> {
        let written = catch_unwind(AssertUnwindSafe(|| {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            transact(database.as_ref().ok_or_else(closed)?, change)
        }));
        let written = written
            .unwrap_or_else(|_| Err(Failure::Unknown("the state file is damaged".to_owned())));
        if let Err(failure) = &written
            && self.is_open()
        {
            self.close(&failure.to_string());
        }
        written
    }

    /// Deletes registers whose end is that hour or before. Returns whether there are more.
    pub(super) fn sweep(&self, hour: u64) -> Result<bool, Failure> {
        self.write(|registers| {
            let end = hour.saturating_add(1).to_be_bytes();
            let mut over = Vec::new();
            for entry in registers.range::<&[u8]>(..&end[..])?.take(SWEPT_MAX) {
                over.push(entry?.0.value().to_vec());
            }
            for key in &over {
                registers.remove(&key[..])?;
            }
            let before = registers.get(&SWEPT[..])?.map(|hour| hour.value().to_vec());
            let last = hour.to_be_bytes();
            if !over.is_empty() && before.is_none_or(|before| before[..] < last[..]) {
                registers.insert(&SWEPT[..], &last[..])?;
            }
            Ok((over.len() == SWEPT_MAX, !over.is_empty()))
        })
    }
}

/// Whether registers that end when this one does were deleted. If the clock says that it has not ended
/// yet, it said something else then, and nobody knows what the register held.
pub(super) fn is_swept(registers: &Registers<'_>, key: &[u8]) -> Result<bool, StorageError> {
    let last = registers.get(&SWEPT[..])?;
    // Big-endian numbers are ordered like their bytes.
    Ok(last.is_some_and(|last| key[..key.len().min(SWEPT.len())] <= *last.value()))
}

fn closed() -> Failure {
    Failure::NotDone("the state file failed and is closed".to_owned())
}

fn transact<T>(
    database: &Database,
    change: impl FnOnce(&mut Registers<'_>) -> Result<(T, bool), StorageError>,
) -> Result<T, Failure> {
    // Nothing refers to what an unfinished transaction has written.
    let not_done = |error: Error| Failure::NotDone(error.to_string());
    let transaction = database.begin_write().map_err(boxed).map_err(not_done)?;
    let changed = transaction
        .open_table(REGISTERS)
        .map_err(boxed)
        .and_then(|mut table| change(&mut table).map_err(boxed));
    let (output, is_changed) = changed.map_err(not_done)?;
    match is_changed {
        true => transaction.commit().map_err(|error| Failure::Unknown(error.to_string()))?,
        false => transaction.abort().map_err(boxed).map_err(not_done)?,
    }
    Ok(output)
}

fn boxed(error: impl Into<redb::Error>) -> Error {
    Box::new(error.into())
}

fn open(medium: &dyn Medium, doubt: &Doubt) -> Result<Database, Error> {
    let backend = medium.open().map_err(redb::Error::Io)?;
    let watched = Watched { backend, doubt: doubt.clone() };
    let mut builder = Database::builder();
    // Without it, redb trusts the file, and may panic over one that somebody else changed.
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    let database = builder.create_with_backend(watched).map_err(boxed)?;
    // There is a table to read from, and the disk takes writes.
    let transaction = database.begin_write().map_err(boxed)?;
    transaction.open_table(REGISTERS).map_err(boxed)?;
    transaction.commit().map_err(boxed)?;
    Ok(database)
}

/// What it means that the file cannot be opened.
fn unfit(medium: &dyn Medium, error: &redb::Error) -> Unfit {
    use io::ErrorKind::{
        IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
    };
    let file = format!("the state file {medium}");
    match error {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            Unfit::Unsafe(format!(
                "{file} is in use by another process, which may be this gateway before a restart: \
                 it is for one process at a time, and there are no rolling restarts with it"
            ))
        }
        redb::Error::Io(error) => match error.kind() {
            NotFound => Unfit::Unsafe(format!("{file} cannot be made: its folder does not exist")),
            IsADirectory | NotADirectory | PermissionDenied | ReadOnlyFilesystem => {
                Unfit::Unsafe(format!("{file} cannot be opened for writing: {error}"))
            }
            // redb says so of a file that it did not make, or that ends too early.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Unfit::Unsafe(format!("{file} is damaged, or is something else: {error}"))
            }
            _ => Unfit::Unreachable(format!("{file} cannot be opened: {error}")),
        },
        _ => Unfit::Unsafe(format!("{file} is damaged, or is something else: {error}")),
    }
}
