use super::*;

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
