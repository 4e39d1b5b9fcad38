//! For how long an object is believed to exist. Time is an argument of the decision.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use casgate::bucket::Bucket;
use casgate::bucket::object::ObjectHead;
use casgate::content::layout::Key;
use casgate::error::Error;
use casgate::gateway::{Storage, Verdict, decide};
use casgate::plan::Plan;
use casgate::telemetry::Metrics;
use http::{Request, StatusCode};

use crate::support::content::Content;
use crate::support::gateway::{OPEN, REDIRECT, Settings, compile};

/// Storage that has everything, and counts how often it was asked.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Storage for Counting {
    async fn stat(&self, _: &Bucket, _: &Key) -> Result<ObjectHead, Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(ObjectHead { size: 1, ..ObjectHead::default() })
    }

    async fn stat_with_tag(&self, bucket: &Bucket, key: &Key) -> Result<ObjectHead, Error> {
        self.stat(bucket, key).await
    }
}

/// Asks for a redirect at that time; returns how often storage was asked so far.
async fn asked(plan: &Plan, storage: &Counting, now: SystemTime) -> usize {
    let (head, ()) = Request::get(Content::of("").path()).body(()).unwrap().into_parts();
    let decision = decide(plan, storage, &head, now).await;
    let Verdict::Reply(reply) = decision.verdict else { panic!("no redirect") };
    assert_eq!(reply.status(), StatusCode::FOUND);
    storage.0.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_minute() {
    let secrets = tempfile::tempdir().unwrap();
    let yaml = Settings { auth: OPEN, ..REDIRECT }.yaml("http://127.0.0.1:9", &secrets);
    let plan = compile(&yaml, &Metrics::new()).unwrap();
    let storage = Counting::default();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    for (milliseconds, expected) in [
        (0, 1),
        (59_999, 1),
        (60_000, 2),
        (60_001, 2),
        // What was used meanwhile is not remembered longer for it.
        (119_999, 2),
        (120_000, 3),
    ] {
        let now = start + Duration::from_millis(milliseconds);
        assert_eq!(asked(&plan, &storage, now).await, expected, "after {milliseconds} ms");
    }
    // A clock that was set back makes nothing young again.
    assert_eq!(asked(&plan, &storage, start).await, 4);
}

#[tokio::test]
async fn not_at_all_where_storage_is_to_be_asked_every_time() {
    let secrets = tempfile::tempdir().unwrap();
    let settings = Settings { auth: OPEN, route: "revalidate: true", ..REDIRECT };
    let plan = compile(&settings.yaml("http://127.0.0.1:9", &secrets), &Metrics::new()).unwrap();
    let (storage, now) = (Counting::default(), SystemTime::UNIX_EPOCH);
    for expected in 1..=3 {
        assert_eq!(asked(&plan, &storage, now).await, expected);
    }
}
