//! Conditional writes of documents.
//!
//! Of such a write nothing is sent twice that storage may have done: a second one would find what the
//! first has written, and look like a conflict. The body therefore waits until storage wants it, or
//! for as long as storage may take to say so. A connection that dies before that costs nothing, as no
//! object is made without its body; one that dies later is a failure that says nothing about the
//! document. A conflict is one, as far as storage can tell; something between us and storage that
//! repeats requests could still make one up, so whoever gets one looks what is there.

use std::time::Duration;

use http::StatusCode;
use tokio::time::sleep;

use super::BucketObjects;
use crate::backoff::{self, Spread};
use crate::bucket::answer;
use crate::bucket::objects::{DOCUMENT_BYTES_MAX, Expected, Objects as _, Swap, Tag};
use crate::bucket::write::{self, Step, Write, Written};
use crate::content::layout::WritableKey;
use crate::error::{Error, Kind};
use crate::transfer::answer::Answer;
use crate::transfer::signing::Ask;
use crate::transfer::storage::{Body, Exchange};

/// How much of the body of an answer is looked at.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// How much of a document is sent at once.
const PIECE_BYTES: usize = 64 * 1024;

/// How often a write is sent that storage did not judge, and the pauses in between.
const ATTEMPTS_MAX: u32 = 6;
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// What became of one request.
enum Sent {
    /// Storage has judged it.
    Judged(Swap),
    /// Another write was in the way, so it was not judged, nor done (AWS, "Conditional writes").
    Overlapped,
    /// Storage failed, and says so itself: Ceph 16 does at a write that another one overtook.
    Failed(Error),
}

impl BucketObjects {
    pub(super) async fn swap(
        &self,
        key: &WritableKey,
        body: &[u8],
        expected: Expected<'_>,
    ) -> Result<Swap, Error> {
        if body.is_empty() || body.len() > DOCUMENT_BYTES_MAX {
            // Without a body, storage would not have to wait for it.
            return Err(Error::Internal("a document that is empty, or too long".into()));
        }
        let fitness = &self.bucket.fitness;
        let seen = fitness.conditional_writes().filter(|_| fitness.keeps_documents());
        let Some(seen) = seen else {
            let detail = "the bucket is not known to keep documents";
            return Err(Error::storage(Kind::StorageUnavailable, detail));
        };
        let step = Step::PutIf { length: body.len() as u64, expected, tags: seen.tags };
        for attempts in 1..=ATTEMPTS_MAX {
            let sent = self.send_document(&Write { key, step }, body).await;
            self.bucket.objects.forget(key.key());
            match sent? {
                Sent::Judged(swap) => return Ok(swap),
                Sent::Failed(error) => return self.overtaken(key, body, expected, error).await,
                Sent::Overlapped => {
                    let pause = backoff::doubled(attempts, PAUSE_FIRST, PAUSE_MAX);
                    sleep(Spread::random().over(pause)).await;
                }
            }
        }
        // So many were in the way that the document can hardly be what it was.
        Ok(Swap::Conflict)
    }

    async fn send_document(&self, write: &Write<'_>, body: &[u8]) -> Result<Sent, Error> {
        let exchange = self.storage.send_ask(&self.bucket, Ask::Write(write), Body::Later).await?;
        let (answer, is_early) = match exchange {
            Exchange::Answered(answer) => (answer, true),
            Exchange::Continue(mut sending) => {
                let mut failure = None;
                for piece in body.chunks(PIECE_BYTES) {
                    failure = sending.write(piece).await.err();
                    if failure.is_some() {
                        break;
                    }
                }
                match failure {
                    None => (sending.finish(&self.bucket).await?, false),
                    failure => (sending.into_answer(&self.bucket, failure).await?, true),
                }
            }
        };
        judge(&write.step, answer, is_early).await
    }

    /// What a write is worth that failed: where something else than expected is there by now, it
    /// will not be done any more.
    async fn overtaken(
        &self,
        key: &WritableKey,
        body: &[u8],
        expected: Expected<'_>,
        failure: Error,
    ) -> Result<Swap, Error> {
        let Ok(there) = self.document(key.key()).await else { return Err(failure) };
        let holds = match (expected, &there) {
            (Expected::Absent, there) => there.is_none(),
            (Expected::As(_), None) => false,
            (Expected::As(tag), Some(there)) => there.tag == *tag,
        };
        let is_ours = there.is_some_and(|there| there.bytes == body);
        // Ours, it may have been done, or others wrote the same. As before, it may be done yet.
        if holds || is_ours { Err(failure) } else { Ok(Swap::Conflict) }
    }
}

async fn judge(step: &Step<'_>, answer: Answer, is_early: bool) -> Result<Sent, Error> {
    let status = answer.status();
    let tag = Tag::read(answer.headers());
    let document = match answer.into_document(ANSWER_BYTES_MAX).await {
        // Whoever refuses a body may close on the rest of it. That it is refused is known.
        Err(_) if !status.is_success() => Vec::new(),
        document => document?,
    };
    match write::judge(step, status, &document) {
        Ok(Written::AlreadyThere) => Ok(Sent::Judged(Swap::Conflict)),
        Ok(Written::Stored) if is_early => {
            let detail = "storage did not wait for the body";
            Err(Error::storage(Kind::StorageFailed, detail))
        }
        Ok(Written::Stored) => tag.map(|tag| Sent::Judged(Swap::Written(tag))),
        Err(_) if status == StatusCode::CONFLICT => Ok(Sent::Overlapped),
        Err(error)
            if status == StatusCode::INTERNAL_SERVER_ERROR
                && !answer::code(&document).is_empty() =>
        {
            Ok(Sent::Failed(error))
        }
        Err(error) => Err(error),
    }
}
