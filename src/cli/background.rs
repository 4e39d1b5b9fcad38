//! What goes on beside requests, for as long as a plan is in use.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{fitness, state, sweep};
use crate::bucket::control;
use crate::jwks;
use crate::plan::Plan;

/// How long a look-up of a storage name may take, and the first one hold up the start.
const RESOLVE_MAX: Duration = Duration::from_secs(5);

/// How long the answer to the first question to a bucket is awaited, retries included.
const PROBE_MAX: Duration = Duration::from_secs(30);

/// How long issuers may hold up the start.
const FIRST_KEYS_MAX: Duration = Duration::from_secs(5);

/// The tasks that keep a plan's knowledge of the world fresh. They end when this is dropped; what
/// they learn is kept in the plan, so that another set of tasks goes on from there.
#[derive(Default)]
pub(super) struct Background(#[expect(dead_code, reason = "it is held, not used")] JoinSet<()>);

impl Background {
    /// Learns what storage cannot be asked without, and keeps that fresh, for commands that end soon.
    pub(super) async fn for_storage(plan: &Arc<Plan>) -> Self {
        let mut tasks = JoinSet::new();
        keep_credentials_fresh(plan, &mut tasks);
        resolve_all(plan).await;
        Self(tasks)
    }

    /// Learns what requests by this plan cannot do without, then goes on in the background. What
    /// cannot be learnt in time is logged, and requests are answered accordingly.
    pub(super) async fn start(plan: &Arc<Plan>) -> Self {
        let mut tasks = JoinSet::new();
        keep_keys_fresh(plan, &mut tasks);
        keep_credentials_fresh(plan, &mut tasks);
        tokio::join!(resolve_all(plan), first_keys(plan));
        tasks.spawn(keep_resolving(Arc::clone(plan)));
        tasks.spawn(probe_buckets(Arc::clone(plan)));
        tasks.spawn(fitness::keep_trying(Arc::clone(plan)));
        tasks.spawn(state::keep_starting(Arc::clone(plan)));
        tasks.spawn(state::keep_swept(Arc::clone(plan)));
        sweep::keep_swept(plan, &mut tasks);
        Self(tasks)
    }
}

/// Fetches keys in the background for as long as the tasks run.
fn keep_keys_fresh(plan: &Plan, tasks: &mut JoinSet<()>) {
    for source in plan.key_sources.values() {
        tasks.spawn(jwks::keep_fresh(Arc::clone(source), SystemTime::now));
    }
}

/// Gets credentials ahead of the end of those that are there.
fn keep_credentials_fresh(plan: &Plan, tasks: &mut JoinSet<()>) {
    for bucket in plan.buckets.values() {
        let bucket = Arc::clone(bucket);
        tasks.spawn(async move { bucket.keep_fresh(SystemTime::now).await });
    }
}

/// Waits until all issuers were asked for their keys once, so that the first requests find them.
/// An issuer that cannot be reached delays nothing for long; the log says so.
async fn first_keys(plan: &Plan) {
    let attempts = plan.key_sources.values().cloned().map(|source| async move {
        let _ = timeout(FIRST_KEYS_MAX, source.keys().attempted()).await;
    });
    attempts.collect::<JoinSet<()>>().join_all().await;
}

/// Asks DNS for all endpoints at once, so that a slow name delays no other.
async fn resolve_all(plan: &Plan) {
    let mut look_ups = JoinSet::new();
    for bucket in plan.buckets.values().cloned() {
        look_ups.spawn(async move {
            let error = match timeout(RESOLVE_MAX, bucket.endpoint.resolve()).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            let endpoint = &bucket.endpoint.authority;
            tracing::warn!(bucket = bucket.name, endpoint, error, "cannot resolve the endpoint");
        });
    }
    look_ups.join_all().await;
}

async fn keep_resolving(plan: Arc<Plan>) {
    loop {
        sleep(plan.timeouts.resolve_interval).await;
        resolve_all(&plan).await;
    }
}

/// Says which buckets cannot be used, and why, before a client finds out. It changes nothing:
/// storage that is down may come up. One that does not answer keeps no other from being asked.
async fn probe_buckets(plan: Arc<Plan>) {
    let probes = plan.buckets.values().cloned().map(|bucket| async move {
        let probed = timeout(PROBE_MAX, control::probe(&bucket, SystemTime::now)).await;
        match probed.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(()) => tracing::info!(bucket = bucket.name, "the bucket can be used"),
            Err(error) => {
                tracing::error!(bucket = bucket.name, error, "the bucket cannot be used");
            }
        }
    });
    probes.collect::<JoinSet<()>>().join_all().await;
}
