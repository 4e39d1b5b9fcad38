//! Sentinel chooses another primary.

use super::*;

/// A primary, a replica, and a sentinel that decides alone and soon.
struct Watched {
    servers: [Server; 2],
    sentinel: Server,
}

impl Watched {
    async fn start(login: &[&str]) -> Self {
        let (primary, replica) = waiting::pair().await;
        let monitor = format!("sentinel monitor main 127.0.0.1 {} 1", primary.port);
        let own = [
            &monitor,
            "sentinel down-after-milliseconds main 300",
            "sentinel failover-timeout main 2000",
        ];
        let sentinel = Server::start_sentinel(&[&own, login].concat()).await;
        Self { servers: [primary, replica], sentinel }
    }

    fn settings(&self, login: Option<Login>) -> RedisSettings {
        // One of them is never there.
        let sentinels = vec![address("127.0.0.1:1"), address(&self.sentinel.address())];
        settings(Topology::Sentinel { sentinels, primary: "main".to_owned(), login })
    }

    /// Waits until the sentinel knows the replica, without which it cannot choose.
    async fn is_known(&self) {
        within(async {
            while self.sentinel.ask::<Vec<redis::Value>>("SENTINEL REPLICAS main").is_empty() {
                sleep(LOOK).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn operations_go_on_with_the_new_primary() {
    let mut watched = Watched::start(&[]).await;
    watched.is_known().await;
    let wait = Some(Wait { replicas: 1, timeout: DEADLINE / 2, fsync: false });
    let waiting = started(RedisSettings { wait, ..watched.settings(None) }).await;
    let store = started(watched.settings(None)).await;
    let kept: Vec<_> = (0..20).map(|number| (format!("kept/{number}"), record("kept"))).collect();
    for (name, record) in &kept {
        let created = create(&waiting, name, record).await;
        assert!(matches!(created, Ok(Create::Created(_))), "{created:?}");
    }

    watched.servers[0].kill();
    works_again(&store, "after").await;
    watched.servers[1].becomes("role", "master").await;
    for (name, record) in &kept {
        assert_eq!(read(&store, name).await.as_ref(), Ok(&Some(record.clone())));
    }
    // The old one comes back as it was, and is not taken for what it was.
    watched.servers[0].restart().await;
    assert_works(&store, "there").await;
    assert_eq!(watched.servers[1].ask::<u32>("EXISTS casgate:tests/there"), 1);
    let _replica = waiting::replica_of(&watched.servers[1]).await;
    works_again(&waiting, "with replicas").await;
}

#[tokio::test]
async fn a_primary_that_hangs_is_left() {
    let watched = Watched::start(&[]).await;
    watched.is_known().await;
    let store = started(watched.settings(None)).await;
    assert_works(&store, "before").await;
    watched.servers[0].pause();
    works_again(&store, "meanwhile").await;
    watched.servers[0].resume();
    assert_works(&store, "there").await;
    assert_eq!(watched.servers[1].ask::<u32>("EXISTS casgate:tests/there"), 1);
}

#[tokio::test]
async fn a_primary_that_was_demoted_is_left_though_it_answers() {
    let watched = Watched::start(&[]).await;
    watched.is_known().await;
    let store = started(watched.settings(None)).await;
    assert_works(&store, "before").await;
    within(async {
        // It has to have heard from the replica often enough to think it good.
        while watched.sentinel.try_ask::<()>("SENTINEL FAILOVER main").is_err() {
            sleep(LOOK).await;
        }
    })
    .await;
    watched.servers[1].becomes("role", "master").await;
    within(async {
        // What is written until the gateway hears of it goes to the old one, and is lost.
        for number in 0.. {
            let name = format!("after/{number}");
            let _ = create(&store, &name, &record("")).await;
            if watched.servers[1].ask::<u32>(&format!("EXISTS casgate:tests/{name}")) == 1 {
                return;
            }
            sleep(LOOK).await;
        }
    })
    .await;
    assert_works(&store, "for good").await;
    assert_eq!(
        watched.servers[1]
            .ask::<u32>("EXISTS casgate:tests/for good".split_once(" good").unwrap().0),
        0
    );
}

#[tokio::test]
async fn sentinels_have_users_of_their_own() {
    let user =
        "user watcher on >secret resetchannels -@all +sentinel|get-master-addr-by-name +ping";
    let watched = Watched::start(&["user default off", user]).await;
    let login = |password: &str| {
        Some(Login { username: Some("watcher".to_owned()), password: password.to_owned() })
    };
    let store = started(watched.settings(login("secret"))).await;
    assert_works(&store, "there").await;
    for wrong in [None, login("guess")] {
        let unfit = refused(watched.settings(wrong)).await;
        assert!(
            matches!(&unfit, Unfit::Unreachable(text) if text.contains("sentinel")),
            "{unfit:?}"
        );
    }
    let sentinels = vec![address(&watched.sentinel.address())];
    let topology =
        Topology::Sentinel { sentinels, primary: "other".to_owned(), login: login("secret") };
    let unfit = refused(settings(topology)).await;
    assert!(
        matches!(&unfit, Unfit::Unreachable(text) if text.contains("no primary \"other\"")),
        "{unfit:?}"
    );
}
