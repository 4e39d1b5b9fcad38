//! What happens to operations at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use casgate::state::{Create, Record, Replace, StateKey, StateStore, Versioned};
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{
    Subject, assert_holds, create, created, key, now, read, record, record_until, remove, replace,
    replaced,
};
use crate::support::within;

/// How many race for one register.
const RIVALS: usize = 32;

/// Rounds of each race.
const ROUNDS: usize = 4;

/// How long a record lives whose end is awaited.
const SHORT: Duration = Duration::from_millis(400);

/// Runs as many at the same time as there are rivals, over both replicas.
async fn race<S, F, T>(subject: &S, rival: impl Fn(Arc<S::Store>) -> F) -> Vec<T>
where
    S: Subject,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let replicas = subject.replicas();
    let rivals = (0..RIVALS).map(|number| rival(Arc::clone(&replicas[number % 2])));
    within(rivals.collect::<JoinSet<T>>().join_all()).await
}

/// Lets all create the same register, and returns the record of the only one who did. All others
/// are shown that one.
async fn race_to_create<S: Subject>(subject: &S, key: &StateKey, now: SystemTime) -> Record {
    let told = race(subject, |store| {
        let (key, record) = (key.clone(), record("a rival"));
        async move {
            let created = store.create(&key, &record, now).await.unwrap();
            (record, created)
        }
    });
    let (winners, losers): (Vec<_>, Vec<_>) =
        told.await.into_iter().partition(|(_, created)| matches!(created, Create::Created(_)));
    assert_eq!(winners.len(), 1, "winners");
    let winner = winners.into_iter().next().unwrap().0;
    for (_, created) in losers {
        assert!(matches!(&created, Create::Exists(there) if there.record == winner), "{created:?}");
    }
    assert_holds(subject, key, Some(&winner)).await;
    winner
}

pub(crate) async fn one_winner_among_many(subject: &impl Subject) {
    for _ in 0..ROUNDS {
        let key = key();
        race_to_create(subject, &key, now()).await;
        let seen = read(&*subject.replicas()[0], &key).await.unwrap().version;
        let told = race(subject, |store| {
            let (key, seen, record) = (key.clone(), seen.clone(), record("a rival"));
            async move {
                let replaced = store.replace(&key, &seen, &record, now()).await.unwrap();
                (replaced != Replace::Conflict).then_some(record)
            }
        });
        let winners: Vec<_> = told.await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "winners");
        assert_holds(subject, &key, winners.first()).await;
    }
}

pub(crate) async fn one_winner_after_a_removal(subject: &impl Subject) {
    let [one, other] = subject.replicas();
    for _ in 0..ROUNDS {
        let key = key();
        let seen = created(create(&*one, &key, &record("first")).await);
        let next = record("second");
        let (removed, replaced) = within(async {
            tokio::join!(one.remove(&key, &seen, now()), other.replace(&key, &seen, &next, now()))
        })
        .await;
        removed.unwrap();
        let replaced = replaced.unwrap() != Replace::Conflict;
        assert_holds(subject, &key, replaced.then_some(&next)).await;
        if let Some(there) = read(&*one, &key).await {
            remove(&*one, &key, &there.version).await;
        }
        race_to_create(subject, &key, now()).await;
    }
}

pub(crate) async fn expiry_forgets(subject: &impl Subject) {
    let [one, other] = subject.replicas();
    for _ in 0..ROUNDS {
        let key = key();
        let end = now() + SHORT;
        let short = record_until(end, "short");
        let version = created(create(&*one, &key, &short).await);
        // A store may be so slow that it is over already.
        let before = end - Duration::from_millis(1);
        if now() < before {
            let there = within(other.read(&key, before)).await.unwrap();
            assert!(there.is_some_and(|there| there.record == short) || now() >= before);
        }
        let later = subject.later_than(end).await;
        for store in [&one, &other] {
            assert_eq!(within(store.read(&key, later)).await, Ok(None));
        }
        let replaced = within(other.replace(&key, &version, &record("late"), later)).await;
        assert_eq!(replaced, Ok(Replace::Conflict));
        within(other.remove(&key, &version, later)).await.unwrap();
        assert_eq!(within(one.read(&key, later)).await, Ok(None));
        let winner = race_to_create(subject, &key, later).await;
        // Whoever saw the one that is over has nothing to say about this one.
        within(other.remove(&key, &version, later)).await.unwrap();
        assert_holds(subject, &key, Some(&winner)).await;
    }
}

/// The number of a record.
fn number(there: Option<&Versioned>) -> u64 {
    there.map_or(0, |there| u64::from_be_bytes(there.record.value[..].try_into().unwrap()))
}

pub(crate) async fn a_read_sees_the_latest_write(subject: &impl Subject) {
    const WRITES: u64 = 40;
    let [one, other] = subject.replicas();
    let key = key();
    let answered = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for store in [&one, &other, &one, &other].map(Arc::clone) {
        let (key, answered) = (key.clone(), Arc::clone(&answered));
        readers.spawn(async move {
            let mut latest = 0;
            while latest < WRITES {
                let before = answered.load(Ordering::SeqCst);
                let there = number(read(&*store, &key).await.as_ref());
                assert!(there >= before, "{there} was read after {before} was answered");
                assert!(there >= latest, "{there} was read after {latest}");
                latest = there;
                tokio::task::yield_now().await;
            }
        });
    }
    let mut version = None;
    for number in 1..=WRITES {
        let (record, store) = (record(number.to_be_bytes()), &[&one, &other][number as usize % 2]);
        version = Some(match &version {
            None => created(create(&***store, &key, &record).await),
            Some(seen) => replaced(replace(&***store, &key, seen, &record).await),
        });
        answered.store(number, Ordering::SeqCst);
    }
    within(readers.join_all()).await;
}

pub(crate) async fn dropped_operations_confuse_nobody(subject: &impl Subject) {
    let replicas = subject.replicas();
    let mut pauses = (0..60).map(|number| Duration::from_micros(number * number));
    let rounds = pauses.by_ref().enumerate().map(async |(number, pause)| {
        let (store, other) = (&replicas[number % 2], &replicas[(number + 1) % 2]);
        let (key, dropped, kept) = (key(), record("dropped"), record("kept"));
        tokio::select! {
            biased;
            created = store.create(&key, &dropped, now()) => drop(created.unwrap()),
            () = sleep(pause) => {}
        }
        // Whichever it is, it stays, and everybody gets the answer to their own question.
        let there = match create(&**other, &key, &kept).await {
            Create::Created(_) => kept,
            Create::Exists(there) => {
                assert_eq!(there.record, dropped);
                dropped
            }
        };
        assert_holds(subject, &key, Some(&there)).await;
        let seen = read(&**store, &key).await.unwrap().version;
        let (dropped, kept) = (record("dropped again"), record("kept again"));
        tokio::select! {
            biased;
            replaced = store.replace(&key, &seen, &dropped, now()) => drop(replaced.unwrap()),
            () = sleep(pause) => {}
        }
        let there = match replace(&**other, &key, &seen, &kept).await {
            Replace::Replaced(_) => kept,
            Replace::Conflict => dropped,
        };
        assert_holds(subject, &key, Some(&there)).await;
    });
    join_all(rounds).await;
}
