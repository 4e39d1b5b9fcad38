//! Connections: accepted within a limit, served until they end, drained when the process does.
//!
//! Pingora's own server sleeps its whole grace period after SIGTERM, cannot tell which port it got
//! when asked for any, and aborts on an address that is in use. This loop does what is needed of
//! it; the sessions are Pingora's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora::protocols::IO;
use pingora::protocols::http::ServerSession;
use tokio::io::BufWriter;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::stream::{ClientStream, Connection};
use super::{Edge, Next};

/// A pause after `accept` failed for want of file descriptors: without it the loop would spin.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Puts the head of an answer and a short body into one packet. Longer writes pass it by.
const WRITE_BUFFER_BYTES: usize = 4096;

/// Serves every listener until `draining` turns true, then waits for the requests in flight. The
/// caller bounds that wait by dropping the future.
pub async fn serve(edge: Arc<Edge>, listeners: Vec<TcpListener>, draining: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(edge.plan.limits.connections));
    let mut loops = JoinSet::new();
    for listener in listeners {
        let (edge, slots) = (Arc::clone(&edge), Arc::clone(&slots));
        loops.spawn(accept_loop(edge, listener, slots, draining.clone()));
    }
    while loops.join_next().await.is_some() {}
}

async fn accept_loop(
    edge: Arc<Edge>,
    listener: TcpListener,
    slots: Arc<Semaphore>,
    mut draining: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => break,
            // Connections that ended are taken off the books one by one.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let (edge, draining) = (Arc::clone(&edge), draining.clone());
                connections.spawn(async move {
                    let stream = BufWriter::with_capacity(WRITE_BUFFER_BYTES, stream);
                    serve_connection(&edge, ClientStream::new(stream, Some(peer)), draining).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The next connection, once there is room for one. Until then the kernel holds those that wait.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // An answer's last packet must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    Ok((stream, peer, slot))
}

/// Serves the requests of one connection, one after the other, until it ends.
pub async fn serve_connection<S>(
    edge: &Edge,
    stream: ClientStream<S>,
    mut draining: watch::Receiver<bool>,
) where
    ClientStream<S>: IO + 'static,
{
    /// Counts the connection for as long as it is open, whatever ends it.
    struct Open<'a>(&'a prometheus::IntGauge);
    impl Drop for Open<'_> {
        fn drop(&mut self) {
            self.0.dec();
        }
    }

    edge.metrics.connections.inc();
    let _open = Open(&edge.metrics.connections);
    let connection: Connection = stream.connection();
    let mut session = ServerSession::new_http1(Box::new(stream));
    loop {
        let reusable = match edge.serve(session, &connection, &mut draining).await {
            Next::Reuse(session) => session.finish().await,
            Next::Close(mut session) => {
                // It flushes first, and a client that reads nothing would hold it for ever.
                let _ = timeout(edge.plan.timeouts.drain, session.shutdown()).await;
                return;
            }
            Next::Drop => return,
        };
        let Ok(Some(reusable)) = reusable else { return };
        let (stream, _) = reusable.into_parts();
        session = ServerSession::new_http1(stream);
    }
}
