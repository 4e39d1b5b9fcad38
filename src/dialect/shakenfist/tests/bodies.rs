//! What bodies say, and what they cannot.

use super::*;
use crate::catalog::ArtifactRef;
use crate::dialect::{AllOf, CatalogCall, KeyLogin, Publication, PublicationSource};

const NO_OBJECT: &str = "the body is not a JSON object";
const NO_MEMBER: &str = "the body is not a JSON object, or a member of it is not what it should be";

#[track_caller]
fn assert_refused(method: &str, rest: &str, cases: &[(&str, &str)]) {
    for (body, text) in cases {
        let expected = (Kind::InvalidRequest, (*text).to_owned());
        assert_eq!(refused(with_body(method, rest, body)), expected, "{body}");
    }
}

#[test]
fn keys() {
    let login = |body: &str| match with_body("POST", "auth", body) {
        Ok(Call::Login(Some(login))) => *login,
        other => panic!("{body}: {other:?}"),
    };
    let expected = KeyLogin { namespace: "builds".into(), key: "s\u{e9}cret".into() };
    for body in [
        r#"{"namespace": "builds", "key": "s\u00e9cret"}"#,
        "\n{\"key\":\"sécret\",\"namespace\":\"builds\",\"more\":[1,{}]}\n",
    ] {
        assert!(login(body) == expected, "{body}");
    }
    assert_refused(
        "POST",
        "auth",
        &[
            ("", "missing namespace in request"),
            ("{}", "missing namespace in request"),
            (r#"{"namespace":null,"key":"k"}"#, "missing namespace in request"),
            (r#"{"namespace":"a"}"#, "missing key in request"),
            (r#"{"namespace":"a","key":null}"#, "missing key in request"),
            (r#"{"namespace":"a","key":12345}"#, "key is not a string"),
            (r#"{"namespace":["a"],"key":"k"}"#, "namespace is not a string"),
            // What is wrong is not told with the key in it.
            (r#"{"namespace":"a","key":"hunter2","key":"hunter2"}"#, NO_MEMBER),
            (r#"{"namespace":"a","key":"hunter2""#, NO_MEMBER),
            (r#"["a","hunter2"]"#, NO_OBJECT),
            (r#""hunter2""#, NO_OBJECT),
            ("namespace=a&key=hunter2", NO_OBJECT),
        ],
    );
}

/// What is to be made of an artifact's new version.
#[track_caller]
fn publication(body: &str) -> Publication {
    let call = match with_body("POST", "artifacts/upload/a", body) {
        Ok(Call::Catalog(call)) => *call,
        other => panic!("{body}: {other:?}"),
    };
    let CatalogCall::Publish(name, Some(publication)) = call else { panic!("{body}: {call:?}") };
    assert_eq!(name, "a");
    *publication
}

#[test]
fn new_versions() {
    let plain = Publication {
        of: PublicationSource::Upload(ours()),
        kind: "image".into(),
        source_url: None,
        share: false,
        namespace: None,
    };
    let of = |members: &str| publication(&format!("{{\"upload_uuid\":\"{OURS}\"{members}}}"));
    // As clients write it.
    let body = format!(
        "{{\n    \"namespace\": null,\n    \"shared\": false,\n    \"source_url\": null,\n    \
         \"upload_uuid\": \"{OURS}\"\n}}"
    );
    assert_eq!(publication(&body), plain);
    assert_eq!(of(""), plain);
    let empty = r#","blob_uuid":"","source_url":"","namespace":"","artifact_type":null"#;
    assert_eq!(of(empty), plain);
    assert_eq!(
        of(r#","source_url":"http://a/b","shared":true,"namespace":"n","artifact_type":"other""#),
        Publication {
            kind: "other".into(),
            source_url: Some("http://a/b".into()),
            share: true,
            namespace: Some("n".into()),
            ..plain.clone()
        }
    );
    // However deep what nobody reads is.
    assert_eq!(of(&format!(",\"x\":{}1{}", "[".repeat(10_000), "]".repeat(10_000))), plain);
    let blob = publication(&format!(r#"{{"blob_uuid":"{OURS}","upload_uuid":null}}"#));
    assert_eq!(blob, Publication { of: PublicationSource::Blob(ours()), ..plain });
}

#[test]
fn new_versions_of_nothing() {
    let with = |members: &str| format!("{{\"upload_uuid\":\"{OURS}\",{members}}}");
    let long = with(&format!("\"source_url\":\"{}\"", "x".repeat(2049)));
    let source = "source_url has more than 2048 bytes, or control characters";
    let kind = "invalid artifact type specified";
    assert_refused(
        "POST",
        "artifacts/upload/a",
        &[
            ("", "specify one of upload_uuid and blob_uuid"),
            ("{}", "specify one of upload_uuid and blob_uuid"),
            (
                &with(&format!("\"blob_uuid\":\"{OURS}\"")),
                "only specify one of upload_uuid and blob_uuid",
            ),
            (&with(r#""artifact_type":"snapshot""#), kind),
            (&with(r#""artifact_type":"Image""#), kind),
            (&with(r#""artifact_type":1"#), NO_MEMBER),
            (&with(r#""shared":"yes""#), NO_MEMBER),
            (&with(r#""namespace":7"#), NO_MEMBER),
            (&with(r#""source_url":"a\u001b[2J""#), source),
            (&long, source),
            (r#"{"upload_uuid":1}"#, NO_MEMBER),
            ("null", NO_OBJECT),
            ("[]", NO_OBJECT),
        ],
    );
    for member in ["upload_uuid", "blob_uuid"] {
        for id in [THEIRS, "x", "../../x"] {
            let body = format!("{{\"{member}\":\"{id}\"}}");
            let result = with_body("POST", "artifacts/upload/a", &body);
            assert_eq!(refused(result), (Kind::NotFound, String::new()), "{body}");
        }
    }
}

#[test]
fn numbers_of_versions() {
    for number in [1, 3, 1000] {
        let body = format!("{{\"max_versions\": {number}}}");
        let call = CatalogCall::KeepVersions(ArtifactRef::Name("a".into()), Some(number));
        let parsed = with_body("POST", "artifacts/a/versions", &body).unwrap();
        assert_eq!(parsed, Call::Catalog(Box::new(call)));
    }
    let not_integer = "max version is not an integer";
    let bounds = "1 to 1000 versions can be kept";
    assert_refused(
        "POST",
        "artifacts/a/versions",
        &[
            ("", "max_versions is missing"),
            (r#"{"max_versions":null}"#, "max_versions is missing"),
            (r#"{"max_versions":"3"}"#, not_integer),
            (r#"{"max_versions":1.5}"#, not_integer),
            (r#"{"max_versions":true}"#, not_integer),
            (r#"{"max_versions":18446744073709551616}"#, not_integer),
            (r#"{"max_versions":0}"#, bounds),
            (r#"{"max_versions":-1}"#, bounds),
            (r#"{"max_versions":1001}"#, bounds),
            (r#"{"max_versions":4294967297}"#, bounds),
            ("3", NO_OBJECT),
        ],
    );
}

#[test]
fn nothing_is_removed_that_is_not_meant() {
    for (body, namespace) in [
        (r#"{"confirm":true}"#, None),
        (r#"{"confirm":true,"namespace":null}"#, None),
        (r#"{"confirm":true,"namespace":""}"#, None),
        (r#"{"namespace":"n","confirm":true}"#, Some("n".to_owned())),
    ] {
        let call = CatalogCall::RemoveAll(Some(AllOf { namespace }));
        let parsed = with_body("DELETE", "artifacts", body).unwrap();
        assert_eq!(parsed, Call::Catalog(Box::new(call)), "{body}");
    }
    let confirm = "parameter confirm is not set true";
    assert_refused(
        "DELETE",
        "artifacts",
        &[
            ("", confirm),
            ("{}", confirm),
            (r#"{"confirm":false}"#, confirm),
            (r#"{"confirm":1}"#, confirm),
            (r#"{"confirm":"true"}"#, confirm),
            (r#"{"confirm":null}"#, confirm),
            (r#"{"confirm":true,"namespace":["n"]}"#, NO_MEMBER),
            (r#"{"confirm":true,"confirm":true}"#, NO_MEMBER),
        ],
    );
}

#[test]
fn what_questions_say_makes_no_difference() {
    let events = format!("blobs/{OURS}/events");
    for (method, rest) in [
        ("POST", "upload"),
        ("GET", "artifacts"),
        ("GET", "blobs"),
        ("GET", "artifacts/a/events"),
        ("GET", &events),
    ] {
        for body in ["", "{}", "{\n    \"node\": null\n}", r#"{"event_type":"usage","limit":"5"}"#]
        {
            let parsed = with_body(method, rest, body);
            assert_eq!(parsed.unwrap(), parse(method, rest).unwrap(), "{rest}: {body}");
        }
        let cases = [("[]", NO_OBJECT), ("x", NO_OBJECT), ("{", NO_MEMBER), ("{}{}", NO_MEMBER)];
        assert_refused(method, rest, &cases);
    }
}
