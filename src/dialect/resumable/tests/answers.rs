//! What clients are told.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::dialect::{LENGTH_DIFFERS, Outcome, UploadHead, UploadOutcome};
use crate::reply::Reply;

const MISMATCHING: &str =
    "https://iana.org/assignments/http-problem-types#mismatching-upload-offset";
const INCONSISTENT: &str =
    "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";

fn upload(size: u64, is_complete: bool) -> UploadHead<'static> {
    let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    UploadHead {
        id: id(),
        size,
        length: None,
        metadata: "",
        is_complete,
        expires: Some(now + Duration::from_secs(60)),
        now,
        size_max: 1000,
    }
}

fn answer(method: &str, headers: &str, outcome: UploadOutcome<'_>) -> Reply {
    let rest = if method == "POST" { "" } else { ID };
    let head = head(method, rest, headers);
    let call = resumable().parse(&head, rest).unwrap();
    resumable().answer(&head, &call, &Outcome::Upload(outcome))
}

#[track_caller]
fn check(reply: &Reply, status: u16, headers: &[(&str, Option<&str>)]) {
    assert_eq!(reply.status().as_u16(), status);
    for (name, expected) in headers {
        let value = reply.headers().get(*name).map(|value| value.to_str().unwrap());
        assert_eq!(value, *expected, "{name}");
    }
}

fn problem(reply: &Reply) -> serde_json::Value {
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
    serde_json::from_slice(reply.body()).unwrap()
}

const LIMIT: &str = "max-size=1000, max-age=60";

#[test]
fn uploads_that_began_are_somewhere() {
    let location = format!("/files/{ID}");
    let begun = UploadOutcome::Begun(upload(5, false));
    check(
        &answer("POST", "upload-complete: ?0", begun),
        201,
        &[
            ("location", Some(&location)),
            ("upload-complete", Some("?0")),
            ("upload-offset", Some("5")),
            ("upload-limit", Some(LIMIT)),
        ],
    );
    let complete = UploadOutcome::Begun(upload(7, true));
    check(
        &answer("POST", "upload-complete: ?1", complete),
        201,
        &[
            ("location", Some(&location)),
            ("upload-complete", Some("?1")),
            ("upload-offset", Some("7")),
            ("upload-limit", Some("max-size=1000")),
        ],
    );
}

#[test]
fn whoever_sends_hears_where_it_is() {
    let reply = resumable().interim(&upload(0, false)).unwrap();
    let location = format!("/files/{ID}");
    check(
        &reply,
        104,
        &[
            ("location", Some(&location)),
            ("upload-draft-interop-version", Some("9")),
            ("upload-limit", Some(LIMIT)),
            ("upload-offset", None),
        ],
    );
}

#[test]
fn pieces_that_came_count() {
    let headers =
        |complete: &str| format!("{PIECE}\nupload-offset: 3\nupload-complete: {complete}");
    let reply = answer("PATCH", &headers("?0"), UploadOutcome::Grown(upload(5, false)));
    let open = [("upload-offset", Some("5")), ("upload-complete", Some("?0"))];
    check(&reply, 204, &open);
    check(&reply, 204, &[("location", None), ("upload-limit", Some(LIMIT))]);
    let reply = answer("PATCH", &headers("?1"), UploadOutcome::Grown(upload(5, true)));
    check(&reply, 201, &[("upload-offset", Some("5")), ("upload-complete", Some("?1"))]);

    let reply = answer("PATCH", &headers("?1"), UploadOutcome::Elsewhere(upload(5, false)));
    check(&reply, 409, &open);
    let problem = problem(&reply);
    assert_eq!(problem["type"], MISMATCHING);
    assert_eq!((&problem["expected-offset"], &problem["provided-offset"]), (&5.into(), &3.into()));

    let digest = "content-digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let headers = format!("{}\n{digest}", headers("?1"));
    let reply = answer("PATCH", &headers, UploadOutcome::Mismatch);
    check(&reply, 400, &[("upload-offset", Some("3")), ("upload-complete", Some("?0"))]);
}

#[test]
fn what_is_complete_already_can_be_completed_again() {
    for (headers, status, kind) in [
        ("upload-offset: 7\nupload-complete: ?1\ncontent-length: 0", 201, None),
        ("upload-offset: 7\nupload-complete: ?1\ncontent-length: 1", 400, Some(INCONSISTENT)),
        ("upload-offset: 7\nupload-complete: ?0\ncontent-length: 0", 400, Some(INCONSISTENT)),
        ("upload-offset: 3\nupload-complete: ?1\ncontent-length: 4", 409, Some(MISMATCHING)),
    ] {
        let complete = UploadOutcome::Elsewhere(upload(7, true));
        let reply = answer("PATCH", &format!("{PIECE}\n{headers}"), complete);
        check(&reply, status, &[("upload-offset", Some("7")), ("upload-complete", Some("?1"))]);
        if let Some(kind) = kind {
            assert_eq!(problem(&reply)["type"], kind, "{headers}");
        }
    }
}

#[test]
fn whoever_asks_is_told_how_far_it_is() {
    for method in ["HEAD", "GET"] {
        let known = UploadHead { length: Some(9), ..upload(5, false) };
        let reply = answer(method, "", UploadOutcome::Is(known));
        let open = [("upload-offset", Some("5")), ("upload-complete", Some("?0"))];
        check(&reply, 204, &open);
        let more = [("upload-length", Some("9")), ("upload-limit", Some(LIMIT))];
        check(&reply, 204, &more);
        check(&reply, 204, &[("cache-control", Some("no-store"))]);
        let reply = answer(method, "", UploadOutcome::Is(upload(5, false)));
        check(&reply, 204, &[("upload-length", None)]);
        let reply = answer(method, "", UploadOutcome::Is(upload(7, true)));
        check(&reply, 204, &[("upload-complete", Some("?1")), ("upload-length", Some("7"))]);
    }
}

#[test]
fn uploads_end() {
    check(&answer("DELETE", "", UploadOutcome::Dropped), 204, &[("upload-complete", None)]);
    let complete = UploadOutcome::Elsewhere(upload(7, true));
    check(&answer("DELETE", "", complete), 409, &[("upload-complete", Some("?1"))]);
}

#[test]
fn everybody_is_told_what_is_taken() {
    let preflight = |headers: &str| {
        let head = head("OPTIONS", "", headers);
        resumable().answer(&head, &Call::Preflight, &Outcome::Preflight)
    };
    check(&preflight(""), 204, &[("upload-limit", Some("max-size=1000"))]);
    let reply = preflight(&format!("{ORIGIN}\naccess-control-request-method: PATCH"));
    check(&reply, 204, &[("access-control-allow-origin", Some("https://app.example.org"))]);
    let allowed = reply.headers()["access-control-allow-headers"].to_str().unwrap();
    for name in ["Authorization", "Upload-Complete", "Upload-Offset", "Content-Digest"] {
        assert!(allowed.contains(name), "{allowed}");
    }
}

#[test]
fn refusals_say_whether_to_go_on() {
    let head = head("PATCH", ID, ORIGIN);
    let refuse = |kind, message| resumable().refuse(&head, kind, message);
    let reply = refuse(Kind::Conflict, "");
    check(&reply, 409, &[("upload-complete", Some("?0")), ("upload-offset", None)]);
    check(&reply, 409, &[("access-control-allow-origin", Some("https://app.example.org"))]);
    let exposed = reply.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("Upload-Complete") && exposed.contains("Location"), "{exposed}");
    let reply = refuse(Kind::PayloadTooLarge, "");
    check(&reply, 413, &[("upload-limit", Some("max-size=1000"))]);
    let reply = refuse(Kind::InvalidRequest, LENGTH_DIFFERS);
    check(&reply, 400, &[("upload-complete", Some("?0"))]);
    assert_eq!(problem(&reply)["type"], INCONSISTENT);
    check(&refuse(Kind::StateUnavailable, ""), 503, &[("upload-complete", None)]);
}

#[test]
fn defects_are_told_as_such() {
    check(&answer("HEAD", "", UploadOutcome::Dropped), 500, &[]);
}
