//! Whether buckets can do what routes ask of them, tried out before anybody relies on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::state;
use crate::backoff;
use crate::bucket::Bucket;
use crate::bucket::control::conditional::{ConditionalWrites, probe_conditional_writes};
use crate::plan::{Plan, Problem};

/// How long buckets may hold up a start or a reload.
const HOLD_UP_MAX: Duration = Duration::from_secs(10);

/// How long the trial of one bucket may take, but for deleting what it wrote.
const TRIAL_MAX: Duration = Duration::from_secs(30);

/// The pause after the first trial of a bucket that does not answer, and the longest one: storage
/// that only starts at the same time is waited for as short as can be.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Tries out the buckets of routes with `write_once`, all at the same time, and the state store, where
/// nobody has yet. One that does not answer is no problem: what needs it is refused until it does.
///
/// Returns a problem for each that is not fit.
pub(super) async fn try_out(plan: &Plan) -> Vec<Problem> {
    if timeout(HOLD_UP_MAX, try_buckets(untried(plan).into_values())).await.is_err() {
        for bucket in untried(plan).into_keys() {
            tracing::error!(bucket, "write_once takes long to try out; uploads are refused");
        }
    }
    let routes = plan.routes.values().filter(|route| route.write_once && route.takes_uploads());
    let mut problems: Vec<_> = routes
        .filter_map(|route| {
            let seen = route.bucket.fitness.conditional_writes()?;
            let seen = seen.create.defect()?;
            let (route, bucket) = (&route.path, &route.bucket.name);
            let path = format!("routes: {route}: write_once");
            let message =
                format!("the bucket {bucket} does not keep what was written first: {seen}");
            Some(Problem { path, message })
        })
        .collect();
    problems.extend(state::start(plan).await);
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    problems
}

/// Takes what was seen of buckets in a plan that was not taken up for the same ones in `plan`, so
/// that a file that is looked at again and again does not try them out each time.
pub(super) fn recall(plan: &Plan, refused: &Plan) {
    for bucket in plan.buckets.values() {
        let same =
            |other: &&Arc<Bucket>| other.server == bucket.server && other.bucket == bucket.bucket;
        let seen = refused.buckets.values().filter(same);
        let mut seen = seen.filter_map(|other| other.fitness.conditional_writes());
        if let Some(seen) = seen.next() {
            bucket.fitness.learn(ConditionalWrites::clone(&seen));
        }
    }
}

/// Tries the buckets again that did not answer, until they do.
pub(super) async fn keep_trying(plan: Arc<Plan>) {
    for failures in 1.. {
        let untried = untried(&plan);
        if untried.is_empty() {
            return;
        }
        sleep(backoff::doubled(failures, PAUSE_FIRST, PAUSE_MAX)).await;
        try_buckets(untried.values().cloned()).await;
        for bucket in untried.into_values() {
            let Some(seen) = bucket.fitness.conditional_writes() else { continue };
            let name = &bucket.name;
            match seen.create.defect() {
                None => tracing::info!(bucket = name, "the bucket keeps what was written first"),
                Some(seen) => {
                    tracing::error!(
                        bucket = name,
                        seen,
                        "write_once is impossible; uploads are refused"
                    );
                }
            }
        }
    }
}

/// Buckets that have to keep what was written first, and were not seen to.
fn untried(plan: &Plan) -> BTreeMap<&str, Arc<Bucket>> {
    let routes = plan.routes.values().filter(|route| route.write_once && route.takes_uploads());
    routes
        .map(|route| (route.bucket.name.as_str(), Arc::clone(&route.bucket)))
        .filter(|(_, bucket)| bucket.fitness.conditional_writes().is_none())
        .collect()
}

/// All at the same time: one that does not answer keeps no other waiting.
async fn try_buckets(buckets: impl Iterator<Item = Arc<Bucket>>) {
    let trials = buckets.map(|bucket| async move { try_bucket(&bucket).await });
    trials.collect::<JoinSet<_>>().join_all().await;
}

async fn try_bucket(bucket: &Arc<Bucket>) {
    match probe_conditional_writes(bucket, SystemTime::now, TRIAL_MAX).await {
        Ok(seen) => {
            if let Some(seen) = seen.complete.defect() {
                let bucket = &bucket.name;
                tracing::warn!(
                    bucket,
                    seen,
                    "with write_once, bodies of unknown length are stored up to one part"
                );
            }
            bucket.fitness.learn(seen);
        }
        Err(error) => {
            let bucket = &bucket.name;
            tracing::error!(bucket, error, "write_once cannot be tried out; uploads are refused");
        }
    }
}
