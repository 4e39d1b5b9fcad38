//! Pauses between attempts, and their end.

use std::time::Duration;

use tokio::time::sleep;

use super::Failure;
use crate::backoff::{Spread, doubled};

/// The first pause, before it is spread.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// The longest pause, before it is spread; a gateway that asks for more gets four times that.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// How many attempts in a row may fail and be followed by another: a minute or so.
const FAILURES_MAX: u32 = 10;

/// How often something failed in a row.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
}

impl Patience {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The failure, where there should be no other attempt.
    pub(super) async fn pause(&mut self, failure: Failure) -> Result<(), Failure> {
        self.failures += 1;
        if !failure.is_transient() || self.failures > FAILURES_MAX {
            return Err(failure);
        }
        let pause = Spread::random().over(doubled(self.failures, PAUSE_FIRST, PAUSE_MAX));
        let asked = match failure {
            Failure::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        sleep(pause.max(asked.min(4 * PAUSE_MAX))).await;
        Ok(())
    }

    /// An attempt got somewhere.
    pub(super) fn renew(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_end() {
        let mut patience = Patience::default();
        for _ in 0..FAILURES_MAX {
            patience.pause(Failure::Cut("x".to_owned())).await.unwrap();
        }
        patience.pause(Failure::Cut("x".to_owned())).await.unwrap_err();
        patience.renew();
        patience.pause(Failure::Cut("x".to_owned())).await.unwrap();
        patience.pause(Failure::Failed("x".to_owned())).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_names_a_time_is_given_it() {
        let refused = |seconds| {
            let after = Some(Duration::from_secs(seconds));
            Failure::refused(http::StatusCode::SERVICE_UNAVAILABLE, "busy", after)
        };
        let began = tokio::time::Instant::now();
        Patience::default().pause(refused(7)).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 7);
        Patience::default().pause(refused(1_000_000)).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 67);
    }
}
