//! The body of a client's request.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::timeout;

use super::client::{Client, Gone};
use super::download::Undelivered;
use crate::error::Error;

/// How much of a body there may be, and how slowly it may come.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The most bytes.
    pub bytes_max: u64,
    /// Bytes per second that the client must send while it is waited for.
    pub rate_min: usize,
    /// What it may be late, however much it sent before.
    pub grace: Duration,
}

/// A body that is being read.
pub struct Body<'c> {
    client: &'c mut Client,
    pace: Pace,
    received: u64,
    /// How long the client is waited for from now on. Bytes earn more of it, but never more than the
    /// grace: what came in a burst is no reason to hold memory for hours after it.
    patience: Duration,
    /// Since when it is waited for, while it is.
    waiting_since: Option<Instant>,
    /// What was read and not taken.
    ahead: Bytes,
    asked_for: bool,
}

impl<'c> Body<'c> {
    /// The body of the request that the client has sent the head of.
    pub fn new(client: &'c mut Client, pace: Pace) -> Self {
        let (received, ahead, asked_for, waiting_since) = Default::default();
        Self { client, pace, received, patience: pace.grace, waiting_since, ahead, asked_for }
    }

    /// Tells a client that waits for it to send the body (RFC 9110 section 10.1.1).
    ///
    /// # Errors
    /// The client left.
    pub async fn ask_for_it(&mut self) -> Result<(), Gone> {
        self.asked_for = true;
        self.client.write_continue().await
    }

    /// The next bytes; never empty. None: that was all, and it came whole. Cancellation loses
    /// nothing.
    ///
    /// # Errors
    /// The client left, ended the body too early, is too slow, or sends too much.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Undelivered> {
        if !self.ahead.is_empty() {
            return Ok(Some(std::mem::take(&mut self.ahead)));
        }
        loop {
            self.waiting_since = Some(Instant::now());
            let read = timeout(self.patience, self.client.read_body()).await;
            self.note_wait();
            let read = read.map_err(|_| Gone::new("it sends too little for too long"))??;
            let Some(bytes) = read else { return Ok(None) };
            let length = bytes.len() as u64;
            let earned =
                Duration::from_micros(length * 1_000_000 / self.pace.rate_min.max(1) as u64);
            self.patience = (self.patience + earned).min(self.pace.grace);
            self.received += length;
            if self.received > self.pace.bytes_max {
                return Err(Error::PayloadTooLarge { limit: self.pace.bytes_max }.into());
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }

    /// Reads until `buffer` holds `length` bytes or the body has ended; whether it goes on.
    ///
    /// # Errors
    /// As [`Body::chunk`].
    pub async fn fill(&mut self, buffer: &mut Vec<u8>, length: usize) -> Result<bool, Undelivered> {
        while let Some(mut bytes) = self.chunk().await? {
            let room = length - buffer.len();
            if bytes.len() > room {
                self.ahead = bytes.split_off(room);
            }
            reserve(buffer, bytes.len(), length);
            buffer.extend_from_slice(&bytes);
            if !self.ahead.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same for as long as `limit`. None: it takes longer, and the buffer holds what came so far.
    ///
    /// # Errors
    /// As [`Body::chunk`].
    pub async fn fill_within(
        &mut self,
        buffer: &mut Vec<u8>,
        length: usize,
        limit: Duration,
    ) -> Result<Option<bool>, Undelivered> {
        let filled = timeout(limit, self.fill(buffer, length)).await;
        self.note_wait();
        filled.map_or(Ok(None), |filled| filled.map(Some))
    }

    /// Takes what was waited off the patience with the client.
    fn note_wait(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.patience = self.patience.saturating_sub(since.elapsed());
        }
    }

    /// Reads the end, which has to come now.
    ///
    /// # Errors
    /// As [`Body::chunk`], and where the body goes on.
    pub async fn end(&mut self) -> Result<(), Undelivered> {
        match self.chunk().await? {
            None => Ok(()),
            Some(_) => Err(Gone::new("the body is longer than announced").into()),
        }
    }

    /// Reads the rest and throws it away. A client that still waits to be asked for it need not send
    /// it.
    ///
    /// # Errors
    /// As [`Body::chunk`].
    pub async fn discard(&mut self) -> Result<(), Undelivered> {
        if !self.asked_for && self.client.expects_continue() {
            return Ok(());
        }
        while self.chunk().await?.is_some() {}
        Ok(())
    }
}

/// Makes room for some bytes more. A vector by itself would take up to twice what it may hold.
fn reserve(buffer: &mut Vec<u8>, more: usize, length_max: usize) {
    let needed = buffer.len() + more;
    if needed > buffer.capacity() {
        let capacity = (buffer.capacity() * 2).clamp(needed, length_max.max(needed));
        buffer.reserve_exact(capacity - buffer.len());
    }
}
