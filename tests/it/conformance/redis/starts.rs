//! What is found out before the first operation.

use casgate::state::redis::Login;
use rustls::RootCertStore;
use tempfile::TempDir;

use super::*;
use crate::support::certificates::Authority;

#[track_caller]
fn assert_unsafe(unfit: &Unfit, expected: &str) {
    assert!(matches!(unfit, Unfit::Unsafe(text) if text.contains(expected)), "{unfit:?}");
}

#[track_caller]
fn assert_unreachable(unfit: &Unfit, expected: &str) {
    assert!(matches!(unfit, Unfit::Unreachable(text) if text.contains(expected)), "{unfit:?}");
}

#[tokio::test]
async fn servers_that_evict_are_refused() {
    let server = Server::start(&["maxmemory 100mb", "maxmemory-policy noeviction"]).await;
    assert_works(&*started(single(&server)).await, "noeviction").await;
    for policy in ["allkeys-lru", "allkeys-random", "volatile-ttl", "volatile-lfu"] {
        let () = server.ask(&format!("CONFIG SET maxmemory-policy {policy} maxmemory 100mb"));
        let unfit = refused(single(&server)).await;
        assert_unsafe(&unfit, &format!("maxmemory 104857600 and maxmemory-policy {policy}"));
        started(RedisSettings { allow_eviction: true, ..single(&server) }).await;
        let () = server.ask("CONFIG SET maxmemory 0");
        started(single(&server)).await;
    }
}

#[tokio::test]
async fn only_disks_that_can_be_waited_for_are() {
    let wait = |replicas| Some(Wait { replicas, timeout: DEADLINE / 2, fsync: true });
    let server = Server::start(&[]).await;
    let unfit = refused(RedisSettings { wait: wait(0), ..single(&server) }).await;
    if server.info("redis_version").starts_with("7.0.") {
        return assert_unsafe(&unfit, "wait.fsync (WAITAOF) takes 7.2");
    }
    // Debian's Redis is not that far yet; Valkey is.
    assert_unsafe(&unfit, "appendonly no");
    let server = Server::start(&DURABLE).await;
    assert_works(&*started(RedisSettings { wait: wait(0), ..single(&server) }).await, "one").await;
    let store = started(RedisSettings { wait: wait(1), ..single(&server) }).await;
    let created = create(&store, "two", &record("")).await;
    assert!(matches!(created, Err(Failure::Unknown(_))), "{created:?}");
}

#[tokio::test]
async fn a_store_is_started_as_soon_as_it_is_there() {
    let mut server = Server::start(&[]).await;
    server.kill();
    let store = unstarted(single(&server));
    for _ in 0..2 {
        let unfit = within(store.start(SystemTime::now)).await.unwrap_err();
        assert_unreachable(&unfit, "refused");
        let created = create(&store, "early", &record("")).await;
        assert!(matches!(created, Err(Failure::NotDone(_))), "{created:?}");
    }
    server.restart().await;
    within(async {
        while store.start(SystemTime::now).await.is_err() {
            sleep(LOOK).await;
        }
    })
    .await;
    assert_works(&store, "then").await;
    assert_eq!(server.ask::<Vec<String>>("KEYS *"), ["casgate:tests/then"], "trials tidy up");
}

#[tokio::test]
async fn a_replica_is_no_store() {
    let (_primary, replica) = waiting::pair().await;
    assert_unreachable(&refused(single(&replica)).await, "no primary but slave");
}

#[tokio::test]
async fn keys_are_in_the_database_below_the_prefix() {
    let server = Server::start(&[]).await;
    let prefix = "é {x} ".to_owned();
    let store = started(RedisSettings { database: 3, prefix, ..single(&server) }).await;
    assert_works(&store, "there").await;
    assert_eq!(server.info("db0"), "");
    assert!(server.info("db3").starts_with("keys=1,expires=1,"), "{}", server.info("db3"));
    let unfit = refused(RedisSettings { database: 99, ..single(&server) }).await;
    assert!(matches!(unfit, Unfit::Unreachable(_)), "{unfit:?}");
}

/// What the documentation says that a user needs.
const USER: &str = "user gate on >secret ~gate:* resetchannels -@all +get +set +del +evalsha +eval \
                    +info +ping";

fn login(username: Option<&str>, password: &str) -> Option<Login> {
    Some(Login { username: username.map(str::to_owned), password: password.to_owned() })
}

#[tokio::test]
async fn users_need_no_more_than_documented() {
    let server = Server::start(&["user default on >other ~* +@all", USER]).await;
    let as_user = |login| RedisSettings { login, prefix: "gate:".to_owned(), ..single(&server) };
    let store = started(as_user(login(Some("gate"), "secret"))).await;
    assert_works(&store, "by the user").await;
    started(RedisSettings { prefix: "elsewhere:".into(), ..as_user(login(None, "other")) }).await;

    for wrong in [None, login(Some("gate"), "guess-4711"), login(Some("nobody"), "guess-4711")] {
        let unfit = refused(as_user(wrong)).await;
        let Unfit::Unreachable(text) = unfit else { panic!("{unfit:?}") };
        assert!(!text.contains("guess-4711"), "{text}");
        assert!(["NOAUTH", "authentication"].iter().any(|word| text.contains(word)), "{text}");
    }
    let beyond =
        RedisSettings { prefix: "elsewhere:".to_owned(), ..as_user(login(Some("gate"), "secret")) };
    assert_unreachable(&refused(beyond).await, "NOPERM");
}

#[tokio::test]
async fn servers_prove_who_they_are() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let folder = TempDir::new().unwrap();
    let (certificate, key) = authority.write(folder.path(), "server", &["127.0.0.1", "localhost"]);
    let ca = folder.path().join("ca.crt");
    std::fs::write(&ca, authority.pem()).unwrap();
    let settings = [
        format!("tls-cert-file {}", certificate.display()),
        format!("tls-key-file {}", key.display()),
        format!("tls-ca-cert-file {}", ca.display()),
        "tls-auth-clients no".to_owned(),
    ];
    let server = Server::start_tls(&settings.each_ref().map(String::as_str)).await;
    let trusting = |authority: &Authority| {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate()).unwrap();
        RedisSettings { authorities: Some(roots.roots), ..single(&server) }
    };
    assert_works(&*started(trusting(&authority)).await, "encrypted").await;
    let topology = Topology::Single(address(&format!("localhost:{}", server.port)));
    let by_name = RedisSettings { topology, ..trusting(&authority) };
    assert_works(&*started(by_name).await, "by name").await;

    let unknown = "invalid peer certificate";
    assert_unreachable(&refused(trusting(&stranger)).await, unknown);
    let by_the_system = RedisSettings { authorities: Some(Vec::new()), ..single(&server) };
    assert_unreachable(&refused(by_the_system).await, unknown);
    assert!(matches!(refused(single(&server)).await, Unfit::Unreachable(_)));
    let plain = Server::start(&[]).await;
    let topology = Topology::Single(address(&plain.address()));
    let unfit = refused(RedisSettings { topology, ..trusting(&authority) }).await;
    assert!(matches!(unfit, Unfit::Unreachable(_)), "{unfit:?}");
}
