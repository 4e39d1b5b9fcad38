//! A file whose name is not known before its last byte, and which is too long for memory: storage has
//! it under another name meanwhile, and copies it itself.

use std::sync::Arc;

use super::Destination;
use crate::bucket::Bucket;
use crate::bucket::object::Annotations;
use crate::bucket::write::{PUT_BYTES_MAX, Step, Write, Written};
use crate::content::layout::WritableKey;
use crate::error::{Error, with_causes};
use crate::token::sixteen_bytes;
use crate::transfer::multipart::Multipart;
use crate::transfer::storage::StorageClient;
use crate::transfer::upload::judge;

/// The bytes of a part that storage copies. What it copies at once, it does not answer before.
const COPIED_PART_BYTES: u64 = 1024 * 1024 * 1024;

/// A file in the making. Dropped, nothing is left of it.
pub(super) struct Staged {
    storage: StorageClient,
    bucket: Arc<Bucket>,
    key: WritableKey,
    multipart: Multipart,
    /// Whether an object that has its name already stays.
    once: bool,
}

impl Staged {
    /// Begins one.
    ///
    /// # Errors
    /// Storage refused or failed; or what is stored first is to stay, and storage is not known to
    /// see to that for an object that comes in parts.
    pub(super) async fn create(to: &Destination<'_>) -> Result<Self, Error> {
        let route = &to.import.route;
        let once = route.write_once;
        if once && !route.bucket.fitness.completes_once() {
            return Err(Error::PayloadTooLarge { limit: to.part_size as u64 });
        }
        let key = WritableKey::staging(&to.import.grant, sixteen_bytes()?)?;
        let (storage, bucket) = (to.storage.clone(), Arc::clone(&route.bucket));
        let none = Annotations::default();
        let multipart =
            Multipart::create(storage.clone(), Arc::clone(&bucket), key.clone(), &none, false);
        let multipart = multipart.await?;
        Ok(Self { storage, bucket, key, multipart, once })
    }

    /// Stores the next part.
    ///
    /// # Errors
    /// As [`Multipart::add`].
    pub(super) async fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.multipart.add(bytes).await
    }

    /// Stores the last part, and the whole of so many bytes under its name.
    ///
    /// # Errors
    /// Storage refused or failed.
    pub(super) async fn finish(
        self,
        part: Vec<u8>,
        key: &WritableKey,
        annotations: &Annotations,
        size: u64,
    ) -> Result<Written, Error> {
        let Self { storage, bucket, key: staged, mut multipart, once } = self;
        multipart.add(&part).await?;
        // No part is in memory any more.
        drop(part);
        // Storage may make an object without that its answer comes here.
        let leftover = Leftover { target: Some((storage, bucket, staged)) };
        multipart.complete().await?;
        let written = leftover.copy(key, annotations, size, once).await;
        leftover.delete().await;
        written
    }
}

/// What has to go, whatever becomes of it.
struct Leftover {
    target: Option<(StorageClient, Arc<Bucket>, WritableKey)>,
}

impl Leftover {
    /// Has storage copy it.
    async fn copy(
        &self,
        key: &WritableKey,
        annotations: &Annotations,
        size: u64,
        once: bool,
    ) -> Result<Written, Error> {
        let Some((storage, bucket, source)) = &self.target else {
            return Err(Error::Internal("a staged file went on after its end".into()));
        };
        let source = source.key();
        // Few servers know a condition on what a copy replaces; on what parts become, more.
        if size <= PUT_BYTES_MAX && !once {
            let step = Step::Copy { source, annotations };
            let storage = storage.copying(size);
            let answer = storage.send_write(bucket, &Write { key, step }, &[]).await?;
            return judge(&step, answer).await;
        }
        let (storage, bucket, key) = (storage.clone(), Arc::clone(bucket), key.clone());
        let mut copy = Multipart::create(storage, bucket, key, annotations, once).await?;
        let mut first = 0;
        while first < size {
            let end = size.min(first + COPIED_PART_BYTES);
            copy.add_copy(source, (first, end - 1)).await?;
            first = end;
        }
        copy.complete().await
    }

    async fn delete(mut self) {
        if let Some((storage, bucket, key)) = self.target.take() {
            delete(&storage, &bucket, &key).await;
        }
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        if let Some((storage, bucket, key)) = self.target.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { delete(&storage, &bucket, &key).await });
        }
    }
}

/// What this misses is found by the sweep ([`control`](crate::bucket::control)).
async fn delete(storage: &StorageClient, bucket: &Bucket, key: &WritableKey) {
    let step = Step::Delete;
    let deleted = match storage.send_write(bucket, &Write { key, step }, &[]).await {
        Ok(answer) => judge(&step, answer).await,
        Err(error) => Err(error),
    };
    if let Err(error) = deleted {
        let (bucket, key) = (&bucket.name, key.key().as_str());
        let error = with_causes(&error);
        tracing::warn!(bucket, key, error, "a staged file was left");
    }
}
