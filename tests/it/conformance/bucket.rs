//! Registers in a bucket.

mod answers;
mod radosgw;
mod sweep;
mod trial;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use casgate::bucket::control::conditional::{ConditionalWrites, TagForm, Verdict};
use casgate::bucket::{Bucket, control};
use casgate::state::bucket::BucketStore;
use casgate::state::{Backend, Store, Whereabouts};
use casgate::telemetry::Metrics;

use super::state::{Subject, promises};
use crate::support::embedded::Embedded;
use crate::support::gateway::compile;
use crate::support::relay::Relay;

promises!(InBucket::embedded());

/// Far longer than storage takes, and short for a test.
const DEADLINE: Duration = Duration::from_secs(4);

const HONOURED: ConditionalWrites = ConditionalWrites {
    create: Verdict::Honoured,
    replace: Verdict::Honoured,
    complete: Verdict::Honoured,
    tags: TagForm::Quoted,
};

/// A bucket's server, and who may use it.
struct Server<'a> {
    address: SocketAddr,
    bucket: &'a str,
    access_key: &'a str,
    secret_key: &'a str,
}

/// The tests' own.
fn own(address: SocketAddr) -> Server<'static> {
    let (access_key, secret_key) = ("AKIATESTS", "storage secret");
    Server { address, bucket: "artifacts", access_key, secret_key }
}

impl Server<'_> {
    /// The bucket as a replica has it: nobody shares a client with it.
    fn bucket(&self) -> Arc<Bucket> {
        let folder = tempfile::tempdir().unwrap();
        let secret = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            format!("{{ file: {} }}", path.display())
        };
        let yaml = format!(
            "buckets:
  store:
    bucket: {}
    region: us-east-1
    endpoint: http://{}
    credentials: {{ static: {{ access_key_id: {}, secret_access_key: {} }} }}
routes:
  - path: /download/
    dialect: {{ chainloop: {{}} }}
    bucket: store
    layout: '{{hex}}'
    auth: open
    delivery: stream
",
            self.bucket,
            self.address,
            secret("id", self.access_key),
            secret("key", self.secret_key),
        );
        let plan = compile(&yaml, &Metrics::new()).unwrap();
        Arc::clone(&plan.buckets["store"])
    }
}

fn store_in(bucket: Arc<Bucket>, deadline: Duration) -> Arc<Store> {
    let backend = Backend::Bucket(BucketStore::new(bucket));
    let whereabouts = Whereabouts::new("bucket".to_owned(), &[]);
    Arc::new(Store::new(backend, whereabouts, deadline, Metrics::new().state()))
}

/// A store in a bucket that is known to be fit.
async fn fit_store(bucket: Arc<Bucket>) -> Arc<Store> {
    bucket.fitness.learn(HONOURED);
    let store = store_in(bucket, DEADLINE);
    store.start(SystemTime::now).await.unwrap();
    store
}

fn client(bucket: &Arc<Bucket>) -> Client {
    control::client(bucket, SystemTime::now)
}

/// Two replicas, the first behind a way that can be cut.
struct InBucket<S> {
    relay: Relay,
    stores: [Arc<Store>; 2],
    _server: S,
}

impl InBucket<Embedded> {
    async fn embedded() -> Self {
        let server = Embedded::start().await;
        let relay = Relay::to(server.address).await;
        let stores = [
            fit_store(own(relay.address).bucket()).await,
            fit_store(own(relay.address).bucket()).await,
        ];
        Self { relay, stores, _server: server }
    }
}

impl<S: Sync> Subject for InBucket<S> {
    type Store = Store;

    fn replicas(&self) -> [Arc<Store>; 2] {
        self.stores.clone()
    }

    async fn later_than(&self, time: SystemTime) -> SystemTime {
        time
    }

    async fn go_away(&self) {
        self.relay.cut();
    }

    async fn lose_replies(&self) {
        self.relay.silence();
    }

    async fn come_back(&self) {
        self.relay.open();
    }
}
