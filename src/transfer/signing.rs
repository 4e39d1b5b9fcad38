//! Requests signed where they are sent, so that one that is refused for its signature can be signed
//! again: once, with other credentials or by another clock.

use std::time::SystemTime;

use http::{HeaderValue, StatusCode};

use super::answer::Answer;
use super::storage::{Body, Exchange, StorageClient};
use crate::bucket::credentials::Credentials;
use crate::bucket::list::List;
use crate::bucket::object::ObjectHead;
use crate::bucket::write::Write;
use crate::bucket::{Bucket, Read, Signed, answer};
use crate::content::layout::Key;
use crate::error::Error;
use crate::gateway::Storage;

/// The longest tag in an object of its own, in bytes.
const TAG_BYTES_MAX: usize = 1024;

/// What is signed and sent.
#[derive(Clone, Copy)]
pub(super) enum Ask<'a> {
    Read(&'a Read<'a>),
    Write(&'a Write<'a>),
    List(&'a List<'a>),
}

impl Ask<'_> {
    /// An answer to HEAD has no body that says what is wrong.
    const fn explains_refusals(self) -> bool {
        !matches!(self, Self::Read(Read { with_body: false, .. }))
    }
}

impl StorageClient {
    /// Signs a read, sends it, and reads the head of the answer, whatever its status.
    ///
    /// # Errors
    /// No credentials, no address, no connection, or no answer in time.
    pub async fn send(&self, bucket: &Bucket, read: &Read<'_>) -> Result<Answer, Error> {
        let exchange = self.send_ask(bucket, Ask::Read(read), Body::Whole(&[])).await?;
        exchange.into_answer()
    }

    /// The same for a write whose body is in memory.
    ///
    /// # Errors
    /// As [`StorageClient::send`].
    pub(super) async fn send_write(
        &self,
        bucket: &Bucket,
        write: &Write<'_>,
        body: &[u8],
    ) -> Result<Answer, Error> {
        let exchange = self.send_ask(bucket, Ask::Write(write), Body::Whole(body)).await?;
        exchange.into_answer()
    }

    /// Signs a request, sends it, and sees what comes back.
    ///
    /// An answer that refuses our signature costs one retry where there is something to do better:
    /// credentials that were refused are replaced, a clock that was wrong is corrected.
    ///
    /// # Errors
    /// As [`StorageClient::send`].
    pub(super) async fn send_ask(
        &self,
        bucket: &Bucket,
        ask: Ask<'_>,
        body: Body<'_>,
    ) -> Result<Exchange, Error> {
        let (credentials, signed) = sign(bucket, ask, body).await?;
        let exchange = self.send_signed(bucket, &signed, body).await?;
        let Exchange::Answered(mut answer) = exchange else { return Ok(exchange) };
        if !answer::may_be_about_us(answer.status()) {
            bucket.clock.follow(answer.headers(), SystemTime::now());
            return Ok(Exchange::Answered(answer));
        }
        if !can_do_better(bucket, ask, &mut answer, &credentials, &signed).await {
            return Ok(Exchange::Answered(answer));
        }
        answer.discard().await;
        let (_, signed) = sign(bucket, ask, body).await?;
        self.send_signed(bucket, &signed, body).await
    }

    /// Adds the tag that stands in an object beside one that has no annotations. It is
    /// turborepo-remote-cache that stores tags like that.
    ///
    /// # Errors
    /// Storage cannot say whether there is one.
    pub(super) async fn add_tag(
        &self,
        bucket: &Bucket,
        key: &Key,
        object: &mut ObjectHead,
    ) -> Result<(), Error> {
        let Some(key) = key.beside(".tag").filter(|_| object.annotations.is_empty()) else {
            return Ok(());
        };
        let read = Read::get(&key);
        let answer = self.send(bucket, &read).await?;
        if answer.status() != StatusCode::OK {
            return match answer.into_error(bucket).await {
                Error::NotFound(_) => Ok(()),
                error => Err(error),
            };
        }
        let tag = answer.into_document(TAG_BYTES_MAX + 1).await?;
        // One that is too long is no tag.
        object.annotations.tag =
            HeaderValue::from_bytes(tag.trim_ascii()).ok().filter(|_| tag.len() <= TAG_BYTES_MAX);
        Ok(())
    }
}

async fn sign(
    bucket: &Bucket,
    ask: Ask<'_>,
    body: Body<'_>,
) -> Result<(std::sync::Arc<Credentials>, Signed), Error> {
    let credentials = bucket.credentials.current(bucket.clock.at(SystemTime::now())).await?;
    // It may have taken a while.
    let now = SystemTime::now();
    let mut signed = match ask {
        Ask::Read(read) => bucket.sign_read(read, &credentials, now)?,
        Ask::Write(write) => bucket.sign_write(write, &credentials, now)?,
        Ask::List(list) => bucket.sign_list(list, &credentials, now)?,
    };
    if matches!(body, Body::Later) {
        signed.expect_continue();
    }
    Ok((credentials, signed))
}

/// Whether a request that was refused would be signed otherwise now.
async fn can_do_better(
    bucket: &Bucket,
    ask: Ask<'_>,
    answer: &mut Answer,
    credentials: &Credentials,
    signed: &Signed,
) -> bool {
    let status = answer.status();
    let body = if ask.explains_refusals() { answer.read_refusal().await } else { &[] };
    let complaint = answer::complaint(status, body, bucket.forbidden_means);
    let now = SystemTime::now();
    if let Some(evidence) = complaint.time
        && bucket.clock.correct(answer.headers(), evidence, signed.time, now)
    {
        bucket.credentials_metrics.resigned_clock.inc();
        return true;
    }
    if let Some(evidence) = complaint.credentials
        && bucket.credentials.replace(credentials, evidence, bucket.clock.at(now)).await.is_some()
    {
        bucket.credentials_metrics.resigned_credentials.inc();
        return true;
    }
    false
}

impl Storage for StorageClient {
    async fn stat(&self, bucket: &Bucket, key: &Key) -> Result<ObjectHead, Error> {
        let answer = self.send(bucket, &Read::head(key)).await?;
        let object = bucket.read_stat(answer.status(), answer.headers());
        answer.release().await;
        object
    }

    async fn stat_with_tag(&self, bucket: &Bucket, key: &Key) -> Result<ObjectHead, Error> {
        let mut object = self.stat(bucket, key).await?;
        self.add_tag(bucket, key, &mut object).await?;
        Ok(object)
    }
}
