//! The books over registers in memory, over a store that loses answers, and in a crowd.

use std::sync::Arc;

use super::*;
use crate::state::flaky::{Fate, Flaky};

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn after(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

const fn write(number: u8) -> Nonce {
    Nonce::new([number; 16])
}

fn chosen(nonce: &str) -> Proof {
    Proof::Chosen(Sha256Digest::of(nonce.as_bytes()))
}

fn challenge() -> Challenge {
    Challenge::for_test(now())
}

fn proof(challenge: &Challenge) -> Proof {
    Proof::Issued(challenge.name(), challenge.end())
}

async fn consume(store: &Flaky, proof: &Proof, number: u8, at: SystemTime) -> Result<(), Unusable> {
    Nonces::new(store).consume(proof, write(number), at).await
}

#[tokio::test]
async fn what_a_client_chose_is_good_once_and_for_ever() {
    let store = Flaky::default();
    assert_eq!(consume(&store, &chosen("a"), 1, now()).await, Ok(()));
    assert_eq!(consume(&store, &chosen("b"), 2, now()).await, Ok(()));
    for at in [now(), after(3_600), after(100 * 365 * 86_400)] {
        assert_eq!(consume(&store, &chosen("a"), 3, at).await, Err(Unusable::Used));
    }
}

#[tokio::test]
async fn what_was_issued_is_good_once_in_its_time() {
    let (store, challenge) = (Flaky::default(), challenge());
    let proof = proof(&challenge);
    assert_eq!(consume(&store, &proof, 1, now()).await, Err(Unusable::Unknown));
    assert_eq!(Nonces::new(&store).issue(&challenge, write(2), now()).await, Ok(()));
    assert_eq!(consume(&store, &proof, 3, after(299)).await, Ok(()));
    assert_eq!(consume(&store, &proof, 4, after(299)).await, Err(Unusable::Used));
    assert_eq!(consume(&store, &proof, 5, after(300)).await, Err(Unusable::Unknown));
}

#[tokio::test]
async fn what_was_issued_ends_unused() {
    let (store, challenge) = (Flaky::default(), challenge());
    assert_eq!(Nonces::new(&store).issue(&challenge, write(1), now()).await, Ok(()));
    let late = consume(&store, &proof(&challenge), 2, after(300)).await;
    assert_eq!(late, Err(Unusable::Unknown));
}

/// Of 64 who show the same nonce at the same time, as all replicas together may, one gets in.
async fn one_of_a_crowd(store: Flaky, proof: Proof) {
    let store = Arc::new(store);
    let attempts = (10..74_u8).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { consume(&store, &proof, number, now()).await })
    });
    let results = futures_util::future::join_all(attempts.collect::<Vec<_>>()).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| **result == Err(Unusable::Used)).count(), 63);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_a_crowd_uses_what_it_chose() {
    one_of_a_crowd(Flaky::crowded(), chosen("n")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_a_crowd_uses_what_was_issued() {
    let (store, challenge) = (Flaky::crowded(), challenge());
    Nonces::new(&store).issue(&challenge, write(1), now()).await.unwrap();
    one_of_a_crowd(store, proof(&challenge)).await;
}

/// Whatever became of a write: who does not know gets nothing, and at most one gets in afterwards.
#[tokio::test]
async fn whoever_is_in_doubt_gets_nothing() {
    let fates = [
        (Fate::LostBefore, Ok(())),
        (Fate::LostAfter, Err(Unusable::Used)),
        (Fate::Late, Err(Unusable::Used)),
    ];
    for (fate, again) in fates {
        for is_issued in [false, true] {
            let (store, challenge) = (Flaky::default(), challenge());
            Nonces::new(&store).issue(&challenge, write(1), now()).await.unwrap();
            let proof = if is_issued { proof(&challenge) } else { chosen("n") };
            store.next(fate);
            let first = consume(&store, &proof, 2, now()).await;
            assert!(matches!(first, Err(Unusable::InDoubt(_))), "{fate:?}: {first:?}");
            store.settle().await;
            assert_eq!(consume(&store, &proof, 3, now()).await, again, "{fate:?}");
            let last = consume(&store, &proof, 4, now()).await;
            assert_eq!(last, Err(Unusable::Used), "{fate:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_write_costs_nothing() {
    for is_issued in [false, true] {
        let (store, challenge) = (Flaky::default(), challenge());
        Nonces::new(&store).issue(&challenge, write(1), now()).await.unwrap();
        let proof = if is_issued { proof(&challenge) } else { chosen("n") };
        store.next(Fate::NotDone);
        let first = consume(&store, &proof, 2, now()).await;
        assert!(matches!(first, Err(Unusable::Unavailable(_))), "{first:?}");
        assert_eq!(consume(&store, &proof, 3, now()).await, Ok(()));
    }
}

/// A repeated write answers that somebody else was first, which nobody can tell from the truth.
#[tokio::test]
async fn a_repeated_write_lets_nobody_in_twice() {
    let store = Flaky::of(&[Fate::Repeated]);
    assert_eq!(consume(&store, &chosen("n"), 1, now()).await, Err(Unusable::Used));
    assert_eq!(consume(&store, &chosen("n"), 2, now()).await, Err(Unusable::Used));
    let store = Flaky::of(&[Fate::Repeated]);
    assert_eq!(Nonces::new(&store).issue(&challenge(), write(1), now()).await, Ok(()));
}
