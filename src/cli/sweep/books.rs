//! Uploads in pieces that are over, and blobs that no artifact refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{PAUSE_MAX, PAUSE_MIN, SWEEP_MAX};
use crate::bucket::Bucket;
use crate::catalog::Catalog;
use crate::content::upload::UploadId;
use crate::gateway::work::KINDS;
use crate::plan::{Plan, Route};
use crate::state::Store;
use crate::token::sixteen_bytes;
use crate::transfer::objects::BucketObjects;
use crate::transfer::storage::StorageClient;
use crate::upload::{Engine, Settings};

/// Sweeps every bucket that has uploads in pieces.
pub(super) fn keep_swept(plan: &Arc<Plan>, tasks: &mut JoinSet<()>) {
    let routes = plan.routes.values().filter(|route| route.pieces.is_some());
    let buckets: BTreeMap<&str, &Arc<Bucket>> =
        routes.map(|route| (route.bucket.name.as_str(), &route.bucket)).collect();
    for bucket in buckets.into_values() {
        if let Some(store) = &plan.state {
            let sweeper = Sweeper {
                // Connections of its own: nobody waits behind a sweep.
                objects: BucketObjects::new(
                    StorageClient::new(&plan.limits, &plan.timeouts),
                    Arc::clone(bucket),
                ),
                plan: Arc::clone(plan),
                bucket: Arc::clone(bucket),
                store: Arc::clone(store),
                next: BTreeMap::new(),
            };
            tasks.spawn(sweeper.run());
        }
    }
}

/// What sweeps one bucket.
struct Sweeper {
    objects: BucketObjects,
    plan: Arc<Plan>,
    bucket: Arc<Bucket>,
    store: Arc<Store>,
    /// Where the next sweep of a catalog goes on.
    next: BTreeMap<String, UploadId>,
}

impl Sweeper {
    async fn run(mut self) {
        let age = self.bucket.abandoned_uploads_after;
        loop {
            // Before anything is known of the store, nothing is known of uploads.
            if self.store.is_ready() {
                let bucket = self.bucket.name.clone();
                if timeout(SWEEP_MAX, self.sweep_uploads()).await.is_err() {
                    tracing::warn!(bucket, "a sweep of uploads took too long");
                }
                if timeout(SWEEP_MAX, self.sweep_catalogs()).await.is_err() {
                    tracing::info!(bucket, "a sweep of blobs goes on next time");
                }
            }
            sleep((age / 4).clamp(PAUSE_MIN, PAUSE_MAX)).await;
        }
    }

    async fn sweep_uploads(&self) {
        let engine = Engine {
            objects: &self.objects,
            store: &*self.store,
            settings: Settings {
                segment_bytes: self.plan.limits.upload_part_size.as_u64(),
                size_max: 0,
                idle: self.bucket.abandoned_uploads_after,
            },
            now: SystemTime::now,
            random: &sixteen_bytes,
        };
        let swept = engine.sweep().await;
        let (bucket, uploads, deleted) = (&self.bucket.name, swept.uploads, swept.deleted);
        self.bucket.metrics.uploads_swept.inc_by(uploads as u64);
        if uploads > 0 || deleted > 0 {
            tracing::info!(bucket, uploads, deleted, "uploads in pieces that are over");
        }
        if let Some(failure) = swept.failure {
            tracing::warn!(bucket, failure, "uploads in pieces that are over stay");
        }
    }

    async fn sweep_catalogs(&mut self) {
        if !self.bucket.fitness.keeps_documents() {
            return;
        }
        let plan = Arc::clone(&self.plan);
        let of_bucket = |route: &&Arc<Route>| route.bucket.name == self.bucket.name;
        let routes = plan.routes.values().filter(of_bucket);
        let catalogs = routes.filter_map(|route| route.pieces.as_ref()?.catalog.as_ref());
        let names: BTreeSet<_> = catalogs.map(|catalog| &catalog.name).collect();
        for name in names {
            self.sweep_catalog(name).await;
        }
    }

    async fn sweep_catalog(&mut self, name: &str) {
        let catalog = Catalog {
            objects: &self.objects,
            name,
            kinds: KINDS,
            isolated: true,
            max_versions: 1,
            random: &sixteen_bytes,
        };
        let age = self.bucket.abandoned_uploads_after;
        let bucket = &self.bucket.name;
        loop {
            let next = self.next.get(name).copied();
            let swept = catalog.sweep(age, SystemTime::now(), next).await;
            self.bucket.metrics.blobs_swept.inc_by(swept.deleted);
            if swept.deleted > 0 || swept.let_go > 0 {
                let (deleted, let_go) = (swept.deleted, swept.let_go);
                tracing::info!(bucket, catalog = name, deleted, let_go, "blobs without artifacts");
            }
            if let Some(failure) = swept.failure {
                let (failed, failure) = (swept.failed, format!("{failure:?}"));
                tracing::warn!(bucket, catalog = name, failed, failure, "blobs cannot be swept");
            }
            // Remembered at once: the rest may take longer than there is time for.
            match swept.next {
                Some(next) => self.next.insert(name.to_owned(), next),
                None => {
                    self.next.remove(name);
                    return;
                }
            };
        }
    }
}
