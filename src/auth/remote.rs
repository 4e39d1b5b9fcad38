//! The keys an issuer publishes, shared between requests, which look keys up, and whoever fetches
//! them ([`keep_fresh`](crate::jwks::keep_fresh)).
//!
//! A token whose `kid` is unknown may be signed with a key that was published a moment ago. Its
//! request asks for a fetch and waits for the end of it, together with all others that do. Within a
//! pause after such a fetch nobody can ask for another, so that tokens somebody made up cost an
//! issuer next to nothing. What is unknown then is answered at once: a 401 where a fetch has shown
//! that there is no such key, else a 503, as the key may be new and a 401 would have a client throw
//! its token away.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::key::VerifyingKey;
use super::key_set::KeySet;
use super::keyring::no_such_key;
use crate::error::Error;

/// How many fetches a request waits for: one under way, which may have begun before its key was
/// published, and one of its own.
const FETCHES_MAX: usize = 2;

/// How many `kid`s without a key are remembered. Who makes up more gets 503 instead of 401.
const ABSENT_MAX: usize = 1024;

/// The keys of one issuer, as last fetched.
#[derive(Debug)]
pub struct RemoteKeys {
    age_max: Duration,
    held: RwLock<Option<Held>>,
    absent: Absent,
    progress: watch::Sender<Progress>,
}

#[derive(Clone, Debug)]
struct Held {
    set: Arc<KeySet>,
    fetched: SystemTime,
}

/// What is going on with fetches.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// How many have ended, well or not.
    ended: u64,
    in_flight: bool,
    /// Whether a request may ask for one now.
    may_ask: bool,
    /// Whether one did.
    asked: bool,
    /// Whether the last one failed.
    failed: bool,
    /// Whether somebody is there to fetch.
    attended: bool,
}

impl Progress {
    /// Whether the keys held may be other than the ones published, for all that can be told.
    fn is_in_doubt(&self) -> bool {
        self.failed || !self.attended
    }
}

/// The `kid`s that a fetch was made for and did not find, by hashes nobody outside can foresee.
#[derive(Debug, Default)]
struct Absent {
    hasher: RandomState,
    hashes: Mutex<HashSet<u64>>,
}

impl Absent {
    fn add(&self, key_id: &str) {
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if hashes.len() >= ABSENT_MAX {
            hashes.clear();
        }
        hashes.insert(self.hasher.hash_one(key_id));
    }

    fn has(&self, key_id: &str) -> bool {
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.contains(&self.hasher.hash_one(key_id))
    }
}

/// What a request that waits for a fetch saw end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// One that may have begun before the request, or that failed.
    Any,
    /// One that began after it and brought keys: what is published is known.
    Own,
}

/// Why there is no key.
enum Missing {
    /// The set is good and does not have it.
    Key,
    /// There is no set, or it is too old.
    Set,
}

impl RemoteKeys {
    /// No keys yet. Once there are, they are used for `age_max` after they were fetched.
    #[must_use]
    pub fn new(age_max: Duration) -> Self {
        Self {
            age_max,
            held: RwLock::default(),
            absent: Absent::default(),
            progress: watch::Sender::default(),
        }
    }

    /// Whether there are keys that are not too old.
    #[must_use]
    pub fn are_usable(&self, now: SystemTime) -> bool {
        self.current(now).is_some()
    }

    /// Takes the keys of another, as old as they are.
    pub fn take_over(&self, earlier: &Self) {
        let held = earlier.held.read().unwrap_or_else(PoisonError::into_inner).clone();
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// How many keys can be used of those that were fetched last, and when that was.
    #[must_use]
    pub fn last_fetched(&self) -> Option<(usize, SystemTime)> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|held| (held.set.usable(), held.fetched))
    }

    /// Completes once a fetch has ended, well or not, since the process began.
    pub async fn attempted(&self) {
        // It fails only without a sender, and `self` has one.
        let _ = self.progress.subscribe().wait_for(|progress| progress.ended > 0).await;
    }

    /// Begins to serve those who ask for a fetch. One at a time may.
    #[must_use]
    pub fn attend(&self) -> Attendance<'_> {
        self.progress.send_modify(|progress| progress.attended = true);
        Attendance { keys: self }
    }

    /// The key that may verify a token with this `kid`. It may wait for two fetches, whose time is
    /// bounded by whoever makes them.
    pub(super) async fn find(
        &self,
        key_id: Option<&str>,
        now: SystemTime,
    ) -> Result<Arc<VerifyingKey>, Error> {
        let mut is_answered = false;
        for _ in 0..FETCHES_MAX {
            match self.look(key_id, now) {
                Ok(key) => return Ok(key),
                // A token that names no key says nothing of how new its key is.
                Err(Missing::Key) if key_id.is_none() => return Err(no_such_key()),
                Err(_) if is_answered => break,
                Err(_) => {}
            }
            match self.fetch_ended().await {
                Some(ended) => is_answered = ended == Ended::Own,
                None => break,
            }
        }
        // Before the last look, so that the set looked at is no older than what is said of it.
        let is_in_doubt = self.progress.borrow().is_in_doubt();
        self.look(key_id, now).map_err(|missing| match (missing, key_id.unwrap_or_default()) {
            (Missing::Set, _) => Error::IssuerUnavailable("there are no keys of it".into()),
            (Missing::Key, key_id) if is_answered => {
                self.absent.add(key_id);
                no_such_key()
            }
            (Missing::Key, key_id) if !is_in_doubt && self.absent.has(key_id) => no_such_key(),
            (Missing::Key, _) => Error::IssuerUnavailable("the token's kid may be new".into()),
        })
    }

    fn look(&self, key_id: Option<&str>, now: SystemTime) -> Result<Arc<VerifyingKey>, Missing> {
        let set = self.current(now).ok_or(Missing::Set)?;
        set.find(key_id).map(Arc::clone).ok_or(Missing::Key)
    }

    fn current(&self, now: SystemTime) -> Option<Arc<KeySet>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        // A fetch may end after the request that waited for it began: then it has no age yet. Nor
        // has it where the clock went back, since fetches go on by another one.
        let young =
            |held: &&Held| now.duration_since(held.fetched).unwrap_or_default() <= self.age_max;
        held.as_ref().filter(young).map(|held| Arc::clone(&held.set))
    }

    /// Waits for the end of the fetch under way, or of one it asks for. None: there is none, and
    /// none may be asked for.
    async fn fetch_ended(&self) -> Option<Ended> {
        let mut progress = self.progress.subscribe();
        let mut before = Progress::default();
        self.progress.send_if_modified(|progress| {
            let asks = !progress.in_flight && !progress.asked && progress.may_ask;
            progress.asked |= asks;
            before = *progress;
            asks
        });
        if !before.in_flight && !before.asked {
            return None;
        }
        let after = progress.wait_for(|progress| progress.ended != before.ended).await.ok()?;
        // If more than one has ended since, the last began after the request too.
        let is_own = before.asked && !after.is_in_doubt();
        Some(if is_own { Ended::Own } else { Ended::Any })
    }
}

/// The presence of somebody who fetches. When it is dropped, nobody waits any longer, and until
/// there is another the keys held are used and no new ones are known.
#[derive(Debug)]
pub struct Attendance<'k> {
    keys: &'k RemoteKeys,
}

impl Attendance<'_> {
    /// Sets whether requests may ask for a fetch.
    pub fn let_ask(&self, may_ask: bool) {
        self.keys.progress.send_modify(|progress| progress.may_ask = may_ask);
    }

    /// Completes when a request asks.
    pub async fn asked(&self) {
        let _ = self.keys.progress.subscribe().wait_for(|progress| progress.asked).await;
    }

    /// A fetch begins.
    pub fn begin(&self) {
        self.keys.progress.send_modify(|progress| {
            progress.in_flight = true;
            progress.asked = false;
        });
    }

    /// It ended: with keys, as they were at that time, or without, and then the old ones stay.
    /// `may_ask` is as for [`Attendance::let_ask`].
    pub fn end(&self, keys: Option<(KeySet, SystemTime)>, may_ask: bool) {
        let failed = keys.is_none();
        if let Some((set, fetched)) = keys {
            let held = Held { set: Arc::new(set), fetched };
            *self.keys.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
        }
        self.keys.progress.send_modify(|progress| {
            let ended = progress.ended + 1;
            *progress = Progress { ended, may_ask, failed, attended: true, ..Progress::default() };
        });
    }
}

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        self.keys.progress.send_modify(|progress| {
            let waited = progress.in_flight || progress.asked;
            let ended = progress.ended + u64::from(waited);
            *progress = Progress { ended, failed: progress.failed, ..Progress::default() };
        });
    }
}
