//! Metrics of the keys that issuers publish.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{counters, registered};
use crate::jwks::Source;

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
        IssuerMetrics { issuer: issuer.to_owned(), fetches: self.fetches.clone() }
    }

    /// Takes over what these sources have now, and forgets all others.
    pub(super) fn show<'s>(&self, sources: impl Iterator<Item = &'s Arc<Source>>) {
        self.keys.reset();
        self.fetched.reset();
        for source in sources {
            let labels = &[source.issuer()];
            let (usable, seconds) = source.keys().last_fetched().map_or((0, 0.0), |(keys, at)| {
                (keys, at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
            });
            self.keys.with_label_values(labels).set(i64::try_from(usable).unwrap_or(i64::MAX));
            self.fetched.with_label_values(labels).set(seconds);
        }
    }
}

impl IssuerMetrics {
    /// Counts a fetch.
    pub(crate) fn fetched(&self, trigger: &str, result: &str) {
        self.fetches.with_label_values(&[self.issuer.as_str(), trigger, result]).inc();
    }
}
