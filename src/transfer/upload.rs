//! One upload: from the client's body to one object in storage, or to none.
//!
//! What has a length goes straight through, as one request: the client's bytes are on their way to
//! storage while others still come. What has none is collected up to the size of a part; if that
//! was all, it is one request again, and else a multipart upload, of which one part at a time is in
//! memory. Storage makes an object of a body only when it has all of it, so that a client that
//! leaves leaves nothing behind.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::answer::Answer;
use super::body::{Body, Pace};
use super::check::Check;
use super::client::{Client, Gone};
use super::download::{BUFFERED_BYTES_MAX, Undelivered};
use super::multipart::Multipart;
use super::signing::Ask;
use super::storage::{self, Exchange, StorageClient};
use crate::bucket::object::Annotations;
use crate::bucket::write::{self, PUT_BYTES_MAX, Step, Write, Written};
use crate::config::{Limits, Timeouts};
use crate::content::ContentId;
use crate::dialect::{Call, Outcome};
use crate::error::{Error, Kind};
use crate::gateway::Upload;
use crate::plan::Route;

/// How much of the body of an answer to a write is looked at.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024;

/// Long questions that may be in memory at once; the longest have 1 MiB.
const QUESTIONS_MAX: usize = 128;

/// What all uploads of a process have in common.
#[derive(Clone)]
pub struct Uploads {
    pub(super) part_size: usize,
    /// A permit for each part that may be in memory.
    memory: Arc<Semaphore>,
    parts_max: usize,
    /// A permit for each long question that may be in memory.
    questions: Arc<Semaphore>,
    /// How long either waits for memory.
    patience: Duration,
    rate_min: usize,
    grace: Duration,
    pub(super) time_max: Duration,
}

impl Uploads {
    /// Bounds on uploads. Those of `earlier` that are under way count where the memory is the same.
    #[must_use]
    pub fn new(limits: &Limits, timeouts: &Timeouts, earlier: Option<&Self>) -> Self {
        let bytes = |size: bytesize::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        let part_size = bytes(limits.upload_part_size).max(1);
        let parts_max = (bytes(limits.upload_memory) / part_size).clamp(1, Semaphore::MAX_PERMITS);
        let memory = earlier
            .filter(|earlier| earlier.parts_max == parts_max && earlier.part_size == part_size)
            .map_or_else(|| Arc::new(Semaphore::new(parts_max)), |it| Arc::clone(&it.memory));
        let questions = earlier.map_or_else(
            || Arc::new(Semaphore::new(QUESTIONS_MAX)),
            |earlier| Arc::clone(&earlier.questions),
        );
        Self {
            part_size,
            memory,
            parts_max,
            questions,
            patience: timeouts.storage_first_byte,
            rate_min: bytes(limits.receive_rate_min),
            grace: timeouts.header,
            time_max: timeouts.upload,
        }
    }

    /// How a body of at most so many bytes may come.
    #[must_use]
    pub const fn pace(&self, bytes_max: u64) -> Pace {
        Pace { bytes_max, rate_min: self.rate_min, grace: self.grace }
    }

    /// Room for one part in memory.
    pub(super) async fn room_for_part(&self) -> Result<OwnedSemaphorePermit, Error> {
        self.room(&self.memory).await
    }

    /// Room for one part, or for one long question, in memory.
    async fn room(&self, memory: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
        let permit = timeout(self.patience, Arc::clone(memory).acquire_owned()).await;
        permit
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| Error::storage(Kind::StorageBusy, "no memory for another body in time"))
    }
}

/// Receives an upload.
///
/// # Errors
/// See [`Undelivered`]; there is no object then that was not there before, unless it was storage
/// that did not say how it ended.
pub async fn receive(
    client: &mut Client,
    storage: &StorageClient,
    uploads: &Uploads,
    upload: &Upload,
) -> Result<Outcome<'static>, Undelivered> {
    let Call::Store(content, annotations) = &upload.call else {
        return Err(Error::Internal("an upload that stores nothing".into()).into());
    };
    let limit = upload.route.upload_size;
    let length = announced_length(client, limit)?;
    let body = Body::new(&mut *client, uploads.pace(limit));
    let check = Check::of(content);
    let receiving = Receiving { storage, uploads, upload, content, annotations, body, check };
    let written = timeout(uploads.time_max, receiving.run(length)).await;
    let Ok(written) = written else { return Err(too_late(client)) };
    let metrics = &upload.route.metrics;
    Ok(match written? {
        Written::Stored => {
            metrics.stored.inc();
            upload.route.bucket.objects.forget(upload.key.key());
            Outcome::Stored
        }
        Written::AlreadyThere => {
            metrics.kept.inc();
            Outcome::AlreadyThere
        }
    })
}

/// The length of a body that may come, where the request says it.
///
/// # Errors
/// It has more than `limit` bytes, or no end.
pub(super) fn announced_length(client: &mut Client, limit: u64) -> Result<Option<u64>, Error> {
    if !client.announces_body() {
        // An HTTP/1.0 client may mean that its body ends with the connection.
        let message = "a body has a Content-Length, or is chunked";
        return Err(Error::InvalidRequest(message.into()));
    }
    match client.body_length() {
        Some(length) if length > limit => Err(Error::PayloadTooLarge { limit }),
        length => Ok(length),
    }
}

/// Why an upload did not end in its time.
pub(super) fn too_late(client: &mut Client) -> Undelivered {
    if client.sent_its_body() {
        let detail = "an upload took too long to be stored";
        return Error::storage(Kind::StorageTimeout, detail).into();
    }
    Gone::new("it takes too long with its upload").into()
}

/// An upload in the making.
struct Receiving<'u> {
    storage: &'u StorageClient,
    uploads: &'u Uploads,
    upload: &'u Upload,
    content: &'u ContentId,
    annotations: &'u Annotations,
    body: Body<'u>,
    check: Check,
}

impl<'u> Receiving<'u> {
    async fn run(mut self, length: Option<u64>) -> Result<Written, Undelivered> {
        match length {
            Some(length) if length <= BUFFERED_BYTES_MAX => {
                self.body.ask_for_it().await?;
                let mut bytes = Vec::new();
                self.body.fill(&mut bytes, BUFFERED_BYTES_MAX as usize).await?;
                self.put(&bytes).await
            }
            Some(length) if length <= PUT_BYTES_MAX => self.stream(length).await,
            _ => self.collect().await,
        }
    }

    fn route(&self) -> &'u Route {
        &self.upload.route
    }

    /// All of the body in one request.
    fn whole(&self, length: u64) -> Write<'u> {
        let (annotations, digest) = (self.annotations, self.content.digest());
        let once = self.route().write_once;
        Write { key: &self.upload.key, step: Step::Put { length, annotations, digest, once } }
    }

    /// Stores a body that is in memory.
    async fn put(&mut self, bytes: &[u8]) -> Result<Written, Undelivered> {
        self.check.update(bytes);
        self.finish_check()?;
        let write = self.whole(bytes.len() as u64);
        let answer = self.storage.send_write(&self.route().bucket, &write, bytes).await?;
        Ok(judge(&write.step, answer).await?)
    }

    /// The bytes a client sends are not those it names: its mistake, unlike that of storage.
    fn finish_check(&mut self) -> Result<(), Error> {
        self.check.finish().map_err(|_| {
            self.upload.route.metrics.mismatched.inc();
            Error::InvalidRequest("the body does not have the digest that is its name".into())
        })
    }

    /// Passes a body on as it comes.
    async fn stream(mut self, length: u64) -> Result<Written, Undelivered> {
        let bucket = &self.route().bucket;
        let write = self.whole(length);
        let step = write.step;
        let ask = Ask::Write(&write);
        let exchange = self.storage.send_ask(bucket, ask, storage::Body::Later).await?;
        let mut sending = match exchange {
            Exchange::Continue(sending) => sending,
            Exchange::Answered(answer) => return self.refused(&step, answer).await,
        };
        self.body.ask_for_it().await?;
        let mut sent = 0;
        let failure = loop {
            let chunk = tokio::select! {
                biased;
                () = sending.interrupted() => break None,
                chunk = self.body.chunk() => chunk?,
            };
            let Some(chunk) = chunk else {
                return Err(Gone::new("the body is shorter than announced").into());
            };
            sent += chunk.len() as u64;
            self.check.update(&chunk);
            let is_last = sent >= length;
            if is_last {
                // Without the last bytes, storage makes no object of it.
                self.body.end().await?;
                self.finish_check()?;
            }
            if let Err(failure) = sending.write(&chunk).await {
                break Some(failure);
            }
            if is_last {
                let answer = sending.finish(bucket).await?;
                return Ok(judge(&step, answer).await?);
            }
        };
        let answer = sending.into_answer(bucket, failure).await?;
        self.refused(&step, answer).await
    }

    /// What an answer means that came before the body was sent. One that is no refusal to the client
    /// waits for the rest of its body.
    async fn refused(mut self, step: &Step<'_>, answer: Answer) -> Result<Written, Undelivered> {
        match judge(step, answer).await? {
            Written::AlreadyThere => {
                self.body.discard().await?;
                Ok(Written::AlreadyThere)
            }
            Written::Stored => {
                let detail = "storage did not wait for the body";
                Err(Error::storage(Kind::StorageFailed, detail).into())
            }
        }
    }

    /// Stores a body of which nobody knows how long it is, or that is too long for one request.
    async fn collect(mut self) -> Result<Written, Undelivered> {
        self.body.ask_for_it().await?;
        // What is short takes no room, and whoever sends nothing keeps none from others.
        let mut part = Vec::new();
        if !self.body.fill(&mut part, BUFFERED_BYTES_MAX as usize).await? {
            return self.put(&part).await;
        }
        let room = self.uploads.room_for_part().await?;
        let part_size = self.uploads.part_size;
        // Grown on the way it would be in memory twice at times. Pages that are not written to are
        // not there.
        part.reserve_exact(part_size - part.len());
        if !self.body.fill(&mut part, part_size).await? {
            return self.put(&part).await;
        }
        let route = self.route();
        if route.write_once && !route.bucket.fitness.completes_once() {
            let error = Error::PayloadTooLarge { limit: part_size as u64 };
            return Err(error.into());
        }
        let storage = self.storage.clone();
        let bucket = Arc::clone(&route.bucket);
        let key = self.upload.key.clone();
        let once = route.write_once;
        let mut multipart = Multipart::create(storage, bucket, key, self.annotations, once).await?;
        let parts = self.store_parts(&mut multipart, part).await;
        // No part is in memory any more.
        drop(room);
        match parts {
            Ok(()) => Ok(multipart.complete().await?),
            Err(error) => {
                multipart.abort().await;
                Err(error)
            }
        }
    }

    async fn store_parts(
        &mut self,
        multipart: &mut Multipart,
        mut part: Vec<u8>,
    ) -> Result<(), Undelivered> {
        loop {
            self.check.update(&part);
            multipart.add(&part).await?;
            part.clear();
            let goes_on = self.body.fill(&mut part, self.uploads.part_size).await?;
            if !goes_on {
                self.check.update(&part);
                self.finish_check()?;
                return Ok(multipart.add(&part).await?);
            }
        }
    }
}

/// What the answer to a write means.
pub(super) async fn judge(step: &Step<'_>, answer: Answer) -> Result<Written, Error> {
    let (written, _) = read_judged(step, answer).await?;
    Ok(written)
}

/// The same, and what the answer says.
pub(super) async fn read_judged(
    step: &Step<'_>,
    answer: Answer,
) -> Result<(Written, Vec<u8>), Error> {
    let status = answer.status();
    let document = match step.answers_late() {
        true => answer.into_late_document(DOCUMENT_BYTES_MAX).await,
        false => answer.into_document(DOCUMENT_BYTES_MAX).await,
    };
    let document = match document {
        // Whoever refuses a body may close on the rest of it, and the reason is lost. That it is
        // refused is not.
        Err(_) if !status.is_success() => Vec::new(),
        document => document?,
    };
    Ok((write::judge(step, status, &document)?, document))
}

/// A body that is part of a question, and its place in memory.
pub struct SmallBody {
    /// The bytes.
    pub bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads a small body. Of those that are longer than a read buffer only so many are in memory at
/// once: whoever may read may send them.
///
/// # Errors
/// See [`Undelivered`].
pub async fn read_small(
    client: &mut Client,
    uploads: &Uploads,
    bytes_max: usize,
) -> Result<SmallBody, Undelivered> {
    let limit = bytes_max as u64;
    if client.body_length().is_some_and(|length| length > limit) {
        return Err(Error::PayloadTooLarge { limit }.into());
    }
    let mut body = Body::new(client, uploads.pace(limit));
    body.ask_for_it().await?;
    let mut bytes = Vec::new();
    let mut room = None;
    if body.fill(&mut bytes, bytes_max.min(BUFFERED_BYTES_MAX as usize)).await? {
        room = Some(uploads.room(&uploads.questions).await?);
        body.fill(&mut bytes, bytes_max).await?;
    }
    Ok(SmallBody { bytes: bytes.into(), _room: room })
}
