//! What becomes of the file itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use casgate::state::{Create, Failure, StateKey, StateStore as _, Unfit};

use super::super::state::{self, assert_created, record, record_until};
use super::*;
use crate::support::within;

async fn open(path: &Path) -> Result<Arc<Store>, Unfit> {
    let store = store(Embedded::new(path.to_owned()));
    store.start(SystemTime::now).await.map(|()| store)
}

/// Opens a file that a store had until just now.
pub(super) async fn reopened(path: &Path) -> Arc<Store> {
    within(async {
        loop {
            match open(path).await {
                Ok(store) => return store,
                Err(Unfit::Unsafe(why)) if why.contains("in use") => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(unfit) => panic!("{unfit:?}"),
            }
        }
    })
    .await
}

#[tokio::test]
async fn what_was_written_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let (key, record) = (state::key(), record("kept"));
    let store = open(&path).await.unwrap();
    assert_created(&*store, &key, &record).await;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(store);
    let store = reopened(&path).await;
    let there = store.read(&key, SystemTime::now()).await.unwrap();
    assert_eq!(there.map(|there| there.record), Some(record));
}

#[tokio::test]
async fn one_process_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let store = open(&path).await.unwrap();
    // Twice is once.
    store.start(SystemTime::now).await.unwrap();
    let Err(Unfit::Unsafe(why)) = open(&path).await else { panic!("it was opened twice") };
    assert!(why.contains(path.to_str().unwrap()), "{why}");
    assert!(why.contains("in use by another process") && why.contains("rolling restarts"), "{why}");
    drop(store);
    reopened(&path).await;
}

#[tokio::test]
async fn why_it_cannot_be_opened_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::write(path("text"), "listen: [ '127.0.0.1:8080' ]\n".repeat(1000)).unwrap();
    std::fs::write(path("short"), "x").unwrap();
    let store = open(&path("cut")).await.unwrap();
    drop(store);
    drop(reopened(&path("cut")).await);
    let whole = std::fs::read(path("cut")).unwrap();
    let mut scratched = whole.clone();
    let page = scratched.len() / 2;
    scratched.iter_mut().skip(4096).for_each(|byte| *byte ^= 0x55);
    std::fs::write(path("scratched"), scratched).unwrap();
    std::fs::write(path("half"), &whole[..page]).unwrap();
    for (name, expected) in [
        ("nowhere/state.redb", "its folder does not exist"),
        ("folder", "cannot be opened for writing"),
        ("text/state.redb", "cannot be opened for writing"),
        ("text", "is damaged, or is something else"),
        ("short", "is damaged, or is something else"),
        ("half", "is damaged"),
        ("scratched", "is damaged"),
    ] {
        let path = path(name);
        let Err(Unfit::Unsafe(why)) = open(&path).await else { panic!("{name} was opened") };
        assert!(why.contains(path.to_str().unwrap()) && why.contains(expected), "{name}: {why}");
    }
}

/// What the system could not bring to the disk it may show, and lose at the next power failure.
#[tokio::test]
async fn nothing_is_read_after_a_write_that_may_be_lost() {
    let subject = OnDisk::start().await;
    let (key, next) = (state::key(), record("next"));
    assert_created(&*subject.store, &key, &record("first")).await;
    subject.disk.break_down();
    let failure = subject.store.create(&state::key(), &next, SystemTime::now()).await.unwrap_err();
    assert!(matches!(failure, Failure::Unknown(_)), "{failure}");
    subject.disk.recover();
    // Longer than the pause before a file is opened again.
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let failure = subject.store.read(&key, SystemTime::now()).await.unwrap_err();
        assert!(matches!(failure, Failure::NotDone(_)), "{failure}");
    }
}

#[tokio::test]
async fn only_what_has_ended_is_swept() {
    static SECONDS: AtomicU64 = AtomicU64::new(100 * 3600);
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(SECONDS.load(Ordering::SeqCst))
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let store = store(Embedded::new(path));
    store.start(now).await.unwrap();
    let began = now();
    let registers: Vec<_> = (1..=2000u64)
        .map(|number| {
            let end = began + Duration::from_secs(number % 4 * 3600 + 1800);
            let key = StateKey::new("tests", &format!("{number}"), end);
            (key, record_until(end, number.to_be_bytes()), end)
        })
        .collect();
    futures_util::future::join_all(registers.iter().map(async |(key, record, _)| {
        within(store.create(key, record, began)).await.unwrap();
    }))
    .await;
    // Those of the first two hours have ended for longer than an hour.
    SECONDS.fetch_add(3 * 3600 + 60, Ordering::SeqCst);
    let left = async || {
        // Asked as if it were early, a store has what is not deleted.
        let reads = registers.iter().map(async |(key, ..)| store.read(key, began).await.unwrap());
        futures_util::future::join_all(reads).await.into_iter().flatten().count()
    };
    within(async { while left().await > 1000 {} }).await;
    for (key, record, end) in &registers {
        let there = store.read(key, began).await.unwrap().map(|there| there.record);
        let stays = *end > began + Duration::from_secs(2 * 3600);
        assert_eq!(there.as_ref(), stays.then_some(record), "{key:?}");
    }
}

/// A clock that was ahead for a moment makes no register empty that was not.
#[tokio::test]
async fn what_was_swept_too_early_is_not_free() {
    static SECONDS: AtomicU64 = AtomicU64::new(100 * 3600);
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(SECONDS.load(Ordering::SeqCst))
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let open = async || {
        let store = store(Embedded::new(path.clone()));
        within(async {
            while let Err(unfit) = store.start(now).await {
                // The one before may be about to close it.
                assert!(format!("{unfit:?}").contains("in use"), "{unfit:?}");
            }
        })
        .await;
        store
    };
    let began = now();
    let end = began + Duration::from_secs(24 * 3600);
    let register = |name| (StateKey::new("tests", name, end), record_until(end, name));
    let ((used, claim), (other, _)) = (register("used"), register("other"));
    let first = open().await;
    within(first.create(&used, &claim, began)).await.unwrap();
    SECONDS.fetch_add(48 * 3600, Ordering::SeqCst);
    within(async { while first.read(&used, began).await.unwrap().is_some() {} }).await;
    SECONDS.store(100 * 3600, Ordering::SeqCst);
    let refuses = async |store: &Store| {
        for key in [&used, &other] {
            let failure = within(store.create(key, &claim, began)).await.unwrap_err();
            assert!(matches!(&failure, Failure::NotDone(_)), "{failure}");
        }
        let end = began + Duration::from_secs(72 * 3600);
        let key = StateKey::new("tests", &format!("{:?}", claim.nonce), end);
        store.create(&key, &record_until(end, "later"), began).await.unwrap()
    };
    let created = refuses(&first).await;
    assert!(matches!(created, Create::Created(_)), "{created:?}");
    drop(first);
    let again = refuses(&*open().await).await;
    assert!(matches!(again, Create::Exists(_)), "the file is the same");
}
