//! Which requests are understood, and as what.

use super::*;
use crate::catalog::{ArtifactId, ArtifactRef};
use crate::content::digests::{Algorithm, AnyDigest};
use crate::dialect::{Body, CatalogCall, NewUpload, PieceOrder, UploadCall};

const SMALL: Body = Body::Small(4096);
const ORDER: Body = Body::Small(64 * 1024);

fn named(name: &str) -> ArtifactRef {
    ArtifactRef::Name(name.to_owned())
}

#[test]
fn uploads_and_tokens() {
    let upload = |call| Call::Upload(Box::new(call));
    let begin = UploadCall::Begin(NewUpload::default());
    let append = UploadCall::Append(ours(), PieceOrder::default());
    let truncate = |size| upload(UploadCall::Truncate(ours(), size));
    for (method, rest, call, body) in [
        ("GET", "", Call::Greeting, Body::None),
        ("HEAD", "", Call::Greeting, Body::None),
        ("POST", "auth", Call::Login(None), SMALL),
        ("POST", "upload", upload(begin.clone()), SMALL),
        // As of clients whose URL has a slash at its end.
        ("GET", "/", Call::Greeting, Body::None),
        ("POST", "/auth", Call::Login(None), SMALL),
        ("POST", "/upload", upload(begin), SMALL),
        ("POST", &format!("upload/{OURS}"), upload(append), Body::Content),
        ("POST", &format!("upload/{OURS}/truncate/0"), truncate(0), Body::None),
        ("POST", &format!("upload/{OURS}/truncate/4096"), truncate(4096), Body::None),
    ] {
        let parsed = parse(method, rest).unwrap();
        assert_eq!(parsed, call, "{method} {rest}");
        assert_eq!(shakenfist().body(&parsed), body, "{method} {rest}");
    }
    let without = Shakenfist { has_login: false, ..shakenfist() };
    let result = without.parse(&head("POST", "auth"), "auth");
    assert_eq!(refused(result), (Kind::NotFound, String::new()));
}

#[test]
fn artifacts() {
    let id = ArtifactId::parse(THEIRS).unwrap();
    let braced = format!("artifacts/%7B{THEIRS}%7D");
    for (method, rest, call, body) in [
        ("GET", "artifacts", CatalogCall::Artifacts, SMALL),
        ("DELETE", "artifacts", CatalogCall::RemoveAll(None), ORDER),
        ("GET", "artifacts/debian", CatalogCall::Artifact(named("debian")), Body::None),
        ("HEAD", "artifacts/debian", CatalogCall::Artifact(named("debian")), Body::None),
        ("GET", "artifacts/a%20b%C3%BC", CatalogCall::Artifact(named("a bü")), Body::None),
        ("GET", "artifacts/a+b", CatalogCall::Artifact(named("a+b")), Body::None),
        ("GET", "artifacts/upload", CatalogCall::Artifact(named("upload")), Body::None),
        ("GET", &braced, CatalogCall::Artifact(ArtifactRef::Id(id)), Body::None),
        ("DELETE", "artifacts/debian", CatalogCall::Remove(named("debian")), Body::None),
        ("GET", "artifacts/a/versions", CatalogCall::Versions(named("a")), Body::None),
        ("GET", "artifacts/upload/versions", CatalogCall::Versions(named("upload")), Body::None),
        ("POST", "artifacts/a/versions", CatalogCall::KeepVersions(named("a"), None), ORDER),
        ("DELETE", "artifacts/a/versions/7", CatalogCall::RemoveVersion(named("a"), 7), Body::None),
        ("POST", "artifacts/a/share", CatalogCall::Share(named("a"), true), Body::None),
        ("POST", "artifacts/a/unshare", CatalogCall::Share(named("a"), false), Body::None),
        ("GET", "artifacts/a/events", CatalogCall::ArtifactEvents(named("a")), SMALL),
        ("POST", "artifacts/upload/a", CatalogCall::Publish("a".into(), None), ORDER),
        ("POST", "artifacts/upload/share", CatalogCall::Publish("share".into(), None), ORDER),
        ("POST", "artifacts/upload/a%20b", CatalogCall::Publish("a b".into(), None), ORDER),
    ] {
        let parsed = parse(method, rest).unwrap();
        assert_eq!(parsed, Call::Catalog(Box::new(call)), "{method} {rest}");
        assert_eq!(shakenfist().body(&parsed), body, "{method} {rest}");
    }
    for form in [THEIRS.to_owned(), THEIRS.replace('-', ""), THEIRS.to_uppercase()] {
        let call = Call::Catalog(Box::new(CatalogCall::Artifact(ArtifactRef::Id(id))));
        assert_eq!(parse("GET", &format!("artifacts/{form}")).unwrap(), call);
    }
}

#[test]
fn blobs() {
    let data = |offset, limit| CatalogCall::BlobData { blob: ours(), offset, limit };
    let slice = 512 * 1024 * 1024;
    let at = |rest: &str| format!("blobs/{OURS}{rest}");
    for (rest, call, body) in [
        ("blobs".to_owned(), CatalogCall::Blobs, SMALL),
        (at(""), CatalogCall::Blob(ours()), Body::None),
        (at("/events"), CatalogCall::BlobEvents(ours()), SMALL),
        (at("/data"), data(0, None), Body::None),
        (at("/data?offset=7"), data(7, None), Body::None),
        (at("/data?offset=7&limit=0"), data(7, None), Body::None),
        (at("/data?offset=0&limit=536870912"), data(0, Some(slice)), Body::None),
        (at("/data?x=y&limit=1&&"), data(0, Some(1)), Body::None),
    ] {
        let parsed = parse("GET", &rest).unwrap();
        assert_eq!(parsed, Call::Catalog(Box::new(call)), "{rest}");
        assert_eq!(shakenfist().body(&parsed), body, "{rest}");
    }
    for (algorithm, digits) in
        [(Algorithm::Sha1, 40), (Algorithm::Sha256, 64), (Algorithm::Sha512, 128)]
    {
        let text = "aB".repeat(digits / 2);
        let digest = AnyDigest::parse_hex(algorithm, &text).unwrap();
        let rest = format!("blob_checksums/{}/{text}", algorithm.name());
        assert_eq!(
            parse("GET", &rest).unwrap(),
            Call::Catalog(Box::new(CatalogCall::Find(digest)))
        );
    }
}

#[test]
fn paths_that_there_are_not() {
    for (method, rest) in [
        ("GET", "auth/"),
        ("POST", "upload/"),
        ("POST", "//upload"),
        ("GET", "artifacts/"),
        // It is not all artifacts that are to be removed.
        ("DELETE", "artifacts/"),
        ("DELETE", "artifacts//"),
        ("DELETE", "artifacts/%00"),
        ("GET", "artifacts/.."),
        ("GET", "artifacts/%2e%2e"),
        ("GET", "artifacts/a%2Fb"),
        ("GET", "artifacts/a%0A"),
        ("GET", "artifacts/a/"),
        ("GET", "artifacts/a/metadata"),
        ("DELETE", "artifacts/a/versions/1/"),
        ("POST", "artifacts/upload/a/b"),
        ("GET", "blobs/"),
        ("GET", "blobs/x"),
        ("GET", &format!("blobs/{THEIRS}")),
        ("GET", &format!("blobs/{THEIRS}/data")),
        ("GET", &format!("blobs/{OURS}/data/")),
        ("GET", &format!("blobs/{OURS}/metadata")),
        ("GET", &format!("blobs/{}", OURS.to_uppercase())),
        ("POST", &format!("upload/{THEIRS}")),
        ("POST", &format!("upload/{THEIRS}/truncate/0")),
        ("POST", &format!("upload/{OURS}/truncate")),
        ("POST", &format!("upload/{OURS}/../artifacts")),
        ("POST", "label/x"),
        ("GET", "instances"),
        ("GET", "blob_checksums/sha512"),
        ("GET", "a/b/c/d/e/f/g/h"),
    ] {
        assert_eq!(
            refused(parse(method, rest)),
            (Kind::NotFound, String::new()),
            "{method} {rest}"
        );
    }
}

#[test]
fn requests_that_make_no_sense() {
    let encoding = "the path is not percent-encoded correctly";
    let size = "the name of an artifact has 1 to 255 bytes";
    let characters = "the name of an artifact has no slashes and no control characters";
    let digest = "a digest has 40 (SHA-1), 64 (SHA-256) or 128 (SHA-512) hexadecimal digits";
    let data = |query: &str| format!("blobs/{OURS}/data?{query}");
    let long = format!("artifacts/upload/{}", "ü".repeat(128));
    for (method, rest, text) in [
        ("POST", "artifacts", "artifacts are not fetched from elsewhere here; upload them"),
        ("GET", "artifacts/%zz", encoding),
        ("GET", "artifacts/%ff", encoding),
        ("GET", "artifacts/%", encoding),
        ("POST", "artifacts/upload/%f", encoding),
        ("POST", "artifacts/upload/", size),
        ("POST", &long, size),
        ("POST", "artifacts/upload/a%2Fb", characters),
        ("POST", "artifacts/upload/a%00", characters),
        ("POST", "artifacts/upload/a%C2%85", characters),
        ("POST", "artifacts/upload/..", "an artifact cannot be called . or .."),
        ("POST", "artifacts/upload/%2E", "an artifact cannot be called . or .."),
        ("DELETE", "artifacts/a/versions/x", "version index is not an integer"),
        ("DELETE", "artifacts/a/versions/+1", "version index is not an integer"),
        ("DELETE", "artifacts/a/versions/", "version index is not an integer"),
        ("DELETE", "artifacts/a/versions/18446744073709551616", "version index is not an integer"),
        ("POST", &format!("upload/{OURS}/truncate/-1"), "the size is not an integer"),
        ("POST", &format!("upload/{OURS}/truncate/"), "the size is not an integer"),
        ("GET", &data("offset=-1"), "offset is not one whole number"),
        ("GET", &data("offset=+1"), "offset is not one whole number"),
        ("GET", &data("offset=1&offset=1"), "offset is not one whole number"),
        ("GET", &data("offset=1&%6fffset=2"), "offset is not one whole number"),
        ("GET", &data("offset"), "offset is not one whole number"),
        ("GET", &data("limit=1e3"), "limit is not one whole number"),
        ("GET", &data("limit=18446744073709551616"), "limit is not one whole number"),
        ("GET", "blob_checksums/md5/00", "unknown hash algorithm"),
        ("GET", "blob_checksums/xxh128/00", "unknown hash algorithm"),
        ("GET", "blob_checksums/sha512/00", digest),
    ] {
        let expected = (Kind::InvalidRequest, text.to_owned());
        assert_eq!(refused(parse(method, rest)), expected, "{method} {rest}");
    }
}

#[test]
fn methods_of_paths() {
    for (method, rest, expected) in [
        ("POST", "", "GET, HEAD"),
        ("OPTIONS", "", "GET, HEAD"),
        ("GET", "auth", "POST"),
        ("PUT", "upload", "POST"),
        ("GET", &format!("upload/{OURS}"), "POST"),
        ("DELETE", &format!("upload/{OURS}/truncate/1"), "POST"),
        ("PUT", "artifacts", "DELETE, GET, HEAD"),
        ("POST", "artifacts/a", "DELETE, GET, HEAD"),
        ("DELETE", "artifacts/a/versions", "GET, HEAD, POST"),
        ("GET", "artifacts/a/versions/1", "DELETE"),
        ("GET", "artifacts/a/share", "POST"),
        ("GET", "artifacts/a/unshare", "POST"),
        ("GET", "artifacts/upload/a", "POST"),
        ("POST", "artifacts/a/events", "GET, HEAD"),
        ("POST", "blobs", "GET, HEAD"),
        ("DELETE", &format!("blobs/{OURS}"), "GET, HEAD"),
        ("HEAD", &format!("blobs/{OURS}/data"), "GET"),
        ("POST", &format!("blob_checksums/sha1/{}", "0".repeat(40)), "GET, HEAD"),
    ] {
        match parse(method, rest) {
            Err(Error::MethodNotAllowed { allow }) => {
                assert_eq!(allow, expected, "{method} {rest}")
            }
            other => panic!("{method} {rest}: {other:?}"),
        }
    }
}

#[test]
fn the_rest_of_a_path_is_that_below_the_route() {
    for (base, path, expected) in [
        ("https://gateway.example.com/sf/", "/sf/upload", "upload"),
        ("https://gateway.example.com/", "/upload", "upload"),
        ("/sf/", "/sf/upload", "upload"),
        ("/", "/upload", "upload"),
        ("/upload/", "/upload/auth", "auth"),
        // As it may be asked for without its slash.
        ("/sf/", "/sf", ""),
    ] {
        let dialect = Shakenfist { base: base.to_owned(), has_login: true };
        let head = Request::builder().uri(path).body(()).unwrap().into_parts().0;
        assert_eq!(dialect.rest(&head), expected, "{base}");
    }
}

#[test]
fn what_names_of_stored_entries_are() {
    assert!(shakenfist().stores(OURS));
    for name in [THEIRS, &OURS.to_uppercase(), "", "sha256"] {
        assert!(!shakenfist().stores(name), "{name}");
    }
}
