use std::net::SocketAddr;

use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::*;
use crate::bucket::control::client;
use crate::bucket::control::conditional::{TagForm, Verdict};
use crate::cli::dev_s3::{self, Options};
use crate::config::Config;
use crate::error::Kind;
use crate::telemetry::Metrics;

const PATH: &str = "/documents/";

/// A plan with a route that keeps documents, in a bucket of the server there.
fn plan(server: SocketAddr, folder: &TempDir) -> Plan {
    let secret = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, "secret").unwrap();
        format!("{{ file: {} }}", path.display())
    };
    let yaml = format!(
        "buckets:
  store:
    bucket: artifacts
    region: us-east-1
    endpoint: http://{server}
    credentials: {{ static: {{ access_key_id: {}, secret_access_key: {} }} }}
routes:
  - {{ path: {PATH}, dialect: {{ chainloop: {{}} }}, bucket: store, layout: '{{hex}}', auth: open,
      delivery: stream }}
",
        secret("id"),
        secret("key"),
    );
    let mut plan = Plan::compile(Config::parse(&yaml).unwrap(), &Metrics::new()).unwrap();
    let route = plan.routes.get_mut(PATH).unwrap();
    Arc::get_mut(route).unwrap().needs_documents = true;
    plan
}

fn seen(create: Verdict, replace: Verdict) -> ConditionalWrites {
    ConditionalWrites { create, replace, complete: Verdict::Honoured, tags: TagForm::Quoted }
}

fn ignored() -> Verdict {
    Verdict::NotHonoured("the condition is ignored".to_owned())
}

/// An address where nobody is, until somebody listens there.
fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn checked(plan: &Plan) -> Result<(), Kind> {
    plan.routes[PATH].check_documents().map_err(|error| error.kind())
}

#[tokio::test]
async fn a_bucket_that_does_not_keep_documents_is_a_problem() {
    let (_socket, address) = nobody();
    for (create, replace) in [(ignored(), Verdict::Honoured), (Verdict::Honoured, ignored())] {
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(address, &folder);
        plan.buckets["store"].fitness.learn(seen(create, replace));
        let message = "the bucket store does not keep documents as conditions demand: \
                       the condition is ignored";
        let (path, message) = (format!("routes: {PATH}: bucket"), message.to_owned());
        assert_eq!(try_out(&plan).await, [Problem { path, message }]);
        assert_eq!(checked(&plan), Err(Kind::StorageUnavailable));
    }
}

#[tokio::test]
async fn nobody_asks_for_more_than_a_route_needs() {
    let (_socket, address) = nobody();
    let folder = tempfile::tempdir().unwrap();
    let mut plan = plan(address, &folder);
    let route = plan.routes.get_mut(PATH).unwrap();
    Arc::get_mut(route).unwrap().needs_documents = false;
    assert!(untried(&plan).is_empty());
    plan.buckets["store"].fitness.learn(seen(ignored(), ignored()));
    assert_eq!(try_out(&plan).await, []);
    assert_eq!(checked(&plan), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_may_come_up_later() {
    let (socket, address) = nobody();
    let folder = tempfile::tempdir().unwrap();
    let plan = Arc::new(plan(address, &folder));
    assert_eq!(try_out(&plan).await, [], "not to answer is no problem");
    assert_eq!(checked(&plan), Err(Kind::StorageUnavailable));
    let options = Options {
        root: folder.path().join("data"),
        access_key_id: "secret".to_owned(),
        secret_access_key: "secret".to_owned(),
    };
    let running = tokio::spawn(dev_s3::serve(socket.listen(64).unwrap(), options));
    let bucket = &plan.buckets["store"];
    let create = client(bucket, SystemTime::now).create_bucket().bucket("artifacts");
    create.send().await.unwrap();
    keep_trying(Arc::clone(&plan)).await;
    assert_eq!(checked(&plan), Ok(()));
    assert_eq!(try_out(&plan).await, []);
    running.abort();
}
