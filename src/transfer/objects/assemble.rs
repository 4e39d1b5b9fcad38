//! Objects that storage makes of others.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

use super::BucketObjects;
use crate::backoff::{self, Spread};
use crate::bucket::object::Annotations;
use crate::bucket::objects::Piece;
use crate::bucket::write::{PARTS_MAX, Part};
use crate::content::layout::WritableKey;
use crate::error::Error;
use crate::transfer::multipart::{Attempt, Multipart};

/// Parts that are made at the same time.
const IN_FLIGHT_MAX: usize = 8;

/// How often a part is tried, and the pauses in between.
const ATTEMPTS_MAX: u32 = 3;
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl BucketObjects {
    /// Of at least one piece.
    pub(super) async fn assemble_parts(
        &self,
        key: &WritableKey,
        annotations: &Annotations,
        pieces: &[Piece],
        rest: &[u8],
    ) -> Result<(), Error> {
        let count = pieces.len() as u64 + u64::from(!rest.is_empty());
        if count > PARTS_MAX || pieces.iter().any(|piece| piece.bytes == 0) {
            return Err(Error::Internal("an object of too many pieces, or of empty ones".into()));
        }
        let (storage, bucket) = (self.storage.clone(), Arc::clone(&self.bucket));
        let multipart = Multipart::create(storage, bucket, key.clone(), annotations, false);
        let mut multipart = multipart.await?;
        match parts(&multipart, pieces, rest).await {
            Ok(parts) => multipart.take(parts),
            Err(error) => {
                multipart.abort().await;
                return Err(error);
            }
        }
        multipart.complete().await.map(drop)
    }
}

/// All parts, in order.
async fn parts(multipart: &Multipart, pieces: &[Piece], rest: &[u8]) -> Result<Vec<Part>, Error> {
    let mut next = (1..).zip(pieces.iter().map(Some).chain((!rest.is_empty()).then_some(None)));
    let mut in_flight = FuturesUnordered::new();
    let mut parts = Vec::with_capacity(pieces.len() + 1);
    loop {
        while in_flight.len() < IN_FLIGHT_MAX
            && let Some((number, piece)) = next.next()
        {
            in_flight.push(patiently(multipart, number, piece, rest));
        }
        let Some(part) = in_flight.next().await else { break };
        parts.push(part?);
    }
    parts.sort_unstable_by_key(|part| part.number);
    Ok(parts)
}

/// Makes one part: of a piece, or of the bytes. Made twice, it is the same part.
async fn patiently(
    multipart: &Multipart,
    number: u64,
    piece: Option<&Piece>,
    rest: &[u8],
) -> Result<Part, Error> {
    let mut attempts = 1;
    loop {
        let attempt = match piece {
            Some(piece) => multipart.copy(number, &piece.source, (0, piece.bytes - 1)).await,
            None => multipart.put(number, rest).await,
        };
        match attempt {
            Attempt::Done(part) => return Ok(part),
            Attempt::Failed { error, may_pass: true } if attempts < ATTEMPTS_MAX => {
                tracing::debug!(number, %error, "a part is tried again");
            }
            Attempt::Failed { error, .. } => return Err(error),
        }
        let pause = backoff::doubled(attempts, PAUSE_FIRST, PAUSE_MAX);
        sleep(Spread::random().over(pause)).await;
        attempts += 1;
    }
}
