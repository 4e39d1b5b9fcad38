//! The schedule of fetches, on a clock that jumps to whatever happens next.

mod drill; // a day of rotations, outages and floods
mod outages; // what is served when nothing can be fetched
mod requests; // fetches that requests ask for

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep, timeout};
use url::Url;

use super::problem::Cause;
use super::refresh::keep_fresh_by;
use super::{FetchError, Location, Source, Specification};
use crate::auth::{KeySet, Keyring};
use crate::error::Kind;
use crate::telemetry::Metrics;

const MINUTE: Duration = Duration::from_secs(60);
const REFRESH: Duration = Duration::from_secs(600);
const COOLDOWN: Duration = Duration::from_secs(30);
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
const TIMEOUT: Duration = Duration::from_secs(5);
const LATENCY: Duration = Duration::from_millis(200);

/// How the issuer answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Failing,
    Hanging,
}

/// An issuer without a network, and the source of its keys.
struct World {
    source: Source,
    keyring: Keyring,
    start: Instant,
    published: Mutex<BTreeSet<String>>,
    mood: Mutex<Mood>,
    fetches: AtomicUsize,
    in_flight: AtomicUsize,
}

impl World {
    /// An issuer with these keys that nobody has asked yet.
    fn with(key_ids: &[&str]) -> Arc<Self> {
        let url = Url::parse("https://issuer.example/keys").unwrap();
        let specification = Specification {
            location: Location::KeySet(url),
            refresh: REFRESH,
            cooldown: COOLDOWN,
            age_max: AGE_MAX,
            timeout: TIMEOUT,
            allow_private_addresses: false,
            authorities: Vec::new(),
        };
        let source = Source::new("test", specification, Metrics::new().issuer("test"));
        Arc::new(Self {
            keyring: Keyring::remote(Arc::clone(source.keys())),
            source,
            start: Instant::now(),
            published: Mutex::new(key_ids.iter().map(|&key_id| key_id.to_owned()).collect()),
            mood: Mutex::new(Mood::Well),
            fetches: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
        })
    }

    /// The same, with the keys fetched once.
    async fn fresh(key_ids: &[&str]) -> (Arc<Self>, JoinHandle<()>) {
        let world = Self::with(key_ids);
        let task = world.keep_fresh();
        world.source.keys().attempted().await;
        (world, task)
    }

    fn keep_fresh(self: &Arc<Self>) -> JoinHandle<()> {
        let world = Arc::clone(self);
        tokio::spawn(async move {
            keep_fresh_by(&world.source, || world.fetch(), || world.now()).await;
        })
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.start.elapsed()
    }

    async fn fetch(&self) -> Result<KeySet, FetchError> {
        assert_eq!(self.in_flight.fetch_add(1, Ordering::Relaxed), 0, "two fetches at a time");
        let _ended = Ended(&self.in_flight);
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::Hanging {
            std::future::pending::<()>().await;
        }
        sleep(LATENCY / 2).await;
        let keys: Vec<_> = self.published.lock().unwrap().iter().map(|id| jwk(id)).collect();
        sleep(LATENCY / 2).await;
        let failure = |cause| FetchError::new(self.source.specification.location.url(), cause);
        if mood == Mood::Failing {
            return Err(failure(Cause::Status(http::StatusCode::BAD_GATEWAY)));
        }
        let set = serde_json::json!({ "keys": keys }).to_string();
        KeySet::published(set.as_bytes()).map_err(|problem| failure(Cause::Keys(problem)))
    }

    fn publish(&self, key_ids: &[&str]) {
        *self.published.lock().unwrap() = key_ids.iter().map(|&id| id.to_owned()).collect();
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }

    /// What a request with a token of this key gets.
    async fn ask(&self, key_id: &str) -> Result<(), Kind> {
        let found = timeout(MINUTE, self.keyring.find(Some(key_id), self.now())).await;
        let found = found.unwrap_or_else(|_| panic!("still waiting for {key_id}"));
        found.map(|_| ()).map_err(|error| error.kind())
    }
}

/// A fetch in flight; it ends when it is dropped too.
struct Ended<'w>(&'w AtomicUsize);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A public key; nothing is verified with it here.
fn jwk(key_id: &str) -> serde_json::Value {
    serde_json::json!({"kty": "OKP", "crv": "Ed25519", "kid": key_id, "x": "A".repeat(43)})
}

/// Lets time pass, and everything happen that it brings.
async fn pass(time: Duration) {
    sleep(time).await;
    // What was due at the same moment.
    advance(Duration::ZERO).await;
}
