//! Artifacts, as clients of Shaken Fist use them.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use super::{NAMESPACES, SEGMENT, Subject};
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::embedded::Embedded;

/// A header line with the token that a namespace gets for its key.
pub(super) async fn log_in(subject: &Subject, namespace: &str) -> String {
    let (_, key) = NAMESPACES.iter().find(|(name, _)| *name == namespace).unwrap();
    let got = subject.json("", "POST", "auth", json!({"namespace": namespace, "key": key})).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let token = got.json();
    assert_eq!(token["token_type"], "Bearer");
    assert!(token["expires_in"].as_u64().unwrap() > 0);
    format!("Authorization: Bearer {}\r\n", token["access_token"].as_str().unwrap())
}

pub(super) async fn get(subject: &Subject, who: &str, path: &str) -> Response {
    subject.json(who, "GET", path, Value::Null).await
}

pub(super) async fn append(subject: &Subject, who: &str, upload: &str, bytes: &[u8]) -> Response {
    subject.ask("POST", &format!("/sf/upload/{upload}"), who, bytes).await
}

/// Begins an upload; what it is called.
pub(super) async fn begin(subject: &Subject, who: &str) -> String {
    let begun = subject.json(who, "POST", "upload", Value::Null).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let document = begun.json();
    assert!(document["created_at"].is_number() && document["node"].is_string(), "{document}");
    document["uuid"].as_str().unwrap().to_owned()
}

/// Uploads and publishes bytes by a name; the artifact.
pub(super) async fn publish(subject: &Subject, who: &str, name: &str, bytes: &[u8]) -> Value {
    let upload = begin(subject, who).await;
    let sent = append(subject, who, &upload, bytes).await;
    assert_eq!((sent.status, sent.json()), (200, json!(bytes.len())));
    let body = json!({"upload_uuid": upload});
    let published = subject.json(who, "POST", &format!("artifacts/upload/{name}"), body).await;
    assert_eq!(published.status, 200, "{}", published.text());
    published.json()
}

/// The refusal has this status, also in its document.
#[track_caller]
pub(super) fn assert_refused(response: &Response, status: u16) {
    assert_eq!((response.status, response.is_whole), (status, true), "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json"));
    let document = response.json();
    assert_eq!(document["status"], status);
    assert!(document["error"].is_string(), "{document}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_artifact_from_its_upload_to_its_end() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let who = &log_in(&subject, "acme").await;
    let content = Content::sized(SEGMENT + 1000).bytes;
    let size = content.len();
    let upload = begin(&subject, who).await;
    let sent = append(&subject, who, &upload, &content[..1000]).await;
    assert_eq!((sent.status, sent.json()), (200, json!(1000)));
    let sent = append(&subject, who, &upload, b"what was sent twice").await;
    assert_eq!((sent.status, sent.json()), (200, json!(1019)));
    let path = format!("upload/{upload}/truncate/1000");
    let cut = subject.json(who, "POST", &path, Value::Null).await;
    assert_eq!((cut.status, cut.json()), (200, Value::Null));
    let sent = append(&subject, who, &upload, &content[1000..]).await;
    assert_eq!((sent.status, sent.json()), (200, json!(size)));
    // An empty piece asks how many bytes there are.
    assert_eq!(append(&subject, who, &upload, b"").await.json(), json!(size));
    let body = json!({"upload_uuid": upload, "source_url": "https://example.com/image"});
    let published = subject.json(who, "POST", "artifacts/upload/image%20one", body).await;
    assert_eq!(published.status, 200, "{}", published.text());
    let artifact = published.json();
    let id = artifact["uuid"].as_str().unwrap();
    let blob = artifact["blob_uuid"].as_str().unwrap();
    assert_eq!(artifact["namespace"], "acme");
    assert_eq!(artifact["artifact_type"], "image");
    assert_eq!(artifact["source_url"], "https://example.com/image");
    assert_eq!((&artifact["index"], &artifact["shared"]), (&json!(1), &json!(false)));
    assert_eq!(artifact["blobs"]["1"]["size"], json!(size));
    for path in [format!("artifacts/{id}"), "artifacts/image%20one".to_owned()] {
        assert_eq!(get(&subject, who, &path).await.json(), artifact);
    }
    let versions = get(&subject, who, &format!("artifacts/{id}/versions")).await.json();
    assert_eq!(versions.as_array().unwrap().len(), 1);
    assert_eq!((&versions[0]["uuid"], &versions[0]["size"]), (&json!(blob), &json!(size)));
    assert_eq!(versions[0]["sha512"], hex(&Sha512::digest(&content)));
    // Nothing is appended to what is an artifact.
    assert_refused(&append(&subject, who, &upload, b"more").await, 409);
    let removed = subject.json(who, "DELETE", &format!("artifacts/{id}"), Value::Null).await;
    assert_eq!((removed.status, &removed.json()["state"]), (200, &json!("deleted")));
    assert_refused(&get(&subject, who, &format!("artifacts/{id}")).await, 404);
    assert_refused(&get(&subject, who, &format!("blobs/{blob}")).await, 404);
    assert_refused(&get(&subject, who, &format!("blobs/{blob}/data")).await, 404);
    assert_eq!(get(&subject, who, "artifacts").await.json(), json!([]));
    assert_eq!(storage.uploads().await, [""; 0]);
}

/// Some clients send a document with what others ask for by a bare GET.
#[tokio::test]
async fn lists_with_and_without_a_body() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let who = &log_in(&subject, "acme").await;
    let mut published = Vec::new();
    for name in ["one", "two"] {
        let artifact = publish(&subject, who, name, name.as_bytes()).await;
        published.push(artifact["uuid"].as_str().unwrap().to_owned());
    }
    published.sort();
    for body in [Value::Null, json!({}), json!({"node": null, "since": 5})] {
        let listed = subject.json(who, "GET", "artifacts", body.clone()).await;
        assert_eq!(listed.status, 200, "{body}");
        let listed = listed.json();
        let ids = listed.as_array().unwrap().iter().map(|entry| entry["uuid"].as_str().unwrap());
        let mut ids: Vec<_> = ids.map(str::to_owned).collect();
        ids.sort();
        assert_eq!(ids, published);
        let blobs = subject.json(who, "GET", "blobs", body).await.json();
        assert_eq!(blobs.as_array().unwrap().len(), 2);
    }
    assert_refused(&subject.json(who, "GET", "artifacts", json!([])).await, 400);
    for path in [format!("artifacts/{}/events", published[0]), "artifacts/one/events".to_owned()] {
        assert_eq!(subject.json(who, "GET", &path, json!({"limit": 5})).await.json(), json!([]));
    }
}

/// By the offset and the limit of the query; always with 200.
#[tokio::test]
async fn the_bytes_of_a_blob_from_anywhere() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let who = &log_in(&subject, "acme").await;
    let content = Content::sized(100_000).bytes;
    let artifact = publish(&subject, who, "image", &content).await;
    let blob = artifact["blob_uuid"].as_str().unwrap();
    for (query, expected) in [
        ("", &content[..]),
        ("?offset=0", &content),
        ("?offset=1", &content[1..]),
        ("?offset=50000", &content[50_000..]),
        ("?offset=99999", &content[99_999..]),
        ("?offset=100000", b""),
        ("?offset=100001", b""),
        ("?offset=18446744073709551615", b""),
        ("?limit=0", &content),
        ("?limit=1", &content[..1]),
        ("?limit=100000", &content),
        ("?offset=10&limit=1000", &content[10..1010]),
        ("?offset=99999&limit=1000", &content[99_999..]),
        ("?offset=100000&limit=5", b""),
        ("?limit=18446744073709551615&offset=1", &content[1..]),
    ] {
        let data = subject.ask("GET", &format!("/sf/blobs/{blob}/data{query}"), who, b"").await;
        assert_eq!((data.status, data.is_whole), (200, true), "{query}");
        assert!(data.body == expected, "{query}: {} bytes", data.body.len());
        let length = expected.len().to_string();
        assert_eq!(data.header("content-length"), Some(length.as_str()), "{query}");
        assert_eq!(data.header("content-type"), Some("application/octet-stream"));
    }
    for query in ["?offset=-1", "?offset=x", "?offset=", "?limit=1&limit=2", "?limit=1e3"] {
        let data = subject.ask("GET", &format!("/sf/blobs/{blob}/data{query}"), who, b"").await;
        assert_refused(&data, 400);
    }
}

#[tokio::test]
async fn blobs_are_found_by_what_they_hash_to() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let (who, other) = (&log_in(&subject, "acme").await, &log_in(&subject, "other").await);
    let artifact = publish(&subject, who, "image", b"some bytes").await;
    let blob = &artifact["blob_uuid"];
    let digests = [
        ("sha256", hex(&Sha256::digest(b"some bytes"))),
        ("sha512", hex(&Sha512::digest(b"some bytes"))),
    ];
    for (algorithm, digest) in &digests {
        let path = format!("blob_checksums/{algorithm}/{digest}");
        let found = get(&subject, who, &path).await;
        assert_eq!((found.status, &found.json()["uuid"]), (200, blob));
        // Who has none does not learn that somebody else has.
        let found = get(&subject, other, &path).await;
        assert_eq!((found.status, found.json()), (200, Value::Null));
    }
    let zeros = get(&subject, who, &format!("blob_checksums/sha512/{}", "0".repeat(128))).await;
    assert_eq!((zeros.status, zeros.json()), (200, Value::Null));
    for path in ["md4/00", "sha256/00", "sha512/xyz"] {
        assert_refused(&get(&subject, who, &format!("blob_checksums/{path}")).await, 400);
    }
    // The same bytes by another name, without sending them again.
    let body = json!({"blob_uuid": blob});
    let again = subject.json(who, "POST", "artifacts/upload/second", body.clone()).await;
    assert_eq!((again.status, &again.json()["blob_uuid"]), (200, blob));
    assert_refused(&subject.json(other, "POST", "artifacts/upload/third", body).await, 404);
}

#[tokio::test]
async fn versions_are_kept_as_many_as_were_asked_for() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let who = &log_in(&subject, "acme").await;
    for number in 1..=4 {
        let artifact = publish(&subject, who, "image", format!("{number}").as_bytes()).await;
        assert_eq!(artifact["index"], number);
    }
    let indexes = async || {
        let versions = get(&subject, who, "artifacts/image/versions").await.json();
        let versions = versions.as_array().unwrap().iter();
        let mut indexes: Vec<_> = versions.map(|each| each["index"].as_u64().unwrap()).collect();
        indexes.sort_unstable();
        indexes
    };
    assert_eq!(indexes().await, [2, 3, 4]);
    let removed = subject.json(who, "DELETE", "artifacts/image/versions/3", Value::Null).await;
    assert_eq!(removed.status, 200, "{}", removed.text());
    assert_eq!(indexes().await, [2, 4]);
    let body = json!({"max_versions": 1});
    let kept = subject.json(who, "POST", "artifacts/image/versions", body).await;
    assert_eq!((kept.status, kept.json()), (200, Value::Null));
    assert_eq!(indexes().await, [4]);
    for wrong in [json!({}), json!({"max_versions": 0}), json!({"max_versions": "1"})] {
        let refused = subject.json(who, "POST", "artifacts/image/versions", wrong).await;
        assert_refused(&refused, 400);
    }
    assert_refused(
        &subject.json(who, "DELETE", "artifacts/image/versions/3", Value::Null).await,
        404,
    );
}

#[tokio::test]
async fn what_makes_no_artifact() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let who = &log_in(&subject, "acme").await;
    let upload = begin(&subject, who).await;
    let nobody = "01900000-0000-7000-8000-000000000001";
    for (body, status) in [
        (json!({}), 400),
        (json!({"upload_uuid": upload, "blob_uuid": nobody}), 400),
        (json!({"upload_uuid": nobody}), 404),
        (json!({"blob_uuid": nobody}), 404),
        (json!({"upload_uuid": upload, "artifact_type": "snapshot"}), 400),
        (json!([upload]), 400),
    ] {
        let refused = subject.json(who, "POST", "artifacts/upload/image", body).await;
        assert_refused(&refused, status);
    }
    assert_refused(&append(&subject, who, nobody, b"x").await, 404);
    assert_refused(&get(&subject, who, "artifacts/image").await, 404);
    assert_refused(&subject.json(who, "PUT", "artifacts", Value::Null).await, 405);
    let path = format!("upload/{upload}/truncate/5");
    let beyond = subject.json(who, "POST", &path, Value::Null).await;
    assert!(beyond.status >= 400, "{}", beyond.text());
    // None of it took the upload away, and none of its bytes is an artifact too.
    let body = json!({"upload_uuid": upload});
    let empty = subject.json(who, "POST", "artifacts/upload/image", body).await;
    assert_eq!((empty.status, &empty.json()["blobs"]["1"]["size"]), (200, &json!(0)));
}
