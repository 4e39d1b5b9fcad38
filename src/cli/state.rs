//! The state store, started before anybody relies on it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{sleep, timeout};

use crate::backoff::{self, Spread};
use crate::plan::{Plan, Problem};
use crate::state::{Store, Unfit};

/// How long a store may hold up a start or a reload.
const HOLD_UP_MAX: Duration = Duration::from_secs(10);

/// How long it may take in the background: as long as the trial of a bucket, and what it needs to
/// delete.
const START_MAX: Duration = Duration::from_secs(45);

/// The pause after the first start of a store that cannot be asked, and the longest one.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The pause before the first sweep of what has ended, and between two of them.
const SWEEP_PAUSE_FIRST: Duration = Duration::from_secs(2);
const SWEEP_PAUSE: Duration = Duration::from_secs(3600);

/// How long one sweep may take.
const SWEEP_MAX: Duration = Duration::from_secs(600);

/// Starts the store of a plan. One that cannot be asked is no problem: what needs it is refused until
/// it can.
///
/// Returns a problem if the store is not safe to use.
pub(super) async fn start(plan: &Plan) -> Option<Problem> {
    match attempt(plan.state.as_ref()?, HOLD_UP_MAX).await {
        Ok(()) => None,
        Err(Unfit::Unsafe(message)) => Some(Problem { path: "state".to_owned(), message }),
        Err(Unfit::Unreachable(reason)) => {
            tracing::error!(
                reason,
                "the state store cannot be asked; single-use links wait for it"
            );
            None
        }
    }
}

/// Starts a store again that could not be asked, until it can.
pub(super) async fn keep_starting(plan: Arc<Plan>) {
    let Some(store) = &plan.state else { return };
    let mut told = String::new();
    for failures in 1.. {
        if store.is_ready() {
            return;
        }
        sleep(backoff::doubled(failures, PAUSE_FIRST, PAUSE_MAX)).await;
        let reason = match attempt(store, START_MAX).await {
            Ok(()) => {
                tracing::info!("the state store is in use");
                return;
            }
            Err(Unfit::Unsafe(reason) | Unfit::Unreachable(reason)) => reason,
        };
        if reason != told {
            tracing::error!(reason, "the state store is not in use; single-use links wait for it");
            told = reason;
        }
    }
}

/// Deletes what has ended for long, where the store leaves that to us, for as long as the plan is in
/// use. Replicas do not do it all at once.
pub(super) async fn keep_swept(plan: Arc<Plan>) {
    let Some(store) = &plan.state else { return };
    let mut pause = SWEEP_PAUSE_FIRST;
    loop {
        sleep(Spread::random().over(pause)).await;
        if !store.is_ready() {
            pause = PAUSE_MAX;
            continue;
        }
        pause = SWEEP_PAUSE;
        match timeout(SWEEP_MAX, store.sweep(SystemTime::now())).await {
            Ok(None) => return,
            Ok(Some(Ok(swept))) => {
                if swept.deleted > 0 {
                    tracing::info!(deleted = swept.deleted, "registers of the state store ended");
                }
                if let Some(failure) = swept.failure {
                    let failed = swept.failed;
                    tracing::warn!(failed, failure, "registers that ended cannot be deleted");
                } else if swept.is_partial {
                    pause = SWEEP_PAUSE_FIRST;
                }
            }
            Ok(Some(Err(error))) => {
                tracing::warn!(error, "registers that ended cannot be listed");
            }
            Err(_) => tracing::warn!("a sweep of registers that ended took too long"),
        }
    }
}

async fn attempt(store: &Store, limit: Duration) -> Result<(), Unfit> {
    let attempt = timeout(limit, store.start(SystemTime::now)).await;
    attempt.unwrap_or_else(|_| Err(Unfit::Unreachable("no answer in time".to_owned())))
}
