//! What is stored about an object besides its bytes, and how both share a file.
//!
//! A stored file is the object's bytes, then its record as JSON, then the length
//! of that JSON and a mark. One rename puts all of it in place, so a reader that
//! has opened the file sees the bytes of one write with the entity tag of the
//! same write, whatever other writers do meanwhile.

use super::digest::Checksums;
use s3s::dto::{ETag, Metadata, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime};

/// Ends every stored file; the digit is the version of the layout.
const MARK: &[u8; 8] = b"cgdevs31";

/// The JSON's length in eight bytes, and [`MARK`].
const FOOTER: u64 = 16;

/// The headers a client stores with an object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) expires: Option<Timestamp>,
    pub(super) metadata: Option<Metadata>,
    pub(super) website_redirect_location: Option<String>,
}

/// A point in time with the resolution the file format keeps: milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Moment(u64);

impl Moment {
    /// Rounds down; a clock set before 1970 counts as 1970.
    pub(super) fn new(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// With milliseconds, as listings show it.
    pub(super) fn timestamp(self) -> Timestamp {
        Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_millis(self.0))
    }

    /// In whole seconds, as `Last-Modified` shows it and conditions compare it.
    pub(super) fn timestamp_in_seconds(self) -> Timestamp {
        Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_secs(self.0 / 1000))
    }
}

/// What is stored with the bytes of an object or of a part of an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) e_tag: ETag,
    pub(super) last_modified: Moment,
    #[serde(default)]
    pub(super) attributes: Attributes,
    #[serde(default)]
    pub(super) checksums: Checksums,
}

/// A stored file opened for reading: the bytes are `0..length`.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) file: File,
    pub(super) length: u64,
    pub(super) record: Record,
}

/// Appends the record to a file whose bytes are complete.
pub(super) fn seal(file: &mut File, record: &Record) -> io::Result<()> {
    let json = serde_json::to_vec(record)?;
    let length = u64::try_from(json.len()).map_err(io::Error::other)?;
    let mut trailer = json;
    trailer.extend_from_slice(&length.to_le_bytes());
    trailer.extend_from_slice(MARK);
    file.seek(SeekFrom::End(0))?;
    file.write_all(&trailer)
}

/// Reads the record and leaves the file at its first byte.
///
/// Fails with [`io::ErrorKind::InvalidData`] for a file [`seal`] did not finish.
pub(super) fn open(mut file: File) -> io::Result<Stored> {
    let size = file.metadata()?.len();
    let before_footer = size.checked_sub(FOOTER).ok_or_else(foreign)?;
    file.seek(SeekFrom::Start(before_footer))?;
    let mut json_length = [0; 8];
    file.read_exact(&mut json_length)?;
    let mut mark = [0; 8];
    file.read_exact(&mut mark)?;
    if &mark != MARK {
        return Err(foreign());
    }
    let json_length = u64::from_le_bytes(json_length);
    let length = before_footer.checked_sub(json_length).ok_or_else(foreign)?;
    file.seek(SeekFrom::Start(length))?;
    let record = from_json((&mut file).take(json_length))?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Stored { file, length, record })
}

fn from_json<T: DeserializeOwned>(mut reader: impl Read) -> io::Result<T> {
    let mut json = Vec::new();
    reader.read_to_end(&mut json)?;
    serde_json::from_slice(&json).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn foreign() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a file of this store")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            e_tag: ETag::Strong("abc".to_owned()),
            last_modified: Moment(1_500),
            attributes: Attributes {
                content_type: Some("text/plain".to_owned()),
                ..Default::default()
            },
            checksums: Checksums::default(),
        }
    }

    #[test]
    fn bytes_and_record_come_back() {
        for body in ["", "hello", "ends like a footer: cgdevs31"] {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(body.as_bytes()).expect("written");
            seal(&mut file, &record()).expect("sealed");
            let mut stored = open(file).expect("opened");
            assert_eq!(stored.length, body.len() as u64);
            assert_eq!(stored.record.e_tag, ETag::Strong("abc".to_owned()));
            assert_eq!(stored.record.attributes.content_type.as_deref(), Some("text/plain"));
            let mut bytes = vec![0; body.len()];
            stored.file.read_exact(&mut bytes).expect("read");
            assert_eq!(bytes, body.as_bytes());
        }
    }

    #[test]
    fn unfinished_and_foreign_files_are_refused() {
        let mut lying = u64::MAX.to_le_bytes().to_vec();
        lying.extend_from_slice(MARK);
        for content in [&b""[..], b"short", b"a text without any footer", &lying] {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(content).expect("written");
            let error = open(file).expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn moments_show_milliseconds_and_compare_in_seconds() {
        let moment = Moment::new(SystemTime::UNIX_EPOCH + Duration::from_micros(1_999_999));
        let at = |millis| Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(moment.timestamp(), at(1_999));
        assert_eq!(moment.timestamp_in_seconds(), at(1_000));
    }
}
