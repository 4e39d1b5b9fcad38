//! Every time is given; the only clock is the one of the tests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use aws_credential_types::Credentials as Provided;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, future};
use tokio::sync::Semaphore;

use super::*;
use crate::telemetry::Metrics;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// What the provider does when it is asked.
enum Turn {
    /// Keys of this name, until then.
    Keys(&'static str, Option<SystemTime>),
    Fails,
    Hangs,
    Panics,
}

/// Answers in turn, each once it is let, and fails when it has no turn left.
#[derive(Clone)]
struct Script(Arc<Inner>);

struct Inner {
    turns: Mutex<VecDeque<Turn>>,
    asked: AtomicUsize,
    allowed: Semaphore,
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Script")
    }
}

impl Script {
    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::Relaxed)
    }

    async fn answer(&self) -> provider::Result {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        self.0.allowed.acquire().await.unwrap().forget();
        let turn = self.0.turns.lock().unwrap().pop_front();
        match turn {
            Some(Turn::Keys(id, end)) => Ok(Provided::new(id, "secret", None, end, "test")),
            Some(Turn::Hangs) => std::future::pending().await,
            Some(Turn::Panics) => panic!("as the test wants"),
            Some(Turn::Fails) | None => Err(CredentialsError::provider_error("out of order")),
        }
    }
}

impl ProvideCredentials for Script {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.answer())
    }
}

/// A source whose provider answers only when it is let.
fn held_back(turns: impl IntoIterator<Item = Turn>) -> (Arc<Source>, Script) {
    let turns = Mutex::new(turns.into_iter().collect());
    let allowed = Semaphore::new(0);
    let script = Script(Arc::new(Inner { turns, asked: AtomicUsize::new(0), allowed }));
    let metrics = Metrics::new().credentials("test");
    (Arc::new(Source::refreshed("test", script.clone(), metrics)), script)
}

/// A source whose provider answers at once.
fn source(turns: impl IntoIterator<Item = Turn>) -> (Arc<Source>, Script) {
    let (source, script) = held_back(turns);
    script.0.allowed.add_permits(1000);
    (source, script)
}

async fn id(source: &Arc<Source>, now: SystemTime) -> Option<String> {
    let current = source.current(now).await;
    match current {
        Ok(credentials) => Some(credentials.access_key_id.clone()),
        Err(error) => {
            assert_eq!(error.kind(), Kind::StorageUnavailable);
            None
        }
    }
}

#[tokio::test]
async fn two_hundred_requests_are_one_flight() {
    let (source, script) =
        held_back([Turn::Keys("one", Some(at(3600))), Turn::Keys("two", Some(at(7200)))]);
    for (now, expected) in [(at(0), "one"), (at(3600), "two")] {
        let waiting: Vec<_> = (0..200)
            .map(|_| {
                let source = Arc::clone(&source);
                tokio::spawn(async move { id(&source, now).await })
            })
            .collect();
        tokio::task::yield_now().await;
        script.0.allowed.add_permits(1);
        for request in waiting {
            assert_eq!(request.await.unwrap().as_deref(), Some(expected));
        }
    }
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn a_flight_outlives_who_started_it() {
    let (source, script) = held_back([Turn::Keys("one", None)]);
    let first = {
        let source = Arc::clone(&source);
        tokio::spawn(async move { id(&source, at(0)).await })
    };
    while script.asked() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.is_err());
    script.0.allowed.add_permits(1);
    assert_eq!(id(&source, at(0)).await.as_deref(), Some("one"));
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn errors_are_not_kept_and_not_repeated_at_once() {
    let (source, script) = source([Turn::Fails, Turn::Keys("one", Some(at(3600)))]);
    assert_eq!(id(&source, at(0)).await, None);
    // Within the pause nobody asks, and the cause is told.
    let error = source.current(at(0)).await.unwrap_err().to_string();
    assert!(error.contains("out of order"), "{error}");
    assert_eq!(script.asked(), 1);
    assert_eq!(id(&source, at(2)).await.as_deref(), Some("one"));
    assert_eq!((source.metrics.failed.get(), source.metrics.refreshed.get()), (1, 1));
}

#[tokio::test]
async fn old_credentials_serve_to_their_end_and_no_longer() {
    let (source, _) = source([Turn::Keys("one", Some(at(3600)))]);
    assert_eq!(id(&source, at(0)).await.as_deref(), Some("one"));
    let flight = source.flight_if_due(at(3500)).unwrap();
    landed(flight, FLIGHT_MAX).await;
    assert_eq!(source.metrics.failed.get(), 1);
    assert_eq!(id(&source, at(3599)).await.as_deref(), Some("one"));
    assert_eq!(id(&source, at(3600)).await, None);
}

#[tokio::test]
async fn what_ended_before_it_came_is_not_taken() {
    let (source, script) = source([
        Turn::Keys("late", Some(at(0))),
        Turn::Keys("", Some(at(3600))),
        // Milliseconds taken for seconds.
        Turn::Keys("far", Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000_000))),
    ]);
    assert_eq!(id(&source, at(10)).await, None);
    assert_eq!(id(&source, at(20)).await, None);
    assert_eq!(id(&source, at(30)).await.as_deref(), Some("far"));
    // It is believed for a quarter of an hour, and asked for again before.
    let life = source.current(at(30)).await.unwrap().life(at(30)).unwrap();
    assert_eq!(life, Duration::from_secs(900));
    assert!(source.time_to_refresh(at(30)) < life);
    assert_eq!(id(&source, at(930)).await, None);
    assert_eq!(script.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let (source, script) = source([Turn::Hangs, Turn::Keys("one", None)]);
    let began = tokio::time::Instant::now();
    assert_eq!(id(&source, at(0)).await, None);
    assert_eq!(began.elapsed(), WAIT_MAX);
    // The flight goes on, and is the only one.
    assert_eq!(id(&source, at(5)).await, None);
    assert_eq!(script.asked(), 1);
    landed(source.flight_if_due(at(10)).unwrap(), FLIGHT_MAX).await;
    assert_eq!(began.elapsed(), FLIGHT_MAX);
    assert_eq!(id(&source, at(20)).await.as_deref(), Some("one"));
}

#[tokio::test]
async fn a_panic_of_a_provider_ends_its_flight_only() {
    let (source, _) = source([Turn::Panics, Turn::Keys("one", None)]);
    assert_eq!(id(&source, at(0)).await, None);
    assert_eq!(id(&source, at(5)).await.as_deref(), Some("one"));
}

#[tokio::test]
async fn a_storm_of_refusals_is_one_flight() {
    let (source, script) = source([Turn::Keys("one", None), Turn::Keys("two", None)]);
    let refused = source.current(at(0)).await.unwrap();
    let requests: Vec<_> = (0..200)
        .map(|_| {
            let (source, refused) = (Arc::clone(&source), Arc::clone(&refused));
            tokio::spawn(async move { source.replace(&refused, Evidence::Said, at(100)).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().access_key_id, "two");
    }
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn refusals_do_not_make_us_ask_all_the_time() {
    let same = || Turn::Keys("one", Some(at(3600)));
    let (source, script) = source([same(), same(), same(), same()]);
    let refused = source.current(at(0)).await.unwrap();
    for (seconds, evidence, asked) in [
        (4, Evidence::Said, 1),
        (5, Evidence::Said, 2),
        (9, Evidence::Said, 2),
        (64, Evidence::Suspected, 2),
        (65, Evidence::Suspected, 3),
        (70, Evidence::Said, 4),
    ] {
        // The same keys again are no reason to try again.
        assert!(source.replace(&refused, evidence, at(seconds)).await.is_none());
        assert_eq!(script.asked(), asked, "after {seconds} s");
    }
}

#[tokio::test]
async fn urls_get_credentials_that_last() {
    let (source, script) =
        source([Turn::Keys("one", Some(at(3600))), Turn::Fails, Turn::Keys("two", Some(at(7200)))]);
    let hour = Duration::from_secs(3600);
    let id = async |life, now| source.lasting(life, now).await.unwrap().access_key_id.clone();
    assert_eq!(id(hour, at(0)).await, "one");
    assert_eq!(id(hour, at(3540)).await, "one");
    assert_eq!(script.asked(), 1);
    // The last minute: better ones are tried for, and the old ones do where there are none.
    assert_eq!(id(hour, at(3550)).await, "one");
    assert_eq!(script.asked(), 2);
    assert_eq!(id(Duration::from_secs(10), at(3580)).await, "one");
    assert_eq!(id(hour, at(3590)).await, "two");
}

#[tokio::test]
async fn fixed_credentials_stay() {
    let credentials = Credentials {
        access_key_id: "AKIA".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: None,
        expires: None,
    };
    let metrics = Metrics::new().credentials("test");
    let source = Arc::new(Source::fixed("test", credentials.clone(), metrics));
    assert_eq!(*source.current(at(0)).await.unwrap(), credentials);
    assert!(source.replace(&credentials, Evidence::Said, at(100)).await.is_none());
    source.keep_fresh(|| at(0)).await;
}

/// A clock that runs with tokio's, and can be set.
#[derive(Clone)]
struct Clock {
    began: tokio::time::Instant,
    ahead: Arc<AtomicU64>,
}

impl Clock {
    fn now(&self) -> SystemTime {
        at(self.ahead.load(Ordering::Relaxed)) + self.began.elapsed()
    }
}

/// Runs `keep_fresh` beside `watch`, from that many seconds on.
async fn beside(source: &Arc<Source>, start: u64, watch: impl AsyncFnOnce(&Clock)) {
    let ahead = Arc::new(AtomicU64::new(start));
    let clock = Clock { began: tokio::time::Instant::now(), ahead };
    let told = clock.clone();
    tokio::select! {
        () = source.keep_fresh(move || told.now()) => panic!("it ended"),
        () = watch(&clock) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_replaced_ahead_of_their_end() {
    let (source, script) =
        source([Turn::Keys("one", Some(at(3600))), Turn::Fails, Turn::Keys("two", Some(at(7200)))]);
    beside(&source, 0, async |clock: &Clock| {
        // Never is a request without credentials, and none ever asks itself.
        while clock.now() < at(3600) {
            tokio::time::sleep(Duration::from_secs(7)).await;
            assert!(source.held(clock.now()).is_some());
        }
    })
    .await;
    assert_eq!(script.asked(), 3);
    assert_eq!(source.held(at(3600)).unwrap().access_key_id, "two");
    // Ended and started again, it knows what it knew.
    beside(&source, 3600, async |_| tokio::time::sleep(Duration::from_secs(60)).await).await;
    assert_eq!(script.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_is_noticed() {
    let (source, script) = source([
        Turn::Keys("one", Some(at(3600))),
        Turn::Keys("two", Some(at(100_000))),
        Turn::Keys("three", Some(at(3600))),
    ]);
    beside(&source, 0, async |clock: &Clock| {
        let soon = LOOK_INTERVAL + Duration::from_secs(1);
        tokio::time::sleep(soon).await;
        // The machine was suspended.
        clock.ahead.store(90_000, Ordering::Relaxed);
        tokio::time::sleep(soon).await;
        assert_eq!(source.held(clock.now()).unwrap().access_key_id, "two");
        // The clock is set back.
        clock.ahead.store(0, Ordering::Relaxed);
        tokio::time::sleep(soon).await;
        assert_eq!(source.held(clock.now()).unwrap().access_key_id, "three");
    })
    .await;
    assert_eq!(script.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_asked_less_and_less_often() {
    let (source, script) = source([]);
    beside(&source, 0, async |_| tokio::time::sleep(Duration::from_secs(600)).await).await;
    assert!((40..100).contains(&script.asked()), "{}", script.asked());
}
