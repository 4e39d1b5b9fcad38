//! Buckets and objects as files. Everything here blocks: callers go through
//! [`blocking`].
//!
//! Below the root are `buckets/<bucket>/<escaped key>`, `uploads/<bucket>/<id>/`
//! and `staging/`, which holds files that are being written and is emptied at
//! every start.

use super::conditions::{WriteConditions, WriteRefusal};
use super::keys::ObjectKey;
use super::record::{self, Record, Stored};
use s3s::{S3Error, S3Result, s3_error};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Locks that keys are spread over; two keys sharing one only wait a little.
const LOCKS: usize = 64;

/// The folder an S3 server keeps its data in.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    staged: AtomicU64,
    locks: [Mutex<()>; LOCKS],
}

/// A file being written. It disappears again unless it is moved into place.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) file: File,
    path: PathBuf,
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a move there is nothing left under this path.
        let _ = fs::remove_file(&self.path);
    }
}

impl Store {
    /// Opens the folder, creating it where it does not exist.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let staging = root.join("staging");
        if staging.exists() {
            fs::remove_dir_all(&staging)?;
        }
        for folder in [staging, root.join("buckets"), root.join("uploads")] {
            fs::create_dir_all(folder)?;
        }
        Ok(Self {
            root: root.to_owned(),
            staged: AtomicU64::new(0),
            locks: std::array::from_fn(|_| Mutex::new(())),
        })
    }

    fn bucket_path(&self, bucket: &str) -> S3Result<PathBuf> {
        // The name becomes a path component, and the source of a copy does not
        // pass the router's check.
        if !s3s::path::check_bucket_name(bucket) {
            return Err(s3_error!(InvalidBucketName));
        }
        Ok(self.root.join("buckets").join(bucket))
    }

    /// The folder of an existing bucket; 404 `NoSuchBucket` without it.
    pub(super) fn existing_bucket(&self, bucket: &str) -> S3Result<PathBuf> {
        let path = self.bucket_path(bucket)?;
        if path.is_dir() { Ok(path) } else { Err(s3_error!(NoSuchBucket)) }
    }

    /// The folder for the uploads of an existing bucket.
    pub(super) fn uploads_path(&self, bucket: &str) -> S3Result<PathBuf> {
        self.existing_bucket(bucket)?;
        Ok(self.root.join("uploads").join(bucket))
    }

    /// Makes sure the bucket exists.
    pub(super) fn create_bucket(&self, bucket: &str) -> S3Result<()> {
        fs::create_dir_all(self.bucket_path(bucket)?).map_err(S3Error::internal_error)
    }

    /// Removes an empty bucket and what was being uploaded to it; 409
    /// `BucketNotEmpty` if it has objects.
    pub(super) fn delete_bucket(&self, bucket: &str) -> S3Result<()> {
        let path = self.existing_bucket(bucket)?;
        if !self.keys(bucket)?.is_empty() {
            return Err(s3_error!(BucketNotEmpty));
        }
        let uploads = self.uploads_path(bucket)?;
        if uploads.exists() {
            fs::remove_dir_all(uploads).map_err(S3Error::internal_error)?;
        }
        fs::remove_dir_all(path).map_err(S3Error::internal_error)
    }

    /// Names and creation times of the buckets, by name.
    pub(super) fn buckets(&self) -> io::Result<Vec<(String, SystemTime)>> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(self.root.join("buckets"))? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && s3s::path::check_bucket_name(&name)
            {
                let metadata = entry.metadata()?;
                // Not every file system records when a folder was created.
                buckets.push((name, metadata.created().or_else(|_| metadata.modified())?));
            }
        }
        buckets.sort();
        Ok(buckets)
    }

    /// A new, empty file outside every bucket.
    pub(super) fn stage(&self) -> io::Result<Staged> {
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join("staging").join(number.to_string());
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Staged { file, path })
    }

    /// Judges the conditions and puts the object in place, as one step: of many
    /// writers requiring that the key be free exactly one succeeds.
    pub(super) fn commit(
        &self,
        bucket: &str,
        key: &ObjectKey,
        mut staged: Staged,
        record: &Record,
        conditions: &WriteConditions,
    ) -> S3Result<()> {
        let folder = self.existing_bucket(bucket)?;
        record::seal(&mut staged.file, record).map_err(S3Error::internal_error)?;
        let path = folder.join(key.to_path());
        let _lock = self.lock(&path);
        judge(conditions, &path)?;
        move_into(&staged, &folder, &path)
            .map_err(|error| missing_is(s3_error!(NoSuchBucket), error))
    }

    /// Opens an object; 404 where the bucket or the key does not exist.
    pub(super) fn read(&self, bucket: &str, key: &ObjectKey) -> S3Result<Stored> {
        let path = self.existing_bucket(bucket)?.join(key.to_path());
        open_stored(&path)?.ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// Removes an object; one that is not there is no error.
    pub(super) fn delete(
        &self,
        bucket: &str,
        key: &ObjectKey,
        conditions: &WriteConditions,
    ) -> S3Result<()> {
        let path = self.existing_bucket(bucket)?.join(key.to_path());
        let _lock = self.lock(&path);
        judge(conditions, &path)?;
        // Folders of long keys stay: removing them would race with other writers.
        remove_file(&path)
    }

    /// All keys of a bucket in the order of their bytes, which is S3's.
    pub(super) fn keys(&self, bucket: &str) -> S3Result<Vec<ObjectKey>> {
        let folder = self.existing_bucket(bucket)?;
        let mut keys = Vec::new();
        collect_keys(&folder, &folder, &mut keys).map_err(S3Error::internal_error)?;
        keys.sort_unstable();
        Ok(keys)
    }

    /// Held while what is stored under the path is judged and replaced.
    fn lock(&self, path: &Path) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        let index = hasher.finish() % LOCKS as u64;
        let lock = &self.locks[usize::try_from(index).unwrap_or_default()];
        // The lock guards files, not memory: a panic elsewhere left nothing half done.
        lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs file work off the threads that serve connections.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> S3Result<T> + Send + 'static,
) -> S3Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(S3Error::internal_error)?
}

/// Moves a finished file to its place below a folder, which must exist.
pub(super) fn move_into(staged: &Staged, folder: &Path, path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent()
        && parent != folder
    {
        fs::create_dir_all(parent)?;
    }
    fs::rename(&staged.path, path)
}

/// Opens a stored file; `None` where there is none.
pub(super) fn open_stored(path: &Path) -> S3Result<Option<Stored>> {
    match File::open(path).and_then(record::open) {
        Ok(stored) => Ok(Some(stored)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(S3Error::internal_error(error)),
    }
}

/// Removes a file that may already be gone.
pub(super) fn remove_file(path: &Path) -> S3Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(S3Error::internal_error(error))
        }
        _ => Ok(()),
    }
}

/// The answer to a failed file operation, where a missing folder means `missing`.
pub(super) fn missing_is(missing: S3Error, error: io::Error) -> S3Error {
    if error.kind() == io::ErrorKind::NotFound { missing } else { S3Error::internal_error(error) }
}

fn judge(conditions: &WriteConditions, path: &Path) -> S3Result<()> {
    if conditions.is_empty() {
        return Ok(());
    }
    let current = open_stored(path)?.map(|stored| stored.record.e_tag);
    conditions.judge(current.as_ref()).map_err(|refusal| match refusal {
        WriteRefusal::PreconditionFailed => {
            s3_error!(
                PreconditionFailed,
                "At least one of the pre-conditions you specified did not hold"
            )
        }
        WriteRefusal::NoSuchKey => s3_error!(NoSuchKey),
        WriteRefusal::NotImplemented => {
            s3_error!(NotImplemented, "If-None-Match takes only * when writing")
        }
    })
}

fn collect_keys(bucket: &Path, folder: &Path, keys: &mut Vec<ObjectKey>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect_keys(bucket, &path, keys)?;
        } else if let Some(key) = path.strip_prefix(bucket).ok().and_then(ObjectKey::from_path) {
            keys.push(key);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
