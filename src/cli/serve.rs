//! From a plan to a process that serves, and back to one that has ended.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::background::Background;
use super::reload::{self, Reloader};
use crate::edge::{self, Edge, admin::Admin, server};
use crate::plan::Plan;
use crate::telemetry::Metrics;
use crate::telemetry::access::AccessLog;

/// How many connections may wait to be accepted; the kernel may have a smaller limit of its own
/// (`net.core.somaxconn`).
const WAITING_MAX: u32 = 4096;

/// Where the process serves.
#[derive(Debug)]
pub struct Addresses {
    /// Client addresses with their schemes, and the ports that were really bound.
    pub clients: Vec<(&'static str, SocketAddr)>,
    /// The admin address, if there is one.
    pub admin: Option<SocketAddr>,
}

impl Addresses {
    /// The first client address as a URL.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        self.urls().next()
    }

    /// All client addresses as URLs, in the order of the configuration.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        self.clients.iter().map(|(scheme, address)| format!("{scheme}://{address}"))
    }

    /// The admin address as a URL.
    #[must_use]
    pub fn admin_url(&self) -> Option<String> {
        self.admin.map(|address| format!("http://{address}"))
    }
}

/// Runs a future on a runtime with one worker thread per core.
///
/// # Errors
/// The system gives no threads.
pub fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let output = runtime.block_on(future);
    // What is still running had its time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(output)
}

/// Completes at SIGTERM or SIGINT, counted from this call: a signal that comes before anybody waits
/// is not lost. Call it on a runtime.
pub fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        match signals {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            // Without handlers the signals end the process at once, as they do by default.
            _ => std::future::pending().await,
        }
    }
}

/// Serves a plan until `stop` completes and the requests in flight are done, or their time is. When
/// `file`, which it was read from, changes, the new plan takes its place. `bound` are sockets of its
/// listeners that are there already.
///
/// `announce` is called once everything is bound and ready.
///
/// # Errors
/// An address cannot be bound.
pub async fn serve(
    plan: Plan,
    mut bound: Vec<TcpListener>,
    metrics: Arc<Metrics>,
    file: &Path,
    announce: impl FnOnce(&Addresses),
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let hangup = reload::hangup();
    let mut stop = pin!(stop);
    let mut sockets = Vec::new();
    let mut clients = Vec::new();
    for listener in &plan.listeners {
        let is_it = |socket: &TcpListener| socket.local_addr().ok() == Some(listener.address);
        let socket = match bound.iter().position(is_it) {
            Some(index) => bound.swap_remove(index),
            None => bind(listener.address)?,
        };
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        clients.push((scheme, socket.local_addr()?));
        sockets.push(socket);
    }
    let admin_socket = match plan.admin {
        Some(address) => Some(bind(address)?),
        None => None,
    };
    let admin = admin_socket.as_ref().map(TcpListener::local_addr).transpose()?;
    let addresses = Addresses { clients, admin };

    let dropped = metrics.access_log_dropped.clone();
    let (access_log, writer) = match plan.log.access {
        true => AccessLog::start(dropped).map(|(log, writer)| (log, Some(writer)))?,
        false => (AccessLog::off(dropped), None),
    };
    let edge = Arc::new(Edge::new(plan, metrics, access_log));
    let plan = Arc::clone(&edge.serving().plan);
    let background = tokio::select! {
        background = Background::start(&plan) => background,
        // Nobody was served yet, so there is nothing to end.
        () = &mut stop => return Ok(()),
    };
    drop(plan);
    let reloader = Reloader::new(Arc::clone(&edge), file, background, hangup);
    // Everything in here ends when the set is dropped.
    let mut beside = JoinSet::new();
    beside.spawn(reloader.run());
    let (draining, is_draining) = watch::channel(false);
    if let Some(socket) = admin_socket {
        let admin = Arc::new(Admin { edge: Arc::clone(&edge), draining: is_draining });
        beside.spawn(edge::admin::serve(admin, socket));
    }
    let (closing, is_closing) = watch::channel(false);
    let mut requests = tokio::spawn(server::serve(Arc::clone(&edge), sockets, is_closing));

    tracing::info!(clients = ?addresses.clients, admin = ?addresses.admin, "serving");
    announce(&addresses);
    tokio::select! {
        () = &mut stop => {}
        // It ends by itself only in a panic, and a process that serves nobody must not look alive.
        _ = &mut requests => return Err(io::Error::other("the listeners ended")),
    }

    // Not ready first: load balancers get the delay to notice before connections are refused.
    let _ = draining.send(true);
    let plan = Arc::clone(&edge.serving().plan);
    tracing::info!(delay = ?plan.shutdown.delay, drain = ?plan.shutdown.drain, "stopping");
    sleep(plan.shutdown.delay).await;
    let _ = closing.send(true);
    drain(&mut requests, plan.shutdown.drain).await;
    if let Some(writer) = writer {
        writer.finish();
    }
    tracing::info!("stopped");
    Ok(())
}

/// Waits for the requests in flight, and ends those that are still there after `time`.
async fn drain(requests: &mut JoinHandle<()>, time: Duration) {
    if timeout(time, &mut *requests).await.is_err() {
        tracing::warn!("requests were still in flight at the end of the drain time");
        requests.abort();
        let _ = requests.await;
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    listen(address).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

/// Tokio's own listeners have room for 128, and whoever comes at the same moment as more than that
/// tries again a second later, or three.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // As Tokio does it: connections that have ended must not keep a restart from its port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}
