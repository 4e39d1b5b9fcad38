//! What clients are told: every member that they cannot do without.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::super::greeting::CAPABILITIES;
use super::*;
use crate::bucket::object::ObjectHead;
use crate::catalog::{Artifact, ArtifactId, Blob, Version};
use crate::content::digest::Sha256Digest;
use crate::content::digests::Digests;
use crate::dialect::{CatalogOutcome, Outcome, UploadHead, UploadOutcome};
use crate::reply::{Portion, Reply, Visibility};

/// What clients look for in the page, or once did.
const WORDS: [&str; 24] = [
    "agentoperations-crud",
    "artifact-metadata",
    "artifact-upload-types",
    "blob-data-limit",
    "blob-events",
    "blob-hash-",
    "blob-metadata",
    "blob-search-by-hash",
    "blob-single-checksum",
    "cluster-",
    "events-by-type",
    "extra-dns-entries",
    "get-",
    "instance",
    "interface-metadata",
    "list-addresses",
    "namespace-claims",
    "network",
    "node-get",
    "node-metadata",
    "node-process-metrics",
    "provide-dns",
    "pure-",
    "route-addresses",
];

fn time() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_790_000_000_250)
}

fn upload_head(size: u64, is_complete: bool) -> UploadHead<'static> {
    UploadHead {
        id: ours(),
        size,
        length: None,
        metadata: "",
        is_complete,
        expires: None,
        now: time(),
        size_max: 1 << 40,
    }
}

fn blob(references: usize) -> Blob {
    Blob {
        id: ours(),
        namespace: "builds".into(),
        size: 7,
        digests: Digests { sha1: [1; 20], sha256: Sha256Digest::of(b"x"), sha512: [0xab; 64] },
        key: "builds/blobs/secret".into(),
        stored: time(),
        references: vec![ArtifactId::parse(THEIRS).unwrap(); references],
    }
}

fn artifact(indexes: &[u64]) -> Artifact {
    let version = |index: &u64| Version { index: *index, blob: ours(), size: 7, added: time() };
    Artifact {
        id: ArtifactId::parse(THEIRS).unwrap(),
        namespace: "builds".into(),
        name: "debian".into(),
        kind: "image".into(),
        source_url: "sf://upload/builds/debian".into(),
        is_shared: false,
        max_versions: 3,
        versions: indexes.iter().map(version).collect(),
    }
}

fn answer(method: &str, rest: &str, outcome: &Outcome<'_>) -> Reply {
    shakenfist().answer(&head(method, rest), &parse(method, rest).unwrap(), outcome)
}

/// The document that is the answer to a call, whose status is 200.
#[track_caller]
fn document(method: &str, rest: &str, outcome: &Outcome<'_>) -> Value {
    let reply = answer(method, rest, outcome);
    assert_eq!(reply.status(), 200, "{rest}");
    assert_eq!(reply.headers()["content-type"], "application/json");
    assert_eq!(reply.headers()["cache-control"], "no-store");
    assert_eq!(reply.headers()["x-content-type-options"], "nosniff");
    serde_json::from_slice(reply.body()).unwrap()
}

#[test]
fn the_page_names_what_is_offered_and_nothing_else() {
    let reply = answer("GET", "", &Outcome::Greeting);
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers()["content-type"], "text/html; charset=utf-8");
    let page = std::str::from_utf8(reply.body()).unwrap();
    for word in WORDS {
        assert_eq!(page.contains(word), CAPABILITIES.contains(&word), "{word}");
    }
    for word in CAPABILITIES {
        assert!(WORDS.contains(&word) && page.contains(word), "{word}");
    }
}

#[test]
fn tokens() {
    let outcome = Outcome::LoggedIn { token: "a.b.c", life: Duration::from_secs(900) };
    let expected = json!({"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 900});
    assert_eq!(document("POST", "auth", &outcome), expected);
}

#[test]
fn uploads() {
    let at = |outcome| Outcome::Upload(outcome);
    let piece = format!("upload/{OURS}");
    let begun = document("POST", "upload", &at(UploadOutcome::Begun(upload_head(0, false))));
    let milliseconds = u64::from_str_radix(&OURS.replace('-', "")[..12], 16).unwrap();
    let created = Duration::from_millis(milliseconds).as_secs_f64();
    let expected = json!({
        "uuid": OURS, "state": "created", "metadata": {}, "version": 3, "node": "casgate",
        "created_at": created,
    });
    assert_eq!(begun, expected);
    let grown = at(UploadOutcome::Grown(upload_head(5_000_000_000, false)));
    assert_eq!(document("POST", &piece, &grown), json!(5_000_000_000_u64));
    let truncated = at(UploadOutcome::Truncated(upload_head(0, false)));
    assert_eq!(document("POST", &format!("{piece}/truncate/0"), &truncated), Value::Null);
    for (is_complete, text) in
        [(true, "the upload is an artifact already"), (false, "the upload has 9 bytes")]
    {
        let elsewhere = at(UploadOutcome::Elsewhere(upload_head(9, is_complete)));
        let reply = answer("POST", &piece, &elsewhere);
        assert_eq!(reply.status(), 409);
        let body: Value = serde_json::from_slice(reply.body()).unwrap();
        assert_eq!(body, json!({"error": text, "status": 409}));
    }
}

#[test]
fn one_artifact() {
    let (artifact, blobs) = (artifact(&[2, 10]), [(10, blob(2))]);
    let outcome = Outcome::Catalog(CatalogOutcome::Artifact { artifact: &artifact, blobs: &blobs });
    let entry = json!({
        "uuid": OURS, "size": 7, "reference_count": 2, "depends_on": null, "instances": [],
    });
    let mut expected = json!({
        "uuid": THEIRS, "state": "created", "metadata": {}, "version": 6,
        "artifact_type": "image", "source_url": "sf://upload/builds/debian", "max_versions": 3,
        "namespace": "builds", "shared": false, "index": 10, "blob_uuid": OURS,
        "blobs": {"2": entry, "10": entry},
    });
    for (method, rest) in [
        ("GET", "artifacts/debian"),
        ("POST", "artifacts/upload/debian"),
        ("POST", "artifacts/debian/share"),
        ("POST", "artifacts/debian/unshare"),
        ("DELETE", "artifacts/debian/versions/1"),
    ] {
        assert_eq!(document(method, rest, &outcome), expected, "{method} {rest}");
    }
    expected["state"] = "deleted".into();
    assert_eq!(document("DELETE", "artifacts/debian", &outcome), expected);
    // What clients take for an answer to that is whatever is JSON.
    assert_eq!(document("POST", "artifacts/debian/versions", &outcome), Value::Null);
}

#[test]
fn an_artifact_without_versions_has_a_number_of_the_newest_all_the_same() {
    let artifact = artifact(&[]);
    let outcome = Outcome::Catalog(CatalogOutcome::Artifact { artifact: &artifact, blobs: &[] });
    let document = document("GET", "artifacts/debian", &outcome);
    assert_eq!((&document["index"], &document["blobs"]), (&json!(0), &json!({})));
    assert!(document.get("blob_uuid").is_none());
}

#[test]
fn lists() {
    let (artifacts, blobs) = ([artifact(&[1]), artifact(&[])], [(4, blob(1))]);
    let list =
        document("GET", "artifacts", &Outcome::Catalog(CatalogOutcome::Artifacts(&artifacts)));
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[0]["blobs"]["1"]["reference_count"], 1);
    assert_eq!((&list[0]["index"], &list[1]["index"]), (&json!(1), &json!(0)));

    let versions = CatalogOutcome::Versions(&blobs);
    let versions = document("GET", "artifacts/a/versions", &Outcome::Catalog(versions));
    assert_eq!((&versions[0]["index"], &versions[0]["uuid"]), (&json!(4), &json!(OURS)));
    assert_eq!(versions[0]["instances"], json!([]));

    let removed = [ArtifactId::parse(THEIRS).unwrap()];
    let removed = Outcome::Catalog(CatalogOutcome::Removed(&removed));
    assert_eq!(document("DELETE", "artifacts", &removed), json!([THEIRS]));

    let blobs = [blob(1)];
    let blobs = document("GET", "blobs", &Outcome::Catalog(CatalogOutcome::Blobs(&blobs)));
    assert_eq!((&blobs[0]["uuid"], blobs[0].get("index")), (&json!(OURS), None));

    let events = format!("blobs/{OURS}/events");
    for rest in ["artifacts/a/events", &events] {
        let none = Outcome::Catalog(CatalogOutcome::NoEvents);
        assert_eq!(document("GET", rest, &none), json!([]));
    }
    for (method, rest) in [("POST", "artifacts/a/versions"), ("DELETE", "artifacts/a")] {
        let done = Outcome::Catalog(CatalogOutcome::Done);
        assert_eq!(document(method, rest, &done), Value::Null);
    }
}

#[test]
fn one_blob() {
    let blob = blob(2);
    let expected = json!({
        "uuid": OURS, "state": "created", "metadata": {}, "version": 6, "size": 7,
        "modified": 1_790_000_000.25, "fetched_at": 1_790_000_000.25, "depends_on": null,
        "transcodes": {}, "locations": ["casgate"], "reference_count": 2,
        "sha512": "ab".repeat(64), "last_used": null, "mime-type": "application/octet-stream",
        "instances": [],
    });
    let rest = format!("blobs/{OURS}");
    let by_hash = format!("blob_checksums/sha512/{}", "ab".repeat(64));
    let found = Outcome::Catalog(CatalogOutcome::Blob(Some(&blob)));
    assert_eq!(document("GET", &rest, &found), expected);
    assert_eq!(document("GET", &by_hash, &found), expected);
    let none = Outcome::Catalog(CatalogOutcome::Blob(None));
    assert_eq!(document("GET", &by_hash, &none), Value::Null);
}

#[test]
fn bytes_are_never_a_part_to_clients() {
    let rest = format!("blobs/{OURS}/data?offset=10&limit=90");
    let object = ObjectHead {
        size: 300,
        content_type: Some(http::HeaderValue::from_static("text/html")),
        etag: Some(http::HeaderValue::from_static("\"x\"")),
        ..ObjectHead::default()
    };
    let outcome = |portion| {
        let visibility = Visibility::Private;
        Outcome::Object { object: &object, portion, visibility }
    };
    for (outcome, length) in [
        (outcome(Portion::Whole), "300"),
        (outcome(Portion::Part { first: 10, length: 90 }), "90"),
        (Outcome::Catalog(CatalogOutcome::NoBytes), "0"),
    ] {
        let reply = answer("GET", &rest, &outcome);
        assert_eq!(reply.status(), 200);
        assert!(reply.body().is_empty());
        let mut headers: Vec<_> = reply
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            [
                "cache-control: private, no-store, no-transform".to_owned(),
                format!("content-disposition: attachment; filename=\"{OURS}\""),
                format!("content-length: {length}"),
                "content-type: application/octet-stream".to_owned(),
                "x-content-type-options: nosniff".to_owned(),
            ]
        );
    }
}

#[test]
fn outcomes_that_a_call_does_not_have_are_our_defect() {
    let object = ObjectHead::default();
    let (portion, visibility) = (Portion::Whole, Visibility::Private);
    let piece = format!("upload/{OURS}");
    for (method, rest, outcome) in [
        ("GET", "", Outcome::Stored),
        ("POST", "auth", Outcome::Greeting),
        ("POST", &*piece, Outcome::Upload(UploadOutcome::Dropped)),
        ("POST", &piece, Outcome::Upload(UploadOutcome::Mismatch)),
        ("GET", "artifacts", Outcome::Upload(UploadOutcome::Grown(upload_head(1, false)))),
        ("GET", "artifacts", Outcome::Catalog(CatalogOutcome::NoBytes)),
        ("GET", "artifacts", Outcome::Object { object: &object, portion, visibility }),
    ] {
        assert_eq!(answer(method, rest, &outcome).status(), 500, "{method} {rest}");
    }
}
