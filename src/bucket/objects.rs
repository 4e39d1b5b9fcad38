//! The objects of one bucket, as those who keep books in it need them: short ones held in memory,
//! documents that only one of several writers changes, and long ones that storage puts together
//! itself.

#[cfg(test)]
pub(crate) mod memory;

use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderValue};

use super::object::Annotations;
use crate::content::layout::{Key, WritableKey};
use crate::error::{Error, Kind};

/// The longest document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// Which state of a document was seen: its entity tag, as storage gave it. Never made of anything
/// else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(pub(crate) HeaderValue);

impl Tag {
    /// The entity tag in the head of an answer.
    ///
    /// # Errors
    /// There is none that could be sent back.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Error> {
        let tag =
            headers.get(header::ETAG).filter(|tag| tag.to_str().is_ok_and(|it| !it.is_empty()));
        // As it was read it shares the buffer of the whole head.
        tag.and_then(|tag| HeaderValue::from_bytes(tag.as_bytes()).ok())
            .map(Self)
            .ok_or_else(|| Error::storage(Kind::StorageFailed, "a document without an entity tag"))
    }

    /// As storage gave it.
    ///
    /// # Errors
    /// It cannot be sent back.
    pub(crate) fn as_str(&self) -> Result<&str, Error> {
        let illegible = |_| Error::Internal("an entity tag that is no text".into());
        self.0.to_str().map_err(illegible)
    }
}

/// A document, and which state of it that is. Documents of the same bytes have the same tag, so
/// whoever has to tell states apart puts something into each that is in no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it says.
    pub bytes: Vec<u8>,
    /// Which state it is.
    pub tag: Tag,
}

/// What a document has to be for a write to happen.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// There is none.
    Absent,
    /// It is as it was seen.
    As(&'a Tag),
}

/// What became of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It is the document now.
    Written(Tag),
    /// The document was not what was expected, and stays.
    Conflict,
}

/// One object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// How many bytes it has. None: storage does not say.
    pub size: Option<u64>,
    /// When it was stored, by the clock of storage. None: storage does not say.
    pub stored: Option<SystemTime>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The objects, in the order of their keys' bytes.
    pub objects: Vec<Listed>,
    /// Whether there are more after them.
    pub goes_on: bool,
}

/// The first bytes of an object, as a piece of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The object.
    pub source: Key,
    /// How many of its bytes: no fewer than [`PART_BYTES_MIN`](super::write::PART_BYTES_MIN).
    pub bytes: u64,
}

/// The objects of a bucket. All operations end in time, and none of them keeps anything open.
///
/// # Errors
/// Those of storage, [`Error::Storage`], from every operation. A write that failed may have been done
/// all the same, or may be done yet.
pub trait Objects: Send + Sync {
    /// Stores an object, whatever was there.
    fn put(&self, key: &WritableKey, body: &[u8])
    -> impl Future<Output = Result<(), Error>> + Send;

    /// Appends bytes of an object, the first and the last of them, to `buffer`. `Ok(false)`: there is
    /// no such object. An answer of another length is an error.
    fn read(
        &self,
        key: &Key,
        range: (u64, u64),
        buffer: &mut Vec<u8>,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// A document, of at most [`DOCUMENT_BYTES_MAX`] bytes, as it is now. None: there is none.
    fn document(&self, key: &Key) -> impl Future<Output = Result<Option<Document>, Error>> + Send;

    /// Writes a document if it is as expected. Of all who expect the same, one does. Only in buckets
    /// that were seen to keep such conditions
    /// ([`Fitness::keeps_documents`](super::fitness::Fitness::keeps_documents)).
    fn write_document(
        &self,
        key: &WritableKey,
        body: &[u8],
        expected: Expected<'_>,
    ) -> impl Future<Output = Result<Swap, Error>> + Send;

    /// The objects whose keys begin with `prefix` and come after `after`: so many as storage lists at
    /// once.
    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page, Error>> + Send;

    /// Deletes an object. One that is not there is no error.
    fn delete(&self, key: &WritableKey) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes an object of pieces, which storage copies, and of the bytes after them, whatever was
    /// there. A failure leaves no upload open, as far as storage answers.
    fn assemble(
        &self,
        key: &WritableKey,
        annotations: &Annotations,
        pieces: &[Piece],
        rest: &[u8],
    ) -> impl Future<Output = Result<(), Error>> + Send;
}
