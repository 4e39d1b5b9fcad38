//! Ceph's S3 server, which takes entity tags without quotes only.

use std::time::{Duration, SystemTime};

use super::super::state;
use super::{InBucket, Server, client, store_in};
use crate::support::radosgw::Radosgw;
use crate::support::relay::Relay;

/// Its whole cluster shares two processors with all tests.
const DEADLINE: Duration = Duration::from_secs(10);

/// One after the other, as there is one server for all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_every_promise() {
    let server = tokio::task::block_in_place(Radosgw::start);
    let relay = Relay::to(server.address).await;
    let of = |address| Server {
        address,
        bucket: "registers",
        access_key: &server.access_key,
        secret_key: &server.secret_key,
    };
    let bucket = of(relay.address).bucket();
    client(&bucket).create_bucket().bucket("registers").send().await.unwrap();
    let stores = [store_in(bucket, DEADLINE), store_in(of(relay.address).bucket(), DEADLINE)];
    for store in &stores {
        store.start(SystemTime::now).await.unwrap();
    }
    let subject = InBucket { relay, stores, _server: () };
    state::every_promise(&subject).await;
}
