//! Accounts in memory, in a crowd, and over a store that loses answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::state::flaky::{Fate, Flaky};

const LIMIT: u64 = 1000;
const UPLOAD: Duration = Duration::from_secs(3600);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn after(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

/// Another one each time.
fn write() -> Nonce {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Nonce::new(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes())
}

fn tenant() -> Tenant {
    Tenant::parse("acme").unwrap()
}

const fn quota<S: StateStore>(store: &S) -> Quota<'_, S> {
    Quota::new(store, "/px/", LIMIT, UPLOAD)
}

async fn reserve(store: &Flaky, bytes: u64, at: SystemTime) -> Result<Reservation, Refused> {
    quota(store).reserve(&tenant(), bytes, write(), at).await
}

async fn settle(store: &Flaky, reservation: Reservation, stored: u64) -> Result<(), Refused> {
    quota(store).settle(reservation, stored, write(), now()).await
}

/// The room there is, found out by asking for it.
async fn room(store: &Flaky, at: SystemTime) -> u64 {
    for bytes in (0..=LIMIT).rev() {
        if let Ok(reservation) = reserve(store, bytes, at).await {
            quota(store).settle(reservation, 0, write(), at).await.unwrap();
            return bytes;
        }
    }
    panic!("not even nothing may be stored");
}

#[tokio::test]
async fn what_is_set_aside_and_what_is_stored_counts() {
    let store = Flaky::default();
    let one = reserve(&store, 600, now()).await.unwrap();
    assert_eq!(reserve(&store, 401, now()).await, Err(Refused::OverQuota));
    let other = reserve(&store, 400, now()).await.unwrap();
    assert_eq!(reserve(&store, 1, now()).await, Err(Refused::OverQuota));
    assert_eq!(reserve(&store, 0, now()).await.unwrap().bytes(), 0);
    settle(&store, one, 100).await.unwrap();
    assert_eq!(room(&store, now()).await, 500);
    settle(&store, other, 400).await.unwrap();
    assert_eq!(room(&store, now()).await, 500);
}

#[tokio::test]
async fn steps_count_as_they_are_taken() {
    let store = Flaky::default();
    let mut upload = reserve(&store, 100, now()).await.unwrap();
    let quota = quota(&store);
    quota.extend(&mut upload, 800, write(), now()).await.unwrap();
    assert_eq!((upload.bytes(), room(&store, now()).await), (900, 100));
    let refused = quota.extend(&mut upload, 101, write(), now()).await;
    assert_eq!((refused, upload.bytes()), (Err(Refused::OverQuota), 900));
    let refused = quota.extend(&mut upload, u64::MAX, write(), now()).await;
    assert_eq!(refused, Err(Refused::OverQuota));
    settle(&store, upload, 850).await.unwrap();
    assert_eq!(room(&store, now()).await, 150);
}

#[tokio::test]
async fn more_than_was_set_aside_has_to_fit() {
    let store = Flaky::default();
    let upload = reserve(&store, 100, now()).await.unwrap();
    let too_large = reserve(&store, 100, now()).await.unwrap();
    settle(&store, upload, 200).await.unwrap();
    assert_eq!(settle(&store, too_large, 801).await, Err(Refused::OverQuota));
    assert_eq!(room(&store, after(2 * 3600)).await, 800);
}

#[tokio::test]
async fn what_nobody_settles_ends() {
    let store = Flaky::default();
    let mut upload = reserve(&store, LIMIT, now()).await.unwrap();
    let end = 3600 + 600;
    assert_eq!(reserve(&store, 1, after(end - 1)).await, Err(Refused::OverQuota));
    assert_eq!(room(&store, after(end)).await, LIMIT);
    let quota = quota(&store);
    let late = quota.extend(&mut upload, 0, write(), after(end)).await;
    assert_eq!(late, Err(Refused::Ended));
    // By a clock that is behind, too: others were told that there is room.
    assert_eq!(settle(&store, upload, LIMIT).await, Err(Refused::Ended));
    assert_eq!(room(&store, after(end)).await, LIMIT);
}

#[tokio::test]
async fn what_was_stored_counts_for_ever() {
    let store = Flaky::default();
    let upload = reserve(&store, 600, now()).await.unwrap();
    settle(&store, upload, 600).await.unwrap();
    for seconds in [3600, 86_400, 100 * 365 * 86_400] {
        assert_eq!(room(&store, after(seconds)).await, 400);
    }
    quota(&store).give_back(&tenant(), 500, write(), now()).await.unwrap();
    assert_eq!(room(&store, now()).await, 900);
}

#[tokio::test]
async fn every_tenant_has_a_quota_on_every_route() {
    let store = Flaky::default();
    reserve(&store, LIMIT, now()).await.unwrap();
    let other = Tenant::parse("other").unwrap();
    let others = quota(&store).reserve(&other, LIMIT, write(), now()).await;
    assert_eq!(others.unwrap().bytes(), LIMIT);
    let elsewhere = Quota::new(&store, "/other/", LIMIT, UPLOAD);
    assert!(elsewhere.reserve(&tenant(), LIMIT, write(), now()).await.is_ok());
}

#[tokio::test]
async fn a_smaller_quota_is_for_what_is_new() {
    let store = Flaky::default();
    let upload = reserve(&store, 600, now()).await.unwrap();
    let smaller = Quota::new(&store, "/px/", 500, UPLOAD);
    assert_eq!(smaller.settle(upload, 600, write(), now()).await, Ok(()));
    let refused = smaller.reserve(&tenant(), 0, write(), now()).await;
    assert_eq!(refused, Err(Refused::OverQuota));
}

#[tokio::test]
async fn uploads_at_the_same_time_have_a_limit() {
    let store = Flaky::default();
    let mut open = Vec::new();
    for _ in 0..OPEN_MAX {
        open.push(reserve(&store, 1, now()).await.unwrap());
    }
    assert_eq!(reserve(&store, 1, now()).await, Err(Refused::TooMany));
    settle(&store, open.remove(0), 1).await.unwrap();
    assert!(reserve(&store, 1, now()).await.is_ok());
}

#[tokio::test]
async fn what_others_wrote_is_left_alone() {
    let store = Flaky::default();
    let register = quota(&store).register(&tenant());
    let record = Record { nonce: write(), end: register.end(), value: b"theirs".to_vec() };
    store.create(&register, &record, now()).await.unwrap();
    let refused = reserve(&store, 1, now()).await;
    assert!(matches!(refused, Err(Refused::Unavailable(_))), "{refused:?}");
    assert_eq!(store.read(&register, now()).await.unwrap().unwrap().record, record);
}

/// A crowd of uploads, as all replicas together take them, of which some fit.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_stores_no_more_than_the_quota() {
    let store = Arc::new(Flaky::crowded());
    let uploads = (0..64_u64).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let bytes = 20 + number;
            let upload = match reserve(&store, bytes, now()).await {
                Ok(upload) => upload,
                Err(Refused::OverQuota) => return 0,
                Err(refused) => panic!("{refused}"),
            };
            tokio::task::yield_now().await;
            let stored = if number % 3 == 0 { 0 } else { bytes };
            settle(&store, upload, stored).await.unwrap();
            stored
        })
    });
    let stored = futures_util::future::join_all(uploads.collect::<Vec<_>>()).await;
    let stored: u64 = stored.into_iter().map(Result::unwrap).sum();
    // The largest has 83 bytes, so that the last that did not fit says how full it is at least.
    assert!(stored <= LIMIT && stored > LIMIT / 2, "{stored}");
    assert_eq!(room(&store, now()).await, LIMIT - stored);
}

/// Whatever becomes of writes: nobody who was told yes, all together, has more than the quota.
#[tokio::test]
async fn lost_answers_give_no_room() {
    const FATES: [Fate; 5] =
        [Fate::NotDone, Fate::LostBefore, Fate::LostAfter, Fate::Late, Fate::Repeated];
    for seed in 1..=500_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut pick = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let store = Flaky::default();
        let (mut open, mut stored) = (Vec::<Reservation>::new(), 0);
        for _ in 0..60 {
            if pick(3) == 0 {
                store.next(FATES[usize::try_from(pick(5)).unwrap()]);
            }
            match pick(4) {
                0 => open.extend(reserve(&store, pick(400), now()).await),
                1 if !open.is_empty() => {
                    let upload = open.first_mut().unwrap();
                    let _ = quota(&store).extend(upload, pick(200), write(), now()).await;
                }
                2 if !open.is_empty() => {
                    let upload = open.swap_remove(0);
                    let bytes = pick(upload.bytes() + 20);
                    if settle(&store, upload, bytes).await.is_ok() {
                        stored += bytes;
                    }
                }
                _ => store.settle().await,
            }
            let held: u64 = open.iter().map(Reservation::bytes).sum();
            assert!(stored + held <= LIMIT, "seed {seed}: {stored} and {held}");
        }
    }
}
