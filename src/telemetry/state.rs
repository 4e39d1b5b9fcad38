//! Metrics of the state store.

use prometheus::{HistogramTimer, HistogramVec, IntCounterVec, Registry};

use super::{counters, histograms};
use crate::state::Failure;

/// What the state store did, and how long it took.
pub struct StateMetrics {
    operations: IntCounterVec,
    seconds: HistogramVec,
}

impl StateMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            operations: counters(
                registry,
                "casgate_state_operations_total",
                "Operations of the state store by how they ended: done, not_done, or unknown \
                 (nobody can tell)",
                &["operation", "result"],
            ),
            seconds: histograms(
                registry,
                "casgate_state_operation_duration_seconds",
                "Time of one operation of the state store",
                &["operation"],
            ),
        }
    }

    /// Measures an operation from now on.
    pub fn time(&self, operation: &str) -> HistogramTimer {
        self.seconds.with_label_values(&[operation]).start_timer()
    }

    /// Counts an operation that ended.
    pub fn count(&self, operation: &str, failure: Option<&Failure>) {
        let result = match failure {
            None => "done",
            Some(Failure::NotDone(_)) => "not_done",
            Some(Failure::Unknown(_)) => "unknown",
        };
        self.operations.with_label_values(&[operation, result]).inc();
    }
}
