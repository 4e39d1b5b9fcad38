//! Metrics of the credentials buckets are read with, and of the clock they are signed by.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{counters, registered};
use crate::bucket::Bucket;

/// The metrics of all buckets.
pub(super) struct CredentialsMetrics {
    refreshes: IntCounterVec,
    expiry: IntGaugeVec,
    offset: IntGaugeVec,
    resigned: IntCounterVec,
}

/// The metrics of one bucket, looked up once.
#[derive(Clone, Debug)]
pub struct BucketCredentialsMetrics {
    /// Answers with credentials that were not there before.
    pub refreshed: IntCounter,
    /// Answers with the same credentials.
    pub unchanged: IntCounter,
    /// No answer, or one without credentials that can be used.
    pub failed: IntCounter,
    /// Requests signed and sent again with newer credentials.
    pub resigned_credentials: IntCounter,
    /// Requests signed and sent again by storage's clock.
    pub resigned_clock: IntCounter,
}

impl CredentialsMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauges = |name: &str, help: &str| {
            registered(registry, IntGaugeVec::new(Opts::new(name, help), &["bucket"]))
        };
        Self {
            refreshes: counters(
                registry,
                "casgate_credentials_refreshes_total",
                "Attempts to get storage credentials by result: refreshed, unchanged or failed",
                &["bucket", "result"],
            ),
            expiry: gauges(
                "casgate_credentials_expiry_timestamp_seconds",
                "End of the storage credentials in use, in seconds since 1970; 0 where there is none",
            ),
            offset: gauges(
                "casgate_storage_clock_offset_seconds",
                "How far storage's clock is ahead of ours, where it has said so",
            ),
            resigned: counters(
                registry,
                "casgate_storage_resigned_total",
                "Requests to storage signed and sent again because of the credentials or the clock",
                &["bucket", "cause"],
            ),
        }
    }

    /// Takes over what these buckets know now, and forgets all others.
    pub(super) fn show<'b>(&self, buckets: impl Iterator<Item = &'b Arc<Bucket>>) {
        self.expiry.reset();
        self.offset.reset();
        for bucket in buckets {
            self.show_one(bucket);
        }
    }

    fn show_one(&self, bucket: &Bucket) {
        let labels = &[bucket.name.as_str()];
        let end = bucket.credentials.expires().and_then(|end| end.duration_since(UNIX_EPOCH).ok());
        let seconds = end.map_or(0, |end| end.as_secs().try_into().unwrap_or(i64::MAX));
        self.expiry.with_label_values(labels).set(seconds);
        self.offset.with_label_values(labels).set(bucket.clock.offset_seconds());
    }

    pub(super) fn bucket(&self, bucket: &str) -> BucketCredentialsMetrics {
        let refreshes = |result: &str| self.refreshes.with_label_values(&[bucket, result]);
        let resigned = |cause: &str| self.resigned.with_label_values(&[bucket, cause]);
        BucketCredentialsMetrics {
            refreshed: refreshes("refreshed"),
            unchanged: refreshes("unchanged"),
            failed: refreshes("failed"),
            resigned_credentials: resigned("credentials"),
            resigned_clock: resigned("clock"),
        }
    }
}
