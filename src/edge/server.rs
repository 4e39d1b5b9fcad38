//! Connections: accepted within a limit, served until they end, drained when the process does.
//!
//! Pingora's own server sleeps its whole grace period after SIGTERM, cannot tell which port it got
//! when asked for any, and aborts on an address that is in use. This loop does what is needed of
//! it; the sessions are Pingora's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pingora::protocols::IO;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::gathering::GatheringWriter;
use super::stream::ClientStream;
use super::{Edge, http1, http2};
use crate::plan::{Admission, HTTP2, Listener};

/// A pause after `accept` failed for want of file descriptors: without it the loop would spin.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client that knows of HTTP/2 sends first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves sockets, each by the plan's listener at the same position, until `draining` turns true,
/// then waits for the requests in flight. The caller bounds that wait by dropping the future.
pub async fn serve(edge: Arc<Edge>, sockets: Vec<TcpListener>, draining: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(edge.serving().plan.limits.connections));
    let mut loops = JoinSet::new();
    for (position, socket) in sockets.into_iter().enumerate() {
        let (edge, slots) = (Arc::clone(&edge), Arc::clone(&slots));
        loops.spawn(accept_loop(edge, socket, position, slots, draining.clone()));
    }
    // One that panicked leaves an address unserved: better to end, and be started again.
    while let Some(Ok(())) = loops.join_next().await {}
}

async fn accept_loop(
    edge: Arc<Edge>,
    socket: TcpListener,
    position: usize,
    slots: Arc<Semaphore>,
    mut draining: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut replacements = edge.replacements();
    let mut admitted = Admitted::by(&edge, position);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => break,
            Ok(()) = replacements.changed() => {
                admitted.review(&edge, position);
                continue;
            }
            // Connections that ended are taken off the books one by one.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&socket, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let (edge, draining) = (Arc::clone(&edge), admitted.leaving.subscribe());
                connections.spawn(async move {
                    serve_accepted(&edge, stream, peer, position, draining).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(socket);
    admitted.leaving.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// The connections of a socket that were let in for the same reason.
struct Admitted {
    /// None: the plan has no such listener.
    admission: Option<Admission>,
    /// Turns true when they have to finish what they do, and leave.
    leaving: watch::Sender<bool>,
}

impl Admitted {
    fn by(edge: &Edge, position: usize) -> Self {
        let plan = &edge.serving().plan;
        let admission = plan.listeners.get(position).map(|listener| listener.admission);
        Self { admission, leaving: watch::Sender::new(false) }
    }

    /// Has them leave, if clients have to prove something else by now.
    fn review(&mut self, edge: &Edge, position: usize) {
        let next = Self::by(edge, position);
        if next.admission != self.admission {
            tracing::info!(position, "connections end, since clients are admitted otherwise now");
            std::mem::replace(self, next).leaving.send_replace(true);
        }
    }
}

/// The next connection, once there is room for one. Until then the kernel holds those that wait.
async fn accept(
    socket: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = socket.accept().await?;
    // An answer's last packet must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    Ok((stream, peer, slot))
}

/// Serves a connection as its listener says now: certificates may have changed since the last one.
async fn serve_accepted(
    edge: &Arc<Edge>,
    stream: TcpStream,
    peer: SocketAddr,
    position: usize,
    draining: watch::Receiver<bool>,
) {
    let plan = Arc::clone(&edge.serving().plan);
    let Some(Listener { tls, http2, .. }) = plan.listeners.get(position) else { return };
    let (limit, http2) = (plan.timeouts.header, *http2);
    let Some(tls) = tls.clone() else {
        drop(plan);
        let stream = gathering(stream, peer);
        return serve_plain(edge, stream, http2, limit, draining).await;
    };
    drop(plan);
    let shaken = timeout(limit, TlsAcceptor::from(tls).accept(stream)).await;
    let error = match shaken {
        Ok(Ok(stream)) => {
            let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
            let stream = gathering(stream, peer);
            return match speaks_http2 {
                true => http2::serve(edge, stream, draining).await,
                false => http1::serve(edge, stream, draining).await,
            };
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no end in time".to_owned(),
    };
    edge.metrics.tls_failures.inc();
    tracing::debug!(%peer, error, "TLS handshake failed");
}

fn gathering<S>(stream: S, peer: SocketAddr) -> ClientStream<GatheringWriter<S>> {
    ClientStream::new(GatheringWriter::new(stream), Some(peer))
}

/// Serves a connection without TLS. Where HTTP/2 is spoken too, the first bytes tell.
pub async fn serve_plain<S>(
    edge: &Arc<Edge>,
    mut stream: ClientStream<S>,
    http2: bool,
    limit: Duration,
    draining: watch::Receiver<bool>,
) where
    ClientStream<S>: IO + 'static,
{
    if !http2 {
        return http1::serve(edge, stream, draining).await;
    }
    match timeout(limit, begins_with_preface(&mut stream)).await {
        Ok(Ok(true)) => http2::serve(edge, stream, draining).await,
        Ok(Ok(false)) => http1::serve(edge, stream, draining).await,
        // Nothing was asked.
        Ok(Err(_)) | Err(_) => {}
    }
}

/// Whether the client speaks HTTP/2. Whatever was read to find out will be read again.
async fn begins_with_preface<S>(stream: &mut ClientStream<S>) -> io::Result<bool>
where
    ClientStream<S>: IO,
{
    let mut first = [0; PREFACE.len()];
    let mut length = 0;
    while length < first.len() && PREFACE.starts_with(&first[..length]) {
        match stream.read(&mut first[length..]).await? {
            0 => break,
            read => length += read,
        }
    }
    stream.unread(Bytes::copy_from_slice(&first[..length]));
    Ok(first[..length] == *PREFACE)
}
