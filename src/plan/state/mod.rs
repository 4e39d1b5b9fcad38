//! `state`

mod redis;

use std::sync::Arc;

use super::Problems;
use super::sections::{Compiled, unknown};
use crate::bucket::Bucket;
use crate::config::{self, Timeouts};
use crate::state::bucket::BucketStore;
use crate::state::embedded::Embedded;
use crate::state::{Backend, Store, Whereabouts};
use crate::telemetry::Metrics;

/// The store, without asking it anything.
pub(super) fn compile(
    section: Option<config::State>,
    buckets: &Compiled<Bucket>,
    timeouts: &Timeouts,
    metrics: &Metrics,
    problems: &mut Problems,
) -> Option<Store> {
    let (backend, whereabouts) = match section? {
        config::State::Bucket(settings) => bucket(&settings, buckets, problems)?,
        config::State::Embedded(settings) => embedded(settings),
        config::State::Redis(settings) => redis::compile(*settings, timeouts.state, problems)?,
    };
    Some(Store::new(backend, whereabouts, timeouts.state, metrics.state()))
}

/// The store in the place of an earlier one, which it is if nothing has changed.
pub(super) fn succeeding(mut store: Store, earlier: Option<&Arc<Store>>) -> Arc<Store> {
    match earlier {
        Some(earlier) if earlier.is_same(&store) => Arc::clone(earlier),
        Some(earlier) => {
            store.inherit(earlier);
            Arc::new(store)
        }
        None => Arc::new(store),
    }
}

fn embedded(settings: config::EmbeddedState) -> (Backend, Whereabouts) {
    let place = format!("embedded {}", settings.path.display());
    let whereabouts = Whereabouts::new(place, &[]);
    (Backend::Embedded(Embedded::new(settings.path)), whereabouts)
}

fn bucket(
    settings: &config::BucketState,
    buckets: &Compiled<Bucket>,
    problems: &mut Problems,
) -> Option<(Backend, Whereabouts)> {
    let name = &settings.bucket;
    let Some(bucket) = buckets.get(name) else {
        problems.add("state.bucket.bucket", unknown("bucket", name, buckets));
        return None;
    };
    let bucket = Arc::clone(bucket.as_ref()?);
    let place = format!("bucket {} {}", bucket.server, bucket.bucket);
    // How it is reached is the bucket's own.
    Some((Backend::Bucket(BucketStore::new(bucket)), Whereabouts::new(place, &[])))
}
