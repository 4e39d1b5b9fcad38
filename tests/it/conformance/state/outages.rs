//! What an operation says that nobody can be sure of.

use std::time::Duration;

use casgate::state::{Create, Failure, Replace, StateKey, StateStore, Versioned};
use tokio::time::sleep;

use super::{Subject, assert_holds, create, created, key, now, record, replace};
use crate::support::within;

/// Reads as soon as the store can be read again.
async fn read_again<S: StateStore>(store: &S, key: &StateKey) -> Option<Versioned> {
    within(async {
        loop {
            match store.read(key, now()).await {
                Ok(there) => return there,
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
}

pub(crate) async fn outage_is_an_error(subject: &impl Subject) {
    let [one, _] = subject.replicas();
    let (key, free) = (key(), key());
    let (first, second, third) = (record("first"), record("second"), record("third"));
    let seen = created(create(&*one, &key, &first).await);
    subject.go_away().await;
    for _ in 0..3 {
        let failure = within(one.read(&key, now())).await.unwrap_err();
        assert!(matches!(failure, Failure::NotDone(_)), "a read changes nothing: {failure}");
    }
    let creation = within(one.create(&free, &second, now())).await.unwrap_err();
    let replacement = within(one.replace(&key, &seen, &third, now())).await.unwrap_err();
    let removal = within(one.remove(&key, &seen, now())).await.unwrap_err();
    subject.come_back().await;

    // What was not done was not, and what was not known is one or the other.
    let there = read_again(&*one, &free).await.map(|there| there.record);
    match creation {
        Failure::NotDone(_) => assert_eq!(there, None),
        Failure::Unknown(_) => assert!(there.is_none_or(|there| there == second)),
    }
    let there = read_again(&*one, &key).await.map(|there| there.record);
    match (replacement, removal) {
        (Failure::NotDone(_), Failure::NotDone(_)) => assert_eq!(there, Some(first)),
        _ => assert!(there.is_none_or(|there| there == first || there == third)),
    }
    let key = self::key();
    let first = record("after it");
    created(create(&*one, &key, &first).await);
    assert_holds(subject, &key, Some(&first)).await;
}

pub(crate) async fn lost_reply_is_not_success(subject: &impl Subject) {
    let [one, other] = subject.replicas();
    let (key, free) = (key(), key());
    let (first, second, third) = (record("first"), record("second"), record("third"));
    let seen = created(create(&*one, &key, &first).await);
    subject.lose_replies().await;
    let told = [
        within(one.create(&free, &second, now())).await.map(|_| ()),
        within(one.replace(&key, &seen, &third, now())).await.map(|_| ()),
    ];
    subject.come_back().await;
    for told in told {
        assert!(matches!(told, Err(Failure::Unknown(_))), "nobody can know it: {told:?}");
    }

    // Whoever asks later learns what became of it, and it is final for whoever writes then.
    let there = read_again(&*other, &free).await.map(|there| there.record);
    assert!(there.is_none_or(|there| there == second));
    let rival = record("a rival");
    let there = match create(&*other, &free, &rival).await {
        Create::Created(_) => rival,
        Create::Exists(there) => there.record,
    };
    assert!(there.value == b"a rival" || there == second);
    assert_holds(subject, &free, Some(&there)).await;

    let there = read_again(&*other, &key).await.unwrap();
    assert!([&first, &third].contains(&&there.record), "{there:?}");
    let last = record("last");
    if let Replace::Replaced(_) = replace(&*other, &key, &there.version, &last).await {
        assert_holds(subject, &key, Some(&last)).await;
    }
}
