use tokio::join;

use super::*;

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_at_the_start_and_again_within_the_refresh_time() {
    let (world, _task) = World::fresh(&["a"]).await;
    assert_eq!(world.ask("a").await, Ok(()));
    for fetches in 1..5 {
        assert_eq!(world.fetches(), fetches);
        pass(REFRESH).await;
    }
    world.publish(&["b"]);
    pass(REFRESH).await;
    let fetches = world.fetches();
    assert_eq!(world.ask("b").await, Ok(()), "a new key is known");
    assert_eq!(fetches, world.fetches(), "without another fetch");
    assert_eq!(world.ask("a").await, Err(Kind::CredentialRefused), "a removed one is not");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_requests_with_a_new_key_wait_for_one_fetch() {
    let (world, _task) = World::fresh(&["a"]).await;
    world.publish(&["a", "b"]);
    let began = Instant::now();
    let requests: Vec<_> = (0..1000)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.ask("b").await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), Ok(()));
    }
    assert_eq!(world.fetches(), 2);
    assert_eq!(began.elapsed(), LATENCY);
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_cause_one_fetch_in_each_cooldown() {
    let (world, _task) = World::fresh(&["a"]).await;
    let (began, mut waits) = (Instant::now(), 0);
    for number in 0..100_000 {
        let asked = Instant::now();
        let answer = world.ask(&format!("made up {number}")).await;
        let has_waited = asked.elapsed() > Duration::ZERO;
        let expected = if has_waited { Kind::CredentialRefused } else { Kind::IssuerUnavailable };
        assert_eq!(answer, Err(expected));
        waits += usize::from(has_waited);
        assert_eq!(world.ask("a").await, Ok(()), "known keys do not suffer");
        advance(Duration::from_millis(3)).await;
    }
    let time = began.elapsed().as_secs();
    let scheduled = time / (REFRESH.as_secs() * 9 / 10) + 1;
    let asked_for = time / COOLDOWN.as_secs() + 1;
    let fetches = u64::try_from(world.fetches()).unwrap();
    assert!(fetches <= scheduled + asked_for, "{fetches} in {time} s");
    assert!(fetches >= asked_for - 1, "{fetches} in {time} s");
    assert!(waits <= world.fetches(), "{waits} requests waited");
}

#[tokio::test(start_paused = true)]
async fn a_key_published_during_a_scheduled_fetch_is_found_by_the_next() {
    let (world, _task) = World::fresh(&["a"]).await;
    let fetches = world.fetches();
    while world.in_flight.load(Ordering::Relaxed) == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    // The issuer has made up its answer.
    sleep(LATENCY / 2).await;
    world.publish(&["a", "b"]);
    assert_eq!(world.ask("b").await, Ok(()));
    assert_eq!(world.fetches(), fetches + 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_rotation_works_at_the_end_of_the_cooldown() {
    let (world, _task) = World::fresh(&["a"]).await;
    world.publish(&["a", "b"]);
    assert_eq!(world.ask("b").await, Ok(()));
    world.publish(&["a", "b", "c"]);
    let began = Instant::now();
    assert_eq!(world.ask("c").await, Err(Kind::IssuerUnavailable), "within the cooldown");
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waits for the end of the cooldown");
    pass(COOLDOWN).await;
    assert_eq!(world.ask("c").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_does_not_exist_is_refused_within_the_cooldown_too() {
    let (world, _task) = World::fresh(&["a"]).await;
    let requests = ["b", "c"].map(|key_id| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.ask(key_id).await })
    });
    for request in requests {
        assert_eq!(request.await.unwrap(), Err(Kind::CredentialRefused));
    }
    for key_id in ["b", "c"] {
        assert_eq!(world.ask(key_id).await, Err(Kind::CredentialRefused), "a fetch has shown it");
    }
    assert_eq!(world.fetches(), 2);
    assert_eq!(world.ask("d").await, Err(Kind::IssuerUnavailable), "it may be new");
    world.publish(&["a", "b"]);
    pass(COOLDOWN).await;
    assert_eq!(world.ask("b").await, Ok(()), "what did not exist may come");
}

#[tokio::test(start_paused = true)]
async fn a_bounded_number_of_names_without_a_key_is_remembered() {
    let (world, _task) = World::fresh(&["a"]).await;
    let requests: Vec<_> = (0..3000)
        .map(|number| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.ask(&number.to_string()).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), Err(Kind::CredentialRefused));
    }
    let mut remembered = 0;
    for number in 0..3000 {
        let answer = world.ask(&number.to_string()).await;
        remembered += usize::from(answer == Err(Kind::CredentialRefused));
    }
    assert!((1..=1024).contains(&remembered), "{remembered}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_names_no_key_causes_no_fetch() {
    let (world, _task) = World::fresh(&["a", "b"]).await;
    let answer = world.keyring.find(None, world.now()).await.map_err(|error| error.kind());
    assert_eq!(answer.map(|_| ()), Err(Kind::CredentialRefused), "there is a choice");
    assert_eq!(world.fetches(), 1);
    world.publish(&["a"]);
    pass(REFRESH).await;
    assert!(world.keyring.find(None, world.now()).await.is_ok(), "there is none");
}

#[tokio::test(start_paused = true)]
async fn what_is_ended_and_started_again_goes_on_where_it_was() {
    let (world, task) = World::fresh(&["a"]).await;
    assert_eq!(world.ask("unknown").await, Err(Kind::CredentialRefused));
    task.abort();
    let _ = task.await;
    assert_eq!(world.ask("a").await, Ok(()), "keys stay");
    let nobody = world.ask("unknown").await;
    assert_eq!(nobody, Err(Kind::IssuerUnavailable), "nobody is there to ask the issuer");
    for _ in 0..100 {
        let task = world.keep_fresh();
        advance(Duration::from_millis(1)).await;
        tokio::task::yield_now().await;
        let refused = world.ask("unknown").await;
        assert_eq!(refused, Err(Kind::CredentialRefused), "within the cooldown");
        task.abort();
        let _ = task.await;
    }
    assert_eq!(world.fetches(), 2, "nothing was due");
    let _task = world.keep_fresh();
    pass(COOLDOWN).await;
    world.publish(&["a", "b"]);
    assert_eq!(world.ask("b").await, Ok(()));
    pass(REFRESH).await;
    assert_eq!(world.fetches(), 4, "the schedule goes on");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_fetch_that_was_ended() {
    let (world, task) = World::fresh(&["a"]).await;
    world.is(Mood::Hanging);
    let waiting = async {
        let began = Instant::now();
        (world.ask("b").await, began.elapsed())
    };
    let ending = async {
        advance(Duration::from_secs(1)).await;
        task.abort();
    };
    let ((answer, waited), ()) = join!(waiting, ending);
    assert_eq!(answer, Err(Kind::IssuerUnavailable));
    assert!(waited < TIMEOUT, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn fetches_that_are_ended_over_and_over_are_not_begun_in_a_hurry() {
    let (world, task) = World::fresh(&["a"]).await;
    task.abort();
    world.is(Mood::Hanging);
    for _ in 0..100 {
        let task = world.keep_fresh();
        let asking = {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.ask("b").await })
        };
        sleep(Duration::from_millis(10)).await;
        task.abort();
        assert_eq!(asking.await.unwrap(), Err(Kind::IssuerUnavailable));
    }
    assert_eq!(world.fetches(), 2, "within the cooldown");
}

#[tokio::test(start_paused = true)]
async fn the_cooldown_begins_at_the_end_of_a_fetch() {
    let (world, _task) = World::fresh(&["a"]).await;
    world.is(Mood::Hanging);
    assert_eq!(world.ask("b").await, Err(Kind::IssuerUnavailable));
    world.is(Mood::Well);
    // The tries that follow the failure by themselves.
    pass(COOLDOWN - Duration::from_secs(1)).await;
    let fetches = world.fetches();
    let began = Instant::now();
    assert_eq!(world.ask("c").await, Err(Kind::IssuerUnavailable));
    assert_eq!((world.fetches(), began.elapsed()), (fetches, Duration::ZERO));
    pass(Duration::from_secs(1)).await;
    assert_eq!(world.ask("c").await, Err(Kind::CredentialRefused));
    assert_eq!(world.fetches(), fetches + 1);
}

#[tokio::test(start_paused = true)]
async fn the_second_of_two_waits_for_the_end_of_the_first() {
    let (world, first) = World::fresh(&["a"]).await;
    let _second = world.keep_fresh();
    pass(10 * REFRESH).await;
    let fetches = world.fetches();
    assert!((11..=13).contains(&fetches), "{fetches}");
    first.abort();
    world.publish(&["b"]);
    pass(REFRESH).await;
    assert_eq!(world.ask("b").await, Ok(()), "the second has taken over");
}
