//! Which commands are understood, and as what.

use super::*;
use crate::content::cid::Cid;
use crate::dialect::{ImportOrder, Topic, View};
use crate::graph::profile::{Leaves, Profile, Version};

const FORM: &str = "content-type: multipart/form-data; boundary=----abc";

#[test]
fn all_ways_to_write_a_path_lead_to_the_same() {
    for (argument, root_text, names) in [
        (V0, V0, vec![]),
        (V1, V1, vec![]),
        (&format!("/btfs/{V1}"), V1, vec![]),
        (&format!("%2Fbtfs%2F{V1}"), V1, vec![]),
        (&format!("%2Fipfs%2F{V0}%2F"), V0, vec![]),
        (&format!("ipfs://{V1}/a"), V1, vec!["a"]),
        (&format!("/ipfs/{V1}//a+b/%C3%BC%2F%2e%2e."), V1, vec!["a b", "ü", "..."]),
    ] {
        for version in ["v0", "v1"] {
            let call = graph(&format!("api/{version}/cat?arg={argument}"));
            assert_eq!(call.path.root, Cid::parse(V1).unwrap(), "{argument}");
            assert_eq!(call.path.root_text, root_text);
            assert_eq!(call.path.names, names, "{argument}");
            assert_eq!((call.etag, call.gzip, call.with_body), (None, None, true));
        }
    }
}

#[test]
fn what_leads_nowhere_is_refused() {
    let many = format!("{V1}{}", "/a".repeat(129));
    for argument in [
        "",
        "x",
        "/ipfs/",
        "/ipns/example.org",
        "ipns://example.org",
        &format!("{V1}/.."),
        &format!("{V1}/a/./b"),
        &format!("{V1}/a%00"),
        &many,
    ] {
        let (kind, text) = refused("POST", &format!("api/v0/get?arg={argument}"), "");
        assert_eq!(kind, Kind::InvalidRequest, "{argument}");
        assert!(text.starts_with("invalid path: "), "{text}");
    }
    for (query, expected) in [
        ("cat", "argument \"ipfs-path\" is required"),
        ("get?archive=true", "argument \"ipfs-path\" is required"),
        ("block/get", "argument \"cid\" is required"),
        ("block/stat?x", "argument \"cid\" is required"),
        (&format!("cat?arg={V0}&arg={V0}"), "there can be one argument only"),
        (&format!("cat?arg={V0}&x=%zz"), "the query is not percent-encoded correctly"),
        ("cat?arg=%ff", "the query is not percent-encoded correctly"),
    ] {
        let expected = (Kind::InvalidRequest, expected.to_owned());
        assert_eq!(refused("POST", &format!("api/v0/{query}"), ""), expected, "{query}");
    }
}

#[test]
fn get_is_compressed_and_archived_as_asked() {
    let file = View::File { offset: 0, length: None };
    let tar = Kubo::new(Settings { archives: true, ..settings() });
    for (options, raw_mount, tar_mount, gzip) in [
        ("", file, View::Archive, None),
        ("archive=true", View::Archive, View::Archive, None),
        ("archive=false", file, View::Archive, None),
        ("a", View::Archive, View::Archive, None),
        ("compress=true", file, file, Some(6)),
        ("compress=T&compression-level=9", file, file, Some(9)),
        ("archive=1&compress=1&compression-level=1", View::Archive, View::Archive, Some(1)),
        // Without compression, nobody asks for a level.
        ("compression-level=0&output=x&progress=true&timeout=1000ms", file, View::Archive, None),
    ] {
        let rest = format!("api/v1/get?{options}&arg={V0}");
        let call = graph(&rest);
        assert_eq!((call.view, call.gzip), (raw_mount, gzip), "{options}");
        let Ok(Call::Graph(call)) = parse_with(&tar, "POST", &rest, "") else { panic!("{rest}") };
        assert_eq!((call.view, call.gzip), (tar_mount, gzip), "{options}");
    }
    for (options, expected) in [
        ("compress=true&compression-level=0", "compression level must be between 1 and 9"),
        ("compress=true&compression-level=10", "compression level must be between 1 and 9"),
        ("compress=true&compression-level=-1", "compression level must be between 1 and 9"),
        ("compress=true&compression-level=x", "compression-level is no number"),
        ("archive=perhaps", "archive is neither true nor false"),
        ("archive=true&archive=true", "there is more than one value of archive"),
    ] {
        let expected = (Kind::InvalidRequest, expected.to_owned());
        let rest = format!("api/v0/get?arg={V0}&{options}");
        assert_eq!(refused("POST", &rest, ""), expected, "{options}");
    }
}

#[test]
fn cat_sends_the_part_asked_for() {
    for (options, offset, length) in [
        ("", 0, None),
        ("offset=2&length=3", 2, Some(3)),
        ("length=0", 0, Some(0)),
        ("offset=9223372036854775807", i64::MAX as u64, None),
    ] {
        let call = graph(&format!("api/v0/cat?{options}&arg={V0}"));
        assert_eq!(call.view, View::File { offset, length }, "{options}");
    }
    for (options, expected) in [
        ("offset=-1", "cannot specify negative offset"),
        ("length=-1", "cannot specify negative length"),
        ("offset=x", "offset is no number"),
        ("length=", "length is no number"),
        ("offset=9223372036854775808", "offset is no number"),
    ] {
        let expected = (Kind::InvalidRequest, expected.to_owned());
        let rest = format!("api/v0/cat?arg={V0}&{options}");
        assert_eq!(refused("POST", &rest, ""), expected, "{options}");
    }
}

#[test]
fn blocks_and_companions_have_commands_of_their_own() {
    let block = graph(&format!("api/v0/block/get?arg={V0}"));
    assert_eq!((block.view, block.with_body), (View::Block, true));
    let size = graph(&format!("api/v0/block/stat?arg=/ipfs/{V0}"));
    assert_eq!((size.view, size.with_body), (View::BlockSize, false));
    assert_eq!(parse("POST", "api/v0/version", "").unwrap(), Call::About(Topic::Version));
    assert_eq!(parse("POST", "api/v1/id", "").unwrap(), Call::About(Topic::Caller));
}

#[test]
fn commands_are_asked_for_by_post() {
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
        for rest in ["api/v0/version", "api/v1/get", "api/v0/none"] {
            let error = parse(method, rest, "").unwrap_err();
            let Error::MethodNotAllowed { allow } = error else { panic!("{error:?}") };
            assert_eq!(allow, "OPTIONS, POST");
        }
    }
    for rest in ["api/v0/get", "api/v0/none", "ipfs/x", "x", ""] {
        assert_eq!(parse("OPTIONS", rest, "").unwrap(), Call::Preflight, "{rest}");
    }
    for rest in ["api/v2/get", "api/get", "api/v0/", "api/v0/files/rm?arg=/x", "api/v0/ls", "x", ""]
    {
        assert_eq!(refused("POST", rest, "").0, Kind::NotFound, "{rest}");
    }
}

#[track_caller]
fn order(options: &str, headers: &str) -> Result<ImportOrder, String> {
    match parse("POST", &format!("api/v0/add{options}"), headers) {
        Ok(Call::Import(order)) => Ok(*order),
        Ok(call) => panic!("{call:?}"),
        Err(error) => Err(error.message().to_owned()),
    }
}

#[test]
fn add_makes_what_is_asked_for() {
    let usual = ImportOrder {
        boundary: "----abc".to_owned(),
        profile: Profile::kubo(Version::V0),
        only_hash: false,
        wrap: false,
    };
    let with = |change: fn(&mut ImportOrder)| {
        let mut order = usual.clone();
        change(&mut order);
        order
    };
    for (options, expected) in [
        ("", usual.clone()),
        ("?stream-channels=true&pin=true&progress=false", usual.clone()),
        ("?cid-version=0&hash=SHA2-256&trickle=false&inline=false&chunker=default", usual.clone()),
        ("?max-file-links=174&mode=0&fast-provide-root=true&timeout=1s&x=y", usual.clone()),
        ("?cid-version=1", with(|order| order.profile = Profile::kubo(Version::V1))),
        ("?raw-leaves=true", with(|order| order.profile = order.profile.with_leaves(Leaves::Raw))),
        ("?raw-leaves=false", usual.clone()),
        (
            "?cid-version=1&raw-leaves=false",
            with(|order| order.profile = Profile::kubo(Version::V1).with_leaves(Leaves::Nodes)),
        ),
        (
            "?chunker=size-1024",
            with(|order| order.profile = order.profile.with_chunker("size-1024").unwrap()),
        ),
        ("?only-hash=true", with(|order| order.only_hash = true)),
        ("?n=1&w", with(|order| (order.only_hash, order.wrap) = (true, true))),
    ] {
        assert_eq!(order(options, FORM), Ok(expected), "{options}");
    }
    for (options, expected) in [
        ("?cid-version=2", "cid-version is 0 or 1"),
        ("?trickle=true", "trickle is not supported here"),
        ("?t", "trickle is not supported here"),
        ("?inline=true", "inline is not supported here"),
        ("?nocopy=true", "nocopy is not supported here"),
        ("?preserve-mode=true", "preserve-mode is not supported here"),
        ("?mtime=5", "mtime is not supported here"),
        ("?to-files=/", "to-files is not supported here: there is no file system"),
        ("?hash=blake3", "the hash is sha2-256 here"),
        ("?max-file-links=2", "max-file-links is 174 here"),
        ("?chunker=size-0", "a chunk can have 1 to 1048576 bytes"),
        ("?chunker=size-255", "a chunk has at least 256 bytes here"),
        ("?chunker=size-%2B1", "a chunk can have 1 to 1048576 bytes"),
        ("?chunker=size-1048577", "a chunk can have 1 to 1048576 bytes"),
        ("?chunker=rabin-1-2-3", "the only chunker here is size-N"),
    ] {
        assert_eq!(order(options, FORM), Err(expected.to_owned()), "{options}");
    }
}

#[test]
fn add_needs_a_form() {
    let boundary =
        |value: &str| order("", &format!("content-type: {value}")).map(|order| order.boundary);
    let long = "x".repeat(70);
    for (value, expected) in [
        ("multipart/form-data; boundary=abc", "abc"),
        ("Multipart/Form-Data;charset=utf-8; Boundary=\"a b:c=?\"", "a b:c=?"),
        (&format!("multipart/form-data; boundary={long}"), long.as_str()),
    ] {
        assert_eq!(boundary(value).as_deref(), Ok(expected), "{value}");
    }
    let none = Err("no multipart boundary param in Content-Type".to_owned());
    for value in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a\\b\"",
        "multipart/form-data; boundary=\"a \"",
        &format!("multipart/form-data; boundary={long}x"),
    ] {
        assert_eq!(boundary(value), none, "{value}");
    }
    let no_form = Err("file argument 'path' is required".to_owned());
    assert_eq!(order("", ""), no_form);
    assert_eq!(boundary("application/json"), Err("file argument 'path' is required".to_owned()));
    assert_eq!(order("", &format!("{FORM}\n{FORM}")), no_form);
}
