//! What is confirmed has reached replicas.

use super::*;

/// A primary and its replica, linked.
pub(super) async fn pair() -> (Server, Server) {
    let primary = Server::start(&DURABLE).await;
    let replica = replica_of(&primary).await;
    (primary, replica)
}

pub(super) async fn replica_of(primary: &Server) -> Server {
    let replica = Server::start(&[&format!("replicaof 127.0.0.1 {}", primary.port)]).await;
    is_linked(primary, &replica).await;
    replica
}

/// Waits until both sides have it that what one is told the other gets.
pub(super) async fn is_linked(primary: &Server, replica: &Server) {
    replica.becomes("master_link_status", "up").await;
    primary.is_followed_by(1).await;
}

fn wait(replicas: u8) -> Option<Wait> {
    Some(Wait { replicas, timeout: DEADLINE / 4, fsync: false })
}

#[tokio::test]
async fn what_was_created_is_on_the_replica() {
    let (primary, mut replica) = pair().await;
    let store = started(RedisSettings { wait: wait(1), ..single(&primary) }).await;
    for number in 0..20 {
        let (name, record) = (format!("kept/{number}"), record("kept"));
        let created = create(&store, &name, &record).await;
        assert!(matches!(created, Ok(Create::Created(_))), "{created:?}");
        let there: Vec<u8> = replica.ask(&format!("GET casgate:tests/{name}"));
        assert!(there == record.to_bytes(), "the replica has {} bytes", there.len());
    }

    // Without it what is done is not known, neither to writers nor to readers.
    replica.kill();
    let record = record("alone");
    let created = create(&store, "alone", &record).await;
    assert!(matches!(created, Err(Failure::Unknown(_))), "{created:?}");
    let there = read(&store, "alone").await;
    assert!(matches!(there, Err(Failure::NotDone(_))), "{there:?}");
    assert_eq!(read(&store, "nothing").await, Ok(None), "nothing is nowhere");

    replica.restart().await;
    is_linked(&primary, &replica).await;
    assert_eq!(within_reach(&store, "alone").await, Some(record.clone()));
    let there: Vec<u8> = replica.ask("GET casgate:tests/alone");
    assert!(there == record.to_bytes());
}

/// Reads as soon as that is confirmed: a replica that is linked may not have said yet what it has.
async fn within_reach(store: &Store, name: &str) -> Option<Record> {
    within(async {
        loop {
            match read(store, name).await {
                Ok(there) => return there,
                Err(_) => sleep(LOOK).await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_read_is_confirmed_though_somebody_else_wrote() {
    let (primary, replica) = pair().await;
    let store = started(RedisSettings { wait: wait(1), ..single(&primary) }).await;
    assert_works(&store, "before").await;
    replica.pause();
    let writer = started(single(&primary)).await;
    assert_works(&writer, "written").await;
    // The connections of this store wrote nothing since.
    let there = read(&store, "written").await;
    assert!(matches!(there, Err(Failure::NotDone(_))), "{there:?}");
    replica.resume();
    let there = within_reach(&store, "written").await;
    assert!(there.is_some());
    let time_left: i64 = primary.ask("PTTL casgate:tests/written");
    assert!(time_left > 1_000_000_000, "{time_left} ms");
}

#[tokio::test]
async fn too_few_replicas_are_not_enough() {
    let (primary, _replica) = pair().await;
    let store = started(RedisSettings { wait: wait(2), ..single(&primary) }).await;
    let created = create(&store, "one of two", &record("")).await;
    let Err(Failure::Unknown(text)) = created else { panic!("{created:?}") };
    assert!(text.contains("1 of 2 replicas"), "{text}");
}

#[tokio::test]
async fn many_at_once_wait_side_by_side() {
    let (primary, replica) = pair().await;
    let store = started(RedisSettings { wait: wait(1), ..single(&primary) }).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { assert_works(&store, &format!("many/{number}")).await });
    }
    within(tasks.join_all()).await;
    let connected: u32 = primary.info("connected_clients").parse().unwrap();
    assert!(connected <= 40, "{connected} connections");
    // While none is confirmed, those who wait do not make each other wait.
    replica.pause();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { create(&store, &format!("none/{number}"), &record("")).await });
    }
    for created in within(tasks.join_all()).await {
        let Err(Failure::Unknown(text)) = created else { panic!("{created:?}") };
        assert!(text.contains("0 of 1 replicas"), "{text}");
    }
}

#[tokio::test]
async fn a_primary_that_misses_replicas_itself_does_nothing() {
    let primary = Server::start(&["min-replicas-to-write 1"]).await;
    let store = unstarted(RedisSettings { wait: wait(1), ..single(&primary) });
    let unfit = within(store.start(SystemTime::now)).await.unwrap_err();
    assert!(matches!(&unfit, Unfit::Unreachable(text) if text.contains("NOREPLICAS")), "{unfit:?}");
    let mut replica = replica_of(&primary).await;
    primary.becomes("connected_slaves", "1").await;
    within(async {
        while store.start(SystemTime::now).await.is_err() {
            sleep(LOOK).await;
        }
    })
    .await;
    works_again(&store, "both").await;
    replica.kill();
    primary.becomes("connected_slaves", "0").await;
    let created = create(&store, "alone", &record("")).await;
    assert!(matches!(created, Err(Failure::NotDone(_))), "{created:?}");
    assert_eq!(primary.ask::<u32>("EXISTS casgate:tests/alone"), 0);
}
