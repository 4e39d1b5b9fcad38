//! Does storage do with objects what the gateway's own books need of it, and is every failure told?

mod assembly;
mod documents;
mod faults;
mod lists;
mod servers;

use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::Client;
use casgate::auth::{Carriage, Grant, authorize};
use casgate::bucket::control::conditional::{
    ConditionalWrites, TagForm, Verdict, probe_conditional_writes,
};
use casgate::bucket::object::Annotations;
use casgate::bucket::objects::Objects as _;
use casgate::bucket::{Bucket, control};
use casgate::content::layout::{STAGING, WritableKey};
use casgate::error::Kind;
use casgate::telemetry::Metrics;
use casgate::transfer::objects::BucketObjects;
use casgate::transfer::storage::StorageClient;
use serde_json::json;

use crate::support::PATIENCE;
use crate::support::gateway::{STREAM, Settings, compile};
use crate::support::token;

const HONOURED: ConditionalWrites = ConditionalWrites {
    create: Verdict::Honoured,
    replace: Verdict::Honoured,
    complete: Verdict::Honoured,
    tags: TagForm::Quoted,
};

const NONE: &Annotations = &Annotations {
    tag: None,
    duration: None,
    sha: None,
    dirty_hash: None,
    unixfs: None,
    filename: None,
};

/// A server, and who may use it.
struct Server<'a> {
    endpoint: &'a str,
    bucket: &'a str,
    access_key: &'a str,
    secret_key: &'a str,
}

/// One that knows the tests' own credentials.
fn own(endpoint: &str) -> Server<'_> {
    let (access_key, secret_key) = ("AKIATESTS", "storage secret");
    Server { endpoint, bucket: "artifacts", access_key, secret_key }
}

/// A bucket's objects under test.
struct Subject {
    objects: BucketObjects,
    bucket: Arc<Bucket>,
    /// Another program.
    client: Client,
    grant: Grant,
}

impl Subject {
    async fn of(server: &Server<'_>, settings: Settings<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = "  - path: /turborepo/
    dialect: { turborepo: {} }
    bucket: store
    layout: 'turborepo/{tenant}/{hash}'
    delivery: stream
    auth: { jwt: { issuers: [tests], tenant: claims.teams, read: 'true', write: 'true' } }
";
        let yaml = Settings { file, ..settings }.yaml(server.endpoint, &folder);
        let yaml = yaml.replace("bucket: artifacts", &format!("bucket: {}", server.bucket));
        std::fs::write(folder.path().join("id"), server.access_key).unwrap();
        std::fs::write(folder.path().join("key"), server.secret_key).unwrap();
        let plan = compile(&yaml, &Metrics::new()).unwrap();
        let bearer = format!("Bearer {}", token::mint(json!({"teams": ["acme"]})));
        let request = http::Request::builder().header("authorization", bearer).body(()).unwrap();
        let policy = &plan.routes["/turborepo/"].policy;
        let head = request.into_parts().0;
        let grant = authorize(policy, &head, Carriage::Bearer, SystemTime::now()).await.unwrap();
        let bucket = Arc::clone(&plan.buckets["store"]);
        let storage = StorageClient::new(&plan.limits, &plan.timeouts);
        let objects = BucketObjects::new(storage, Arc::clone(&bucket));
        let client = control::client(&bucket, SystemTime::now);
        Self { objects, bucket, client, grant }
    }

    /// Of the tests' own server, whose conditions are taken for good.
    async fn scripted(address: std::net::SocketAddr) -> Self {
        let subject = Self::of(&own(&format!("http://{address}")), STREAM).await;
        subject.bucket.fitness.learn(HONOURED);
        subject
    }

    /// Finds out how the server wants conditions.
    async fn tried_out(self) -> Self {
        let seen = probe_conditional_writes(&self.bucket, SystemTime::now, PATIENCE).await;
        self.bucket.fitness.learn(seen.unwrap());
        assert!(self.bucket.fitness.keeps_documents());
        self
    }

    /// Keys in the order of their numbers, below [`STAGING`].
    fn key(&self, number: u128) -> WritableKey {
        WritableKey::staging(&self.grant, number.to_be_bytes()).unwrap()
    }

    async fn read(&self, number: u128, range: (u64, u64)) -> Result<Option<Vec<u8>>, Kind> {
        let mut buffer = b"before".to_vec();
        let there = self.objects.read(self.key(number).key(), range, &mut buffer).await;
        let appended = buffer.strip_prefix(b"before").unwrap().to_vec();
        match there {
            Ok(true) => return Ok(Some(appended)),
            Ok(false) => assert!(appended.is_empty(), "bytes of nothing"),
            Err(ref error) => assert!(appended.is_empty(), "bytes before {error}"),
        }
        there.map(|_| None).map_err(|error| error.kind())
    }

    /// The whole of an object, as another program sees it.
    async fn object(&self, number: u128) -> Vec<u8> {
        let get = self.client.get_object().bucket(&self.bucket.bucket);
        let object = get.key(self.key(number).key().as_str()).send().await.unwrap();
        object.body.collect().await.unwrap().to_vec()
    }

    /// How many multipart uploads have not ended.
    async fn uploads(&self) -> usize {
        let list = self.client.list_multipart_uploads().bucket(&self.bucket.bucket);
        list.prefix(STAGING).send().await.unwrap().uploads().len()
    }
}

/// Bytes that differ from their neighbours.
fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8 ^ seed).collect()
}
