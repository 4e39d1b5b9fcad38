use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_logged_when_it_begins_and_when_it_ends() {
    let lines = Lines::default();
    let log = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).finish();
    // With only one subscriber, a line that another test's thread came by first would be off.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    // The runtime has one thread, this one.
    let _guard = tracing::subscriber::set_default(log);
    let (world, _task) = World::fresh(&["a"]).await;
    for mood in [Mood::Failing, Mood::Well] {
        world.is(mood);
        pass(AGE_MAX + REFRESH).await;
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let said: Vec<_> = text.lines().collect();
    let expected = [
        ("INFO", "the issuer's keys are fetched issuer=\"test\" keys=1 skipped=0"),
        ("WARN", "cannot fetch the issuer's keys"),
        ("ERROR", "there are no keys of the issuer to use"),
        ("INFO", "the issuer's keys are fetched again"),
    ];
    assert_eq!(said.len(), expected.len(), "{text}");
    for (line, (level, message)) in said.iter().zip(expected) {
        assert!(line.contains(level) && line.contains(message), "{line}");
    }
    assert!(said[1].contains("https://issuer.example/keys: the status is 502"), "{}", said[1]);
}

#[tokio::test(start_paused = true)]
async fn without_keys_nobody_is_refused() {
    let world = World::with(&["a"]);
    assert_eq!(world.ask("a").await, Err(Kind::IssuerUnavailable), "nobody fetches yet");
    world.is(Mood::Failing);
    let _task = world.keep_fresh();
    world.source.keys().attempted().await;
    for _ in 0..100 {
        assert_eq!(world.ask("a").await, Err(Kind::IssuerUnavailable));
        advance(Duration::from_secs(1)).await;
    }
    world.is(Mood::Well);
    pass(MINUTE).await;
    assert_eq!(world.ask("a").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_keys_has_them_fetched() {
    let world = World::with(&["a"]);
    world.is(Mood::Failing);
    let _task = world.keep_fresh();
    pass(10 * MINUTE).await;
    world.is(Mood::Well);
    let fetches = world.fetches();
    assert_eq!(world.ask("a").await, Ok(()), "at once, not at the next try");
    assert_eq!(world.fetches(), fetches + 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_served_through_until_the_keys_are_too_old() {
    let (world, _task) = World::fresh(&["a"]).await;
    let fetched = world.now() - LATENCY;
    world.is(Mood::Failing);
    while world.now().duration_since(fetched).unwrap() < AGE_MAX {
        assert_eq!(world.ask("a").await, Ok(()));
        pass(MINUTE).await;
    }
    pass(LATENCY).await;
    assert_eq!(world.ask("a").await, Err(Kind::IssuerUnavailable));
    world.is(Mood::Well);
    pass(MINUTE).await;
    assert_eq!(world.ask("a").await, Ok(()), "it recovers by itself");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_not_refused_in_an_outage() {
    let (world, _task) = World::fresh(&["a"]).await;
    world.is(Mood::Failing);
    world.publish(&["a", "b"]);
    for _ in 0..100 {
        assert_eq!(world.ask("b").await, Err(Kind::IssuerUnavailable));
        pass(Duration::from_secs(7)).await;
    }
    world.is(Mood::Well);
    pass(MINUTE).await;
    assert_eq!(world.ask("b").await, Ok(()));
    pass(COOLDOWN).await;
    assert_eq!(world.ask("c").await, Err(Kind::CredentialRefused));
}

#[tokio::test(start_paused = true)]
async fn failures_are_not_repeated_in_a_hurry() {
    let (world, _task) = World::fresh(&["a"]).await;
    pass(REFRESH).await;
    world.is(Mood::Failing);
    let before = world.fetches();
    pass(REFRESH).await;
    let first_minutes = world.fetches() - before;
    pass(60 * MINUTE).await;
    let hour = world.fetches() - before - first_minutes;
    assert!((1..=40).contains(&first_minutes), "{first_minutes}");
    assert!((60..=121).contains(&hour), "{hour} in an hour");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_two_fetches_may_take() {
    let (world, _task) = World::fresh(&["a"]).await;
    world.is(Mood::Hanging);
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(world.ask("b").await, Err(Kind::IssuerUnavailable));
        assert!(began.elapsed() <= 2 * TIMEOUT, "{:?}", began.elapsed());
        assert_eq!(world.ask("a").await, Ok(()), "known keys do not suffer");
        pass(Duration::from_secs(11)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_without_a_usable_key_replaces_nothing() {
    let (world, _task) = World::fresh(&["a"]).await;
    world.publish(&[]);
    pass(2 * REFRESH).await;
    assert!(world.fetches() > 2);
    assert_eq!(world.ask("a").await, Ok(()));
}
