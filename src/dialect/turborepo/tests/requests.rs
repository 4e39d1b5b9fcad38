//! Which requests are understood, and as what.

use http::request::Parts;
use http::{HeaderValue, Request};

use crate::auth::AskedTenant;
use crate::bucket::object::Annotations;
use crate::content::ContentId;
use crate::content::entry::{Entry, EntryName};
use crate::dialect::turborepo::Turborepo;
use crate::dialect::{Body, Call, Dialect as _, Topic};
use crate::error::{Error, Kind};

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(format!("/turbo/{target}"));
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.body(()).unwrap().into_parts().0
}

fn parse(method: &str, path: &str) -> Result<Call, Error> {
    Turborepo.parse(&head(method, path, &[]), path)
}

fn artifact(hash: &str) -> ContentId {
    ContentId::Entry(Entry::opaque(EntryName::parse(hash).unwrap()))
}

/// What is kept of a PUT with these headers.
fn kept(headers: &[(&str, &str)]) -> Result<Annotations, Kind> {
    match Turborepo.parse(&head("PUT", "v8/artifacts/0", headers), "v8/artifacts/0") {
        Ok(Call::Store(_, annotations)) => Ok(*annotations),
        Ok(call) => panic!("{call:?}"),
        Err(error) => Err(error.kind()),
    }
}

#[test]
fn each_path_has_its_methods() {
    let about = |topic| Ok(Call::About(topic));
    let put = Call::Store(artifact("1f"), Box::default());
    for (method, path, expected) in [
        ("GET", "v8/artifacts/1f", Ok(Call::Download(artifact("1f")))),
        ("HEAD", "v8/artifacts/1f", Ok(Call::Describe(artifact("1f")))),
        ("PUT", "v8/artifacts/1f", Ok(put)),
        ("DELETE", "v8/artifacts/1f", Err("GET, HEAD, PUT, OPTIONS")),
        ("POST", "v8/artifacts", Ok(Call::Find(Vec::new()))),
        ("GET", "v8/artifacts", Err("POST, OPTIONS")),
        ("POST", "v8/artifacts/events", about(Topic::Report)),
        ("GET", "v8/artifacts/events", Err("POST, OPTIONS")),
        ("PUT", "v8/artifacts/events", Err("POST, OPTIONS")),
        ("GET", "v8/artifacts/status", about(Topic::Availability)),
        ("PUT", "v8/artifacts/status", Err("GET, OPTIONS")),
        ("GET", "v2/user", about(Topic::Caller)),
        ("POST", "v2/user", Err("GET, OPTIONS")),
        ("GET", "v2/teams", about(Topic::Tenants)),
        ("GET", "v2/teams/team_a%20b", about(Topic::Tenant("team_a b".into()))),
        ("PATCH", "v2/teams/team_a", Err("GET, OPTIONS")),
        ("GET", "v5/user/tokens/current", about(Topic::Token)),
        ("DELETE", "v5/user/tokens/current", Err("GET, OPTIONS")),
        ("DELETE", "v3/user/tokens/current", about(Topic::Goodbye)),
        ("GET", "v3/user/tokens/current", Err("DELETE, OPTIONS")),
        ("OPTIONS", "v8/artifacts/1f", Ok(Call::Preflight)),
        ("OPTIONS", "", Ok(Call::Preflight)),
    ] {
        let actual = parse(method, path).map_err(|error| {
            let Error::MethodNotAllowed { allow } = error else {
                panic!("{method} {path}: {error}")
            };
            allow
        });
        assert_eq!(actual, expected, "{method} {path}");
    }
}

#[test]
fn there_are_no_other_paths() {
    for path in [
        "",
        "v8",
        "v8/",
        "v9/artifacts/1f",
        "/v8/artifacts/1f",
        "v8/Artifacts/1f",
        "v8/artifacts/1f/",
        "v8/artifacts/1f/1f",
        "v8/artifacts/../artifacts/1f",
        "v8/./artifacts/1f",
        "v8%2Fartifacts/1f",
        "v2/user/",
        "v2/teams/a/b",
        "v5/user/tokens/other",
        "v5/user/tokens/current/1/2/3",
        "registration/verify",
    ] {
        let error = parse("GET", path).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{path}");
    }
    for team in ["", ".", "..", "%2e%2e", "a%2Fb", "a%", "%ff"] {
        let error = parse("GET", &format!("v2/teams/{team}")).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidRequest, "{team}");
    }
}

#[test]
fn a_hash_is_letters_and_digits_as_they_come() {
    let long = "a".repeat(129);
    for hash in ["", ".", "..", "a.tag", "a-b", "a_b", "%61", "a%2Fb", "a%00", "é", &long] {
        for method in ["GET", "HEAD", "PUT"] {
            let rest = format!("v8/artifacts/{hash}");
            // A URI of bytes beyond ASCII does not get this far.
            let error = Turborepo.parse(&head(method, "", &[]), &rest).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidRequest, "{method} {hash}");
            assert_eq!(error.message(), "a hash has 1 to 128 letters and digits");
        }
    }
    for hash in ["0", "12HKQaOmR5t5Uy6vdcQsNIiZgHGB", "Status", &long[1..]] {
        let expected = Call::Download(artifact(hash));
        assert_eq!(parse("GET", &format!("v8/artifacts/{hash}")).unwrap(), expected);
    }
}

#[test]
fn what_a_client_says_of_itself_is_checked_at_every_artifact_path() {
    let (fifty, more) = ("é".repeat(50), "é".repeat(51));
    for (name, value, is_good) in [
        ("x-artifact-client-ci", "GITHUB_ACTIONS", true),
        ("x-artifact-client-ci", "", true),
        ("x-artifact-client-ci", &fifty, true),
        ("x-artifact-client-ci", &more, false),
        ("x-artifact-client-interactive", "0", true),
        ("x-artifact-client-interactive", "1", true),
        ("x-artifact-client-interactive", "2", false),
        ("x-artifact-client-interactive", "01", false),
        ("x-artifact-client-interactive", "-1", false),
        ("x-artifact-client-interactive", "true", false),
        ("x-artifact-client-interactive", "", false),
    ] {
        for (method, path) in [
            ("GET", "v8/artifacts/1f"),
            ("HEAD", "v8/artifacts/1f"),
            ("PUT", "v8/artifacts/1f"),
            ("POST", "v8/artifacts"),
            ("POST", "v8/artifacts/events"),
            ("GET", "v8/artifacts/status"),
        ] {
            let parsed = Turborepo.parse(&head(method, path, &[(name, value)]), path);
            let kind = parsed.as_ref().err().map(Error::kind);
            let expected = (!is_good).then_some(Kind::InvalidRequest);
            assert_eq!(kind, expected, "{method} {path} {name}: {value}");
        }
    }
    let twice = [("x-artifact-client-interactive", "0"), ("x-artifact-client-interactive", "2")];
    let path = "v8/artifacts/1f";
    assert!(Turborepo.parse(&head("GET", path, &twice), path).is_err());
}

#[test]
fn what_is_kept_is_exactly_what_was_sent() {
    let tag = "Tc0BmHvJYMIYJ62/zx87YqO0Flxk+5Ovip25NY825CQ=";
    let annotations = kept(&[
        ("x-artifact-tag", tag),
        ("x-artifact-duration", "0376"),
        ("x-artifact-sha", "e83c5163316f89bfbde7d9ab23ca2e25604af290"),
        ("x-artifact-dirty-hash", "=?x?="),
    ])
    .unwrap();
    assert_eq!(annotations.tag.unwrap(), tag);
    assert_eq!(annotations.duration.unwrap(), "0376");
    assert_eq!(annotations.sha.unwrap(), "e83c5163316f89bfbde7d9ab23ca2e25604af290");
    assert_eq!(annotations.dirty_hash.unwrap(), "=?x?=");
    assert!(kept(&[]).unwrap().is_empty());
}

#[test]
fn what_would_not_come_back_is_not_kept() {
    let (longest_tag, longest_text) = ("t".repeat(600), "s".repeat(256));
    let (tag, text) = (longest_tag.clone() + "t", longest_text.clone() + "s");
    for (name, value) in [
        ("x-artifact-duration", ""),
        ("x-artifact-duration", "1.5"),
        ("x-artifact-duration", "-1"),
        ("x-artifact-duration", "+1"),
        ("x-artifact-duration", "1 "),
        ("x-artifact-duration", "0x10"),
        ("x-artifact-duration", "18446744073709551616"),
        ("x-artifact-duration", "000000000000000000001"),
        ("x-artifact-tag", ""),
        ("x-artifact-tag", " a"),
        ("x-artifact-tag", "a "),
        ("x-artifact-tag", "a  b"),
        ("x-artifact-tag", "a\tb"),
        ("x-artifact-tag", "é"),
        ("x-artifact-tag", &tag),
        ("x-artifact-sha", &text),
        ("x-artifact-dirty-hash", &text),
    ] {
        assert_eq!(kept(&[(name, value)]), Err(Kind::InvalidRequest), "{name}: {value:?}");
    }
    for name in ["x-artifact-duration", "x-artifact-tag", "x-artifact-sha", "x-artifact-dirty-hash"]
    {
        assert_eq!(kept(&[(name, "1"), (name, "1")]), Err(Kind::InvalidRequest), "{name} twice");
    }
    for (name, value) in [
        ("x-artifact-duration", "18446744073709551615"),
        ("x-artifact-tag", &longest_tag),
        ("x-artifact-sha", &longest_text),
        ("x-artifact-dirty-hash", &longest_text),
    ] {
        assert!(kept(&[(name, value)]).is_ok(), "{name}: {value}");
    }
    // Reads do not look at what only writes have.
    let reading = head("GET", "v8/artifacts/0", &[("x-artifact-duration", "1.5")]);
    assert!(Turborepo.parse(&reading, "v8/artifacts/0").is_ok());
}

#[test]
fn teams_are_in_the_query() {
    fn asked(name: &str, bare: Option<&str>) -> AskedTenant<'static> {
        AskedTenant { name: name.to_owned().into(), bare: bare.map(|bare| bare.to_owned().into()) }
    }
    for (query, expected) in [
        ("", Some(vec![])),
        ("?limit=100", Some(vec![])),
        ("?team=a&TEAMID=b", Some(vec![])),
        ("?slug=acme", Some(vec![asked("acme", None)])),
        ("?slug=team_acme", Some(vec![asked("team_acme", None)])),
        ("?teamId=team_1a", Some(vec![asked("team_1a", Some("1a"))])),
        ("?teamId=team_", Some(vec![asked("team_", None)])),
        ("?teamId=acme", Some(vec![asked("acme", None)])),
        (
            "?slug=acme&teamId=team_1a",
            Some(vec![asked("team_1a", Some("1a")), asked("acme", None)]),
        ),
        ("?slug=a+b%20c%2Bd", Some(vec![asked("a b c+d", None)])),
        ("?s%6Cug=acme", Some(vec![asked("acme", None)])),
        ("?slug=Zo%C3%AB", Some(vec![asked("Zoë", None)])),
        ("?%=x&slug=acme", Some(vec![asked("acme", None)])),
        ("?slug", None),
        ("?slug=", None),
        ("?teamId=", None),
        ("?slug=a&slug=a", None),
        ("?slug=a&%73lug=b", None),
        ("?slug=a%2Fb", None),
        ("?slug=..", None),
        ("?slug=a%00", None),
        ("?slug=a%0D%0Ab", None),
        ("?slug=%", None),
        ("?slug=%4", None),
        ("?slug=%4g", None),
        ("?slug=%ff", None),
    ] {
        let head = head("GET", &format!("v8/artifacts/1f{query}"), &[]);
        match (Turborepo.tenant(&head), expected) {
            (Ok(actual), Some(expected)) => assert_eq!(actual, expected, "{query}"),
            (Err(error), None) => assert_eq!(error.kind(), Kind::InvalidRequest, "{query}"),
            (actual, _) => panic!("{query}: {actual:?}"),
        }
    }
}

#[test]
fn several_artifacts_are_asked_for_in_the_body() {
    let complete = |body: &str| Turborepo.complete(Call::Find(Vec::new()), body.as_bytes());
    let many = |count: u32| {
        let hashes: Vec<_> = (0..count).map(|number| format!("\"{number}\"")).collect();
        format!("{{\"hashes\":[{}]}}", hashes.join(","))
    };
    for (body, expected) in [
        (r#"{"hashes":[]}"#, vec![]),
        (r#"{"hashes":["b","a"]}"#, vec!["b", "a"]),
        (r#"{"hashes":["a","\u0061","a"],"more":[{}]}"#, vec!["a"]),
    ] {
        let expected = Call::Find(expected.into_iter().map(artifact).collect());
        assert_eq!(complete(body).unwrap(), expected, "{body}");
    }
    assert!(complete(&many(4096)).is_ok());
    for body in [
        "",
        "[]",
        "{}",
        r#"{"hashes":null}"#,
        r#"{"hashes":"a"}"#,
        r#"{"hashes":[1]}"#,
        r#"{"hashes":["a"]"#,
        r#"{"hashes":["a/b"]}"#,
        r#"{"hashes":[""]}"#,
        r#"{"hashes":["a"]} more"#,
        &many(4097),
    ] {
        assert_eq!(complete(body).unwrap_err().kind(), Kind::InvalidRequest, "{body}");
    }
}

#[test]
fn events_are_an_array_of_anything() {
    let report = Call::About(Topic::Report);
    let complete = |body: &str| Turborepo.complete(report.clone(), body.as_bytes());
    let event = r#"{"sessionId":"1","source":"REMOTE","event":"HIT","hash":"a","duration":3}"#;
    for body in ["[]", &format!("[{event},{event}]"), r#"[{"new":{"a":[null]}}]"#] {
        assert_eq!(complete(body).unwrap(), report, "{body}");
    }
    for body in ["", "{}", event, "null", "[1]", "[[]]", "[{}", "[]]"] {
        assert_eq!(complete(body).unwrap_err().kind(), Kind::InvalidRequest, "{body}");
    }
}

#[test]
fn bodies_are_read_where_there_are_any() {
    for (call, expected) in [
        (Call::Store(artifact("1f"), Box::default()), Body::Content),
        (Call::Find(Vec::new()), Body::Small(1024 * 1024)),
        (Call::About(Topic::Report), Body::Small(1024 * 1024)),
        (Call::About(Topic::Availability), Body::None),
        (Call::Download(artifact("1f")), Body::None),
        (Call::Preflight, Body::None),
    ] {
        assert_eq!(Turborepo.body(&call), expected, "{call:?}");
    }
}
