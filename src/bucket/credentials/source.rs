//! Where credentials come from while the process runs.
//!
//! ```text
//! request ──current──> held, not ended? ── yes ──> credentials            (no lock, no I/O)
//!                            │ no
//!                            v
//! keep_fresh ──due──> the one flight ──> provider ──> accept ──> held
//!                            ^
//! refusal ────replace────────┘ unless others are held already
//! ```
//!
//! A flight is a task of its own: whoever started it may leave, and [`Source::keep_fresh`] may be
//! ended and started again. All times are storage's ([`StorageClock`](crate::bucket::clock)).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use aws_credential_types::provider::ProvideCredentials;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Credentials, chain, schedule};
use crate::backoff::Spread;
use crate::bucket::clock::Evidence;
use crate::error::{Error, Kind};
use crate::telemetry::credentials::BucketCredentialsMetrics;

/// How long one flight may take, with all the retries of the SDK.
const FLIGHT_MAX: Duration = Duration::from_secs(20);

/// How long a request waits for credentials without which it can only fail.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long one waits for better ones than those that are there.
const WAIT_FOR_BETTER_MAX: Duration = Duration::from_secs(1);

/// A presigned URL that can be used for less than this is not made while better may be had.
const URL_LIFE_WANTED: Duration = Duration::from_secs(60);

/// The longest sleep of [`Source::keep_fresh`]. Timers stand still while a machine is suspended,
/// and clocks are set; so the time is looked at again.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);

/// How long after one flight a refusal of storage can start the next.
const fn pause_before_replacing(evidence: Evidence) -> Duration {
    match evidence {
        Evidence::Said => Duration::from_secs(5),
        // Whoever asks for what we may not read could make us ask for credentials all the time.
        Evidence::Suspected => Duration::from_secs(60),
    }
}

/// The current credentials of a bucket, and the way to the next.
pub struct Source {
    bucket: String,
    held: ArcSwapOption<Held>,
    /// None: the credentials are fixed.
    provider: Option<Box<dyn ProvideCredentials>>,
    progress: Mutex<Progress>,
    metrics: BucketCredentialsMetrics,
    spread: Spread,
}

/// What requests read.
struct Held {
    credentials: Arc<Credentials>,
    fetched: SystemTime,
    refresh_at: SystemTime,
}

/// What happens with the provider.
#[derive(Default)]
struct Progress {
    /// The flight under way: closed when it has ended, however it did.
    flight: Option<watch::Receiver<()>>,
    /// When the last one began, and for how long there is no other.
    last: Option<(SystemTime, Duration)>,
    failures: u32,
    /// Why the last one brought nothing; None if it brought something.
    cause: Option<String>,
    /// Whether it was said since then that there are no credentials at all.
    said_none: bool,
}

impl Source {
    /// Credentials that stay as they are.
    #[must_use]
    pub fn fixed(
        bucket: &str,
        credentials: Credentials,
        metrics: BucketCredentialsMetrics,
    ) -> Self {
        let source = Self::new(bucket, None, metrics);
        let epoch = SystemTime::UNIX_EPOCH;
        source.hold(Arc::new(credentials), epoch, epoch);
        source
    }

    /// The credentials, if they stay as they are.
    #[must_use]
    pub fn fixed_credentials(&self) -> Option<Arc<Credentials>> {
        match self.provider {
            Some(_) => None,
            None => self.held.load().as_ref().map(|held| Arc::clone(&held.credentials)),
        }
    }

    /// Credentials of a provider, which is asked when they are needed. It must not keep any itself:
    /// what it answers is taken for news.
    #[must_use]
    pub fn refreshed(
        bucket: &str,
        provider: impl ProvideCredentials + 'static,
        metrics: BucketCredentialsMetrics,
    ) -> Self {
        Self::new(bucket, Some(Box::new(provider)), metrics)
    }

    fn new(
        bucket: &str,
        provider: Option<Box<dyn ProvideCredentials>>,
        metrics: BucketCredentialsMetrics,
    ) -> Self {
        Self {
            bucket: bucket.to_owned(),
            held: ArcSwapOption::empty(),
            provider,
            progress: Mutex::default(),
            metrics,
            spread: Spread::random(),
        }
    }

    /// Credentials that have not ended at `now`; where there are none, those that the one flight
    /// brings within five seconds.
    ///
    /// # Errors
    /// [`Kind::StorageUnavailable`]: there are none, and why.
    pub async fn current(self: &Arc<Self>, now: SystemTime) -> Result<Arc<Credentials>, Error> {
        if let Some(credentials) = self.held(now) {
            return Ok(credentials);
        }
        self.wait_for_flight(now, WAIT_MAX).await;
        self.held(now).ok_or_else(|| self.unavailable())
    }

    /// The same for a URL of at most `life`: credentials about to end are replaced first, where
    /// that can be had in a second.
    ///
    /// # Errors
    /// As [`Source::current`].
    pub async fn lasting(
        self: &Arc<Self>,
        life: Duration,
        now: SystemTime,
    ) -> Result<Arc<Credentials>, Error> {
        let credentials = self.current(now).await?;
        let wanted = life.min(URL_LIFE_WANTED);
        if credentials.life(now).is_none_or(|left| left >= wanted) {
            return Ok(credentials);
        }
        self.wait_for_flight(now, WAIT_FOR_BETTER_MAX).await;
        Ok(self.held(now).unwrap_or(credentials))
    }

    /// Other credentials than these, which storage has refused at `now`. None: there are none, or
    /// it is too soon to ask again. However many requests are refused, there is one flight.
    pub async fn replace(
        self: &Arc<Self>,
        refused: &Credentials,
        evidence: Evidence,
        now: SystemTime,
    ) -> Option<Arc<Credentials>> {
        let others = || self.held(now).filter(|held| !held.are_keys_of(refused));
        if let Some(credentials) = others() {
            return Some(credentials);
        }
        let flight = {
            let mut progress = self.progress();
            let pause = pause_before_replacing(evidence);
            let too_soon = progress
                .last
                .is_some_and(|(began, _)| !schedule::remaining(began, pause, now).is_zero());
            match progress.running() {
                None if too_soon => None,
                None => self.start(&mut progress, now),
                running => running,
            }
        };
        if let Some(flight) = flight {
            landed(flight, WAIT_MAX).await;
        }
        // Without a flight too: the last one may have ended since the first look.
        others()
    }

    /// When the credentials in use end, or ended. None: never, or there are none.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.held.load().as_ref()?.credentials.expires
    }

    /// Replaces credentials ahead of their end until dropped. It keeps no state of its own, so it
    /// may be dropped and called again at any time; `clock` tells storage's time.
    pub async fn keep_fresh(self: &Arc<Self>, clock: impl Fn() -> SystemTime) {
        if self.provider.is_none() {
            return;
        }
        loop {
            let now = clock();
            let wait = self.time_to_refresh(now);
            if wait.is_zero()
                && let Some(flight) = self.flight_if_due(now)
            {
                landed(flight, FLIGHT_MAX).await;
            } else {
                // Never without a pause, whatever the clock does.
                sleep(wait.clamp(Duration::from_millis(100), LOOK_INTERVAL)).await;
            }
        }
    }

    /// How long from `now` until a flight is due.
    fn time_to_refresh(&self, now: SystemTime) -> Duration {
        let held = self.held.load();
        let until_refresh = held.as_ref().map_or(Duration::ZERO, |held| {
            let wait = held.refresh_at.duration_since(now).unwrap_or_default();
            // A clock that was set back makes no life longer.
            if now < held.fetched { Duration::ZERO } else { wait }
        });
        let pause = self
            .progress()
            .last
            .map_or(Duration::ZERO, |(began, pause)| schedule::remaining(began, pause, now));
        until_refresh.max(pause)
    }

    fn held(&self, now: SystemTime) -> Option<Arc<Credentials>> {
        let held = self.held.load();
        let credentials = &held.as_ref()?.credentials;
        let ended = credentials.expires.is_some_and(|end| end <= now);
        (!ended).then(|| Arc::clone(credentials))
    }

    fn hold(&self, credentials: Arc<Credentials>, fetched: SystemTime, refresh_at: SystemTime) {
        self.held.store(Some(Arc::new(Held { credentials, fetched, refresh_at })));
    }

    fn unavailable(&self) -> Error {
        let progress = self.progress();
        let cause = progress.cause.as_deref().unwrap_or("the provider has not answered yet");
        Error::storage(Kind::StorageUnavailable, format!("no credentials: {cause}"))
    }

    /// Waits for the flight under way or one that is due; none is started in a pause.
    async fn wait_for_flight(self: &Arc<Self>, now: SystemTime, limit: Duration) {
        if let Some(flight) = self.flight_if_due(now) {
            landed(flight, limit).await;
        }
    }

    fn flight_if_due(self: &Arc<Self>, now: SystemTime) -> Option<watch::Receiver<()>> {
        let mut progress = self.progress();
        if let Some(flight) = progress.running() {
            return Some(flight);
        }
        let is_pause = progress
            .last
            .is_some_and(|(began, pause)| schedule::remaining(began, pause, now) > Duration::ZERO);
        if is_pause { None } else { self.start(&mut progress, now) }
    }

    /// Starts a flight; nobody else can, as long as `progress` is held.
    fn start(
        self: &Arc<Self>,
        progress: &mut Progress,
        now: SystemTime,
    ) -> Option<watch::Receiver<()>> {
        self.provider.as_ref()?;
        let (landing, flight) = watch::channel(());
        progress.flight = Some(flight.clone());
        // As after a failure, should it not come back.
        let pause = schedule::pause_after_failure(progress.failures.saturating_add(1), self.spread);
        progress.last = Some((now, pause));
        let source = Arc::clone(self);
        tokio::spawn(async move {
            source.fly(now).await;
            drop(landing);
        });
        Some(flight)
    }

    async fn fly(&self, now: SystemTime) {
        let Some(provider) = &self.provider else { return };
        let provided = match timeout(FLIGHT_MAX, provider.provide_credentials()).await {
            Ok(Ok(provided)) => {
                Credentials::accept(&provided, now).map_err(|unusable| unusable.to_string())
            }
            Ok(Err(error)) => Err(chain::explain(&error)),
            Err(_) => Err(format!("no answer within {FLIGHT_MAX:?}")),
        };
        let mut progress = self.progress();
        match provided {
            Ok(credentials) => self.settle(&mut progress, credentials, now),
            Err(cause) => self.fail(&mut progress, cause, now),
        }
    }

    fn settle(&self, progress: &mut Progress, credentials: Credentials, now: SystemTime) {
        progress.failures = 0;
        let life = credentials.life(now);
        let before = self.held.load();
        let bucket = &self.bucket;
        let expires = credentials.expires.map(humantime::format_rfc3339_seconds);
        let expires = expires.map_or("never".to_owned(), |end| end.to_string());
        if before.as_ref().is_some_and(|held| *held.credentials == credentials) {
            self.metrics.unchanged.inc();
            let pause = schedule::pause_unchanged(life);
            progress.last = Some((now, pause));
            self.hold(Arc::new(credentials), now, now + pause);
            tracing::debug!(bucket, expires, "the storage credentials are the same as before");
        } else {
            self.metrics.refreshed.inc();
            let refresh_at = schedule::refresh_at(now, life, self.spread);
            self.hold(Arc::new(credentials), now, refresh_at);
            tracing::info!(bucket, expires, "there are new storage credentials");
        }
        progress.said_none = false;
        if progress.cause.take().is_some() {
            tracing::info!(bucket, "storage credentials can be had again");
        }
    }

    fn fail(&self, progress: &mut Progress, cause: String, now: SystemTime) {
        self.metrics.failed.inc();
        progress.failures = progress.failures.saturating_add(1);
        let bucket = &self.bucket;
        let held = self.held(now);
        // Once for each cause, and once more when they end: it may last for hours.
        let is_news = progress.cause.as_ref() != Some(&cause);
        match held {
            Some(held) if is_news => {
                let seconds_left = held.life(now).map(|life| life.as_secs());
                tracing::warn!(
                    bucket,
                    cause,
                    seconds_left,
                    "cannot refresh the storage credentials"
                );
            }
            None if is_news || !progress.said_none => {
                progress.said_none = true;
                tracing::error!(bucket, cause, "there are no storage credentials");
            }
            _ => {}
        }
        progress.cause = Some(cause);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Every change is one assignment, so a poisoned lock holds nothing half done.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn running(&self) -> Option<watch::Receiver<()>> {
        self.flight.clone().filter(|flight| flight.has_changed().is_ok())
    }
}

/// Waits until a flight has ended, at most that long.
async fn landed(mut flight: watch::Receiver<()>, limit: Duration) {
    // Nothing is ever sent: the change is that the sender is gone.
    let _ = timeout(limit, flight.changed()).await;
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held.load();
        let credentials = held.as_ref().map(|held| &held.credentials);
        formatter.debug_struct("Source").field("held", &credentials).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
