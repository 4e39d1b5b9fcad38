//! Which statuses clients get, and whether they know them.

use http::StatusCode;
use serde_json::{Value, json};

use super::*;

/// The statuses that clients have a word for. To 405 nobody comes who uses them as they are.
const KNOWN: [u16; 9] = [400, 401, 403, 404, 405, 406, 409, 500, 507];

const UPLOAD: &str = "upload";

fn refuse(method: &str, rest: &str, kind: Kind, message: &str) -> (StatusCode, Value) {
    let reply = shakenfist().refuse(&head(method, rest), kind, message);
    assert_eq!(reply.headers()["content-type"], "application/json");
    assert_eq!(reply.headers()["cache-control"], "no-store");
    (reply.status(), serde_json::from_slice(reply.body()).unwrap())
}

#[test]
fn clients_know_what_is_wrong() {
    let piece = format!("upload/{OURS}");
    for kind in Kind::ALL {
        for (method, rest) in [
            ("GET", ""),
            ("POST", UPLOAD),
            ("POST", &piece),
            ("POST", "artifacts/upload/a"),
            ("DELETE", "artifacts/a"),
            ("GET", "blobs"),
            ("GET", "x"),
        ] {
            let (status, document) = refuse(method, rest, kind, "as the message says");
            assert!(KNOWN.contains(&status.as_u16()), "{}: {status}", kind.name());
            let text = document["error"].as_str().unwrap();
            assert!(!text.is_empty());
            assert_eq!(document, json!({"error": text, "status": status.as_u16()}));
            assert_eq!(text == "as the message says", kind == Kind::InvalidRequest);
        }
    }
}

#[test]
fn what_is_not_there_is_called_by_its_name() {
    for (method, rest, expected) in [
        ("POST", format!("upload/{OURS}"), "upload not found"),
        ("POST", format!("upload/{OURS}/truncate/1"), "upload not found"),
        ("POST", "artifacts/upload/a".to_owned(), "upload, blob or namespace not found"),
        ("GET", "artifacts/upload/versions".to_owned(), "artifact not found"),
        ("GET", "artifacts/a".to_owned(), "artifact not found"),
        ("GET", format!("blobs/{OURS}/data?offset=1"), "blob not found"),
        ("GET", "blob_checksums/sha1/x".to_owned(), "blob not found"),
        ("GET", "instances".to_owned(), "not found"),
    ] {
        let (status, document) = refuse(method, &rest, Kind::NotFound, "");
        assert_eq!((status.as_u16(), document["error"].as_str()), (404, Some(expected)), "{rest}");
    }
}

/// 406 makes a client wait and ask again; it has to be safe to.
#[test]
fn who_can_ask_again_is_told_so() {
    let piece = format!("upload/{OURS}");
    let truncate = format!("upload/{OURS}/truncate/1");
    for kind in [
        Kind::IssuerUnavailable,
        Kind::StateUnavailable,
        Kind::StorageBusy,
        Kind::StorageTimeout,
        Kind::StorageUnavailable,
    ] {
        for (method, rest) in [
            ("POST", UPLOAD),
            ("POST", &piece),
            ("POST", &truncate),
            ("POST", "artifacts/upload/a"),
            ("GET", "artifacts"),
            ("GET", "blobs"),
        ] {
            assert_eq!(refuse(method, rest, kind, "").0.as_u16(), 406, "{} {rest}", kind.name());
        }
        assert_eq!(refuse("POST", "auth", kind, "").0.as_u16(), 503);
    }
    for (method, rest, expected) in
        [("POST", &*piece, 500), ("POST", &truncate, 406), ("POST", "artifacts/upload/a", 406)]
    {
        assert_eq!(refuse(method, rest, Kind::OutcomeUnknown, "").0.as_u16(), expected, "{rest}");
    }
}

#[test]
fn some_depend_on_what_was_asked() {
    let piece = format!("upload/{OURS}");
    for (method, rest, kind, status, text) in [
        ("POST", "auth", Kind::CredentialRefused, 401, "the key is not one of the namespace"),
        ("GET", "artifacts", Kind::CredentialRefused, 401, "the token is not accepted here"),
        ("POST", &piece, Kind::PayloadTooLarge, 507, "the upload may not have that many bytes"),
        ("POST", "artifacts/upload/a", Kind::PayloadTooLarge, 400, "the body is too large"),
    ] {
        let (actual, document) = refuse(method, rest, kind, "");
        assert_eq!((actual.as_u16(), document["error"].as_str()), (status, Some(text)));
    }
}
