//! Metrics of reloads.

use prometheus::{IntCounter, IntGauge, Registry};

use super::{counters, registered};

/// All of them.
pub struct ReloadMetrics {
    /// Reloads that took effect.
    pub applied: IntCounter,
    /// Reloads that were refused; the configuration before stays in use.
    pub refused: IntCounter,
    /// Whether the file as it is now is the configuration in use: 1, or 0.
    pub up_to_date: IntGauge,
}

impl ReloadMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let results = counters(
            registry,
            "casgate_reloads_total",
            "Changes of the configuration by result: applied or refused",
            &["result"],
        );
        let up_to_date = registered(
            registry,
            IntGauge::new(
                "casgate_configuration_up_to_date",
                "1: the file is the configuration in use; 0: it was refused",
            ),
        );
        up_to_date.set(1);
        Self {
            applied: results.with_label_values(&["applied"]),
            refused: results.with_label_values(&["refused"]),
            up_to_date,
        }
    }
}
