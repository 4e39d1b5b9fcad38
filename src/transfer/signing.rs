//! Requests signed where they are sent, so that one that is refused for its signature can be signed
//! again: once, with other credentials or by another clock.

use std::time::SystemTime;

use super::storage::{Answer, StorageClient};
use crate::bucket::credentials::Credentials;
use crate::bucket::object::ObjectHead;
use crate::bucket::{Bucket, Read, Signed, answer};
use crate::content::layout::Key;
use crate::error::Error;
use crate::gateway::Storage;

impl StorageClient {
    /// Signs a read, sends it, and reads the head of the answer, whatever its status.
    ///
    /// An answer that refuses our signature costs one retry where there is something to do better:
    /// credentials that were refused are replaced, a clock that was wrong is corrected.
    ///
    /// # Errors
    /// No credentials, no address, no connection, or no answer in time.
    pub async fn send(&self, bucket: &Bucket, read: &Read<'_>) -> Result<Answer, Error> {
        let (credentials, signed) = sign(bucket, read).await?;
        let mut answer = self.send_signed(bucket, &signed).await?;
        if !answer::may_be_about_us(answer.status()) {
            bucket.clock.follow(answer.headers(), SystemTime::now());
            return Ok(answer);
        }
        if !can_do_better(bucket, read, &mut answer, &credentials, &signed).await {
            return Ok(answer);
        }
        answer.discard().await;
        let (_, signed) = sign(bucket, read).await?;
        self.send_signed(bucket, &signed).await
    }
}

async fn sign(
    bucket: &Bucket,
    read: &Read<'_>,
) -> Result<(std::sync::Arc<Credentials>, Signed), Error> {
    let credentials = bucket.credentials.current(bucket.clock.at(SystemTime::now())).await?;
    // It may have taken a while.
    let signed = bucket.sign_read(read, &credentials, SystemTime::now())?;
    Ok((credentials, signed))
}

/// Whether a request that was refused would be signed otherwise now.
async fn can_do_better(
    bucket: &Bucket,
    read: &Read<'_>,
    answer: &mut Answer,
    credentials: &Credentials,
    signed: &Signed,
) -> bool {
    let status = answer.status();
    let body = if read.with_body { answer.read_refusal().await } else { &[] };
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
}
