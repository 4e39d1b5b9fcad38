//! The trustless gateway: what is asked of it, and the heads of its answers.

use super::*;
use crate::content::cid::Cid;
use crate::dialect::{GraphHead, Outcome, Scope, View};
use crate::reply::{Reply, Visibility};

const RAW: &str = "accept: application/vnd.ipld.raw";
const CAR: &str = "accept: application/vnd.ipld.car";

#[track_caller]
fn asked(method: &str, rest: &str, headers: &str) -> GraphCall {
    match parse(method, rest, headers) {
        Ok(Call::Graph(graph)) => *graph,
        other => panic!("{rest} {headers}: {other:?}"),
    }
}

#[test]
fn the_form_is_as_the_query_says_or_else_the_headers() {
    let car = View::Blocks(Scope::All);
    for (query, headers, expected) in [
        ("?format=raw", "", View::Block),
        ("?format=car", "", car),
        ("?format=raw", CAR, View::Block),
        ("?format=car", RAW, car),
        ("", RAW, View::Block),
        ("", "accept: Application/VND.ipld.RAW;q=0.1", View::Block),
        ("", CAR, car),
        ("", "accept: application/vnd.ipld.car; version=1; order=\"dfs\"; dups=n", car),
        ("", "accept: application/vnd.ipld.car;order=unk, */*", car),
        ("", "accept: text/html, application/vnd.ipld.raw;q=0.8, */*;q=0.1", View::Block),
        ("", "accept: application/vnd.ipld.raw;q=0.5, application/vnd.ipld.car", car),
        ("", "accept: application/vnd.ipld.raw, application/vnd.ipld.car", View::Block),
        ("", "accept: application/vnd.ipld.car;dups=y, application/vnd.ipld.car;q=0.5", car),
        ("", &format!("{RAW};q=0\n{CAR}"), car),
        ("?format=car&dag-scope=block", "", View::Blocks(Scope::Block)),
        ("?dag-scope=entity", CAR, View::Blocks(Scope::Entity)),
        ("?format=car&dag-scope=all&car-version=1&car-order=dfs&car-dups=n", "", car),
        ("?format=car&entity-bytes=0:*", "", View::Blocks(Scope::Entity)),
        ("?format=raw&dag-scope=none", "", View::Block),
    ] {
        for method in ["GET", "HEAD"] {
            let call = asked(method, &format!("ipfs/{V0}{query}"), headers);
            assert_eq!(call.view, expected, "{query} {headers}");
            assert_eq!((call.with_body, call.gzip), (method == "GET", None));
        }
    }
}

#[test]
fn what_it_does_not_have_is_refused() {
    let (no_form, no_path) = (
        "ask for a block with ?format=raw, or for an archive of blocks with ?format=car",
        "a block is asked for by its CID, without a path",
    );
    let no_archive = "an archive of blocks has version=1, order=dfs and dups=n here";
    for (rest, headers, expected) in [
        (V0, "", no_form),
        (V0, "accept: */*", no_form),
        (V0, "accept: text/html", no_form),
        (V0, "accept: application/vnd.ipld.raw;q=0", no_form),
        (&format!("{V0}/"), "", no_form),
        (&format!("{V0}?format=tar"), RAW, "the format is raw or car here"),
        (&format!("{V0}?format="), RAW, "the format is raw or car here"),
        (&format!("{V0}?format=raw&format=car"), "", "there is more than one value of format"),
        (&format!("{V0}/a?format=raw"), "", no_path),
        (&format!("{V0}/a"), RAW, no_path),
        (V0, "accept: application/vnd.ipld.car; version=2", no_archive),
        (V0, "accept: application/vnd.ipld.car;dups=y", no_archive),
        (&format!("{V0}?format=car&car-dups=y"), "", no_archive),
        (&format!("{V0}?format=car&dag-scope=some"), "", "dag-scope is block, entity or all"),
        (&format!("{V0}?format=car&entity-bytes=0:9"), "", "entity-bytes is 0:* here"),
        ("x?format=raw", "", "invalid path: no CID"),
        ("?format=raw", "", "invalid path: no CID"),
        (
            &format!("{V0}/%2e%2e?format=car"),
            "",
            "invalid path: a segment can be the name of nothing",
        ),
        (
            &format!("{V0}/a%2Fb?format=car"),
            "",
            "invalid path: it is not percent-encoded correctly",
        ),
        (&format!("{V0}/%ff?format=car"), "", "invalid path: it is not percent-encoded correctly"),
        (
            &format!("{V0}?format=raw"),
            "service-worker: script",
            "a service worker has to be below a path that ends in a slash",
        ),
    ] {
        let expected = (Kind::InvalidRequest, expected.to_owned());
        assert_eq!(refused("GET", &format!("ipfs/{rest}"), headers), expected, "{rest} {headers}");
    }
    let error = parse("POST", &format!("ipfs/{V0}?format=raw"), "").unwrap_err();
    assert!(matches!(error, Error::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" }));
    assert_eq!(refused("GET", "ipns/example.org?format=raw", "").0, Kind::NotFound);
    asked("GET", &format!("ipfs/{V0}/?format=raw"), "service-worker: script");
}

#[test]
fn the_probe_needs_no_form() {
    for rest in ["ipfs/bafkqaaa", "ipfs/bafkqaaa/", "ipfs/bafkqaaa?format=raw"] {
        assert_eq!(asked("HEAD", rest, "accept: */*").view, View::Block);
    }
    assert_eq!(asked("GET", "ipfs/bafkqaaa", CAR).view, View::Blocks(Scope::All));
    assert_eq!(refused("GET", "ipfs/bafkqaaa/a", "").0, Kind::InvalidRequest);
    assert_eq!(refused("GET", "ipfs/bafkqabtimvwgy3yk", "").0, Kind::InvalidRequest);
}

#[test]
fn other_bytes_have_other_tags() {
    let etag = |rest: &str| asked("GET", &format!("ipfs/{rest}"), "").etag.unwrap();
    assert_eq!(etag(&format!("{V0}?format=raw")), format!("\"{V1}.raw\""));
    assert_eq!(etag(&format!("{V1}?format=car")), format!("\"{V1}.car\""));
    // Its blocks are named otherwise.
    assert_eq!(etag(&format!("{V0}?format=car")), format!("\"{V0}.car\""));
    let tags: std::collections::HashSet<_> = [
        "?format=raw",
        "?format=car",
        "?format=car&dag-scope=entity",
        "?format=car&dag-scope=block",
        "/a?format=car",
        "/a/b?format=car",
        "/a%5cb?format=car",
        "/a?format=car&dag-scope=block",
    ]
    .iter()
    .map(|rest| etag(&format!("{V0}{rest}")))
    .collect();
    assert_eq!(tags.len(), 8, "{tags:?}");
    assert!(tags.iter().all(|tag| tag.is_ascii() && tag.matches('"').count() == 2));
}

/// The head of the answer to a request.
fn answer(rest: &str, headers: &str, length: Option<u64>, visibility: Visibility) -> Reply {
    let call = Call::Graph(Box::new(asked("GET", rest, headers)));
    let cid = Cid::parse(V1).unwrap();
    let graph = GraphHead { cid: &cid, size: 12, length, visibility };
    kubo().answer(&head("GET", rest, headers), &call, &Outcome::Graph(graph))
}

fn lines(reply: &Reply) -> Vec<String> {
    let headers = reply.headers().iter();
    let mut lines: Vec<_> =
        headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

#[test]
fn a_block_has_the_headers_of_the_specification() {
    let rest = format!("ipfs/{V0}");
    let reply = answer(&rest, RAW, Some(12), Visibility::Public);
    assert_eq!(reply.status(), 200);
    assert_eq!(
        lines(&reply),
        [
            "accept-ranges: none".to_owned(),
            "cache-control: public, max-age=29030400, immutable".to_owned(),
            format!("content-disposition: attachment; filename=\"{V0}.bin\""),
            "content-length: 12".to_owned(),
            format!("content-location: /px/ipfs/{V0}?format=raw"),
            "content-type: application/vnd.ipld.raw".to_owned(),
            format!("etag: \"{V1}.raw\""),
            "vary: Accept".to_owned(),
            "x-content-type-options: nosniff".to_owned(),
            format!("x-ipfs-path: /ipfs/{V0}"),
            format!("x-ipfs-roots: {V0}"),
        ]
    );
}

#[test]
fn an_archive_says_how_it_is_made() {
    let rest = format!("ipfs/{V1}/a%20b?format=car&filename=%C3%BC.car");
    let reply = answer(&rest, "", None, Visibility::Private);
    assert_eq!(
        lines(&reply)[..5],
        [
            "accept-ranges: none",
            "cache-control: private, max-age=29030400, immutable",
            "content-disposition: attachment; filename=\"_.car\"; filename*=UTF-8''%C3%BC.car",
            "content-type: application/vnd.ipld.car; version=1; order=dfs; dups=n",
            &format!("etag: {}", asked("GET", &rest, "").etag.unwrap()),
        ]
    );
    assert_eq!(reply.headers()["x-ipfs-path"], format!("/ipfs/{V1}/a%20b"));
    assert!(!reply.headers().contains_key("x-ipfs-roots"));
    assert!(!reply.headers().contains_key("content-location"));
    let reply = answer(&format!("ipfs/{V1}?dag-scope=block"), CAR, None, Visibility::Public);
    let location = format!("/px/ipfs/{V1}?format=car&dag-scope=block");
    assert_eq!(reply.headers()["content-location"], location);
}

#[test]
fn who_has_it_is_told_so() {
    let rest = format!("ipfs/{V0}?format=raw");
    let call = Call::Graph(Box::new(asked("GET", &rest, "")));
    let outcome = Outcome::NotModified(Visibility::Public);
    let reply = kubo().answer(&head("GET", &rest, ""), &call, &outcome);
    assert_eq!(reply.status(), 304);
    let expected =
        ["cache-control: public, max-age=29030400, immutable", &format!("etag: \"{V1}.raw\"")];
    assert_eq!(lines(&reply), expected);
}
