//! What every state store promises, each promise a function, run against all of them by
//! [`promises`]. Where stores differ, their [`Subject`] says how; no promise is left out for one.

mod outages;
mod races;
mod registers;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use casgate::state::{
    Create, Failure, Nonce, Record, Replace, StateKey, StateStore, Version, Versioned,
};

use crate::support::{PATIENCE, within};
pub(crate) use outages::{lost_reply_is_not_success, outage_is_an_error};
pub(crate) use races::{
    a_read_sees_the_latest_write, dropped_operations_confuse_nobody, expiry_forgets,
    one_winner_after_a_removal, one_winner_among_many,
};
pub(crate) use registers::{
    keys_do_not_collide, remove_spares_what_others_wrote, replace_needs_the_version_seen,
    values_up_to_the_limit, what_was_created_is_read,
};

/// A store under test, and what is special about it.
pub(crate) trait Subject: Sync {
    type Store: StateStore + 'static;

    /// Two replicas' ways to the same registers. Other tests may use other registers meanwhile.
    fn replicas(&self) -> [Arc<Self::Store>; 2];

    /// Waits until it is later than that for the store; what time to tell it then. A store without
    /// a clock of its own is told, and waits for nothing.
    fn later_than(&self, time: SystemTime) -> impl Future<Output = SystemTime> + Send;

    /// From now on no operation reaches the store.
    fn go_away(&self) -> impl Future<Output = ()> + Send;

    /// From now on writes reach the store, and whoever sent them learns nothing of it.
    fn lose_replies(&self) -> impl Future<Output = ()> + Send;

    /// Ends both.
    fn come_back(&self) -> impl Future<Output = ()> + Send;
}

/// A test for each promise, with a subject of its own.
macro_rules! promises {
    (@each $subject:expr; $($promise:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            $crate::conformance::state::$promise(&$subject.await).await;
        }
    )*};
    (@all $subject:expr; $($promise:ident)*) => {$(
        println!("{}", stringify!($promise));
        // All of them in one future would be too large for a stack.
        Box::pin($crate::conformance::state::$promise($subject)).await;
    )*};
    (@list $how:ident $subject:expr) => {
        $crate::conformance::state::promises! { @$how $subject;
            what_was_created_is_read
            values_up_to_the_limit
            keys_do_not_collide
            one_winner_among_many
            replace_needs_the_version_seen
            remove_spares_what_others_wrote
            one_winner_after_a_removal
            expiry_forgets
            a_read_sees_the_latest_write
            dropped_operations_confuse_nobody
            outage_is_an_error
            lost_reply_is_not_success
        }
    };
    ($subject:expr) => {
        $crate::conformance::state::promises! { @list each $subject }
    };
}
pub(crate) use promises;

/// All promises, one after the other, to one subject: where there cannot be one for each.
pub(crate) async fn every_promise(subject: &impl Subject) {
    promises! { @list all subject }
}

fn nonce() -> Nonce {
    // The standard library's hash keys are random, which is all that is needed.
    let random = RandomState::new();
    let words = [random.hash_one(0), random.hash_one(1)].map(u64::to_be_bytes);
    Nonce::new(words.as_flattened().try_into().unwrap())
}

/// The time, in whole milliseconds as records have it.
pub(crate) fn now() -> SystemTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UNIX_EPOCH + Duration::from_millis(elapsed.as_millis() as u64)
}

pub(crate) fn record_until(end: SystemTime, value: impl Into<Vec<u8>>) -> Record {
    Record { nonce: nonce(), end, value: value.into() }
}

pub(crate) fn record(value: impl Into<Vec<u8>>) -> Record {
    record_until(now() + PATIENCE * 30, value)
}

/// A register nobody else uses.
pub(crate) fn key() -> StateKey {
    StateKey::new("tests", &format!("{:?}/0", nonce()), now() + PATIENCE * 60)
}

pub(crate) async fn read<S: StateStore>(store: &S, key: &StateKey) -> Option<Versioned> {
    within(store.read(key, now())).await.unwrap()
}

async fn create<S: StateStore>(store: &S, key: &StateKey, record: &Record) -> Create {
    within(store.create(key, record, now())).await.unwrap()
}

/// Creates any register, whatever becomes of it.
pub(crate) async fn create_one<S: StateStore>(store: &S) -> Result<Create, Failure> {
    within(store.create(&key(), &record("any"), now())).await
}

/// Creates a register that is empty.
pub(crate) async fn assert_created<S: StateStore>(store: &S, key: &StateKey, record: &Record) {
    created(create(store, key, record).await);
}

#[track_caller]
fn created(created: Create) -> Version {
    match created {
        Create::Created(version) => version,
        Create::Exists(there) => panic!("there was {there:?}"),
    }
}

#[track_caller]
fn replaced(replaced: Replace) -> Version {
    match replaced {
        Replace::Replaced(version) => version,
        Replace::Conflict => panic!("a conflict"),
    }
}

async fn replace<S: StateStore>(
    store: &S,
    key: &StateKey,
    seen: &Version,
    record: &Record,
) -> Replace {
    within(store.replace(key, seen, record, now())).await.unwrap()
}

async fn remove<S: StateStore>(store: &S, key: &StateKey, seen: &Version) {
    within(store.remove(key, seen, now())).await.unwrap();
}

/// Whether this is what both replicas read.
async fn assert_holds<S: Subject>(subject: &S, key: &StateKey, expected: Option<&Record>) {
    for store in subject.replicas() {
        let there = read(&*store, key).await.map(|there| there.record);
        assert!(there.as_ref() == expected, "{key:?} holds {there:?}, not {expected:?}");
    }
}
