//! Storage, or the state store, fails while an upload becomes an artifact. What was published in
//! the end is not swept.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use casgate::catalog::Catalog;
use casgate::gateway::work::KINDS;
use casgate::transfer::objects::BucketObjects;
use casgate::transfer::storage::StorageClient;
use casgate::upload::{Engine, Settings as UploadSettings};
use serde_json::{Value, json};

use super::bucket::{Bucket, Step};
use super::{SEGMENT, Subject, of_tenant};
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::{STREAM, Settings};
use crate::support::relay::Relay;

/// Longer than an upload may be idle.
const LATER: Duration = Duration::from_hours(3 * 24);

fn later() -> SystemTime {
    SystemTime::now() + LATER
}

/// Runs both sweeps three days from now, as the gateway does now and then.
pub(super) async fn sweep(subject: &Subject) {
    let serving = subject.gateway.edge.serving();
    let plan = &serving.plan;
    let bucket = &plan.buckets["store"];
    let storage = StorageClient::new(&plan.limits, &plan.timeouts);
    let objects = BucketObjects::new(storage, Arc::clone(bucket));
    let idle = bucket.abandoned_uploads_after;
    let store = plan.state.as_ref().unwrap();
    let engine = Engine {
        objects: &objects,
        store: &**store,
        settings: UploadSettings { segment_bytes: SEGMENT as u64, size_max: 0, idle },
        now: later,
        random: &|| Ok([7; 16]),
    };
    let swept = engine.sweep().await;
    assert_eq!(swept.failure, None);
    let catalog = Catalog {
        objects: &objects,
        name: "main",
        kinds: KINDS,
        isolated: true,
        max_versions: 1,
        random: &|| Ok([7; 16]),
    };
    let swept = catalog.sweep(idle, later(), None).await;
    assert!(swept.failure.is_none(), "{:?}", swept.failure);
}

/// Uploads these bytes; what the upload is called.
async fn uploaded(subject: &Subject, content: &[u8]) -> String {
    let who = of_tenant("acme");
    let begun = subject.json(&who, "POST", "upload", Value::Null).await;
    let upload = begun.json()["uuid"].as_str().unwrap().to_owned();
    let sent = subject.ask("POST", &format!("/sf/upload/{upload}"), &who, content).await;
    assert_eq!((sent.status, sent.json()), (200, json!(content.len())));
    upload
}

async fn publish(subject: &Subject, upload: &str) -> Response {
    let body = json!({"upload_uuid": upload, "artifact_type": "other"});
    subject.json(&of_tenant("acme"), "POST", "artifacts/upload/image", body).await
}

/// An error that the clients know, and no artifact.
#[track_caller]
fn assert_failed(response: &Response) {
    assert!(matches!(response.status, 406 | 500), "{}", response.status);
    let document = response.json();
    assert_eq!(document["status"], response.status);
    assert!(document["error"].is_string(), "{document}");
}

async fn assert_published(subject: &Subject, published: &Response, content: &[u8]) {
    assert_eq!(published.status, 200, "{}", published.text());
    let artifact = published.json();
    assert_eq!(artifact["blobs"].as_object().unwrap().len(), 1, "{artifact}");
    assert_eq!(artifact["index"], 1);
    let blob = artifact["blob_uuid"].as_str().unwrap();
    let who = of_tenant("acme");
    let data = subject.ask("GET", &format!("/sf/blobs/{blob}/data"), &who, b"").await;
    assert_eq!((data.status, data.is_whole), (200, true), "{}", content.len());
    assert!(data.body == content);
}

/// Wherever it breaks off, the same asked for again is done once.
#[tokio::test]
async fn storage_fails_at_a_step() {
    let steps = [
        (1000, Step::Put, "sf/acme/"),
        (1000, Step::PutIf, ".casgate/catalog/main/blobs/"),
        (1000, Step::PutIf, ".casgate/catalog/main/artifacts/"),
        (1000, Step::Read, ".casgate/catalog/main/artifacts/"),
        (SEGMENT + 1000, Step::Copy, "sf/acme/"),
        (SEGMENT + 1000, Step::Complete, "sf/acme/"),
        (SEGMENT + 1000, Step::PutIf, ".casgate/catalog/main/artifacts/"),
    ];
    for (size, step, key) in steps {
        let bucket = Bucket::start().await;
        let subject = Subject::before(&bucket.endpoint()).await;
        let content = Content::sized(size).bytes;
        let upload = uploaded(&subject, &content).await;
        bucket.fail(step, key);
        for _ in 0..2 {
            assert_failed(&publish(&subject, &upload).await);
        }
        bucket.heal();
        let published = publish(&subject, &upload).await;
        assert_published(&subject, &published, &content).await;
        // By one who did not hear that it was done.
        let again = publish(&subject, &upload).await;
        assert_published(&subject, &again, &content).await;
        sweep(&subject).await;
        let shown = subject.json(&of_tenant("acme"), "GET", "artifacts/image", Value::Null).await;
        assert_published(&subject, &shown, &content).await;
        assert_eq!(bucket.keys(".casgate/uploads/"), [""; 0], "{step:?} {key}");
    }
}

/// What nobody asked for again is deleted.
#[tokio::test]
async fn an_object_that_came_to_no_artifact_is_swept() {
    for step in [Step::PutIf, Step::Read] {
        let bucket = Bucket::start().await;
        let subject = Subject::before(&bucket.endpoint()).await;
        let upload = uploaded(&subject, b"abc").await;
        bucket.fail(step, ".casgate/catalog/main/artifacts/");
        assert_failed(&publish(&subject, &upload).await);
        assert_eq!(bucket.keys("sf/acme/").len(), 1);
        bucket.heal();
        sweep(&subject).await;
        assert_eq!(bucket.keys("sf/acme/"), [""; 0]);
    }
}

/// The object is there then, and nothing says so.
#[tokio::test]
async fn the_state_store_fails_at_the_end() {
    for size in [1000, SEGMENT + 1000] {
        let (bucket, books) = (Bucket::start().await, Embedded::start().await);
        let relay = Arc::new(Relay::to(books.address).await);
        let subject = with_books(&bucket, &relay).await;
        let content = Content::sized(size).bytes;
        let upload = uploaded(&subject, &content).await;
        let last = if size < SEGMENT { Step::Put } else { Step::Complete };
        let way = Arc::clone(&relay);
        bucket.call(last, "sf/acme/", move || way.cut());
        assert_failed(&publish(&subject, &upload).await);
        assert_eq!(bucket.keys("sf/acme/").len(), 1);
        bucket.heal();
        relay.open();
        let published = publish(&subject, &upload).await;
        assert_published(&subject, &published, &content).await;
        sweep(&subject).await;
        let shown = subject.json(&of_tenant("acme"), "GET", "artifacts/image", Value::Null).await;
        assert_published(&subject, &shown, &content).await;
    }
}

/// A gateway whose state is in another bucket.
pub(super) async fn with_books(bucket: &Bucket, relay: &Relay) -> Subject {
    let settings = Settings {
        limits: "upload_part_size: 5MiB, upload_memory: 50MiB",
        file: "state: { bucket: { bucket: books } }",
        ..STREAM
    };
    let address = relay.address;
    let change = |yaml: String| {
        let is_credentials = |line: &&str| line.trim_start().starts_with("credentials:");
        let credentials = yaml.lines().find(is_credentials).unwrap();
        let books = format!(
            "  books:\n    bucket: artifacts\n    region: us-east-1\n    \
             endpoint: http://{address}\n{credentials}\nissuers:\n"
        );
        yaml.replacen("issuers:\n", &books, 1)
    };
    Subject::of(&bucket.endpoint(), settings, change).await
}

/// The clients' own word for what is to be tried again after a second.
#[tokio::test]
async fn storage_that_is_busy_is_asked_again_later() {
    let bucket = Bucket::start().await;
    let subject = Subject::before(&bucket.endpoint()).await;
    let who = of_tenant("acme");
    let upload = uploaded(&subject, b"abc").await;
    let path = format!("/sf/upload/{upload}");
    bucket.fail(Step::Put, ".casgate/uploads/");
    let busy = subject.ask("POST", &path, &who, b"def").await;
    assert_eq!(busy.status, 406, "{}", busy.text());
    assert_failed(&busy);
    bucket.heal();
    // Nothing of it counts, so that it is sent again as it was.
    let sent = subject.ask("POST", &path, &who, b"def").await;
    assert_eq!((sent.status, sent.json()), (200, json!(6)));
    assert_published(&subject, &publish(&subject, &upload).await, b"abcdef").await;
}
