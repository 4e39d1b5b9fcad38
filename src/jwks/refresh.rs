//! When keys are fetched: on a schedule, and on request.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until, timeout};

use super::problem::{Cause, FetchError};
use super::{Source, fetch};
use crate::auth::{Attendance, KeySet};
use crate::backoff::{self, Spread};
use crate::error::with_causes;

/// The pause after a first failure; it doubles with each further one.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// The longest pause after failures.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// What is remembered of fetches from one [`keep_fresh`] to the next.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// When the next one is due. None: now.
    due: Option<Instant>,
    /// When requests may ask for one again. None: now.
    cooled: Option<Instant>,
    /// How many have failed since one that did not.
    failures: u32,
    /// Whether it was logged that there are no keys to use.
    said_unusable: bool,
}

/// Why a fetch is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    Schedule,
    Request,
}

/// Fetches a source's keys for as long as it runs. It may be ended at any time, and another one
/// goes on where it was; of two, the second waits for the end of the first.
pub async fn keep_fresh(source: Arc<Source>, clock: impl Fn() -> SystemTime) {
    keep_fresh_by(&source, || fetch::keys(&source.client, &source.specification.location), clock)
        .await;
}

pub(super) async fn keep_fresh_by<F>(
    source: &Source,
    fetch: impl Fn() -> F,
    clock: impl Fn() -> SystemTime,
) where
    F: Future<Output = Result<KeySet, FetchError>>,
{
    let pace = &source.specification;
    let mut schedule = source.schedule.lock().await;
    let attendance = source.keys.attend();
    loop {
        let trigger = schedule.next(&attendance).await;
        // Before the fetch too, for those who end this one in the middle of it over and over.
        schedule.cool(trigger, pace.cooldown);
        attendance.begin();
        let began = clock();
        let fetched = timeout(pace.timeout, fetch())
            .await
            .unwrap_or_else(|_| Err(FetchError::new(pace.location.url(), Cause::Timeout)));
        schedule.cool(trigger, pace.cooldown);
        let result = fetched.as_ref().map_or_else(FetchError::name, |_| "ok");
        source.metrics.fetched(trigger.name(), result);
        let keys = match fetched {
            Ok(set) => {
                schedule.note_success(source, &set);
                Some((set, began))
            }
            Err(error) => {
                schedule.note_failure(source, &error, clock());
                None
            }
        };
        attendance.end(keys, schedule.may_ask());
    }
}

impl Trigger {
    fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Request => "request",
        }
    }
}

impl Schedule {
    /// Waits until a fetch is due or a request asks for one.
    async fn next(&self, attendance: &Attendance<'_>) -> Trigger {
        let Some(due) = self.due else { return Trigger::Schedule };
        if let Some(cooled) = self.cooled.filter(|cooled| *cooled > Instant::now()) {
            attendance.let_ask(false);
            if due <= cooled {
                sleep_until(due).await;
                return Trigger::Schedule;
            }
            sleep_until(cooled).await;
        }
        attendance.let_ask(true);
        tokio::select! {
            () = sleep_until(due) => Trigger::Schedule,
            () = attendance.asked() => Trigger::Request,
        }
    }

    fn may_ask(&self) -> bool {
        self.cooled.is_none_or(|cooled| cooled <= Instant::now())
    }

    fn cool(&mut self, trigger: Trigger, cooldown: Duration) {
        if trigger == Trigger::Request {
            self.cooled = Some(Instant::now() + cooldown);
        }
    }

    fn note_success(&mut self, source: &Source, set: &KeySet) {
        let (issuer, keys, skipped) = (&source.issuer, set.usable(), set.skipped());
        if self.failures > 0 {
            let failures = self.failures;
            tracing::info!(issuer, keys, skipped, failures, "the issuer's keys are fetched again");
        } else if self.due.is_none() {
            tracing::info!(issuer, keys, skipped, "the issuer's keys are fetched");
        } else {
            tracing::debug!(issuer, keys, skipped, "the issuer's keys are fetched");
        }
        // Up to a tenth earlier, so that many gateways do not ask together.
        let refresh = source.specification.refresh;
        let pause = refresh - Spread::random().over(refresh / 10);
        *self = Self { due: Some(Instant::now() + pause), cooled: self.cooled, ..Self::default() };
    }

    /// Says so once when fetches begin to fail, and once when there is nothing left to use.
    fn note_failure(&mut self, source: &Source, error: &FetchError, now: SystemTime) {
        let (issuer, text) = (&source.issuer, with_causes(error));
        if !source.keys.are_usable(now) && !self.said_unusable {
            tracing::error!(issuer, error = text, "there are no keys of the issuer to use");
            self.said_unusable = true;
        } else if self.failures == 0 {
            tracing::warn!(
                issuer,
                error = text,
                "cannot fetch the issuer's keys; old ones are used"
            );
        } else {
            tracing::debug!(issuer, error = text, "cannot fetch the issuer's keys");
        }
        self.failures = self.failures.saturating_add(1);
        let longest = RETRY_MAX.min(source.specification.refresh);
        let pause = backoff::doubled(self.failures, RETRY_MIN, longest);
        self.due = Some(Instant::now() + Spread::random().over(pause));
    }
}
