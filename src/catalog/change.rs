//! Reading documents, and changing them only as they were read.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::document::{self, Claim};
use super::{Catalog, Refused};
use crate::bucket::objects::{DOCUMENT_BYTES_MAX, Expected, Objects, Swap, Tag};
use crate::content::layout::WritableKey;

/// How often a change is tried while others change the same document.
pub(super) const ATTEMPTS: usize = 32;

/// A document as it was seen, if there was one.
pub(super) struct Seen<B> {
    pub(super) body: Option<B>,
    state: Option<(Tag, Claim)>,
}

/// What became of a write.
pub(super) enum Outcome<B> {
    /// It is done.
    Done,
    /// It is not, and never will be: the document is this by now.
    Conflict(Seen<B>),
}

/// What there is to do about a document.
pub(super) enum Step<B, T> {
    /// Nothing; that is the answer.
    Keep(T),
    /// To write this. The answer, if that is done.
    Write(B, T),
}

impl<O: Objects> Catalog<'_, O> {
    pub(super) async fn read<B: DeserializeOwned>(
        &self,
        key: &WritableKey,
    ) -> Result<Seen<B>, Refused> {
        let Some(there) = self.objects.document(key.key()).await? else {
            return Ok(Seen { body: None, state: None });
        };
        let (body, nonce) = document::read(&there.bytes)?;
        Ok(Seen { body: Some(body), state: Some((there.tag, nonce)) })
    }

    /// Writes a document if it is as it was seen.
    ///
    /// # Errors
    /// [`Refused::Failed`]: the outcome is unknown, and the write may be done yet.
    /// [`Refused::TooMany`]: the document would be too long.
    pub(super) async fn write<B: Serialize + DeserializeOwned + Sync>(
        &self,
        key: &WritableKey,
        body: &B,
        seen: &Seen<B>,
    ) -> Result<Outcome<B>, Refused> {
        let nonce = self.fresh()?;
        let bytes = document::to_bytes(body, nonce)?;
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(Refused::TooMany);
        }
        let expected = match &seen.state {
            None => Expected::Absent,
            Some((tag, _)) => Expected::As(tag),
        };
        let failure = match self.objects.write_document(key, &bytes, expected).await {
            Ok(Swap::Written(_)) => return Ok(Outcome::Done),
            Ok(Swap::Conflict) => None,
            Err(error) => Some(error),
        };
        // Even a conflict can be with our own write: something on the way may have sent it twice.
        let there = self.read::<B>(key).await;
        if let Ok(there) = &there
            && there.state.as_ref().is_some_and(|(_, current)| *current == nonce)
        {
            return Ok(Outcome::Done);
        }
        match failure {
            // Nobody writes it again: it may be done yet, and then it would be done twice.
            Some(error) => Err(Refused::Failed(error)),
            None => there.map(Outcome::Conflict),
        }
    }

    /// Changes a document, which was seen, step by step. What `step` does has to be right for any
    /// state that it is given.
    pub(super) async fn change<B, T>(
        &self,
        key: &WritableKey,
        mut seen: Seen<B>,
        mut step: impl FnMut(Option<&B>) -> Result<Step<B, T>, Refused> + Send,
    ) -> Result<T, Refused>
    where
        B: Serialize + DeserializeOwned + Send + Sync,
        T: Send,
    {
        for _ in 0..ATTEMPTS {
            match step(seen.body.as_ref())? {
                Step::Keep(answer) => return Ok(answer),
                Step::Write(body, answer) => match self.write(key, &body, &seen).await? {
                    Outcome::Done => return Ok(answer),
                    Outcome::Conflict(there) => seen = there,
                },
            }
        }
        Err(Refused::Contended)
    }

    /// Writes a document of which nothing is believed, whatever was there.
    pub(super) async fn overwrite<B: Serialize + Sync>(
        &self,
        key: &WritableKey,
        body: &B,
    ) -> Result<(), Refused> {
        let bytes = document::to_bytes(body, self.fresh()?)?;
        Ok(self.objects.put(key, &bytes).await?)
    }

    pub(super) fn fresh(&self) -> Result<Claim, Refused> {
        Ok(Claim(u128::from_be_bytes((self.random)()?)))
    }
}
