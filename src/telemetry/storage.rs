//! Metrics of the way to storage.

use http::StatusCode;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::{counters, histograms};

/// The metrics of all buckets.
pub(super) struct StorageMetrics {
    seconds: HistogramVec,
    answers: IntCounterVec,
    retries: IntCounterVec,
    multipart: IntCounterVec,
    swept: IntCounterVec,
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
    /// Multipart uploads begun.
    pub multipart_begun: IntCounter,
    /// Multipart uploads ended without an object.
    pub multipart_aborted: IntCounter,
    /// Multipart uploads that somebody left behind, ended by the sweep.
    pub multipart_swept: IntCounter,
    /// Uploads in pieces that were over, and were deleted.
    pub uploads_swept: IntCounter,
    /// Blobs that no artifact referred to, and that were deleted.
    pub blobs_swept: IntCounter,
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
            swept: counters(
                registry,
                "casgate_swept_total",
                "What was deleted since it was over: uploads (in pieces) and blobs (of no artifact)",
                &["bucket", "what"],
            ),
            multipart: counters(
                registry,
                "casgate_multipart_uploads_total",
                "Multipart uploads that were begun, aborted (by us, without an object) or swept \
                 (left behind by a process that ended)",
                &["bucket", "event"],
            ),
        }
    }

    pub(super) fn bucket(&self, bucket: &str) -> BucketMetrics {
        let seconds = |phase: &str| self.seconds.with_label_values(&[bucket, phase]);
        let multipart = |event: &str| self.multipart.with_label_values(&[bucket, event]);
        let answers = |status: &str| self.answers.with_label_values(&[bucket, status]);
        BucketMetrics {
            connect_seconds: seconds("connect"),
            head_seconds: seconds("head"),
            body_seconds: seconds("body"),
            retries: self.retries.with_label_values(&[bucket]),
            unanswered: answers("none"),
            multipart_begun: multipart("begun"),
            multipart_aborted: multipart("aborted"),
            multipart_swept: multipart("swept"),
            uploads_swept: self.swept.with_label_values(&[bucket, "uploads"]),
            blobs_swept: self.swept.with_label_values(&[bucket, "blobs"]),
            ok: answers("200"),
            partial: answers("206"),
            answers: self.answers.clone(),
            bucket: bucket.to_owned(),
        }
    }
}
