//! Multipart uploads and staged files that a process left behind, found and ended in the background.

mod books;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::bucket::Bucket;
use crate::bucket::control::abandoned::{Sweep, abort_abandoned_uploads, delete_abandoned_objects};
use crate::bucket::control::conditional::PROBE_PREFIX;
use crate::config::KuboAdd;
use crate::content::layout::STAGING;
use crate::plan::Plan;

/// The pause between two sweeps of a bucket: a fraction of the age at which uploads count as
/// abandoned, within these.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// How long one sweep may take.
const SWEEP_MAX: Duration = Duration::from_secs(600);

/// Sweeps every bucket that routes store uploads in.
pub(super) fn keep_swept(plan: &Arc<Plan>, tasks: &mut JoinSet<()>) {
    let routes = plan.routes.values().filter(|route| route.takes_uploads());
    let buckets: BTreeMap<&str, &Arc<Bucket>> =
        routes.map(|route| (route.bucket.name.as_str(), &route.bucket)).collect();
    for bucket in buckets.into_values() {
        tasks.spawn(keep_bucket_swept(Arc::clone(plan), Arc::clone(bucket)));
    }
    books::keep_swept(plan, tasks);
}

async fn keep_bucket_swept(plan: Arc<Plan>, bucket: Arc<Bucket>) {
    let age = bucket.abandoned_uploads_after;
    let is_ours = |key: &str| {
        let routes = plan.routes.values().filter(|route| route.takes_uploads());
        key.starts_with(PROBE_PREFIX)
            || key.starts_with(STAGING)
            || routes
                .filter(|route| route.bucket.name == bucket.name)
                .any(|route| route.layout.makes(key, |name| route.dialect.stores(name)))
    };
    loop {
        let sweep = abort_abandoned_uploads(&bucket, age, is_ours, SystemTime::now);
        let name = &bucket.name;
        match timeout(SWEEP_MAX, sweep).await {
            Ok(Ok(Sweep::Done(swept))) => {
                bucket.metrics.multipart_swept.inc_by(swept.aborted as u64);
                if swept.aborted > 0 {
                    tracing::info!(bucket = name, aborted = swept.aborted, "abandoned uploads");
                }
                if let Some(failure) = swept.failure {
                    let failed = swept.failed;
                    tracing::warn!(bucket = name, failed, failure, "abandoned uploads stay");
                }
            }
            Ok(Ok(Sweep::NotOffered)) => {
                tracing::warn!(bucket = name, "storage does not list uploads; none is swept");
                return;
            }
            Ok(Err(error)) => {
                tracing::warn!(bucket = name, error, "abandoned uploads cannot be listed");
            }
            Err(_) => tracing::warn!(bucket = name, "a sweep of abandoned uploads took too long"),
        }
        if stages_files(&plan, &bucket) {
            sweep_staged(&bucket).await;
        }
        sleep((age / 4).clamp(PAUSE_MIN, PAUSE_MAX)).await;
    }
}

/// Whether a route stores files in this bucket whose name is not known before their last byte.
fn stages_files(plan: &Plan, bucket: &Bucket) -> bool {
    let mut routes = plan.routes.values().filter(|route| route.bucket.name == bucket.name);
    routes.any(|route| route.graphs.as_ref().is_some_and(|graphs| graphs.add == KuboAdd::File))
}

async fn sweep_staged(bucket: &Arc<Bucket>) {
    let age = bucket.abandoned_uploads_after;
    let sweep = delete_abandoned_objects(bucket, STAGING, age, SystemTime::now);
    let name = &bucket.name;
    match timeout(SWEEP_MAX, sweep).await {
        Ok(Ok(swept)) => {
            if swept.aborted > 0 {
                tracing::info!(bucket = name, deleted = swept.aborted, "abandoned files");
            }
            if let Some(failure) = swept.failure {
                let failed = swept.failed;
                tracing::warn!(bucket = name, failed, failure, "abandoned files stay");
            }
        }
        Ok(Err(error)) => {
            tracing::warn!(bucket = name, error, "abandoned files cannot be listed");
        }
        Err(_) => tracing::warn!(bucket = name, "a sweep of abandoned files took too long"),
    }
}
