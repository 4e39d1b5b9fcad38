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
    /// What was read and not taken.
    ahead: Bytes,
    asked_for: bool,
}

impl<'c> Body<'c> {
    /// The body of the request that the client has sent the head of.
    pub fn new(client: &'c mut Client, pace: Pace) -> Self {
        let (received, ahead, asked_for) = Default::default();
        Self { client, pace, received, patience: pace.grace, ahead, asked_for }
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
            let began = Instant::now();
            let read = timeout(self.patience, self.client.read_body()).await;
            self.patience = self.patience.saturating_sub(began.elapsed());
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
