//! Objects of `s3s-fs`, a server that is not ours in anything but its sockets: it enforces the
//! signatures of our requests and of our presigned URLs.

use std::sync::Arc;

use casgate::bucket::control;
use casgate::bucket::control::conditional::probe_conditional_writes;
use casgate::cli::dev_s3::serve_service;
use casgate::state::bucket::BucketStore;
use casgate::state::{Backend, Store, Unfit, Whereabouts};
use casgate::telemetry::Metrics;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::PATIENCE;
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, REDIRECT, STREAM, Settings};
use crate::support::token::bearer;

/// Layouts whose keys its file names can hold: of moderate length, with no segment that a file
/// system would take for a path of its own.
const LAYOUTS: [&str; 12] = [
    "sha256:{hex}",
    "plain/{hex}",
    "with space/{hex}",
    "plus+and%percent/{hex}",
    "at@equals=amp&/{hex}",
    "what?and#hash/{hex}",
    "(round)!*~/{hex}",
    "semi;comma,colon:/{hex}",
    "[square]/{hex}",
    "%2F%252F/{hex}",
    "naïve-日本/{hex}",
    "emoji-🦀/{hex}",
];

/// A server with the bucket of the tests. It ends when dropped.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    running: JoinHandle<std::io::Result<()>>,
    _folder: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("artifacts")).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("AKIATESTS", "storage secret"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let running = tokio::spawn(serve_service(listener, builder.build()));
        Self { endpoint, running, _folder: folder }
    }

    /// A gateway in front of it, and the content stored under the key its layout gives.
    async fn with(&self, settings: &Settings<'_>, content: &Content) -> Gateway {
        let gateway = Gateway::before(&self.endpoint, settings);
        let serving = gateway.edge.serving();
        let bucket = &serving.plan.buckets["store"];
        let put = control::client(bucket, std::time::SystemTime::now)
            .put_object()
            .bucket(&bucket.bucket)
            .key(settings.layout.replace("{hex}", &content.hex))
            .metadata("filename", "artifact.bin")
            .body(content.bytes.clone().into());
        put.send().await.unwrap();
        gateway
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[tokio::test]
async fn streams_come_verified_under_every_key() {
    let server = Server::start().await;
    for layout in LAYOUTS {
        let content = Content::sized(200_000);
        let gateway = server.with(&Settings { layout, ..STREAM }, &content).await;
        let response = gateway.get(&content.path(), "").await;
        assert_eq!((response.status, response.is_whole), (200, true), "{layout}");
        assert!(response.body == content.bytes, "{layout}");
        let part = gateway.get(&content.path(), "Range: bytes=100-199\r\n").await;
        assert_eq!((part.status, &part.body[..]), (206, &content.bytes[100..200]), "{layout}");
    }
}

#[tokio::test]
async fn redirects_lead_to_the_bytes_under_every_key() {
    let server = Server::start().await;
    let authorization = bearer(serde_json::json!({}));
    for layout in LAYOUTS {
        let content = Content::sized(1000);
        let gateway = server.with(&Settings { layout, ..REDIRECT }, &content).await;
        let redirect = gateway.get(&content.path(), &authorization).await;
        assert_eq!(redirect.status, 302, "{layout}");
        let location = redirect.header("location").unwrap();
        let target = location.strip_prefix(&server.endpoint).unwrap();

        let response = fetch(&server, target).await;
        assert_eq!(response.status, 200, "{layout}");
        assert!(response.body == content.bytes, "{layout}");
        assert_eq!(
            response.header("content-disposition"),
            Some("attachment; filename=\"artifact.bin\""),
        );
        let tampered = target.replacen("X-Amz-Expires=300", "X-Amz-Expires=301", 1);
        assert_eq!(fetch(&server, &tampered).await.status, 403, "{layout}");
    }
}

/// It looks whether an object is there before the body comes, and puts the body in place after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn its_conditional_writes_are_found_wanting() {
    let server = Server::start().await;
    let gateway = Gateway::before(&server.endpoint, &STREAM);
    let bucket = &gateway.edge.serving().plan.buckets["store"];
    let seen = probe_conditional_writes(bucket, std::time::SystemTime::now, PATIENCE).await;
    let seen = seen.unwrap();
    for verdict in [&seen.create, &seen.replace] {
        let defect = verdict.defect().unwrap_or_default();
        assert!(defect.ends_with("racing writers were told that they were first"), "{seen:?}");
    }
}

/// So it is no place for registers that replicas share.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_no_state_store() {
    let server = Server::start().await;
    let gateway = Gateway::before(&server.endpoint, &STREAM);
    let bucket = Arc::clone(&gateway.edge.serving().plan.buckets["store"]);
    let backend = Backend::Bucket(BucketStore::new(bucket));
    let whereabouts = Whereabouts::new("bucket".to_owned(), &[]);
    let store = Store::new(backend, whereabouts, PATIENCE, Metrics::new().state());
    let started = store.start(std::time::SystemTime::now).await;
    let Err(Unfit::Unsafe(why)) = started else { panic!("{started:?}") };
    assert!(why.starts_with("the bucket store does not create an object as conditions demand: "));
    assert!(why.ends_with("racing writers were told that they were first"), "{why}");
}

async fn fetch(server: &Server, target: &str) -> crate::support::client::Response {
    let address = server.endpoint.strip_prefix("http://").unwrap();
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    client.send(format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n")).await;
    client.response().await
}
