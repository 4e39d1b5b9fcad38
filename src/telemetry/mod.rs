//! What an operator sees: metrics, one access-log line per request, and the process's own log.

pub mod access;
pub mod credentials;
pub mod issuers;
pub mod log;
pub mod reloads;
pub mod routes;
pub mod state;
pub mod storage;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use crate::plan::Plan;
use credentials::{BucketCredentialsMetrics, CredentialsMetrics};
use issuers::{IssuerMetrics, IssuersMetrics};
use reloads::ReloadMetrics;
use routes::{RouteMetrics, RoutesMetrics};
use state::StateMetrics;
use storage::{BucketMetrics, StorageMetrics};

/// Durations from a memory hit to a slow first byte, in seconds.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_2, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    15.0, 60.0, 300.0,
];

/// All metrics of a process, in a registry of their own.
pub struct Metrics {
    registry: Registry,
    routes: RoutesMetrics,
    verdict_memory: IntCounterVec,
    object_memory: IntCounterVec,
    storage: StorageMetrics,
    issuers: IssuersMetrics,
    credentials: CredentialsMetrics,
    state: Arc<StateMetrics>,
    rendering: Mutex<()>,
    /// Requests refused before a route was known, by reason.
    pub unrouted: IntCounterVec,
    /// Client connections open now.
    pub connections: IntGauge,
    /// Sound requests over HTTP/1.
    pub http1_requests: IntCounter,
    /// Sound requests over HTTP/2.
    pub http2_requests: IntCounter,
    /// TLS handshakes that failed.
    pub tls_failures: IntCounter,
    /// Attempts to load a changed configuration.
    pub reloads: ReloadMetrics,
    /// Access-log lines dropped because standard output did not take them.
    pub access_log_dropped: IntCounter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Creates all metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let counters = |name, help, labels| counters(&registry, name, help, labels);
        let versions = counters(
            "casgate_http_requests_total",
            "Sound requests by version of HTTP: 1 or 2",
            &["version"],
        );
        let metrics = Self {
            routes: RoutesMetrics::new(&registry),
            verdict_memory: counters(
                "casgate_verdict_memory_total",
                "JWTs whose signature check was remembered (hit) or made (miss)",
                &["result"],
            ),
            object_memory: counters(
                "casgate_object_memory_total",
                "Objects known to exist (hit) or asked storage about (miss)",
                &["bucket", "result"],
            ),
            storage: StorageMetrics::new(&registry),
            issuers: IssuersMetrics::new(&registry),
            credentials: CredentialsMetrics::new(&registry),
            state: Arc::new(StateMetrics::new(&registry)),
            rendering: Mutex::default(),
            unrouted: counters(
                "casgate_unrouted_total",
                "Requests refused before a route was known",
                &["reason"],
            ),
            connections: registered(
                &registry,
                IntGauge::new("casgate_connections", "Client connections open now"),
            ),
            http1_requests: versions.with_label_values(&["1"]),
            http2_requests: versions.with_label_values(&["2"]),
            tls_failures: registered(
                &registry,
                IntCounter::new(
                    "casgate_tls_handshake_failures_total",
                    "TLS handshakes with clients that failed",
                ),
            ),
            reloads: ReloadMetrics::new(&registry),
            access_log_dropped: registered(
                &registry,
                IntCounter::new(
                    "casgate_access_log_dropped_total",
                    "Access-log lines dropped because standard output did not take them",
                ),
            ),
            registry,
        };
        let process = prometheus::process_collector::ProcessCollector::for_self();
        // A second process collector in one registry is the only error, and there is one.
        let _ = metrics.registry.register(Box::new(process));
        metrics
    }

    /// The counters of one route.
    #[must_use]
    pub fn route(&self, route: &str, dialect: &str) -> RouteMetrics {
        self.routes.route(route, dialect)
    }

    /// The metrics of the state store.
    #[must_use]
    pub fn state(&self) -> Arc<StateMetrics> {
        Arc::clone(&self.state)
    }

    /// The metrics of one bucket.
    #[must_use]
    pub fn bucket(&self, bucket: &str) -> BucketMetrics {
        self.storage.bucket(bucket)
    }

    /// The metrics of one issuer whose keys are fetched.
    #[must_use]
    pub fn issuer(&self, issuer: &str) -> IssuerMetrics {
        self.issuers.issuer(issuer)
    }

    /// The metrics of one bucket's credentials and clock.
    #[must_use]
    pub fn credentials(&self, bucket: &str) -> BucketCredentialsMetrics {
        self.credentials.bucket(bucket)
    }

    /// The counters of what is remembered of JWTs.
    #[must_use]
    pub fn verdict_memory(&self) -> MemoryMetrics {
        let counter = |result: &str| self.verdict_memory.with_label_values(&[result]);
        MemoryMetrics { hits: counter("hit"), misses: counter("miss") }
    }

    /// The counters of what is remembered of one bucket's objects.
    #[must_use]
    pub fn object_memory(&self, bucket: &str) -> MemoryMetrics {
        let counter = |result: &str| self.object_memory.with_label_values(&[bucket, result]);
        MemoryMetrics { hits: counter("hit"), misses: counter("miss") }
    }

    /// The text a scrape gets (Prometheus text format 0.0.4). What gauges say is said of this plan's
    /// buckets and issuers only.
    #[must_use]
    pub fn render(&self, plan: &Plan) -> String {
        // Between taking the old gauges away and putting the new ones, nobody else may look.
        let _one_at_a_time = self.rendering.lock().unwrap_or_else(PoisonError::into_inner);
        self.credentials.show(plan.buckets.values());
        self.issuers.show(plan.key_sources.values());
        // Encoding fails only for a metric without a family, and every one of ours has one.
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

/// The counters of one memory. They go on where another memory takes its place.
#[derive(Clone, Debug)]
pub struct MemoryMetrics {
    /// Look-ups that found something.
    pub hits: IntCounter,
    /// Look-ups that did not.
    pub misses: IntCounter,
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn histograms(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    registered(registry, HistogramVec::new(options, labels))
}

/// Names, labels and buckets are constants above, so creating and registering cannot fail but by a
/// slip that every test run would show.
#[expect(clippy::expect_used, reason = "constants; see above")]
fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: prometheus::Result<C>,
) -> C {
    let collector = collector.expect("a metric's name and labels are valid");
    registry.register(Box::new(collector.clone())).expect("every metric is registered once");
    collector
}
