//! Metrics of the keys that issuers publish.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::{counters, registered};

/// The metrics of all issuers.
pub(super) struct IssuersMetrics {
    fetches: IntCounterVec,
    keys: IntGaugeVec,
    fetched: GaugeVec,
}

/// The metrics of one issuer, looked up once.
pub struct IssuerMetrics {
    issuer: String,
    fetches: IntCounterVec,
    keys: IntGauge,
    fetched: Gauge,
}

impl IssuersMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let labels = &["issuer"];
        let keys = Opts::new("casgate_issuer_keys", "Usable keys the issuer had when last fetched");
        let fetched = Opts::new(
            "casgate_issuer_keys_fetched_timestamp_seconds",
            "When the issuer's keys were last fetched, in Unix time; 0: not yet",
        );
        Self {
            fetches: counters(
                registry,
                "casgate_issuer_fetches_total",
                "Fetches of an issuer's keys by what made them (schedule, or a request with an \
                 unknown key) and result (ok, or what failed)",
                &["issuer", "trigger", "result"],
            ),
            keys: registered(registry, IntGaugeVec::new(keys, labels)),
            fetched: registered(registry, GaugeVec::new(fetched, labels)),
        }
    }

    pub(super) fn issuer(&self, issuer: &str) -> IssuerMetrics {
        IssuerMetrics {
            issuer: issuer.to_owned(),
            fetches: self.fetches.clone(),
            keys: self.keys.with_label_values(&[issuer]),
            fetched: self.fetched.with_label_values(&[issuer]),
        }
    }
}

impl IssuerMetrics {
    /// Counts a fetch.
    pub(crate) fn fetched(&self, trigger: &str, result: &str) {
        self.fetches.with_label_values(&[self.issuer.as_str(), trigger, result]).inc();
    }

    /// Notes what one brought, and when.
    pub(crate) fn keys(&self, usable: usize, at: SystemTime) {
        self.keys.set(i64::try_from(usable).unwrap_or(i64::MAX));
        self.fetched.set(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    }
}
