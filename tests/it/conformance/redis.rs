//! Redis: the promises of a state store on one server, with replicas that are waited for, and in a
//! cluster; then what is special about it.

mod clusters;
mod failovers;
mod outages;
mod starts;
mod waiting;
mod ways;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use casgate::state::redis::{Address, Login, RedisSettings, RedisStore, Topology, Wait};
use casgate::state::{
    Backend, Create, Failure, Nonce, Record, StateKey, StateStore as _, Store, Unfit, Whereabouts,
};
use casgate::telemetry::Metrics;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::state::{Subject, promises};
use crate::support::redis::{Cluster, DURABLE, LOOK, Server};
use crate::support::{PATIENCE, within};

/// The deadline of the stores here.
const DEADLINE: Duration = Duration::from_secs(2);

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// Settings for one server.
fn single(server: &Server) -> RedisSettings {
    settings(Topology::Single(address(&server.address())))
}

fn settings(topology: Topology) -> RedisSettings {
    RedisSettings {
        topology,
        authorities: None,
        login: None,
        database: 0,
        prefix: "casgate:".to_owned(),
        wait: None,
        allow_eviction: false,
        patience: DEADLINE,
    }
}

/// A store that was not started.
fn unstarted(settings: RedisSettings) -> Arc<Store> {
    let deadline = settings.patience;
    let backend = Backend::Redis(Box::new(RedisStore::new(settings)));
    let whereabouts = Whereabouts::new("redis".to_owned(), &[]);
    Arc::new(Store::new(backend, whereabouts, deadline, Metrics::new().state()))
}

/// A store that was found fit.
async fn started(settings: RedisSettings) -> Arc<Store> {
    let store = unstarted(settings);
    within(store.start(SystemTime::now)).await.unwrap();
    store
}

/// Why a store is not fit.
async fn refused(settings: RedisSettings) -> Unfit {
    within(unstarted(settings).start(SystemTime::now)).await.unwrap_err()
}

fn key(name: &str) -> StateKey {
    StateKey::new("tests", name, SystemTime::now() + PATIENCE * 60)
}

fn record(value: &str) -> Record {
    let mut nonce = [0; 16];
    aws_lc_rs::rand::fill(&mut nonce).unwrap();
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    Record { nonce: Nonce::new(nonce), end, value: value.into() }
}

async fn create(store: &Store, name: &str, record: &Record) -> Result<Create, Failure> {
    within(store.create(&key(name), record, SystemTime::now())).await
}

async fn read(store: &Store, name: &str) -> Result<Option<Record>, Failure> {
    let there = within(store.read(&key(name), SystemTime::now())).await?;
    Ok(there.map(|there| there.record))
}

/// Creates a register, and reads it.
#[track_caller]
fn assert_works(store: &Store, name: &str) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let record = record(name);
        let created = create(store, name, &record).await;
        assert!(matches!(created, Ok(Create::Created(_))), "{created:?} at {caller}");
        assert_eq!(read(store, name).await, Ok(Some(record)), "at {caller}");
    }
}

/// Waits until what is written stays. No register is written twice, so that none may be there
/// already.
async fn works_again(store: &Store, name: &str) {
    within(async {
        for number in 0.. {
            let (name, record) = (format!("{name}/{number}"), record(name));
            match create(store, &name, &record).await {
                Ok(Create::Created(_)) => return,
                Ok(Create::Exists(there)) => panic!("{there:?} was written by nobody"),
                Err(_) => sleep(LOOK).await,
            }
        }
    })
    .await;
}

/// Servers of a store, and two replicas of the gateway.
struct Servers {
    servers: Mutex<Vec<Server>>,
    stores: [Arc<Store>; 2],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Single,
    Waiting,
    Cluster,
}

impl Servers {
    async fn single() -> Self {
        let server = Server::start(&DURABLE).await;
        let stores = [started(single(&server)).await, started(single(&server)).await];
        Self { servers: Mutex::new(vec![server]), stores, kind: Kind::Single }
    }

    async fn waiting() -> Self {
        let (primary, replica) = waiting::pair().await;
        let wait = Some(Wait { replicas: 1, timeout: DEADLINE / 2, fsync: false });
        let settings = || RedisSettings { wait, ..single(&primary) };
        let stores = [started(settings()).await, started(settings()).await];
        Self { servers: Mutex::new(vec![primary, replica]), stores, kind: Kind::Waiting }
    }

    async fn cluster() -> Self {
        let cluster = Cluster::start(&DURABLE).await;
        let settings = || settings(Topology::Cluster(vec![address(&cluster.addresses()[0])]));
        let stores = [started(settings()).await, started(settings()).await];
        Self { servers: Mutex::new(cluster.0.into()), stores, kind: Kind::Cluster }
    }
}

impl Subject for Servers {
    type Store = Store;

    fn replicas(&self) -> [Arc<Store>; 2] {
        self.stores.clone()
    }

    async fn later_than(&self, time: SystemTime) -> SystemTime {
        time
    }

    async fn go_away(&self) {
        for server in self.servers.lock().await.iter_mut() {
            server.kill();
        }
    }

    async fn lose_replies(&self) {
        let servers = self.servers.lock().await;
        // Without its replica a primary does what it is told, and cannot confirm it.
        let silent = if self.kind == Kind::Waiting { &servers[1..] } else { &servers[..] };
        silent.iter().for_each(Server::pause);
    }

    async fn come_back(&self) {
        let mut servers = self.servers.lock().await;
        for server in servers.iter_mut() {
            match server.is_dead() {
                true => server.restart().await,
                false => server.resume(),
            }
        }
        match self.kind {
            Kind::Single => {}
            Kind::Waiting => waiting::is_linked(&servers[0], &servers[1]).await,
            Kind::Cluster => {
                let cluster = Cluster(std::mem::take(&mut *servers).try_into().ok().unwrap());
                cluster.becomes_ready().await;
                servers.extend(cluster.0);
            }
        }
    }
}

mod on_one_server {
    super::promises!(super::Servers::single());
}

mod with_a_replica {
    super::promises!(super::Servers::waiting());
}

mod in_a_cluster {
    super::promises!(super::Servers::cluster());
}
