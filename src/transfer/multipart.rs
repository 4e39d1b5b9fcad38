//! One multipart upload (AWS, "Uploading and copying objects using multipart upload").

use std::sync::Arc;

use http::StatusCode;

use super::answer::Answer;
use super::storage::StorageClient;
use super::upload::{judge, read_judged};
use crate::bucket::Bucket;
use crate::bucket::object::Annotations;
use crate::bucket::write::{PARTS_MAX, Part, Step, UploadId, Write, Written, part_list};
use crate::content::layout::{Key, WritableKey};
use crate::error::{Error, with_causes};

/// For so many parts, storage gets once more the time that other answers have: 128 MiB of them, as
/// a rule.
const PARTS_PER_WAIT: usize = 16;

/// An upload that storage has begun. Dropped before it is complete, it is aborted in the
/// background; what that misses is found by the sweep
/// ([`control`](crate::bucket::control)).
pub(super) struct Multipart {
    target: Option<Target>,
    parts: Vec<Part>,
    once: bool,
}

/// What became of a part.
pub(super) enum Attempt {
    /// Storage has it.
    Done(Part),
    /// It does not, as far as is known.
    Failed {
        /// Why.
        error: Error,
        /// Whether it may be otherwise a moment later.
        may_pass: bool,
    },
}

impl Attempt {
    fn of(part: Result<Part, Error>, status: StatusCode) -> Self {
        match part {
            Ok(part) => Self::Done(part),
            Err(error) => {
                // A copy that failed late is a success by its status.
                let may_pass = status.is_success()
                    || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::REQUEST_TIMEOUT;
                Self::Failed { error, may_pass }
            }
        }
    }

    fn into_result(self) -> Result<Part, Error> {
        match self {
            Self::Done(part) => Ok(part),
            Self::Failed { error, .. } => Err(error),
        }
    }
}

/// What is uploaded to.
struct Target {
    storage: StorageClient,
    bucket: Arc<Bucket>,
    key: WritableKey,
    upload: UploadId,
}

impl Multipart {
    /// Begins an upload. With `once`, an object that is there at its end stays.
    pub(super) async fn create(
        storage: StorageClient,
        bucket: Arc<Bucket>,
        key: WritableKey,
        annotations: &Annotations,
        once: bool,
    ) -> Result<Self, Error> {
        let step = Step::Create { annotations };
        let answer = storage.send_write(&bucket, &Write { key: &key, step }, &[]).await?;
        let (_, document) = read_judged(&step, answer).await?;
        let upload = UploadId::read(&document)?;
        bucket.metrics.multipart_begun.inc();
        let target = Some(Target { storage, bucket, key, upload });
        Ok(Self { target, parts: Vec::new(), once })
    }

    fn target(&self) -> Result<&Target, Error> {
        self.target.as_ref().ok_or(Error::Internal("an upload went on after its end".into()))
    }

    /// Stores bytes of another object, the first and the last, as the next part. They do not pass
    /// through here.
    pub(super) async fn add_copy(&mut self, source: &Key, range: (u64, u64)) -> Result<(), Error> {
        let part = self.copy(self.parts.len() as u64 + 1, source, range).await.into_result()?;
        self.parts.push(part);
        Ok(())
    }

    /// Stores the next part. All but the last have the same size.
    pub(super) async fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let number = self.parts.len() as u64 + 1;
        if number > PARTS_MAX {
            let limit = PARTS_MAX * bytes.len() as u64;
            return Err(Error::PayloadTooLarge { limit });
        }
        let part = self.put(number, bytes).await.into_result()?;
        self.parts.push(part);
        Ok(())
    }

    /// Takes parts that were made by their numbers, all of them in order.
    pub(super) fn take(&mut self, parts: Vec<Part>) {
        self.parts = parts;
    }

    /// Makes the part of this number of bytes of another object, the first and the last. Other parts
    /// may be made meanwhile.
    pub(super) async fn copy(&self, number: u64, source: &Key, range: (u64, u64)) -> Attempt {
        let target = match self.target() {
            Ok(target) => target,
            Err(error) => return Attempt::Failed { error, may_pass: false },
        };
        let step = Step::CopyPart { upload: &target.upload, number, source, range };
        let storage = target.storage.copying(range.1 - range.0 + 1);
        let write = Write { key: &target.key, step };
        match storage.send_write(&target.bucket, &write, &[]).await {
            Ok(answer) => {
                let status = answer.status();
                let copied = read_judged(&step, answer).await;
                let part = copied.and_then(|(_, document)| Part::read_copy(number, &document));
                Attempt::of(part, status)
            }
            Err(error) => Attempt::Failed { error, may_pass: true },
        }
    }

    /// Makes the part of this number of these bytes. Other parts may be made meanwhile.
    pub(super) async fn put(&self, number: u64, bytes: &[u8]) -> Attempt {
        let target = match self.target() {
            Ok(target) => target,
            Err(error) => return Attempt::Failed { error, may_pass: false },
        };
        let step = Step::Part { upload: &target.upload, number, length: bytes.len() as u64 };
        match target.send(step, bytes).await {
            Ok(answer) => {
                let (status, part) = (answer.status(), Part::read(number, answer.headers()));
                let stored = judge(&step, answer).await;
                Attempt::of(stored.and(part), status)
            }
            Err(error) => Attempt::Failed { error, may_pass: true },
        }
    }

    /// Makes the parts an object. Whatever storage says, nothing else is left of the upload.
    pub(super) async fn complete(mut self) -> Result<Written, Error> {
        let target = self.target()?;
        let list = part_list(&self.parts);
        let length = list.len() as u64;
        let step = Step::Complete { upload: &target.upload, length, once: self.once };
        let write = Write { key: &target.key, step };
        // Some storage copies all of the parts before it says a word.
        let storage = &target.storage;
        let times = 1 + u32::try_from(self.parts.len() / PARTS_PER_WAIT).unwrap_or(u32::MAX);
        let storage = storage.waiting(storage.first_byte.saturating_mul(times));
        let completed = match storage.send_write(&target.bucket, &write, list.as_bytes()).await {
            Ok(answer) => judge(&step, answer).await,
            Err(error) => Err(error),
        };
        if matches!(completed, Ok(Written::Stored)) {
            self.target = None;
        } else {
            self.abort().await;
        }
        completed
    }

    /// Ends the upload without an object.
    pub(super) async fn abort(mut self) {
        if let Some(target) = self.target.take() {
            target.abort().await;
        }
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if let Some(target) = self.target.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { target.abort().await });
        }
    }
}

impl Target {
    async fn send(&self, step: Step<'_>, body: &[u8]) -> Result<Answer, Error> {
        self.storage.send_write(&self.bucket, &Write { key: &self.key, step }, body).await
    }

    async fn abort(&self) {
        let step = Step::Abort { upload: &self.upload };
        let aborted = match self.send(step, &[]).await {
            Ok(answer) => judge(&step, answer).await,
            Err(error) => Err(error),
        };
        match aborted {
            Ok(_) => self.bucket.metrics.multipart_aborted.inc(),
            Err(error) => {
                let (bucket, key) = (&self.bucket.name, self.key.key().as_str());
                let error = with_causes(&error);
                tracing::warn!(bucket, key, error, "a multipart upload was left unfinished");
            }
        }
    }
}
