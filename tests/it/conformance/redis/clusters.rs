//! Keys are at one node of many, and move.

use super::*;

/// All keys are in the slot of this word.
const PREFIX: &str = "{moving}";

fn clustered(cluster: &Cluster) -> RedisSettings {
    // One seed is never there.
    let mut seeds = vec![address("127.0.0.1:1")];
    seeds.extend(cluster.addresses().iter().map(|text| address(text)));
    settings(Topology::Cluster(seeds))
}

#[tokio::test]
async fn keys_are_spread_and_found() {
    let cluster = Cluster::start(&[]).await;
    let store = started(clustered(&cluster)).await;
    for number in 0..60 {
        assert_works(&store, &format!("spread/{number}")).await;
    }
    let counts = cluster.0.each_ref().map(|server| server.ask::<u32>("DBSIZE"));
    assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
    assert_eq!(counts.iter().sum::<u32>(), 60, "trials tidy up");
}

#[tokio::test]
async fn keys_that_move_are_followed() {
    let cluster = Cluster::start(&[]).await;
    let slot: u16 = cluster.0[0].ask(&format!("CLUSTER KEYSLOT {PREFIX}"));
    let from = cluster.first_owner(slot);
    let (from, to) = (&cluster.0[from], &cluster.0[(from + 1) % 3]);
    let ids = [from, to].map(|server| server.ask::<String>("CLUSTER MYID"));
    let settings = RedisSettings { prefix: PREFIX.to_owned(), ..clustered(&cluster) };
    let store = started(settings).await;
    let moved = record("moved");
    create(&store, "moved", &moved).await.unwrap();
    assert_works(&store, "stays").await;

    // On its way: what is not at the old node any more is at the new one, if anywhere.
    let () = to.ask(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", ids[0]));
    let () = from.ask(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", ids[1]));
    let () = from.ask(&format!("MIGRATE 127.0.0.1 {} {PREFIX}tests/moved 0 5000", to.port));
    assert_eq!(read(&store, "moved").await, Ok(Some(moved.clone())));
    match create(&store, "moved", &record("late")).await {
        Ok(Create::Exists(there)) => assert_eq!(there.record, moved),
        other => panic!("{other:?}"),
    }
    assert!(read(&store, "stays").await.unwrap().is_some());
    assert_works(&store, "new").await;
    let scripts_run = to.scripts_run();
    assert!(scripts_run > 0, "the new node was asked");

    // There for good.
    let () = from.ask(&format!("MIGRATE 127.0.0.1 {} {PREFIX}tests/stays 0 5000", to.port));
    for server in [to, from] {
        let () = server.ask(&format!("CLUSTER SETSLOT {slot} NODE {}", ids[1]));
    }
    for number in 0..10 {
        assert_works(&store, &format!("there/{number}")).await;
    }
    assert_eq!(read(&store, "moved").await, Ok(Some(moved)));
    assert_eq!(to.ask::<u32>("DBSIZE"), 13);
}

#[tokio::test]
async fn only_the_keys_of_a_node_that_is_away_are_away() {
    let mut cluster = Cluster::start(&["cluster-require-full-coverage no"]).await;
    let store = started(clustered(&cluster)).await;
    cluster.0[1].kill();
    let (mut away, mut there) = (0, 0);
    for number in 0..30 {
        match create(&store, &format!("away/{number}"), &record("")).await {
            Ok(Create::Created(_)) => there += 1,
            Err(Failure::NotDone(_)) => away += 1,
            // It took a moment to notice.
            Err(Failure::Unknown(_)) if away == 0 => away += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(away > 0 && there > away, "{away} away, {there} there");
    cluster.0[1].restart().await;
    cluster.becomes_ready().await;
    within(async {
        for number in 0..30 {
            works_again(&store, &format!("back/{number}")).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_took_over_is_found() {
    let mut cluster = Cluster::start(&[]).await;
    let replica = cluster.join(1).await;
    let store = started(clustered(&cluster)).await;
    let kept: Vec<_> = (0..30).map(|number| (format!("kept/{number}"), record("kept"))).collect();
    for (name, record) in &kept {
        let created = create(&store, name, record).await;
        assert!(matches!(created, Ok(Create::Created(_))), "{created:?}");
    }
    cluster.0[1].is_followed_by(1).await;
    cluster.0[1].kill();
    let () = replica.ask("CLUSTER FAILOVER TAKEOVER");
    for (name, record) in kept {
        let there = within(async {
            loop {
                match read(&store, &name).await {
                    Ok(there) => return there,
                    Err(_) => sleep(LOOK).await,
                }
            }
        });
        assert_eq!(there.await, Some(record));
    }
    for number in 0..30 {
        assert_works(&store, &format!("after/{number}")).await;
    }
    assert!(replica.ask::<u32>("DBSIZE") > 2);
}
