//! Bodies of requests.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::progress::Progress;

/// How many bytes are handed on at once, so that a slow connection shows progress.
const FRAME_BYTES: usize = 64 * 1024;

/// Bytes that are sent, and counted as they are.
pub(super) struct Outgoing {
    bytes: Bytes,
    taken: Arc<AtomicU64>,
    progress: Option<Progress>,
}

impl Outgoing {
    /// These bytes; where there is a bar, it moves with them.
    pub(super) fn new(bytes: Bytes, progress: Option<Progress>) -> Self {
        Self { bytes, taken: Arc::default(), progress }
    }

    /// How many of them the connection has taken, also when this is gone.
    pub(super) fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.bytes.len().min(FRAME_BYTES);
        let frame = self.bytes.split_to(length);
        self.taken.fetch_add(length as u64, Ordering::Relaxed);
        if let Some(progress) = &self.progress {
            progress.advance(length as u64);
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
