use super::super::digest::Checksums;
use super::super::record::{Attributes, Moment};
use super::*;
use s3s::dto::{ETag, ETagCondition};
use std::io::{Read, Write};
use std::sync::Barrier;

const BUCKET: &str = "test-bucket";
const RACERS: usize = 8;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    store.create_bucket(BUCKET).expect("a bucket");
    (folder, store)
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a key")
}

fn record(e_tag: &str) -> Record {
    Record {
        e_tag: ETag::Strong(e_tag.to_owned()),
        last_modified: Moment::new(SystemTime::UNIX_EPOCH),
        attributes: Attributes::default(),
        checksums: Checksums::default(),
    }
}

fn staged(store: &Store, body: &str) -> Staged {
    let mut staged = store.stage().expect("a file");
    staged.file.write_all(body.as_bytes()).expect("written");
    staged
}

/// How many of the writers succeed that have their bodies ready at one moment.
fn winners(store: &Store, key: &ObjectKey, conditions: &WriteConditions) -> usize {
    let barrier = Barrier::new(RACERS);
    std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let name = format!("racer {racer}");
                let staged = staged(store, &name);
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    store.commit(BUCKET, key, staged, &record(&name), conditions)
                })
            })
            .collect();
        let answers = racers.into_iter().map(|racer| racer.join().expect("a racer"));
        answers
            .filter(|answer| match answer {
                Ok(()) => true,
                Err(error) => {
                    assert_eq!(error.code().as_str(), "PreconditionFailed");
                    false
                }
            })
            .count()
    })
}

#[test]
fn one_of_the_creators_that_arrive_together_wins() {
    let (_folder, store) = store();
    let conditions = WriteConditions { if_match: None, if_none_match: Some(ETagCondition::Any) };
    for round in 0..200 {
        assert_eq!(winners(&store, &key(&format!("{round}")), &conditions), 1);
    }
}

#[test]
fn one_of_the_replacers_that_arrive_together_wins() {
    let (_folder, store) = store();
    let first = ETagCondition::ETag(ETag::Strong("first".to_owned()));
    let conditions = WriteConditions { if_match: Some(first), if_none_match: None };
    for round in 0..200 {
        let key = key(&format!("{round}"));
        let body = staged(&store, "first");
        store
            .commit(BUCKET, &key, body, &record("first"), &WriteConditions::default())
            .expect("stored");
        assert_eq!(winners(&store, &key, &conditions), 1);
    }
}

#[test]
fn an_object_being_read_stays_whole_when_it_is_replaced_or_deleted() {
    let (_folder, store) = store();
    let any = WriteConditions::default();
    let put =
        |text: &str| store.commit(BUCKET, &key("key"), staged(&store, text), &record(text), &any);
    put("first").expect("stored");
    let mut first = store.read(BUCKET, &key("key")).expect("an object");
    put("second").expect("stored");
    let mut second = store.read(BUCKET, &key("key")).expect("an object");
    store.delete(BUCKET, &key("key"), &any).expect("deleted");
    for (stored, text) in [(&mut first, "first"), (&mut second, "second")] {
        let mut body = String::new();
        (&stored.file).take(stored.length).read_to_string(&mut body).expect("read");
        assert_eq!((body.as_str(), stored.record.e_tag.value()), (text, text));
    }
}

#[test]
fn an_abandoned_body_leaves_nothing_and_a_crashed_one_goes_at_the_next_start() {
    let (folder, store) = store();
    let staging = folder.path().join("staging");
    let count = || fs::read_dir(&staging).expect("a folder").count();
    drop(staged(&store, "abandoned"));
    assert_eq!(count(), 0);
    fs::write(staging.join("0"), "crashed").expect("written");
    let again = Store::open(folder.path()).expect("a store");
    assert_eq!(count(), 0);
    again.existing_bucket(BUCKET).expect("the bucket");
}

#[test]
fn names_that_are_no_buckets_never_become_paths() {
    let (_folder, store) = store();
    for name in ["", "..", "a/b", "../buckets", "UPPER", "/etc"] {
        assert!(store.existing_bucket(name).is_err(), "{name}");
        assert!(store.create_bucket(name).is_err(), "{name}");
    }
}
