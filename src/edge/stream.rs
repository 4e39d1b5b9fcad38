//! A client connection with an allowance for the bytes it may send.
//!
//! Pingora reads up to 1 MiB of header before it gives up. Ten thousand connections that send
//! endless headers would be 10 GB, so the limit is enforced where the bytes come in. So is that on
//! HTTP/2 frames that ask for nothing.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::chunks::ChunkWatch;

/// For this many bytes sent to a client, it may send one more: the acknowledgements and window
/// updates of HTTP/2 follow what was sent.
const BYTES_SENT_PER_BYTE: usize = 8;

/// How many bytes may still be read.
#[derive(Debug, Default)]
pub struct Allowance {
    left: AtomicUsize,
    exhausted: AtomicBool,
    uploads: Notify,
}

impl Allowance {
    /// At most `bytes` from now on.
    pub fn limit(&self, bytes: usize) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// As many more, unless there is no limit.
    pub fn grant(&self, bytes: usize) {
        self.change(|left| left.saturating_add(bytes));
    }

    fn charge(&self, bytes: usize) {
        self.change(|left| left.saturating_sub(bytes));
    }

    /// In one step: a connection reads while requests of its own are answered by other threads, and
    /// what one of them grants must not be lost.
    fn change(&self, change: impl Fn(usize) -> usize) {
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left != usize::MAX).then(|| change(left))
        });
    }

    /// Somebody who may do so sends a body on the connection.
    pub fn note_upload(&self) {
        self.uploads.notify_one();
    }

    /// Completes after [`Allowance::note_upload`].
    pub async fn upload(&self) {
        self.uploads.notified().await;
    }

    /// The header is there: read on.
    pub fn lift(&self) {
        self.left.store(usize::MAX, Ordering::Relaxed);
    }

    /// Whether a read was refused.
    pub fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }
}

/// How a connection takes what is written to it.
///
/// Buffers and TLS below take some bytes at once, so a write that succeeds says little. Looked at
/// is the time in which something waits to be flushed, and how much was taken in it.
#[derive(Debug)]
pub struct Backlog {
    opened: Instant,
    /// Milliseconds from `opened`, plus one; 0 while nothing waits.
    since: AtomicU64,
    /// Bytes taken from then on.
    taken: AtomicUsize,
}

impl Default for Backlog {
    fn default() -> Self {
        let (since, taken) = Default::default();
        Self { opened: Instant::now(), since, taken }
    }
}

impl Backlog {
    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn note_write(&self, write: &Poll<io::Result<usize>>) {
        match write {
            Poll::Pending if self.since.load(Ordering::Relaxed) == 0 => self.look_again(),
            Poll::Ready(Ok(taken)) => {
                self.taken.fetch_add(*taken, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn note_flush(&self, flush: &Poll<io::Result<()>>) {
        match flush {
            Poll::Pending if self.since.load(Ordering::Relaxed) == 0 => self.look_again(),
            Poll::Pending => {}
            Poll::Ready(_) => self.since.store(0, Ordering::Relaxed),
        }
    }

    fn look_again(&self) {
        self.since.store(self.now(), Ordering::Relaxed);
        self.taken.store(0, Ordering::Relaxed);
    }

    /// Whether something has been waiting for this long while less than so many bytes per second
    /// were taken. Each such time is looked at by itself.
    #[must_use]
    pub fn is_stuck(&self, time: Duration, rate_min: usize) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        let elapsed = Duration::from_millis(self.now().saturating_sub(since));
        if since == 0 || elapsed < time {
            return false;
        }
        let taken = self.taken.load(Ordering::Relaxed) as u128;
        if taken * 1000 < rate_min as u128 * elapsed.as_millis() {
            return true;
        }
        self.look_again();
        false
    }
}

/// A connection over any transport, with what Pingora asks of one.
#[derive(Debug)]
pub struct ClientStream<S> {
    inner: S,
    /// Bytes that were read already, to be read again.
    unread: Bytes,
    allowance: Arc<Allowance>,
    backlog: Arc<Backlog>,
    chunks: Arc<ChunkWatch>,
    send_at_once: Arc<AtomicBool>,
    peer: Option<SocketAddr>,
}

/// What the edge needs to know of the connection behind a session.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The allowance its reads are charged to.
    pub allowance: Arc<Allowance>,
    /// How it takes what is written to it.
    pub backlog: Arc<Backlog>,
    /// What looks at chunked bodies.
    pub chunks: Arc<ChunkWatch>,
    /// Whether each write is flushed, since no read will do so.
    pub send_at_once: Arc<AtomicBool>,
    /// The other end.
    pub peer: Option<SocketAddr>,
}

impl<S> ClientStream<S> {
    /// Wraps a transport.
    pub fn new(inner: S, peer: Option<SocketAddr>) -> Self {
        let allowance = Arc::new(Allowance::default());
        allowance.lift();
        let (backlog, chunks, send_at_once) = Default::default();
        Self { inner, unread: Bytes::new(), allowance, backlog, chunks, send_at_once, peer }
    }

    /// Puts bytes back in front of what is read next.
    pub fn unread(&mut self, bytes: Bytes) {
        self.unread = bytes;
    }

    fn note_write(&self, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.backlog.note_write(&write);
        if let Poll::Ready(Ok(taken)) = &write {
            self.allowance.grant(taken / BYTES_SENT_PER_BYTE);
        }
        write
    }

    /// The facts that outlive the stream's type.
    pub fn connection(&self) -> Connection {
        Connection {
            allowance: Arc::clone(&self.allowance),
            backlog: Arc::clone(&self.backlog),
            chunks: Arc::clone(&self.chunks),
            send_at_once: Arc::clone(&self.send_at_once),
            peer: self.peer,
        }
    }
}

impl<S: AsyncWrite + Unpin> ClientStream<S> {
    /// Flushes, where that is asked for. What does not go now goes with the next write, which says
    /// what is wrong too.
    fn push(&mut self, context: &mut Context<'_>) {
        if self.send_at_once.load(Ordering::Relaxed) {
            let _ = Pin::new(&mut self.inner).poll_flush(context);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.allowance.left.load(Ordering::Relaxed);
        let before = buffer.filled().len();
        if left == usize::MAX && self.unread.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
            return Poll::Ready(self.chunks.note(&buffer.filled()[before..]));
        }
        if left == 0 {
            self.allowance.exhausted.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("more was sent than there is an answer to")));
        }
        if self.unread.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        } else {
            let length = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(length));
        }
        let read = &buffer.filled()[before..];
        self.allowance.charge(read.len());
        Poll::Ready(self.chunks.note(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.push(context);
        self.note_write(write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.push(context);
        self.note_write(write)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = Pin::new(&mut self.inner).poll_flush(context);
        self.backlog.note_flush(&flush);
        flush
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[async_trait]
impl<S: AsyncWrite + Unpin + Send> Shutdown for ClientStream<S> {
    async fn shutdown(&mut self) {
        // The other side may be gone already, which is what was wanted.
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut self.inner).await;
    }
}

impl<S> UniqueID for ClientStream<S> {
    fn id(&self) -> UniqueIDType {
        // Only Pingora's pools tell connections apart by id, and client connections are never
        // pooled.
        0
    }
}

impl<S> Ssl for ClientStream<S> {}

impl<S> GetTimingDigest for ClientStream<S> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl<S> GetProxyDigest for ClientStream<S> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl<S> GetSocketDigest for ClientStream<S> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}

impl<S> Peek for ClientStream<S> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_of_what_others_grant_meanwhile() {
        const TIMES: usize = 200_000;
        let allowance = Allowance::default();
        allowance.limit(TIMES);
        std::thread::scope(|scope| {
            scope.spawn(|| (0..TIMES).for_each(|_| allowance.charge(1)));
            (0..TIMES).for_each(|_| allowance.grant(1));
        });
        assert_eq!(allowance.left.load(Ordering::Relaxed), TIMES);
    }

    #[test]
    fn where_there_is_no_limit_none_comes_about() {
        let allowance = Allowance::default();
        allowance.lift();
        allowance.charge(1000);
        assert_eq!(allowance.left.load(Ordering::Relaxed), usize::MAX);
        allowance.limit(1000);
        allowance.charge(1001);
        assert_eq!(allowance.left.load(Ordering::Relaxed), 0);
    }
}
