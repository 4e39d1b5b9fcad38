//! Metrics of the way to storage.

use http::StatusCode;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::{counters, histograms};

/// The metrics of all buckets.
pub(super) struct StorageMetrics {
    seconds: HistogramVec,
    answers: IntCounterVec,
    retries: IntCounterVec,
}

/// The metrics of one bucket, looked up once.
#[derive(Debug)]
pub struct BucketMetrics {
    /// Time to open a connection.
    pub connect_seconds: Histogram,
    /// Time from a request to the head of its answer.
    pub head_seconds: Histogram,
    /// Time from there to the end of the body.
    pub body_seconds: Histogram,
    /// Requests sent again because a reused connection was dead.
    pub retries: IntCounter,
    /// Requests that got no answer.
    pub unanswered: IntCounter,
    ok: IntCounter,
    partial: IntCounter,
    answers: IntCounterVec,
    bucket: String,
}

impl BucketMetrics {
    /// The counter of answers with this status.
    #[must_use]
    pub fn answers(&self, status: StatusCode) -> IntCounter {
        match status {
            StatusCode::OK => self.ok.clone(),
            StatusCode::PARTIAL_CONTENT => self.partial.clone(),
            other => self.answers.with_label_values(&[self.bucket.as_str(), other.as_str()]),
        }
    }
}

impl StorageMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            seconds: histograms(
                registry,
                "casgate_storage_duration_seconds",
                "Time spent with storage by phase: connect, head (request to answer), body",
                &["bucket", "phase"],
            ),
            answers: counters(
                registry,
                "casgate_storage_answers_total",
                "Answers of storage by status; none where there was no answer",
                &["bucket", "status"],
            ),
            retries: counters(
                registry,
                "casgate_storage_retries_total",
                "Requests sent again because a reused connection was dead",
                &["bucket"],
            ),
        }
    }

    pub(super) fn bucket(&self, bucket: &str) -> BucketMetrics {
        let seconds = |phase: &str| self.seconds.with_label_values(&[bucket, phase]);
        let answers = |status: &str| self.answers.with_label_values(&[bucket, status]);
        BucketMetrics {
            connect_seconds: seconds("connect"),
            head_seconds: seconds("head"),
            body_seconds: seconds("body"),
            retries: self.retries.with_label_values(&[bucket]),
            unanswered: answers("none"),
            ok: answers("200"),
            partial: answers("206"),
            answers: self.answers.clone(),
            bucket: bucket.to_owned(),
        }
    }
}
