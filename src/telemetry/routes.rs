//! Metrics of requests, by the route that answers them.

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::{counters, histograms};
use crate::error::Kind;

/// The metrics of all routes.
pub(super) struct RoutesMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    sent_bytes: IntCounterVec,
    received_bytes: IntCounterVec,
    uploads: IntCounterVec,
    pieces: IntCounterVec,
    single_use: IntCounterVec,
    verification: IntCounterVec,
}

/// The counters of one route, looked up once.
pub struct RouteMetrics {
    answered: IntCounter,
    refused: [IntCounter; Kind::ALL.len()],
    /// Requests whose client left before the end of the answer.
    pub client_gone: IntCounter,
    /// From the end of the request's header to the end of the answer.
    pub seconds: Histogram,
    /// Body bytes handed to the connection.
    pub sent_bytes: IntCounter,
    /// Body bytes taken from the connection.
    pub received_bytes: IntCounter,
    /// Uploads that became an object.
    pub stored: IntCounter,
    /// Uploads that did not, as there was one that stays.
    pub kept: IntCounter,
    /// Uploads in pieces.
    pub pieces: PieceMetrics,
    /// Bodies whose hash was the digest.
    pub verified: IntCounter,
    /// Bodies whose hash was not.
    pub mismatched: IntCounter,
    /// Partial bodies, which no digest covers.
    pub partial: IntCounter,
    /// Bodies whose name says nothing of them.
    pub opaque: IntCounter,
    /// Bodies not hashed because storage's checksum equals the digest.
    pub trusted: IntCounter,
    /// Single-use tokens made.
    pub issued: IntCounter,
    /// Uses of them that were claimed.
    pub claimed: IntCounter,
    /// Downloads by them that went on after a cut.
    pub resumed: IntCounter,
    /// Uses that may have been taken without a client that heard of it.
    pub in_doubt: IntCounter,
    /// Downloads by them that were cut, since another start took over, or the token was taken back.
    pub superseded: IntCounter,
    /// Single-use tokens taken back.
    pub revoked: IntCounter,
}

/// What happens to uploads in pieces.
pub struct PieceMetrics {
    /// Uploads that began.
    pub begun: IntCounter,
    /// Pieces that count.
    pub appended: IntCounter,
    /// Pieces of which a part counts.
    pub cut: IntCounter,
    /// Uploads that were made shorter.
    pub truncated: IntCounter,
    /// Uploads that their clients dropped.
    pub dropped: IntCounter,
    /// What was refused as the upload was not as its client took it to be.
    pub elsewhere: IntCounter,
    /// What was refused as others changed the upload at the same time.
    pub raced: IntCounter,
    /// Pieces that did not hash to what was said.
    pub mismatched: IntCounter,
}

impl RouteMetrics {
    /// The counter of requests that ended this way; None: answered as asked.
    #[must_use]
    pub fn requests(&self, kind: Option<Kind>) -> &IntCounter {
        kind.map_or(&self.answered, |kind| &self.refused[kind.index()])
    }
}

impl RoutesMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            requests: counters(
                registry,
                "casgate_requests_total",
                "Requests by route, dialect and how they ended (ok, client_gone, or the kind of refusal)",
                &["route", "dialect", "kind"],
            ),
            seconds: histograms(
                registry,
                "casgate_request_duration_seconds",
                "From the end of a request's header to the end of its answer",
                &["route"],
            ),
            sent_bytes: counters(
                registry,
                "casgate_sent_bytes_total",
                "Body bytes handed to client connections",
                &["route"],
            ),
            received_bytes: counters(
                registry,
                "casgate_received_bytes_total",
                "Body bytes taken from client connections",
                &["route"],
            ),
            uploads: counters(
                registry,
                "casgate_uploads_total",
                "Uploads by what became of them: stored, or kept (the object that was there stays)",
                &["route", "result"],
            ),
            pieces: counters(
                registry,
                "casgate_upload_pieces_total",
                "Uploads in pieces: begun, appended, cut (a part of a piece counts), truncated, \
                 dropped, elsewhere (refused, as the client takes it to be elsewhere), raced (refused, \
                 as others changed it), mismatched (refused for its hash)",
                &["route", "event"],
            ),
            single_use: counters(
                registry,
                "casgate_single_use_total",
                "Single-use tokens: issued, claimed (a use was taken), resumed, in_doubt (a use may \
                 have been taken without a client that heard of it), superseded (a download was \
                 cut for a later start of it, or as the token was taken back), revoked",
                &["route", "event"],
            ),
            verification: counters(
                registry,
                "casgate_verification_total",
                "Streamed bodies by what is known of their integrity: verified, mismatched, \
                 partial (a range, which no digest covers), opaque (the name is no digest) or \
                 trusted (storage's checksum)",
                &["route", "result"],
            ),
        }
    }

    pub(super) fn route(&self, route: &str, dialect: &str) -> RouteMetrics {
        let requests = |kind: &str| self.requests.with_label_values(&[route, dialect, kind]);
        let single_use = |event: &str| self.single_use.with_label_values(&[route, event]);
        let piece = |event: &str| self.pieces.with_label_values(&[route, event]);
        let verification = |result: &str| self.verification.with_label_values(&[route, result]);
        RouteMetrics {
            answered: requests("ok"),
            refused: Kind::ALL.map(|kind| requests(kind.name())),
            client_gone: requests("client_gone"),
            seconds: self.seconds.with_label_values(&[route]),
            sent_bytes: self.sent_bytes.with_label_values(&[route]),
            received_bytes: self.received_bytes.with_label_values(&[route]),
            stored: self.uploads.with_label_values(&[route, "stored"]),
            kept: self.uploads.with_label_values(&[route, "kept"]),
            pieces: PieceMetrics {
                begun: piece("begun"),
                appended: piece("appended"),
                cut: piece("cut"),
                truncated: piece("truncated"),
                dropped: piece("dropped"),
                elsewhere: piece("elsewhere"),
                raced: piece("raced"),
                mismatched: piece("mismatched"),
            },
            verified: verification("verified"),
            mismatched: verification("mismatched"),
            partial: verification("partial"),
            opaque: verification("opaque"),
            trusted: verification("trusted"),
            issued: single_use("issued"),
            claimed: single_use("claimed"),
            resumed: single_use("resumed"),
            in_doubt: single_use("in_doubt"),
            superseded: single_use("superseded"),
            revoked: single_use("revoked"),
        }
    }
}
