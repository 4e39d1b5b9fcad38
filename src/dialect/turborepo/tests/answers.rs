//! What outcomes look like that tests through the gateway do not make happen.

use http::Request;
use serde_json::{Value, json};

use crate::auth::{Grant, Tenants, Writing};
use crate::bucket::object::{Annotations, ObjectHead};
use crate::content::ContentId;
use crate::content::entry::{Entry, EntryName};
use crate::dialect::turborepo::Turborepo;
use crate::dialect::{Call, Dialect as _, Outcome, Topic};

fn artifact() -> ContentId {
    ContentId::Entry(Entry::opaque(EntryName::parse("1f").unwrap()))
}

fn store() -> Call {
    Call::Store(artifact(), Box::default())
}

fn answer(target: &str, call: &Call, outcome: &Outcome<'_>) -> (u16, Value) {
    let (head, ()) = Request::get(target).body(()).unwrap().into_parts();
    let reply = Turborepo.answer(&head, call, outcome);
    (reply.status().as_u16(), serde_json::from_slice(reply.body()).unwrap())
}

#[test]
fn an_upload_says_whether_it_was_needed() {
    for (query, url) in [
        ("", "1f"),
        ("?slug=acme", "acme/1f"),
        ("?teamId=team_1a", "team_1a/1f"),
        ("?slug=acme&teamId=team_1a", "acme/1f"),
    ] {
        let target = format!("/turbo/v8/artifacts/1f{query}");
        for (outcome, status) in [(Outcome::Stored, 202), (Outcome::AlreadyThere, 200)] {
            let expected = (status, json!({ "urls": [url] }));
            assert_eq!(answer(&target, &store(), &outcome), expected, "{query}");
        }
    }
}

#[test]
fn outcomes_that_a_call_does_not_have_are_defects() {
    let grant = Grant::for_test(&[], Writing::Refused);
    let granted = Outcome::Granted { grant: &grant, tenants: &Tenants::default() };
    for (call, outcome) in [
        (Call::Download(artifact()), Outcome::Stored),
        (store(), Outcome::Found(&[])),
        (Call::Find(Vec::new()), Outcome::Preflight),
        (Call::Preflight, granted),
        (Call::About(Topic::Folder), granted),
        (Call::About(Topic::NewFolder), granted),
        (Call::About(Topic::Caller), Outcome::AlreadyThere),
    ] {
        let (status, body) = answer("/turbo/", &call, &outcome);
        assert_eq!((status, &body["code"]), (500, &json!("internal_server_error")), "{call:?}");
    }
}

#[test]
fn an_artifact_with_a_tag_is_not_redirected() {
    let tag = Some(http::HeaderValue::from_static("t="));
    let annotations = Annotations { tag, ..Annotations::default() };
    assert!(!Turborepo.may_redirect(&ObjectHead { annotations, ..ObjectHead::default() }));
    let duration = Some(http::HeaderValue::from_static("376"));
    let annotations = Annotations { duration, ..Annotations::default() };
    assert!(Turborepo.may_redirect(&ObjectHead { annotations, ..ObjectHead::default() }));
}
