//! The S3 server of `casgate dev`: storage that enforces signatures, and whose multipart uploads are
//! seen until they end.

use std::net::SocketAddr;
use std::time::SystemTime;

use aws_sdk_s3::Client;
use casgate::bucket::control;
use casgate::cli::dev_s3::{Options, serve};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::gateway::{Gateway, Settings};

const BUCKET: &str = "artifacts";

/// The server. It ends when dropped.
pub(crate) struct Embedded {
    pub(crate) address: SocketAddr,
    pub(crate) endpoint: String,
    running: JoinHandle<std::io::Result<()>>,
    client: Client,
    _folder: TempDir,
}

impl Embedded {
    /// A server with the bucket of the tests.
    pub(crate) async fn start() -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap()).await
    }

    /// The same on this listener.
    pub(crate) async fn start_on(listener: TcpListener) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            root: folder.path().join("data"),
            access_key_id: "AKIATESTS".into(),
            secret_access_key: "storage secret".into(),
        };
        let address = listener.local_addr().unwrap();
        let endpoint = format!("http://{address}");
        let running = tokio::spawn(serve(listener, options));
        let client = client_of(&Gateway::before(&endpoint, &super::gateway::STREAM));
        client.create_bucket().bucket(BUCKET).send().await.unwrap();
        Self { address, endpoint, running, client, _folder: folder }
    }

    /// A gateway in front of it.
    #[track_caller]
    pub(crate) fn gateway(&self, settings: &Settings<'_>) -> Gateway {
        Gateway::before(&self.endpoint, settings)
    }

    /// The keys of all objects.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let listed = self.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    /// Stores an object.
    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) {
        let put = self.client.put_object().bucket(BUCKET).key(key).body(bytes.to_vec().into());
        put.send().await.unwrap();
    }

    /// The bytes of an object.
    pub(crate) async fn object(&self, key: &str) -> Vec<u8> {
        let object = self.client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        object.body.collect().await.unwrap().to_vec()
    }

    /// The keys of multipart uploads that have not ended.
    pub(crate) async fn uploads(&self) -> Vec<String> {
        let listed = self.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
        listed.uploads().iter().filter_map(|upload| upload.key().map(str::to_owned)).collect()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn client_of(gateway: &Gateway) -> Client {
    control::client(&gateway.edge.serving().plan.buckets["store"], SystemTime::now)
}
