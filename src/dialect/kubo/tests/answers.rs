//! What clients are told.

use super::*;
use crate::auth::{Grant, Tenants, Writing};
use crate::content::cid::Cid;
use crate::dialect::{GraphHead, Imported, Outcome, Topic};
use crate::reply::{Reply, Visibility};

const FORM: &str = "content-type: multipart/form-data; boundary=x";

/// `hello world`, raw.
const RAW_LEAF: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

fn body(reply: &Reply) -> &str {
    std::str::from_utf8(reply.body()).unwrap()
}

/// The answer to a command about 300 bytes.
fn answer(kubo: &Kubo, rest: &str, length: Option<u64>) -> Reply {
    let call = parse_with(kubo, "POST", rest, "").unwrap();
    let cid = Cid::parse(V1).unwrap();
    let graph = GraphHead { cid: &cid, size: 300, length, visibility: Visibility::Public };
    kubo.answer(&head("POST", rest, ""), &call, &Outcome::Graph(graph))
}

#[test]
fn contents_say_what_they_are() {
    let (raw, tar) = (kubo(), Kubo::new(Settings { archives: true, ..settings() }));
    let bytes = "application/octet-stream";
    for (kubo, command, content_type, size, name) in [
        (&raw, "get", bytes, Some("300"), V0.to_owned()),
        (&tar, "get", "application/x-tar", Some("300"), format!("{V0}.tar")),
        (&raw, "get?compress=1", "application/gzip", Some("300"), format!("{V0}.gz")),
        (&tar, "get?compress=1", "application/gzip", Some("300"), format!("{V0}.gz")),
        (&raw, "get?a=1&C=1", "application/gzip", Some("300"), format!("{V0}.tar.gz")),
        (&raw, "cat", bytes, Some("300"), V0.to_owned()),
        (&raw, "cat?offset=10", bytes, Some("290"), V0.to_owned()),
        (&raw, "cat?offset=10&length=5", bytes, Some("5"), V0.to_owned()),
        (&raw, "cat?offset=301", bytes, Some("0"), V0.to_owned()),
        (&raw, "block/get", "application/vnd.ipld.raw", None, format!("{V0}.bin")),
    ] {
        let separator = if command.contains('?') { '&' } else { '?' };
        let rest = format!("api/v0/{command}{separator}arg=/ipfs/{V0}");
        let reply = answer(kubo, &rest, Some(7));
        assert_eq!(reply.status(), 200);
        let header = |name: &str| reply.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-type"), Some(content_type), "{command}");
        assert_eq!(header("x-content-length"), size, "{command}");
        let disposition = format!("attachment; filename=\"{name}\"");
        assert_eq!(header("content-disposition"), Some(&*disposition), "{command}");
        assert_eq!(header("content-length"), Some("7"));
        assert_eq!(header("x-stream-output"), Some("1"));
        assert_eq!(header("cache-control"), Some("private, no-store"));
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        assert_eq!(header("etag"), None);
        assert!(!answer(kubo, &rest, None).headers().contains_key("content-length"));
    }
    let reply = answer(&raw, &format!("api/v0/cat?arg={V0}/a/b%2Fc.txt"), None);
    assert_eq!(reply.headers()["content-disposition"], "attachment; filename=\"c.txt\"");
}

#[test]
fn the_size_of_a_block_is_a_document() {
    for text in [V0, V1] {
        let reply = answer(&kubo(), &format!("api/v0/block/stat?arg={text}"), None);
        assert_eq!(body(&reply), format!("{{\"Key\":\"{text}\",\"Size\":300}}\n"));
        assert_eq!(reply.headers()["content-type"], "application/json");
        assert!(!reply.headers().contains_key("x-stream-output"));
    }
}

fn imported(options: &str, files: &[Imported]) -> Reply {
    let rest = format!("api/v0/add{options}");
    let call = parse("POST", &rest, FORM).unwrap();
    kubo().answer(&head("POST", &rest, FORM), &call, &Outcome::Imported(files))
}

fn file(name: &str, cid: &str) -> Imported {
    let cid = Cid::parse(cid).unwrap();
    Imported { name: name.to_owned(), cid, bytes: 12, blocks_bytes: 20 }
}

#[test]
fn files_are_told_a_line_each() {
    let event = |name: &str, hash: &str| {
        format!("{{\"Name\":\"{name}\",\"Hash\":\"{hash}\",\"Size\":\"20\"}}\n")
    };
    let progress = |name: &str| format!("{{\"Name\":\"{name}\",\"Bytes\":12}}\n");
    let (a, b) = (file("d/a", V1), file("d/b", RAW_LEAF));
    let nameless = file("", V1);
    let folder = Imported { bytes: 0, ..nameless.clone() };
    for (options, files, expected) in [
        ("", vec![nameless.clone()], event(V0, V0)),
        ("?cid-version=1", vec![nameless.clone()], event(V1, V1)),
        ("?quieter=true", vec![a.clone()], event("d/a", V0)),
        ("?raw-leaves=true", vec![b.clone()], event("d/b", RAW_LEAF)),
        ("", vec![a.clone(), b.clone()], event("d/a", V0) + &event("d/b", RAW_LEAF)),
        (
            "?progress=true",
            vec![a.clone(), folder.clone()],
            progress("d/a") + &event("d/a", V0) + &event(V0, V0),
        ),
        (
            "?wrap-with-directory=true",
            vec![a.clone(), folder.clone()],
            event("d/a", V0) + &event("", V0),
        ),
        ("?silent=true", vec![a.clone()], String::new()),
        ("", vec![file("a\"\n", V1)], event("a\\\"\\n", V0)),
    ] {
        let reply = imported(options, &files);
        assert_eq!(body(&reply), expected, "{options}");
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-type"], "application/json");
        assert_eq!(reply.headers()["x-chunked-output"], "1");
    }
}

#[test]
fn companions_have_the_members_that_clients_read() {
    let (grant, tenants) = (Grant::for_test(&[], Writing::Refused), Tenants::default());
    let outcome = Outcome::Granted { grant: &grant, tenants: &tenants };
    let tell = |topic| {
        let reply = kubo().answer(&head("POST", "api/v0/x", ""), &Call::About(topic), &outcome);
        assert_eq!(reply.status(), 200);
        serde_json::from_slice::<serde_json::Value>(reply.body()).unwrap()
    };
    let version = tell(Topic::Version);
    for name in ["Version", "Commit", "Repo", "System", "Golang"] {
        assert!(version[name].is_string(), "{version}");
    }
    let numbers = version["Version"].as_str().unwrap().split('.');
    assert!(numbers.map(str::parse::<u32>).all(|number| number.is_ok()), "{version}");
    assert!(version["Commit"].as_str().unwrap().starts_with("casgate/"));

    let id = tell(Topic::Caller);
    assert!(Cid::parse(id["ID"].as_str().unwrap()).is_ok(), "{id}");
    assert!(id["AgentVersion"].as_str().unwrap().starts_with("casgate/"));
    assert_eq!(id["Addresses"], serde_json::json!([]));
}

#[test]
fn refusals_have_the_shape_their_readers_expect() {
    let legacy = Kubo::new(Settings { legacy_errors: true, ..settings() });
    let kubo = kubo();
    let text = "text/plain; charset=utf-8";
    let json = "application/json";
    let get = format!("api/v1/get?arg={V0}");
    let block = format!("ipfs/{V0}?format=raw");
    let bad_arg = "api/v0/cat?arg=x";
    let cached = "cache-control: no-transform, only-if-cached";
    let foreign = "origin: https://evil.test";
    for (kubo, method, rest, headers, kind, status, content_type) in [
        (&kubo, "POST", &*get, "", Kind::NotFound, 404, json),
        (&legacy, "POST", &*get, "", Kind::NotFound, 500, json),
        (&legacy, "POST", "api/v1/files/rm?arg=x", "", Kind::NotFound, 404, json),
        (&legacy, "GET", &*block, "", Kind::NotFound, 404, text),
        (&kubo, "GET", &*block, "", Kind::NotFound, 404, text),
        (&kubo, "HEAD", &*block, cached, Kind::NotFound, 412, text),
        (&kubo, "POST", &*get, cached, Kind::NotFound, 404, json),
        (&kubo, "POST", "api/v0/get", "", Kind::InvalidRequest, 400, text),
        (&kubo, "POST", "api/v0/add", "", Kind::InvalidRequest, 400, text),
        (&kubo, "POST", "api/v0/add?hash=x", FORM, Kind::InvalidRequest, 400, json),
        (&kubo, "POST", bad_arg, "", Kind::InvalidRequest, 400, json),
        (&kubo, "GET", &*block, "", Kind::InvalidRequest, 400, text),
        (&kubo, "GET", &*get, "", Kind::MethodNotAllowed, 405, text),
        (&kubo, "POST", &*block, "", Kind::MethodNotAllowed, 405, text),
        (&kubo, "POST", &*get, foreign, Kind::Forbidden, 403, text),
        (&kubo, "POST", &*get, "", Kind::Forbidden, 403, json),
        (&kubo, "POST", &*get, "", Kind::CredentialMissing, 401, ""),
        (&kubo, "POST", "api/v0/add", FORM, Kind::TenantOverLimit, 401, ""),
        (&kubo, "GET", &*block, "", Kind::TenantOverLimit, 403, text),
        (&kubo, "GET", &*block, "", Kind::CredentialMissing, 401, text),
        (&kubo, "GET", "auth/login?x", "", Kind::InvalidRequest, 400, json),
    ] {
        let reply = kubo.refuse(&head(method, rest, headers), kind, "why");
        let actual =
            reply.headers().get("content-type").map_or("", |value| value.to_str().unwrap());
        assert_eq!((reply.status().as_u16(), actual), (status, content_type), "{rest} {kind:?}");
        assert_eq!(reply.body().is_empty(), content_type.is_empty(), "{rest} {kind:?}");
    }
    let refuse = |method, rest, kind| {
        let reply = kubo.refuse(&head(method, rest, foreign), kind, "why");
        body(&reply).to_owned()
    };
    let document = "{\"error\":\"why\",\"Message\":\"why\",\"Code\":0,\"Type\":\"error\"}\n";
    assert_eq!(refuse("POST", bad_arg, Kind::InvalidRequest), document);
    assert_eq!(refuse("GET", &get, Kind::MethodNotAllowed), "405 - Method Not Allowed\n");
    assert_eq!(refuse("POST", &get, Kind::Forbidden), "403 - Forbidden\n");
}
