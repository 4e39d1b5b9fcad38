//! What a register does, one operation after the other.

use casgate::state::{Create, Replace, StateKey, VALUE_BYTES_MAX, Version};

use super::{
    Subject, assert_holds, create, created, key, nonce, now, read, record, remove, replace,
    replaced,
};
use crate::support::PATIENCE;

pub(crate) async fn what_was_created_is_read(subject: &impl Subject) {
    let [one, other] = subject.replicas();
    let key = key();
    assert_holds(subject, &key, None).await;
    let first = record("first");
    created(create(&*one, &key, &first).await);
    assert_holds(subject, &key, Some(&first)).await;
    match create(&*other, &key, &record("second")).await {
        Create::Exists(there) => assert_eq!(there.record, first),
        Create::Created(_) => panic!("there was a record"),
    }
    assert_holds(subject, &key, Some(&first)).await;
}

pub(crate) async fn values_up_to_the_limit(subject: &impl Subject) {
    let [one, other] = subject.replicas();
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let longest: Vec<u8> = every_byte.iter().rev().copied().cycle().take(VALUE_BYTES_MAX).collect();
    for value in [vec![], vec![0], b"\r\n".to_vec(), every_byte, longest, vec![0; VALUE_BYTES_MAX]]
    {
        let (key, first, second) = (key(), record(value.clone()), record(value));
        let version = created(create(&*one, &key, &first).await);
        assert_holds(subject, &key, Some(&first)).await;
        replaced(replace(&*other, &key, &version, &second).await);
        assert_holds(subject, &key, Some(&second)).await;
    }
}

pub(crate) async fn keys_do_not_collide(subject: &impl Subject) {
    let [one, other] = subject.replicas();
    let (id, end) = (format!("{:?}", nonce()), now() + PATIENCE * 60);
    let long = "x".repeat(200);
    let names = ["", "/", "/0", "/1", "/10", "/1/0", "/01", "-1", "_1", "/a", "/A", "a", &long];
    let keys = ["tests", "test", "Tests", "t", "tests-", "tests_"].into_iter().flat_map(|kind| {
        names.into_iter().map({
            let id = &id;
            move |name| StateKey::new(kind, &format!("{id}{name}"), end)
        })
    });
    let keys: Vec<_> = keys.collect();
    let records: Vec<_> = keys.iter().map(|key| record(key.as_str())).collect();
    for (key, record) in keys.iter().zip(&records) {
        created(create(&*one, key, record).await);
    }
    for (key, record) in keys.iter().zip(&records) {
        assert_eq!(read(&*other, key).await.map(|there| there.record).as_ref(), Some(record));
    }
}

pub(crate) async fn replace_needs_the_version_seen(subject: &impl Subject) {
    let [one, other] = subject.replicas();
    let (key, another) = (key(), key());
    let refused = async |seen: &Version| {
        let before = read(&*one, &key).await.map(|there| there.record);
        for store in [&one, &other] {
            assert_eq!(replace(&**store, &key, seen, &record("late")).await, Replace::Conflict);
        }
        assert_holds(subject, &key, before.as_ref()).await;
    };
    let elsewhere = created(create(&*one, &another, &record("same")).await);
    let nowhere = Version::of(nonce());
    // Of a register that holds nothing.
    refused(&elsewhere).await;
    refused(&nowhere).await;

    let first = created(create(&*one, &key, &record("same")).await);
    refused(&elsewhere).await;
    refused(&nowhere).await;
    // What was written is as good as what was read.
    let second = replaced(replace(&*other, &key, &first, &record("different")).await);
    refused(&first).await;
    let read_second = read(&*one, &key).await.unwrap().version;
    assert_eq!(read_second.nonce(), second.nonce());
    // The same value as the first, and another write all the same.
    let third = replaced(replace(&*one, &key, &read_second, &record("same")).await);
    for stale in [&first, &second, &elsewhere, &nowhere] {
        refused(stale).await;
    }
    replaced(replace(&*other, &key, &third, &record("last")).await);
}

pub(crate) async fn remove_spares_what_others_wrote(subject: &impl Subject) {
    let [one, other] = subject.replicas();
    let key = key();
    remove(&*one, &key, &Version::of(nonce())).await;
    assert_holds(subject, &key, None).await;

    let first = created(create(&*one, &key, &record("first")).await);
    let kept = record("second");
    let second = replaced(replace(&*one, &key, &first, &kept).await);
    for stale in [&first, &Version::of(nonce())] {
        remove(&*other, &key, stale).await;
        assert_holds(subject, &key, Some(&kept)).await;
    }
    remove(&*other, &key, &second).await;
    assert_holds(subject, &key, None).await;
    // Whoever saw it before has not seen what is there now.
    for _ in 0..2 {
        assert_eq!(replace(&*one, &key, &second, &record("late")).await, Replace::Conflict);
        remove(&*one, &key, &second).await;
    }
    assert_holds(subject, &key, None).await;
    let kept = record("third");
    created(create(&*one, &key, &kept).await);
    remove(&*other, &key, &second).await;
    assert_holds(subject, &key, Some(&kept)).await;
}
