//! Whether buckets can do what routes ask of them, tried out before anybody relies on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::bucket::Bucket;
use crate::bucket::control::conditional::probe_conditional_writes;
use crate::plan::{Plan, Problem};

/// How long one bucket may hold up a start or a reload.
const TRIAL_MAX: Duration = Duration::from_secs(10);

/// The pause between two trials of a bucket that does not answer.
const TRIAL_PAUSE: Duration = Duration::from_secs(10);

/// Tries out the buckets of routes with `write_once`, all at the same time, where nobody has yet.
/// One that does not answer is no problem: its uploads are refused until it does.
///
/// Returns a problem for each bucket that is not fit.
pub(super) async fn try_out(plan: &Plan) -> Vec<Problem> {
    let trials = untried(plan).into_values().map(|bucket| async move { try_bucket(&bucket).await });
    trials.collect::<JoinSet<_>>().join_all().await;
    let routes = plan.routes.values().filter(|route| route.write_once && route.takes_uploads());
    let mut problems: Vec<_> = routes
        .filter_map(|route| {
            let seen = route.bucket.fitness.conditional_writes()?.create.defect()?;
            let (route, bucket) = (&route.path, &route.bucket.name);
            let path = format!("routes: {route}: write_once");
            let message =
                format!("the bucket {bucket} does not keep what was written first: {seen}");
            Some(Problem { path, message })
        })
        .collect();
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    problems
}

/// Tries the buckets again that did not answer, until they do.
pub(super) async fn keep_trying(plan: Arc<Plan>) {
    loop {
        let untried = untried(&plan);
        if untried.is_empty() {
            return;
        }
        sleep(TRIAL_PAUSE).await;
        for bucket in untried.into_values() {
            try_bucket(&bucket).await;
            let seen = bucket.fitness.conditional_writes();
            if let Some(seen) = seen.and_then(|seen| seen.create.defect()) {
                let bucket = &bucket.name;
                tracing::error!(bucket, seen, "write_once is impossible; uploads are refused");
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
