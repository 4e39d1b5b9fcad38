//! Multipart uploads as files: a folder per upload with a description and the
//! parts, each stored like an object.

use super::digest::Algorithm;
use super::keys::ObjectKey;
use super::record;
use super::record::{Attributes, Moment, Record, Stored};
use super::store::{Staged, Store, missing_is, move_into, open_stored};
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// The file of an upload's folder that describes it.
const DESCRIPTION: &str = "upload.json";

/// A part's position: 1 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartNumber(u16);

impl PartNumber {
    /// 400 `InvalidArgument` outside of S3's limits.
    pub(super) fn parse(number: i32) -> S3Result<Self> {
        u16::try_from(number)
            .ok()
            .filter(|number| (1..=10_000).contains(number))
            .map(Self)
            .ok_or_else(|| {
                s3_error!(
                    InvalidArgument,
                    "Part number must be an integer between 1 and 10000, inclusive"
                )
            })
    }

    pub(super) fn get(self) -> i32 {
        i32::from(self.0)
    }

    fn file_name(self) -> String {
        format!("part-{:05}", self.0)
    }

    fn from_file_name(name: &str) -> Option<Self> {
        Self::parse(name.strip_prefix("part-")?.parse().ok()?).ok()
    }
}

/// What is known about an upload when it begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) key: String,
    pub(super) initiated: Moment,
    pub(super) attributes: Attributes,
    pub(super) algorithm: Option<Algorithm>,
    /// Whether the checksum is to cover the object rather than its parts' checksums.
    pub(super) full_object: bool,
}

/// An upload that exists and belongs to the key it was asked for with.
#[derive(Debug)]
pub(super) struct Upload {
    folder: PathBuf,
    pub(super) description: Description,
}

fn no_such_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )
}

impl Upload {
    /// Begins an upload and returns its id.
    pub(super) fn create(
        store: &Store,
        bucket: &str,
        description: &Description,
    ) -> S3Result<String> {
        let id = new_id();
        let folder = store.uploads_path(bucket)?.join(&id);
        let json = serde_json::to_vec(description).map_err(S3Error::internal_error)?;
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join(DESCRIPTION), json))
            .map_err(S3Error::internal_error)?;
        Ok(id)
    }

    /// Finds an upload; 404 `NoSuchUpload` if there is none of this id for this key.
    pub(super) fn find(store: &Store, bucket: &str, key: &ObjectKey, id: &str) -> S3Result<Self> {
        // The id becomes a path component.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(no_such_upload());
        }
        let folder = store.uploads_path(bucket)?.join(id);
        let description =
            read_description(&folder).map_err(|error| missing_is(no_such_upload(), error))?;
        if description.key != key.as_str() {
            return Err(no_such_upload());
        }
        Ok(Self { folder, description })
    }

    /// Ids and descriptions of a bucket's uploads, by key and then by id, which
    /// is the order of their beginning.
    pub(super) fn list(store: &Store, bucket: &str) -> S3Result<Vec<(String, Description)>> {
        let folder = store.uploads_path(bucket)?;
        let mut uploads = Vec::new();
        if !folder.exists() {
            return Ok(uploads);
        }
        for entry in fs::read_dir(&folder).map_err(S3Error::internal_error)? {
            let entry = entry.map_err(S3Error::internal_error)?;
            // An upload may end, or not be described yet, while the list is read.
            if let Ok(id) = entry.file_name().into_string()
                && let Ok(description) = read_description(&entry.path())
            {
                uploads.push((id, description));
            }
        }
        uploads.sort_by(|(id, one), (other_id, other)| (&one.key, id).cmp(&(&other.key, other_id)));
        Ok(uploads)
    }

    /// Puts a part in place, over an earlier one of the same number.
    pub(super) fn put_part(
        &self,
        number: PartNumber,
        mut staged: Staged,
        part: &Record,
    ) -> S3Result<()> {
        record::seal(&mut staged.file, part).map_err(S3Error::internal_error)?;
        let path = self.folder.join(number.file_name());
        move_into(&staged, &self.folder, &path).map_err(|error| missing_is(no_such_upload(), error))
    }

    /// Opens a part; `None` if it was not uploaded.
    pub(super) fn open_part(&self, number: PartNumber) -> S3Result<Option<Stored>> {
        open_stored(&self.folder.join(number.file_name()))
    }

    /// The numbers of the parts there are, ascending.
    pub(super) fn part_numbers(&self) -> S3Result<Vec<PartNumber>> {
        let read = || -> io::Result<Vec<PartNumber>> {
            let mut numbers = Vec::new();
            for entry in fs::read_dir(&self.folder)? {
                numbers.extend(entry?.file_name().to_str().and_then(PartNumber::from_file_name));
            }
            numbers.sort_unstable();
            Ok(numbers)
        };
        read().map_err(|error| missing_is(no_such_upload(), error))
    }

    /// Ends the upload and forgets its parts.
    pub(super) fn remove(self) -> S3Result<()> {
        // The description goes first: without it the upload is gone for everyone.
        fs::remove_file(self.folder.join(DESCRIPTION))
            .map_err(|error| missing_is(no_such_upload(), error))?;
        fs::remove_dir_all(&self.folder).map_err(S3Error::internal_error)
    }
}

fn read_description(folder: &Path) -> io::Result<Description> {
    Ok(serde_json::from_slice(&fs::read(folder.join(DESCRIPTION))?)?)
}

/// Unique in this process by its counter and between processes by time and
/// process number; ids sort by time.
fn new_id() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{:024x}{:08x}{number:016x}", since.as_nanos(), std::process::id())
}
