//! Is what is found out about a bucket, or tidied up in it, right?

mod abandoned;
mod conditional;
pub(crate) mod stand_in;

use std::sync::Arc;
use std::time::SystemTime;

use casgate::bucket::{Bucket, control};
use casgate::cli::dev_s3;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::gateway::{Gateway, STREAM};

/// The bucket `artifacts` of the server there, as a gateway has it.
pub(crate) fn bucket_of(endpoint: &str) -> Arc<Bucket> {
    let gateway = Gateway::before(endpoint, &STREAM);
    Arc::clone(&gateway.edge.serving().plan.buckets["store"])
}

/// The S3 server of `casgate dev`, with the bucket. It ends when dropped.
struct Embedded {
    bucket: Arc<Bucket>,
    client: aws_sdk_s3::Client,
    running: JoinHandle<std::io::Result<()>>,
    _folder: TempDir,
}

impl Embedded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bucket = bucket_of(&format!("http://{}", listener.local_addr().unwrap()));
        let options = dev_s3::Options {
            root: folder.path().to_owned(),
            access_key_id: "AKIATESTS".to_owned(),
            secret_access_key: "storage secret".to_owned(),
        };
        let running = tokio::spawn(dev_s3::serve(listener, options));
        let client = control::client(&bucket, SystemTime::now);
        client.create_bucket().bucket(&bucket.bucket).send().await.unwrap();
        Self { bucket, client, running, _folder: folder }
    }

    /// The keys of the unfinished uploads.
    async fn uploads(&self) -> Vec<String> {
        let list = self.client.list_multipart_uploads().bucket(&self.bucket.bucket);
        let page = list.send().await.unwrap();
        page.uploads.unwrap_or_default().into_iter().filter_map(|upload| upload.key).collect()
    }

    /// The keys of the objects.
    async fn objects(&self) -> Vec<String> {
        let list = self.client.list_objects_v2().bucket(&self.bucket.bucket);
        let page = list.send().await.unwrap();
        page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.running.abort();
    }
}
