//! Servers and connections that fail, and what is told of it.

use super::*;

#[tokio::test]
async fn a_paused_server_leaves_writes_unknown_and_confuses_nobody() {
    const RIVALS: usize = 100;
    let server = Server::start(&[]).await;
    let store = started(single(&server)).await;
    let before = server.scripts_run();
    server.pause();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..RIVALS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let (name, record) = (format!("paused/{number}"), record(&number.to_string()));
            let (created, there) =
                tokio::join!(create(&store, &name, &record), read(&store, "paused/nothing"));
            assert!(matches!(created, Err(Failure::Unknown(_))), "{created:?}");
            assert!(matches!(there, Err(Failure::NotDone(_))), "{there:?}");
            (name, record)
        });
    }
    let tried = within(tasks.join_all()).await;
    server.resume();
    works_again(&store, "resumed").await;
    // Nobody gets an answer that was meant for somebody else.
    for (name, record) in &tried {
        let there = read(&store, name).await.unwrap();
        assert!(there.as_ref().is_none_or(|there| there == record), "{name}: {there:?}");
    }
    let run = server.scripts_run() - before;
    assert!(run as usize <= RIVALS + 5, "{run} scripts for {RIVALS} writes");
}

#[tokio::test]
async fn connections_that_were_closed_are_replaced() {
    let server = Server::start(&[]).await;
    let store = started(single(&server)).await;
    for number in 0..50 {
        let _: u32 = server.ask("CLIENT KILL TYPE normal");
        let (name, record) = (format!("killed/{number}"), record("killed"));
        match create(&store, &name, &record).await {
            Ok(Create::Created(_)) => {}
            // Whether its end was noticed before something was sent is a matter of luck.
            Err(_) => {}
            other => panic!("{other:?}"),
        }
        let there = within(async {
            loop {
                match read(&store, &name).await {
                    Ok(there) => return there,
                    Err(_) => sleep(LOOK).await,
                }
            }
        });
        let there = there.await;
        assert!(there.as_ref().is_none_or(|there| *there == record), "{there:?}");
    }
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_operations_repeat_nothing() {
    let server = Server::start(&[]).await;
    let stores = [started(single(&server)).await, started(single(&server)).await];
    let before = server.scripts_run();
    let (mut writers, mut sent) = (tokio::task::JoinSet::new(), 0);
    for number in 0..8 {
        let store = Arc::clone(&stores[number % 2]);
        writers.spawn(async move {
            let mut sent = 0;
            for round in 0..100 {
                let (name, record) = (format!("cut/{number}/{round}"), record("cut"));
                match create(&store, &name, &record).await {
                    Ok(Create::Created(_)) | Err(Failure::Unknown(_)) => sent += 1,
                    Err(Failure::NotDone(_)) => {}
                    Ok(Create::Exists(there)) => panic!("{there:?} was written twice"),
                }
                tokio::task::yield_now().await;
            }
            sent
        });
    }
    while !writers.is_empty() {
        let _: u32 = server.ask("CLIENT KILL TYPE normal");
        tokio::select! {
            done = writers.join_next() => sent += done.map_or(0, Result::unwrap),
            () = sleep(LOOK) => {}
        }
    }
    let run = server.scripts_run() - before;
    assert!(run <= sent, "{run} scripts were run for {sent} writes that may have been");
}

#[tokio::test]
async fn a_server_that_refuses_did_nothing() {
    let server = Server::start(&[]).await;
    let store = started(single(&server)).await;
    let refuses = async |name: &str, code: &str| {
        let created = create(&store, name, &record("")).await;
        let Err(Failure::NotDone(text)) = created else { panic!("{created:?}") };
        assert!(text.contains(code), "{text}");
        assert_eq!(server.ask::<u32>(&format!("EXISTS casgate:tests/{name}")), 0);
    };
    let () = server.ask("CONFIG SET maxmemory 1");
    refuses("full", "OOM").await;
    let () = server.ask("CONFIG SET maxmemory 0");
    let () = server.ask("CONFIG SET min-replicas-to-write 1");
    refuses("alone", "NOREPLICAS").await;
    let () = server.ask("CONFIG SET min-replicas-to-write 0");
    assert_works(&store, "again").await;

    let other = Server::start(&[]).await;
    let () = server.ask(&format!("REPLICAOF 127.0.0.1 {}", other.port));
    refuses("demoted", "READONLY").await;
    refuses("demoted", "no primary but slave").await;
    let () = server.ask("REPLICAOF NO ONE");
    works_again(&store, "promoted").await;
}

#[tokio::test]
async fn what_others_wrote_is_left_alone() {
    let server = Server::start(&[]).await;
    let store = started(single(&server)).await;
    let () = server.ask("SET casgate:tests/text something-that-is-no-record-at-all");
    let _: u32 = server.ask("RPUSH casgate:tests/list 1");
    for name in ["text", "list"] {
        let created = create(&store, name, &record("")).await;
        assert!(matches!(created, Err(Failure::NotDone(_))), "{created:?}");
        let there = read(&store, name).await;
        assert!(matches!(there, Err(Failure::NotDone(_))), "{there:?}");
    }
    assert_eq!(server.ask::<u32>("STRLEN casgate:tests/text"), 34);
    assert_eq!(server.ask::<u32>("LLEN casgate:tests/list"), 1);
}

#[tokio::test]
async fn scripts_that_were_forgotten_are_sent_again() {
    let server = Server::start(&[]).await;
    let store = started(single(&server)).await;
    for number in 0..3 {
        let () = server.ask("SCRIPT FLUSH");
        assert_works(&store, &format!("flushed/{number}")).await;
    }
}

#[tokio::test]
async fn one_round_trip_is_enough() {
    let server = Server::start(&[]).await;
    let store = started(single(&server)).await;
    let calls = || (server.scripts_run(), server.calls("get"), server.calls("set"));
    let before = calls();
    for number in 0..10 {
        assert_works(&store, &format!("trips/{number}")).await;
    }
    // A script that creates has both commands within.
    assert_eq!(calls(), (before.0 + 10, before.1 + 20, before.2 + 10));
}
