//! Rotation, outage, flood: what clients see meanwhile.
//!
//! The drill at the end takes five seconds: six rotations and two outages. With `tests/run --full`
//! there are 180 and 60, which takes two and a half minutes: a new key waits for the end of the
//! cooldown, and an outage lasts for two fetches that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinSet;

use super::{Setup, claims, jwks_url};
use crate::support::answer::Answer;
use crate::support::issuer::Issuer;
use crate::support::signer::{Signer, key_set};
use crate::support::{is_full, token, within};

const QUICK: &str = "refresh: 1s, cooldown: 1s";

/// An issuer that publishes these keys.
async fn publisher(signers: &[&Signer]) -> Issuer {
    let keys = key_set(signers.iter().copied());
    Issuer::scripted(move |_| Answer::json(&keys)).await
}

fn publish(issuer: &Issuer, signers: &[&Signer]) {
    let keys = key_set(signers.iter().copied());
    issuer.change(move |_| Answer::json(&keys));
}

#[tokio::test]
async fn a_new_key_works_at_once() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let issuer = publisher(&[&old]).await;
    let setup = Setup::fetched(&issuer, &jwks_url(&issuer, "/", "")).await;
    assert_eq!(setup.status(&old).await, 200);
    publish(&issuer, &[&old, &new]);
    assert_eq!(setup.status(&new).await, 200);
    assert_eq!(setup.status(&old).await, 200);
    assert_eq!(issuer.requests(), 2);
    assert_eq!(setup.fetches(&["trigger=\"request\"", "result=\"ok\""]), 1);
}

#[tokio::test]
async fn made_up_keys_cause_one_fetch() {
    let (known, unknown) = (Signer::es256("known"), Signer::es256("unknown"));
    let issuer = publisher(&[&known]).await;
    let setup = Setup::fetched(&issuer, &jwks_url(&issuer, "/", "cooldown: 1h")).await;
    assert_eq!(setup.status(&unknown).await, 401);
    for number in 0..300 {
        let made_up = Signer::es256(&format!("made up {number}"));
        assert_eq!(setup.status(&made_up).await, 503, "it may be new");
        assert_eq!(setup.status(&unknown).await, 401, "a fetch has shown that it is not");
    }
    assert_eq!(setup.status(&known).await, 200);
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn a_removed_key_is_refused_after_the_next_refresh() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let issuer = publisher(&[&old, &new]).await;
    let setup = Setup::fetched(&issuer, &jwks_url(&issuer, "/", QUICK)).await;
    let remembered = old.bearer(claims());
    assert_eq!(setup.status_of(&remembered).await, 200);
    publish(&issuer, &[&new]);
    issuer.answers(2).await;
    let refused = async { while setup.status(&old).await != 401 {} };
    within(refused).await;
    assert_eq!(setup.status_of(&remembered).await, 200, "for a minute, it is remembered");
    assert_eq!(setup.status(&new).await, 200);
}

#[tokio::test]
async fn an_outage_is_served_through() {
    let (known, new) = (Signer::es256("known"), Signer::es256("new"));
    let issuer = publisher(&[&known]).await;
    let setup = Setup::fetched(&issuer, &jwks_url(&issuer, "/", QUICK)).await;
    issuer.change(|_| Answer::status("503 Service Unavailable"));
    for _ in 0..3 {
        issuer.answers(1).await;
        assert_eq!(setup.status(&known).await, 200);
        assert_eq!(setup.status(&new).await, 503, "nobody can tell");
    }
    publish(&issuer, &[&known, &new]);
    within(async { while setup.status(&new).await != 200 {} }).await;
    assert_eq!(setup.status(&known).await, 200);
}

/// The time before yesterday's, which makes everything fetched by it too old.
fn two_days_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(2 * 24 * 3600)
}

#[tokio::test]
async fn keys_that_are_too_old_are_not_used() {
    let signer = Signer::es256("a");
    let issuer = publisher(&[&signer]).await;
    let keys = jwks_url(&issuer, "/", "cooldown: 1h");
    let mut setup = Setup::of(token::ISSUER, &issuer, &keys).await;
    assert_eq!(setup.status(&signer).await, 503, "before the first fetch");
    setup.fetch_at(two_days_ago).await;
    assert_eq!(setup.status(&signer).await, 503, "max_age");
    let fetches = issuer.requests();
    assert_eq!(setup.status(&signer).await, 503, "nor are they fetched in a hurry");
    assert_eq!(issuer.requests(), fetches);
    setup.fetching.shutdown().await;

    let keys = jwks_url(&issuer, "/", "max_age: 3days");
    let mut setup = Setup::of(token::ISSUER, &issuer, &keys).await;
    setup.fetch_at(two_days_ago).await;
    assert_eq!(setup.status(&signer).await, 200);
}

/// What clients saw.
#[derive(Default)]
struct Tally {
    answers: AtomicUsize,
    again: AtomicUsize,
}

impl Tally {
    /// Waits until there are more answers than this.
    async fn more_than(&self, answers: usize) {
        while self.answers.load(Ordering::Relaxed) <= answers {
            tokio::task::yield_now().await;
        }
    }
}

/// Downloads with new tokens of whichever key is current, and with those of an impostor, until told
/// to stop. A client tries again after a 503, and after nothing else.
async fn client(
    setup: Arc<Setup>,
    current: Arc<std::sync::RwLock<Arc<Signer>>>,
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
) {
    while !stop.load(Ordering::Relaxed) {
        let signer = Arc::clone(&current.read().unwrap());
        let line = signer.bearer(claims());
        loop {
            match setup.status_of(&line).await {
                200 => break,
                503 => tally.again.fetch_add(1, Ordering::Relaxed),
                status => panic!("{status} for a good token of {}", signer.key_id),
            };
        }
        tally.answers.fetch_add(1, Ordering::Relaxed);
        let impostor = Signer::es256(&signer.key_id);
        assert_eq!(setup.status(&impostor).await, 401, "the name of a key is not the key");
        let nobody = Signer::es256("made up");
        assert_ne!(setup.status(&nobody).await, 200);
    }
}

/// Eight clients, rotations whose new key signs as soon as it is published, and every third time an
/// outage after it: no good token gets a 401, no bad one a 200.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_and_outages_under_load() {
    let rotations = if is_full() { 180 } else { 6 };
    let mut signers = vec![Arc::new(Signer::es256("key 0"))];
    let issuer = publisher(&[&signers[0]]).await;
    let setup = Arc::new(Setup::fetched(&issuer, &jwks_url(&issuer, "/", QUICK)).await);
    let current = Arc::new(std::sync::RwLock::new(Arc::clone(&signers[0])));
    let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (setup, current) = (Arc::clone(&setup), Arc::clone(&current));
        clients.spawn(client(setup, current, Arc::clone(&stop), Arc::clone(&tally)));
    }
    let began = Instant::now();
    for number in 1..=rotations {
        let answered = tally.answers.load(Ordering::Relaxed);
        let new = Arc::new(Signer::es256(&format!("key {number}")));
        publish(&issuer, &[&new, &signers[number - 1]]);
        *current.write().unwrap() = Arc::clone(&new);
        within(async { while setup.status(&new).await == 503 {} }).await;
        if number % 3 == 0 {
            issuer.change(|_| Answer::status("500 Internal Server Error"));
            issuer.answers(2).await;
            publish(&issuer, &[&new, &signers[number - 1]]);
        }
        signers.push(new);
        within(tally.more_than(answered + 8)).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let [answers, again] = [&tally.answers, &tally.again].map(|it| it.load(Ordering::Relaxed));
    let (seconds, requests) = (began.elapsed().as_secs(), issuer.requests());
    println!("{answers} downloads, {again} tried again, {requests} fetches in {seconds} s");
    assert!(requests <= 4 * usize::try_from(seconds + 1).unwrap(), "{requests} in {seconds} s");
    within(async { while setup.status(&signers[0]).await != 401 {} }).await;
    for removed in &signers[..rotations - 1] {
        assert_ne!(setup.status(removed).await, 200, "{}", removed.key_id);
    }
}
