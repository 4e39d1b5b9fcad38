//! What clients are told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::bucket::object::ObjectHead;
use crate::dialect::{Outcome, UploadHead, UploadOutcome};
use crate::reply::{Portion, Reply, Visibility};

const ORIGIN: &str = "origin: https://app.example.org";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds)
}

fn upload(size: u64, length: Option<u64>) -> UploadHead<'static> {
    UploadHead {
        id: id(),
        size,
        length,
        metadata: "filename d29ybGQudHh0",
        is_complete: length == Some(size),
        expires: Some(at(60)),
        now: at(0),
        size_max: 1000,
    }
}

fn answer(method: &str, headers: &str, outcome: UploadOutcome<'_>) -> Reply {
    let rest = if method == "POST" { "" } else { ID };
    let head = head(method, rest, headers);
    let call = tus().parse(&head, rest).unwrap();
    let reply = tus().answer(&head, &call, &Outcome::Upload(outcome));
    assert_eq!(reply.headers()["tus-resumable"], "1.0.0");
    reply
}

#[track_caller]
fn check(reply: &Reply, status: u16, headers: &[(&str, Option<&str>)]) {
    assert_eq!(reply.status().as_u16(), status);
    for (name, expected) in headers {
        let value = reply.headers().get(*name).map(|value| value.to_str().unwrap());
        assert_eq!(value, *expected, "{name}");
    }
}

const EXPIRES: &str = "Mon, 21 Sep 2026 14:14:20 GMT";

#[test]
fn uploads_that_began_are_somewhere() {
    let location = format!("https://gateway.example.org/files/{ID}");
    let begun = UploadOutcome::Begun(upload(0, Some(7)));
    check(
        &answer("POST", "upload-length: 7", begun),
        201,
        &[
            ("location", Some(&location)),
            ("upload-offset", Some("0")),
            ("upload-expires", Some(EXPIRES)),
        ],
    );
    let complete = UploadOutcome::Begun(upload(0, Some(0)));
    check(
        &answer("POST", "upload-length: 0", complete),
        201,
        &[("location", Some(&location)), ("upload-offset", Some("0")), ("upload-expires", None)],
    );
}

#[test]
fn pieces_that_came_count() {
    let headers = format!("{PIECE}\nupload-offset: 3");
    let grown = UploadOutcome::Grown(upload(5, Some(7)));
    let progress = [("upload-offset", Some("5")), ("upload-expires", Some(EXPIRES))];
    check(&answer("PATCH", &headers, grown), 204, &progress);
    let elsewhere = UploadOutcome::Elsewhere(upload(5, Some(7)));
    check(&answer("PATCH", &headers, elsewhere), 409, &progress);
    let reply = answer("PATCH", &headers, UploadOutcome::Mismatch);
    check(&reply, 460, &[("upload-offset", None)]);
}

#[test]
fn what_is_complete_already_can_be_completed_again() {
    let complete = || UploadOutcome::Elsewhere(upload(7, Some(7)));
    for (headers, status) in [
        ("upload-offset: 7\ncontent-length: 0", 204),
        ("upload-offset: 7\ntransfer-encoding: chunked\nupload-length: 7", 204),
        ("upload-offset: 7\ncontent-length: 0\nupload-length: 8", 409),
        ("upload-offset: 7\ncontent-length: 1", 409),
        ("upload-offset: 3\ncontent-length: 4", 409),
    ] {
        let reply = answer("PATCH", &format!("{PIECE}\n{headers}"), complete());
        check(&reply, status, &[("upload-offset", Some("7"))]);
    }
}

#[test]
fn whoever_asks_is_told_how_far_it_is() {
    let reply = answer("HEAD", "", UploadOutcome::Is(upload(5, Some(7))));
    check(
        &reply,
        200,
        &[
            ("upload-offset", Some("5")),
            ("upload-length", Some("7")),
            ("upload-defer-length", None),
            ("upload-metadata", Some("filename d29ybGQudHh0")),
            ("upload-expires", Some(EXPIRES)),
            ("cache-control", Some("no-store")),
        ],
    );
    let nameless = UploadHead { metadata: "", ..upload(5, None) };
    let reply = answer("HEAD", "", UploadOutcome::Is(nameless));
    let deferred = [("upload-length", None), ("upload-defer-length", Some("1"))];
    check(&reply, 200, &deferred);
    check(&reply, 200, &[("upload-metadata", None)]);
    let reply = answer("HEAD", "", UploadOutcome::Is(upload(7, Some(7))));
    let complete = [("upload-offset", Some("7")), ("upload-length", Some("7"))];
    check(&reply, 200, &complete);
    check(&reply, 200, &[("upload-expires", None)]);
}

#[test]
fn uploads_end() {
    check(&answer("DELETE", "", UploadOutcome::Dropped), 204, &[("upload-offset", None)]);
    let complete = UploadOutcome::Elsewhere(upload(7, Some(7)));
    check(&answer("DELETE", "", complete), 403, &[("upload-offset", None)]);
    check(&answer("GET", "", UploadOutcome::Is(upload(5, Some(7)))), 404, &[]);
}

#[test]
fn objects_are_never_pages() {
    let object = ObjectHead { size: 7, ..ObjectHead::default() };
    let visibility = Visibility::Private;
    let outcome = Outcome::Object { object: &object, portion: Portion::Whole, visibility };
    let head = head("GET", ID, ORIGIN);
    let call = tus().parse(&head, ID).unwrap();
    let reply = tus().answer(&head, &call, &outcome);
    let disposition = format!("attachment; filename=\"{ID}\"");
    check(
        &reply,
        200,
        &[
            ("content-length", Some("7")),
            ("content-disposition", Some(&disposition)),
            ("x-content-type-options", Some("nosniff")),
            ("access-control-allow-origin", Some("https://app.example.org")),
        ],
    );
}

#[test]
fn everybody_is_told_what_is_spoken() {
    let preflight = |headers: &str| {
        let head = bare("OPTIONS", ID, headers);
        tus().answer(&head, &Call::Preflight, &Outcome::Preflight)
    };
    let spoken = [
        ("tus-resumable", Some("1.0.0")),
        ("tus-version", Some("1.0.0")),
        ("tus-max-size", Some("1000")),
        ("tus-checksum-algorithm", Some("sha1,sha256,sha512")),
        (
            "tus-extension",
            Some(
                "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration",
            ),
        ),
    ];
    check(&preflight(""), 204, &spoken);
    let reply = preflight(&format!("{ORIGIN}\naccess-control-request-method: PATCH"));
    check(&reply, 204, &spoken);
    check(&reply, 204, &[("access-control-allow-origin", Some("https://app.example.org"))]);
    let methods = reply.headers()["access-control-allow-methods"].to_str().unwrap();
    assert!(methods.contains("PATCH") && methods.contains("DELETE"), "{methods}");
    let allowed = reply.headers()["access-control-allow-headers"].to_str().unwrap();
    for name in ["Authorization", "Tus-Resumable", "Upload-Offset", "Upload-Metadata"] {
        assert!(allowed.contains(name), "{allowed}");
    }
    let reply = preflight("origin: https://evil.test\naccess-control-request-method: PATCH");
    check(&reply, 204, &[("access-control-allow-origin", None), ("vary", Some("Origin"))]);
}

#[test]
fn allowed_pages_may_read_refusals_too() {
    let refuse = |origin: &str| tus().refuse(&head("PATCH", ID, origin), Kind::Conflict, "");
    let reply = refuse(ORIGIN);
    check(&reply, 423, &[("access-control-allow-origin", Some("https://app.example.org"))]);
    let exposed = reply.headers()["access-control-expose-headers"].to_str().unwrap();
    for name in ["Location", "Upload-Offset", "Upload-Length"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    check(&refuse("origin: https://evil.test"), 423, &[("access-control-allow-origin", None)]);
}

/// tus-js-client gives an upload up, and begins another, after any other failure to tell how far it
/// is.
#[test]
fn what_passes_does_not_end_an_upload() {
    for kind in [Kind::Conflict, Kind::StateUnavailable, Kind::StorageTimeout, Kind::StorageBusy] {
        check(&tus().refuse(&head("HEAD", ID, ""), kind, ""), 423, &[]);
    }
    check(&tus().refuse(&head("PATCH", ID, ""), Kind::StateUnavailable, ""), 503, &[]);
    check(&tus().refuse(&head("HEAD", ID, ""), Kind::NotFound, ""), 404, &[]);
}

#[test]
fn defects_are_told_as_such() {
    check(&answer("HEAD", "", UploadOutcome::Dropped), 500, &[]);
    let head = head("HEAD", ID, "");
    let call = Call::Upload(Box::new(UploadCall::Look(id())));
    check(&tus().answer(&head, &call, &Outcome::Stored), 500, &[]);
}
