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
use crate::plan::{Plan, Problem, Route};

/// How long buckets may hold up a start or a reload.
const HOLD_UP_MAX: Duration = Duration::from_secs(10);

/// How long the trial of one bucket may take, but for deleting what it wrote.
const TRIAL_MAX: Duration = Duration::from_secs(30);

/// The pause after the first trial of a bucket that does not answer, and the longest one: storage
/// that only starts at the same time is waited for as short as can be.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What a route asks of its bucket beside storing objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// What is written first stays: `write_once`.
    First,
    /// Of several who change a document, one does.
    Documents,
}

impl Need {
    /// Those of a route.
    fn of(route: &Route) -> impl Iterator<Item = Self> {
        let first = route.write_once && route.takes_uploads();
        let first = first.then_some(Self::First);
        first.into_iter().chain(route.needs_documents.then_some(Self::Documents))
    }

    /// What was seen that must not be.
    fn defect(self, seen: &ConditionalWrites) -> Option<&str> {
        match self {
            Self::First => seen.create.defect(),
            Self::Documents => seen.create.defect().or(seen.replace.defect()),
        }
    }

    /// The setting of the route that asks for it.
    const fn setting(self) -> &'static str {
        match self {
            Self::First => "write_once",
            Self::Documents => "bucket",
        }
    }

    /// What a bucket does not do that is not fit.
    const fn missing(self) -> &'static str {
        match self {
            Self::First => "does not keep what was written first",
            Self::Documents => "does not keep documents as conditions demand",
        }
    }

    const fn takes_long(self) -> &'static str {
        match self {
            Self::First => "write_once takes long to try out; uploads are refused",
            Self::Documents => "documents take long to try out; what needs them is refused",
        }
    }

    const fn unknown(self) -> &'static str {
        match self {
            Self::First => "write_once cannot be tried out; uploads are refused",
            Self::Documents => "documents cannot be tried out; what needs them is refused",
        }
    }

    const fn fit(self) -> &'static str {
        match self {
            Self::First => "the bucket keeps what was written first",
            Self::Documents => "the bucket keeps documents",
        }
    }

    const fn unfit(self) -> &'static str {
        match self {
            Self::First => "write_once is impossible; uploads are refused",
            Self::Documents => "documents are impossible; what needs them is refused",
        }
    }
}

/// A bucket that nobody knows yet to be fit, and what for.
#[derive(Clone)]
struct Untried {
    bucket: Arc<Bucket>,
    needs: Vec<Need>,
}

/// Tries out the buckets of routes with `write_once` or documents, all at the same time, and the
/// state store, where nobody has yet. One that does not answer is no problem: what needs it is
/// refused until it does.
///
/// Returns a problem for each that is not fit.
pub(super) async fn try_out(plan: &Plan) -> Vec<Problem> {
    if timeout(HOLD_UP_MAX, try_buckets(untried(plan).into_values())).await.is_err() {
        for (bucket, Untried { needs, .. }) in untried(plan) {
            for need in needs {
                tracing::error!(bucket, "{}", need.takes_long());
            }
        }
    }
    let needs = plan.routes.values().flat_map(|route| Need::of(route).map(move |it| (route, it)));
    let mut problems: Vec<_> = needs
        .filter_map(|(route, need)| {
            let seen = route.bucket.fitness.conditional_writes()?;
            let seen = need.defect(&seen)?;
            let (path, bucket) = (&route.path, &route.bucket.name);
            let path = format!("routes: {path}: {}", need.setting());
            let message = format!("the bucket {bucket} {}: {seen}", need.missing());
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
        for Untried { bucket, needs } in untried.into_values() {
            let Some(seen) = bucket.fitness.conditional_writes() else { continue };
            let name = &bucket.name;
            for need in needs {
                match need.defect(&seen) {
                    None => tracing::info!(bucket = name, "{}", need.fit()),
                    Some(seen) => tracing::error!(bucket = name, seen, "{}", need.unfit()),
                }
            }
        }
    }
}

/// Buckets that have to be fit for more than storing objects, and were not seen to be.
fn untried(plan: &Plan) -> BTreeMap<&str, Untried> {
    let mut untried = BTreeMap::new();
    for route in plan.routes.values() {
        for need in Need::of(route) {
            let bucket = &route.bucket;
            if bucket.fitness.conditional_writes().is_some() {
                continue;
            }
            let none = || Untried { bucket: Arc::clone(bucket), needs: Vec::new() };
            let Untried { needs, .. } = untried.entry(bucket.name.as_str()).or_insert_with(none);
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
    }
    untried
}

/// All at the same time: one that does not answer keeps no other waiting.
async fn try_buckets(buckets: impl Iterator<Item = Untried>) {
    let trials = buckets.map(|untried| async move { try_bucket(&untried).await });
    trials.collect::<JoinSet<_>>().join_all().await;
}

async fn try_bucket(Untried { bucket, needs }: &Untried) {
    match probe_conditional_writes(bucket, SystemTime::now, TRIAL_MAX).await {
        Ok(seen) => {
            if let Some(seen) = seen.complete.defect()
                && needs.contains(&Need::First)
            {
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
            for need in needs {
                tracing::error!(bucket, error, "{}", need.unknown());
            }
        }
    }
}

#[cfg(test)]
mod tests;
