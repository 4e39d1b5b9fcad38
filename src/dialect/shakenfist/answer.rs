//! Answers: JSON with all members that clients cannot do without, and 200 always.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use http::header::{self, HeaderValue};
use serde_json::{Map, Value, json};

use super::refusal;
use crate::bucket::object::ObjectHead;
use crate::catalog::{Artifact, Blob};
use crate::content::digests::Algorithm;
use crate::content::upload::UploadId;
use crate::dialect::{CatalogCall, CatalogOutcome, UploadHead, UploadOutcome};
use crate::reply::{self, Portion, Reply};

/// Where everything is, as far as clients are concerned.
const NODE: &str = "casgate";

/// The versions of their objects that Shaken Fist's own server has.
const UPLOAD_FORM: u32 = 3;
const CATALOG_FORM: u32 = 6;

/// The state of what is there, and of what was removed.
const CREATED: &str = "created";
const DELETED: &str = "deleted";

/// A JSON document, which nobody keeps.
pub(super) fn json(status: StatusCode, document: &Value) -> Reply {
    let mut reply = reply::with_body(status, "application/json", document.to_string());
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

fn ok(document: &Value) -> Reply {
    json(StatusCode::OK, document)
}

/// The token for a key.
pub(super) fn logged_in(token: &str, life: Duration) -> Reply {
    let expires_in = life.as_secs();
    ok(&json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in}))
}

/// What became of an upload. None: it is nothing that can be asked for here.
pub(super) fn upload(outcome: &UploadOutcome<'_>) -> Option<Reply> {
    match *outcome {
        UploadOutcome::Begun(head) => Some(ok(&begun(&head))),
        // Clients compare it with what they have sent.
        UploadOutcome::Grown(head) => Some(ok(&json!(head.size))),
        UploadOutcome::Truncated(_) => Some(ok(&Value::Null)),
        UploadOutcome::Elsewhere(head) => {
            let text = match head.is_complete {
                true => "the upload is an artifact already".to_owned(),
                false => format!("the upload has {} bytes", head.size),
            };
            Some(refusal::document(StatusCode::CONFLICT, &text))
        }
        UploadOutcome::Is(_) | UploadOutcome::Dropped | UploadOutcome::Mismatch => None,
    }
}

fn begun(head: &UploadHead<'_>) -> Value {
    json!({
        "uuid": head.id.to_string(),
        "state": CREATED,
        "metadata": {},
        "version": UPLOAD_FORM,
        "node": NODE,
        "created_at": seconds(head.id.began()),
    })
}

/// What became of a call to the catalog. None: the call has no such outcome.
pub(super) fn catalog(call: &CatalogCall, outcome: &CatalogOutcome<'_>) -> Option<Reply> {
    if let CatalogOutcome::NoBytes = outcome {
        return matches!(call, CatalogCall::BlobData { .. }).then(|| bytes(call, 0));
    }
    let document = match *outcome {
        // Shaken Fist's own server has nothing to say of it either.
        CatalogOutcome::Artifact { .. } if matches!(call, CatalogCall::KeepVersions(..)) => {
            Value::Null
        }
        CatalogOutcome::Artifact { artifact, blobs } => {
            let is_removed = matches!(call, CatalogCall::Remove(_));
            describe(artifact, blobs, if is_removed { DELETED } else { CREATED })
        }
        CatalogOutcome::Artifacts(artifacts) => {
            artifacts.iter().map(|artifact| describe(artifact, &[], CREATED)).collect()
        }
        CatalogOutcome::Versions(blobs) => blobs.iter().map(version).collect(),
        CatalogOutcome::Done => Value::Null,
        CatalogOutcome::Removed(artifacts) => artifacts.iter().map(ToString::to_string).collect(),
        CatalogOutcome::Blobs(blobs) => blobs.iter().map(describe_blob).collect(),
        CatalogOutcome::Blob(blob) => blob.map(describe_blob).into(),
        CatalogOutcome::NoEvents => json!([]),
        CatalogOutcome::NoBytes => return None,
    };
    Some(ok(&document))
}

/// An artifact and those of its blobs that are known.
fn describe(artifact: &Artifact, blobs: &[(u64, Blob)], state: &str) -> Value {
    let references = |id: UploadId| {
        let blob = blobs.iter().map(|(_, blob)| blob).find(|blob| blob.id == id);
        // One is this artifact.
        blob.map_or(1, |blob| blob.references.len())
    };
    let versions = artifact.versions.iter().map(|version| {
        let entry = json!({
            "uuid": version.blob.to_string(),
            "size": version.size,
            "reference_count": references(version.blob),
            "depends_on": null,
            "instances": [],
        });
        (version.index.to_string(), entry)
    });
    let mut document = json!({
        "uuid": artifact.id.to_string(),
        "state": state,
        "metadata": {},
        "version": CATALOG_FORM,
        "artifact_type": artifact.kind,
        "source_url": artifact.source_url,
        "max_versions": artifact.max_versions,
        "namespace": artifact.namespace,
        "shared": artifact.is_shared,
        // Clients write it as a number, also where there is no version.
        "index": artifact.versions.last().map_or(0, |version| version.index),
        "blobs": versions.collect::<Map<_, _>>(),
    });
    if let Some(newest) = artifact.versions.last() {
        document["blob_uuid"] = newest.blob.to_string().into();
    }
    document
}

fn version((index, blob): &(u64, Blob)) -> Value {
    let mut document = describe_blob(blob);
    document["index"] = (*index).into();
    document
}

fn describe_blob(blob: &Blob) -> Value {
    let stored = seconds(blob.stored);
    json!({
        "uuid": blob.id.to_string(),
        "state": CREATED,
        "metadata": {},
        "version": CATALOG_FORM,
        "size": blob.size,
        "modified": stored,
        "fetched_at": stored,
        "depends_on": null,
        "transcodes": {},
        "locations": [NODE],
        "reference_count": blob.references.len(),
        "sha512": blob.digests.by(Algorithm::Sha512).to_string(),
        // Nobody takes note of that.
        "last_used": null,
        "mime-type": "application/octet-stream",
        "instances": [],
    })
}

/// The head of the answer with the bytes of a blob. None: nobody asked for bytes.
pub(super) fn data(call: &CatalogCall, object: &ObjectHead, portion: Portion) -> Option<Reply> {
    let length = match portion {
        Portion::Whole => object.size,
        Portion::Part { length, .. } => length,
    };
    matches!(call, CatalogCall::BlobData { .. }).then(|| bytes(call, length))
}

/// So many bytes of a blob. A part is answered with 200 as well: 206 would be a failure to clients.
///
/// Shaken Fist's own server calls them text, which clients do not look at, and which would let a
/// browser show them.
fn bytes(call: &CatalogCall, length: u64) -> Reply {
    let octets = "application/octet-stream";
    let mut reply = reply::with_body(StatusCode::OK, octets, bytes::Bytes::new());
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    // Clients count decoded bytes, and go on there: nobody on the way may compress them.
    let value = HeaderValue::from_static("private, no-store, no-transform");
    headers.insert(header::CACHE_CONTROL, value);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let CatalogCall::BlobData { blob, .. } = call {
        let disposition = format!("attachment; filename=\"{blob}\"");
        reply::insert(headers, header::CONTENT_DISPOSITION, &disposition);
    }
    reply
}

/// Since 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
