//! A client connection with an allowance for the bytes of a request's header.
//!
//! Pingora reads up to 1 MiB of header before it gives up. Ten thousand connections that send
//! endless headers would be 10 GB, so the limit is enforced where the bytes come in.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes may still be read while a header is awaited.
#[derive(Debug, Default)]
pub struct Allowance {
    left: AtomicUsize,
    exhausted: AtomicBool,
}

impl Allowance {
    /// A header is awaited: at most `bytes` from now on.
    pub fn limit(&self, bytes: usize) {
        self.left.store(bytes, Ordering::Relaxed);
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

/// Since when a connection takes nothing of what is written to it.
#[derive(Debug)]
pub struct Stall {
    opened: Instant,
    /// Milliseconds from `opened`, plus one; 0 while writes get through.
    since: AtomicU64,
}

impl Default for Stall {
    fn default() -> Self {
        Self { opened: Instant::now(), since: AtomicU64::new(0) }
    }
}

impl Stall {
    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn note<T>(&self, write: Poll<T>) -> Poll<T> {
        let stalled = self.since.load(Ordering::Relaxed) != 0;
        if write.is_pending() != stalled {
            let since = if stalled { 0 } else { self.now() };
            self.since.store(since, Ordering::Relaxed);
        }
        write
    }

    /// Whether a write has been waiting for that long.
    #[must_use]
    pub fn lasts(&self, limit: Duration) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        since != 0 && Duration::from_millis(self.now().saturating_sub(since)) >= limit
    }
}

/// A connection over any transport, with what Pingora asks of one.
#[derive(Debug)]
pub struct ClientStream<S> {
    inner: S,
    /// Bytes that were read already, to be read again.
    unread: Bytes,
    allowance: Arc<Allowance>,
    stall: Arc<Stall>,
    peer: Option<SocketAddr>,
}

/// What the edge needs to know of the connection behind a session.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The allowance its reads are charged to.
    pub allowance: Arc<Allowance>,
    /// Whether what is written to it gets through.
    pub stall: Arc<Stall>,
    /// The other end.
    pub peer: Option<SocketAddr>,
}

impl<S> ClientStream<S> {
    /// Wraps a transport.
    pub fn new(inner: S, peer: Option<SocketAddr>) -> Self {
        let allowance = Arc::new(Allowance::default());
        allowance.lift();
        Self { inner, unread: Bytes::new(), allowance, stall: Arc::default(), peer }
    }

    /// Puts bytes back in front of what is read next.
    pub fn unread(&mut self, bytes: Bytes) {
        self.unread = bytes;
    }

    /// The facts that outlive the stream's type.
    pub fn connection(&self) -> Connection {
        Connection {
            allowance: Arc::clone(&self.allowance),
            stall: Arc::clone(&self.stall),
            peer: self.peer,
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
        if left == usize::MAX && self.unread.is_empty() {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        if left == 0 {
            self.allowance.exhausted.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("the request's header is too large")));
        }
        let before = buffer.filled().len();
        let result = if self.unread.is_empty() {
            Pin::new(&mut self.inner).poll_read(context, buffer)
        } else {
            let length = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(length));
            Poll::Ready(Ok(()))
        };
        if left != usize::MAX {
            let read = buffer.filled().len() - before;
            self.allowance.left.store(left.saturating_sub(read), Ordering::Relaxed);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.stall.note(write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.stall.note(write)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let write = Pin::new(&mut self.inner).poll_flush(context);
        self.stall.note(write)
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
