//! Storage that no longer takes our credentials, or our time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::stand_ins::{Accepted, Gateway, container, get, json, signer, storage};
use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::{OPEN, REDIRECT, STREAM, Settings};
use crate::support::server::{Seen, Server};
use crate::support::storage::Storage;

/// A container endpoint that has other keys each time: ASIA0, ASIA1, ...
async fn rotating() -> Server {
    let turn = AtomicUsize::new(0);
    Server::scripted(move |_| {
        json(&format!("ASIA{}", turn.fetch_add(1, Ordering::Relaxed)), 12 * 3600)
    })
    .await
}

/// The keys that requests for the content were signed with, and how often.
fn signed_by(storage: &Storage, content: &Content, id: &str) -> usize {
    let seen = storage.seen();
    seen.iter().filter(|seen| seen.target == content.target() && signer(seen) == id).count()
}

/// Waits until the pause after the first flight is over, by refusals that nothing is done about.
async fn until_replaced(gateway: &Gateway, content: &Content) {
    gateway.get_until(&content.path(), 200, &[502]).await;
}

#[tokio::test]
async fn two_hundred_refusals_are_one_refresh_and_one_retry_each() {
    const REQUESTS: usize = 200;
    let content = Content::of("content");
    let accepted = Accepted::only("ASIA0");
    let storage = storage(&content, &accepted).await;
    let endpoint = rotating().await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
    assert_eq!(gateway.get(&content.path()).await.status, 200);
    // Once the first pause is over, all at once.
    accepted.set("ASIA1");
    until_replaced(&gateway, &content).await;
    accepted.set("ASIA2");
    let before = signed_by(&storage, &content, "ASIA1");
    loop {
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..REQUESTS {
            let (address, path) = (gateway.process.address, content.path());
            requests.spawn(async move { get(address, &path).await.status });
        }
        let statuses = requests.join_all().await;
        // Within the pause all of them fail alike, and none makes us ask.
        match statuses.iter().filter(|status| **status == 200).count() {
            0 => assert_eq!(endpoint.counts().requests, 2),
            _ => break,
        }
    }
    assert_eq!(endpoint.counts().requests, 3);
    assert!(signed_by(&storage, &content, "ASIA1") > before);
    assert!(signed_by(&storage, &content, "ASIA2") <= REQUESTS);
    let resigned = "casgate_storage_resigned_total{bucket=\"store\",cause=\"credentials\"}";
    assert!(gateway.metric(resigned).await <= 1 + i64::try_from(REQUESTS).unwrap());
}

#[tokio::test]
async fn a_retry_that_is_refused_too_is_the_last() {
    let content = Content::of("content");
    let storage = storage(&content, &Accepted::only("nobody")).await;
    let endpoint = rotating().await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
    // Until a refusal makes us ask once.
    while endpoint.counts().requests < 2 {
        assert_eq!(gateway.get(&content.path()).await.status, 502);
    }
    assert_eq!(signed_by(&storage, &content, "ASIA1"), 1);
    // Now nothing newer can be had for a while, and there is no retry at all.
    let before = storage.counts().requests;
    assert_eq!(gateway.get(&content.path()).await.status, 502);
    assert_eq!(storage.counts().requests - before, 1);
    assert_eq!(endpoint.counts().requests, 2);
}

/// Whose refusal has no body, and no code: only a 400 is about the token for sure.
#[tokio::test]
async fn a_head_that_is_refused_is_a_retry_too() {
    let content = Content::of("content");
    let accepted = Accepted::only("ASIA1");
    let storage = storage(&content, &accepted).await;
    let endpoint = rotating().await;
    let settings = Settings { auth: OPEN, ..REDIRECT };
    let gateway = Gateway::start(&settings, &storage, "{}", &container(&endpoint));
    let response = gateway.get_until(&content.path(), 302, &[502]).await;
    let location = response.header("location").unwrap();
    assert!(location.contains("X-Amz-Credential=ASIA1%2F"), "{location}");
    assert_eq!(endpoint.counts().requests, 2);
    assert!(storage.seen().iter().all(Seen::is_head), "{:?}", storage.seen());
}

/// Storage whose clock is that many seconds ahead of ours, and which insists on it.
async fn skewed(content: &Content, ahead: Arc<AtomicI64>) -> Storage {
    let content = content.clone();
    Storage::scripted(move |seen| {
        let ahead = ahead.load(Ordering::Relaxed);
        let distance = Duration::from_secs(ahead.unsigned_abs());
        let now = SystemTime::now();
        let now = if ahead < 0 { now - distance } else { now + distance };
        let date = format!("Date: {}", httpdate::fmt_http_date(now));
        if seen.target != content.target() {
            return Answer::error(seen, 404, "NoSuchBucket");
        }
        let mut answer = match is_signed_at(seen, now) {
            true => Answer::object(seen, &content.bytes),
            false => Answer::error(seen, 403, "RequestTimeTooSkewed"),
        };
        let first_line = answer.bytes.iter().position(|byte| *byte == b'\n').unwrap();
        answer.bytes.splice(first_line + 1..first_line + 1, format!("{date}\r\n").into_bytes());
        answer
    })
    .await
}

/// Whether `x-amz-date` is within 15 minutes of that time.
fn is_signed_at(seen: &Seen, now: SystemTime) -> bool {
    let date = seen.header("x-amz-date").unwrap();
    let [year, month, day] = [&date[..4], &date[4..6], &date[6..8]];
    let [hour, minute, second] = [&date[9..11], &date[11..13], &date[13..15]];
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    let signed = humantime::parse_rfc3339(&text).unwrap();
    let distance = signed.duration_since(now).unwrap_or_else(|error| error.duration());
    distance <= Duration::from_secs(15 * 60)
}

const OFFSET: &str = "casgate_storage_clock_offset_seconds{bucket=\"store\"}";
const RESIGNED: &str = "casgate_storage_resigned_total{bucket=\"store\",cause=\"clock\"}";

#[tokio::test]
async fn a_skewed_clock_costs_one_retry_once() {
    let content = Content::of("content");
    for ahead in [7200, -7200] {
        let skew = Arc::new(AtomicI64::new(ahead));
        let storage = skewed(&content, Arc::clone(&skew)).await;
        let endpoint = rotating().await;
        let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
        for retries in [1, 1] {
            assert_eq!(gateway.get(&content.path()).await.status, 200);
            assert_eq!(gateway.metric(RESIGNED).await, retries);
        }
        assert!((gateway.metric(OFFSET).await - ahead).abs() <= 2);
        gateway.said("storage's clock is not ours").await;
        // It comes nearer, not so far that storage would refuse what is signed by the old offset.
        skew.store(ahead - 300, Ordering::Relaxed);
        assert_eq!(gateway.get(&content.path()).await.status, 200);
        assert!((gateway.metric(OFFSET).await - (ahead - 300)).abs() <= 2);
        skew.store(0, Ordering::Relaxed);
        assert_eq!(gateway.get(&content.path()).await.status, 200);
        assert_eq!(gateway.metric(OFFSET).await, 0);
        assert_eq!(gateway.metric(RESIGNED).await, 2);
        gateway.said("storage's clock is ours again").await;
    }
}

#[tokio::test]
async fn a_hundred_requests_find_out_together_that_the_clock_is_wrong() {
    const REQUESTS: usize = 100;
    let content = Content::of("content");
    let storage = skewed(&content, Arc::new(AtomicI64::new(-7200))).await;
    let endpoint = rotating().await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
    endpoint.until(|counts| counts.requests == 1).await;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..REQUESTS {
        let (address, path) = (gateway.process.address, content.path());
        requests.spawn(async move { get(address, &path).await.status });
    }
    assert_eq!(requests.join_all().await, [200; REQUESTS]);
    assert!(storage.seen().len() <= 2 * REQUESTS + 2);
}

#[tokio::test]
async fn a_clock_beyond_belief_is_not_followed() {
    let content = Content::of("content");
    let storage = skewed(&content, Arc::new(AtomicI64::new(30 * 86_400))).await;
    let endpoint = rotating().await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
    assert_eq!(gateway.get(&content.path()).await.status, 502);
    assert_eq!(gateway.metric(OFFSET).await, 0);
    gateway.said("too far from ours to be believed").await;
}

#[tokio::test]
async fn urls_begin_by_the_clock_of_storage() {
    let content = Content::of("content");
    let storage = skewed(&content, Arc::new(AtomicI64::new(1800))).await;
    let endpoint = rotating().await;
    let settings = Settings { auth: OPEN, ..REDIRECT };
    let gateway = Gateway::start(&settings, &storage, "{}", &container(&endpoint));
    // The HEAD that is refused has no body: its status and its date are all there is.
    let response = gateway.get(&content.path()).await;
    assert_eq!(response.status, 302, "{}", gateway.process.errors());
    let location = response.header("location").unwrap();
    let date = location.split("X-Amz-Date=").nth(1).unwrap().split('&').next().unwrap();
    let time = humantime::format_rfc3339_seconds(SystemTime::now() + Duration::from_secs(1800));
    let hour: String = time.to_string().chars().filter(|sign| !"-:".contains(*sign)).collect();
    assert_eq!(date[..11], hour[..11], "{location}");
}
