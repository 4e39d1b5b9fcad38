//! From a plan to a process that serves, and back to one that has ended.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::bucket::control;
use crate::edge::{self, Edge, admin::Admin, server};
use crate::plan::Plan;
use crate::telemetry::Metrics;
use crate::telemetry::access::AccessLog;
use crate::transfer::storage::StorageClient;

/// How long the first look-up of storage names may hold up the start.
const FIRST_RESOLVE_MAX: Duration = Duration::from_secs(5);

/// Where the process serves.
#[derive(Debug)]
pub struct Addresses {
    /// Client addresses, with the ports that were really bound.
    pub clients: Vec<SocketAddr>,
    /// The admin address, if there is one.
    pub admin: Option<SocketAddr>,
}

impl Addresses {
    /// The first client address as a URL.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        self.clients.first().map(|address| format!("http://{address}"))
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

/// Serves a plan until `stop` completes and the requests in flight are done, or their time is.
///
/// `announce` is called once everything is bound and ready.
///
/// # Errors
/// An address cannot be bound.
pub async fn serve(
    plan: Plan,
    metrics: Arc<Metrics>,
    announce: impl FnOnce(&Addresses),
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let plan = Arc::new(plan);
    let mut listeners = Vec::new();
    let mut clients = Vec::new();
    for &address in &plan.listen {
        let listener = bind(address).await?;
        clients.push(listener.local_addr()?);
        listeners.push(listener);
    }
    let admin_listener = match plan.admin {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let admin = admin_listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let addresses = Addresses { clients, admin };

    // Everything in here ends when the set is dropped.
    let mut background = JoinSet::new();
    let _ = timeout(FIRST_RESOLVE_MAX, resolve_all(&plan)).await;
    background.spawn(keep_resolving(Arc::clone(&plan)));
    background.spawn(probe_buckets(Arc::clone(&plan)));
    let (draining, is_draining) = watch::channel(false);
    if let Some(listener) = admin_listener {
        let (plan, metrics) = (Arc::clone(&plan), Arc::clone(&metrics));
        let admin = Arc::new(Admin { plan, metrics, draining: is_draining });
        background.spawn(edge::admin::serve(admin, listener));
    }

    let dropped = metrics.access_log_dropped.clone();
    let (access_log, writer) = match plan.log.access {
        true => AccessLog::start(dropped).map(|(log, writer)| (log, Some(writer)))?,
        false => (AccessLog::off(dropped), None),
    };
    let storage = StorageClient::new(&plan.limits, &plan.timeouts);
    let edge = Arc::new(Edge { plan: Arc::clone(&plan), storage, metrics, access_log });
    let (closing, is_closing) = watch::channel(false);
    let mut requests = tokio::spawn(server::serve(edge, listeners, is_closing));

    tracing::info!(clients = ?addresses.clients, admin = ?addresses.admin, "serving");
    announce(&addresses);
    stop.await;

    // Not ready first: load balancers get the delay to notice before connections are refused.
    let _ = draining.send(true);
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

async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

async fn resolve_all(plan: &Plan) {
    for (name, bucket) in &plan.buckets {
        if let Err(error) = bucket.endpoint.resolve().await {
            let endpoint = bucket.endpoint.origin.to_string();
            tracing::warn!(bucket = name, endpoint, %error, "cannot resolve the endpoint");
        }
    }
}

async fn keep_resolving(plan: Arc<Plan>) {
    loop {
        sleep(plan.timeouts.resolve_interval).await;
        resolve_all(&plan).await;
    }
}

/// Says at the start which buckets cannot be used, and why, before a client finds out. It changes
/// nothing: storage that is down may come up.
async fn probe_buckets(plan: Arc<Plan>) {
    for (name, bucket) in &plan.buckets {
        match control::probe(bucket).await {
            Ok(()) => tracing::info!(bucket = name, "the bucket can be used"),
            Err(error) => tracing::error!(bucket = name, error, "the bucket cannot be used"),
        }
    }
}
