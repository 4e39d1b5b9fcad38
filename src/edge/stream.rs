//! A client connection with an allowance for the bytes of a request's header.
//!
//! Pingora reads up to 1 MiB of header before it gives up. Ten thousand connections that send
//! endless headers would be 10 GB, so the limit is enforced where the bytes come in.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
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

/// A connection over any transport, with what Pingora asks of one.
#[derive(Debug)]
pub struct ClientStream<S> {
    inner: S,
    allowance: Arc<Allowance>,
    peer: Option<SocketAddr>,
}

/// What the edge needs to know of the connection behind a session.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The allowance its reads are charged to.
    pub allowance: Arc<Allowance>,
    /// The other end.
    pub peer: Option<SocketAddr>,
}

impl Connection {
    /// The other end's address. One of IPv4 is one, also where a listener for both families sees it
    /// as `::ffff:a.b.c.d`.
    #[must_use]
    pub fn peer_ip(&self) -> Option<IpAddr> {
        self.peer.map(|peer| peer.ip().to_canonical())
    }
}

impl<S> ClientStream<S> {
    /// Wraps a transport.
    pub fn new(inner: S, peer: Option<SocketAddr>) -> Self {
        let allowance = Arc::new(Allowance::default());
        allowance.lift();
        Self { inner, allowance, peer }
    }

    /// The facts that outlive the stream's type.
    pub fn connection(&self) -> Connection {
        Connection { allowance: Arc::clone(&self.allowance), peer: self.peer }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.allowance.left.load(Ordering::Relaxed);
        if left == usize::MAX {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        if left == 0 {
            self.allowance.exhausted.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("the request's header is too large")));
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        self.allowance.left.store(left.saturating_sub(read), Ordering::Relaxed);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
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
