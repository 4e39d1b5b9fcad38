//! The objects of a bucket, by requests to storage.

mod assemble;
mod document;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::timeout;

use super::answer::Answer;
use super::signing::Ask;
use super::storage::{Body, StorageClient};
use super::upload::judge;
use crate::bucket::list::{List, PAGE_BYTES_MAX};
use crate::bucket::object::{self, Annotations};
use crate::bucket::objects::{
    DOCUMENT_BYTES_MAX, Document, Expected, Objects, Page, Piece, Swap, Tag,
};
use crate::bucket::write::{Step, Write};
use crate::bucket::{Bucket, Read};
use crate::content::layout::{Key, WritableKey};
use crate::error::{Error, Kind};

/// For so many bytes of a body, storage gets once more the time that one read has.
const READ_PER_WAIT: u64 = 4 * 1024 * 1024;

/// The objects of one bucket. Nothing here holds more than what the caller gave, what it asked for,
/// or one page.
#[derive(Clone)]
pub struct BucketObjects {
    storage: StorageClient,
    bucket: Arc<Bucket>,
}

impl BucketObjects {
    /// Those of this bucket.
    #[must_use]
    pub const fn new(storage: StorageClient, bucket: Arc<Bucket>) -> Self {
        Self { storage, bucket }
    }

    async fn write(&self, key: &WritableKey, step: Step<'_>, body: &[u8]) -> Result<(), Error> {
        let written = self.storage.send_write(&self.bucket, &Write { key, step }, body).await;
        let written = match written {
            Ok(answer) => judge(&step, answer).await.map(drop),
            Err(error) => Err(error),
        };
        // Whatever became of it: what was there may not be there any more.
        self.bucket.objects.forget(key.key());
        written
    }

    async fn put_with(
        &self,
        key: &WritableKey,
        annotations: &Annotations,
        body: &[u8],
    ) -> Result<(), Error> {
        let length = body.len() as u64;
        self.write(key, Step::Put { length, annotations, digest: None, once: false }, body).await
    }

    /// The answer with an object in it. None: there is no such object.
    async fn get(&self, read: &Read<'_>) -> Result<Option<Answer>, Error> {
        let answer = self.storage.send(&self.bucket, read).await?;
        if matches!(answer.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Ok(Some(answer));
        }
        match answer.into_error(&self.bucket).await {
            Error::NotFound(_) => Ok(None),
            error => Err(of_storage(error)),
        }
    }

    /// Appends the body of an answer, of exactly so many bytes, to `buffer`, or nothing.
    async fn body(
        &self,
        mut answer: Answer,
        length: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        answer.expect(length)?;
        let before = buffer.len();
        let times = u32::try_from(length / READ_PER_WAIT).unwrap_or(u32::MAX).saturating_add(1);
        let limit = self.storage.read.saturating_mul(times);
        // One timer over all reads: storage must not stretch a body byte by byte.
        let whole = timeout(limit, read_body(&mut answer, length, buffer)).await;
        let whole = whole.unwrap_or_else(|_| Err(too_late(limit)));
        if whole.is_err() {
            buffer.truncate(before);
            return whole;
        }
        answer.release().await;
        Ok(())
    }
}

impl Objects for BucketObjects {
    async fn put(&self, key: &WritableKey, body: &[u8]) -> Result<(), Error> {
        Box::pin(self.put_with(key, &Annotations::default(), body)).await
    }

    async fn read(
        &self,
        key: &Key,
        range: (u64, u64),
        buffer: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        Box::pin(self.read_range(key, range, buffer)).await
    }

    async fn document(&self, key: &Key) -> Result<Option<Document>, Error> {
        Box::pin(self.read_document(key)).await
    }

    async fn write_document(
        &self,
        key: &WritableKey,
        body: &[u8],
        expected: Expected<'_>,
    ) -> Result<Swap, Error> {
        Box::pin(self.swap(key, body, expected)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, Error> {
        Box::pin(self.read_list(prefix, after)).await
    }

    async fn delete(&self, key: &WritableKey) -> Result<(), Error> {
        Box::pin(self.delete_object(key)).await
    }

    async fn assemble(
        &self,
        key: &WritableKey,
        annotations: &Annotations,
        pieces: &[Piece],
        rest: &[u8],
    ) -> Result<(), Error> {
        Box::pin(self.put_together(key, annotations, pieces, rest)).await
    }
}

/// What is behind the trait, whose operations are in boxes: many of them follow one another in one
/// future, which has to be small to be moved.
impl BucketObjects {
    async fn read_range(
        &self,
        key: &Key,
        (first, last): (u64, u64),
        buffer: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let length = last.checked_sub(first).and_then(|length| length.checked_add(1));
        let length = length.ok_or_else(|| Error::Internal("a range that has no end".into()))?;
        let range = format!("bytes={first}-{last}");
        let read = Read { range: Some(&range), ..Read::get(key) };
        let Some(answer) = self.get(&read).await? else { return Ok(false) };
        let part = match answer.status() {
            StatusCode::PARTIAL_CONTENT => {
                object::content_range(answer.headers()).map(|(first, length, _)| (first, length))
            }
            _ => object::content_length(answer.headers()).map(|length| (0, length)),
        };
        if part != Some((first, length)) {
            let detail = "storage answered with other bytes than those asked for";
            return Err(Error::storage(Kind::StorageFailed, detail));
        }
        self.body(answer, length, buffer).await?;
        Ok(true)
    }

    async fn read_document(&self, key: &Key) -> Result<Option<Document>, Error> {
        let Some(answer) = self.get(&Read::get(key)).await? else { return Ok(None) };
        let tag = Tag::read(answer.headers())?;
        let length = object::content_length(answer.headers())
            .filter(|&length| length <= DOCUMENT_BYTES_MAX as u64)
            .filter(|_| answer.status() == StatusCode::OK);
        let Some(length) = length else {
            let detail = "a document that is longer than one may be, or not whole";
            return Err(Error::storage(Kind::StorageFailed, detail));
        };
        let mut bytes = Vec::new();
        self.body(answer, length, &mut bytes).await?;
        Ok(Some(Document { bytes, tag }))
    }

    async fn read_list(&self, prefix: &str, after: Option<&str>) -> Result<Page, Error> {
        let list = List { prefix, after };
        let ask = Ask::List(&list);
        let exchange = self.storage.send_ask(&self.bucket, ask, Body::Whole(&[])).await?;
        let answer = exchange.into_answer()?;
        if answer.status() != StatusCode::OK {
            return Err(of_storage(answer.into_error(&self.bucket).await));
        }
        list.read(&answer.into_document(PAGE_BYTES_MAX).await?)
    }

    async fn delete_object(&self, key: &WritableKey) -> Result<(), Error> {
        let write = Write { key, step: Step::Delete };
        let answer = self.storage.send_write(&self.bucket, &write, &[]).await?;
        self.bucket.objects.forget(key.key());
        if answer.status() != StatusCode::NOT_FOUND {
            return judge(&write.step, answer).await.map(drop);
        }
        match answer.into_error(&self.bucket).await {
            Error::NotFound(_) => Ok(()),
            error => Err(of_storage(error)),
        }
    }

    async fn put_together(
        &self,
        key: &WritableKey,
        annotations: &Annotations,
        pieces: &[Piece],
        rest: &[u8],
    ) -> Result<(), Error> {
        if pieces.is_empty() {
            return self.put_with(key, annotations, rest).await;
        }
        let assembled = self.assemble_parts(key, annotations, pieces, rest).await;
        self.bucket.objects.forget(key.key());
        assembled
    }
}

async fn read_body(answer: &mut Answer, length: u64, buffer: &mut Vec<u8>) -> Result<(), Error> {
    buffer.reserve(usize::try_from(length).unwrap_or(0));
    while let Some(chunk) = answer.chunk().await? {
        buffer.extend_from_slice(chunk.bytes);
    }
    Ok(())
}

fn too_late(limit: Duration) -> Error {
    Error::storage(Kind::StorageTimeout, format!("a body did not end within {limit:?}"))
}

/// A refusal of what nobody but us asked for.
fn of_storage(error: Error) -> Error {
    match error {
        Error::Storage { .. } => error,
        other => Error::storage(Kind::StorageFailed, other.to_string()),
    }
}
