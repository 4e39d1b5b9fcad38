//! Which requests are calls.

use super::*;
use crate::content::digests::Algorithm;
use crate::content::filename::Filename;
use crate::dialect::{Body, Completes};

/// Base64 of the SHA-256 and the SHA-512 of nothing.
const SHA256: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const SHA512: &str =
    "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";

const INCONSISTENT: &str =
    "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";

#[test]
fn uploads_begin_with_a_piece() {
    for (headers, length, completes) in [
        ("upload-complete: ?1\ncontent-length: 7", Some(7), Completes::Always),
        ("upload-complete: ?1;x=1\ncontent-length: 0", Some(0), Completes::Always),
        ("upload-complete: ?1\ntransfer-encoding: chunked", None, Completes::Always),
        (
            "upload-complete: ?1\ntransfer-encoding: chunked\nupload-length: 8",
            Some(8),
            Completes::Always,
        ),
        ("upload-complete: ?0\ncontent-length: 7", None, Completes::Never),
        ("upload-complete: ?0\ncontent-length: 7\nupload-length: 9", Some(9), Completes::Never),
        ("upload-complete: ?0\ncontent-length: 0\nupload-length: 0", Some(0), Completes::Never),
        ("upload-complete: ?0\nupload-draft-interop-version: 8", None, Completes::Never),
        ("upload-complete: ?0\nupload-draft-interop-version: 6", None, Completes::AtLength),
    ] {
        let upload = begin(headers);
        let first = upload.first.unwrap();
        assert_eq!((upload.length, first.completes), (length, completes), "{headers}");
        assert!(first.keeps_part && first.offset == Some(0), "{headers}");
    }
}

#[test]
fn requests_without_a_word_of_it_are_whole_uploads() {
    let upload = begin("content-length: 7\nupload-draft-interop-version: 9");
    let first = upload.first.unwrap();
    assert_eq!((upload.length, first.completes), (Some(7), Completes::Always));
    assert!(!first.keeps_part && !upload.hears_interim);
    // A page can make a browser send one, and nothing else that is understood.
    assert!(parse("POST", "", &format!("content-length: 7\n{ORIGIN}")).is_ok());
    let (kind, status, _) = refused("POST", "", "content-length: 7\norigin: https://evil.test");
    assert_eq!((kind, status), (Kind::Forbidden, 403));
    assert!(parse("POST", "", "upload-complete: ?1\norigin: https://evil.test").is_ok());
}

#[test]
fn clients_of_this_version_hear_where_it_is() {
    for (version, hears) in [("9", true), ("9;x", true), ("8", false), ("10", false), ("?1", false)]
    {
        let headers = format!("upload-complete: ?1\nupload-draft-interop-version: {version}");
        assert_eq!(begin(&headers).hears_interim, hears, "{version}");
    }
    assert!(!begin("upload-complete: ?1").hears_interim);
    let mut old = head("POST", "", "upload-complete: ?1\nupload-draft-interop-version: 9");
    old.version = http::Version::HTTP_10;
    let Ok(Call::Upload(call)) = resumable().parse(&old, "") else { panic!() };
    assert!(matches!(*call, UploadCall::Begin(upload) if !upload.hears_interim));
}

#[test]
fn files_have_names() {
    for (disposition, name) in [
        ("inline; filename=\"a b.txt\"", Some("a b.txt")),
        ("inline; filename=a.txt", Some("a.txt")),
        ("inline;filename = \"a;\\\"b.txt\" ; x=y", Some("a;\"b.txt")),
        ("attachment; filename=\"a\"; filename*=UTF-8''na%C3%AFve.txt", Some("naïve.txt")),
        ("attachment; filename*=utf-8'en'x%2Fy; filename=a", Some("y")),
        ("attachment; filename*=latin1''x; filename=a", Some("a")),
        ("attachment; filename=\"../../etc/passwd\"", Some("passwd")),
        ("attachment; filename=\"a", None),
        ("attachment; filename=\"..\"", None),
        ("inline", None),
        ("inline; ;;;", None),
        ("", None),
    ] {
        let upload = begin(&format!("upload-complete: ?1\ncontent-disposition: {disposition}"));
        let found = upload.filename.as_ref().map(Filename::as_str);
        assert_eq!(found, name, "{disposition}");
    }
}

#[test]
fn pieces_are_appended() {
    for (headers, length, completes) in [
        ("upload-offset: 5\nupload-complete: ?0\ncontent-length: 2", None, Completes::Never),
        ("upload-offset: 5\nupload-complete: ?1\ncontent-length: 2", Some(7), Completes::Always),
        ("upload-offset: 5\nupload-complete: ?1", None, Completes::Always),
        ("upload-offset: 5\nupload-complete: ?0\nupload-length: 8", Some(8), Completes::Never),
    ] {
        let order = append(headers);
        let expected =
            PieceOrder { offset: Some(5), length, keeps_part: true, digest: None, completes };
        assert_eq!(order, expected, "{headers}");
    }
    let call = parse("PATCH", ID, &format!("{PIECE}\nupload-offset: 1\nupload-complete: ?0"));
    assert_eq!(resumable().body(&call.unwrap()), Body::Content);
    // An older client gives pieces no type.
    let untyped = "upload-offset: 1\nupload-complete: ?0\nupload-draft-interop-version: 5";
    assert!(parse("PATCH", ID, untyped).is_ok());
}

#[test]
fn content_is_checked() {
    let digest = |digest: &str| {
        let headers = format!("upload-offset: 5\nupload-complete: ?0\ncontent-digest: {digest}");
        append(&headers)
    };
    for (value, algorithm) in [
        (format!("sha-256=:{SHA256}:"), Some(Algorithm::Sha256)),
        (format!("sha-256=:{}:", SHA256.trim_end_matches('=')), Some(Algorithm::Sha256)),
        (format!("sha-256=:{SHA256}:;x, md5=:x:"), Some(Algorithm::Sha256)),
        (format!("sha-512=:{SHA512}:, sha-256=:{SHA256}:"), Some(Algorithm::Sha512)),
        (format!("sha-256=:{SHA256}:,sha-512=:{SHA512}:"), Some(Algorithm::Sha512)),
        ("unixsum=30637".to_owned(), None),
        (String::new(), None),
    ] {
        let order = digest(&value);
        assert_eq!(order.digest.map(|digest| digest.algorithm()), algorithm, "{value}");
        assert_eq!(order.keeps_part, algorithm.is_none(), "{value}");
    }
}

#[test]
fn bad_requests_are_refused() {
    let good = format!("{PIECE}\nupload-offset: 1\nupload-complete: ?1");
    for (method, rest, headers) in [
        ("POST", "", "upload-complete: 1".to_owned()),
        ("POST", "", "upload-complete: true".to_owned()),
        ("POST", "", "upload-complete:".to_owned()),
        ("POST", "", "upload-complete: ?0\nupload-complete: ?1".to_owned()),
        ("POST", "", "upload-complete: ?0, ?1".to_owned()),
        ("POST", "", "upload-complete: ?0\nupload-length: -1".to_owned()),
        ("POST", "", "upload-complete: ?0\nupload-length: 1.0".to_owned()),
        ("POST", "", "upload-complete: ?0\nupload-length: 1000000000000000".to_owned()),
        ("PATCH", ID, PIECE.to_owned()),
        ("PATCH", ID, format!("{PIECE}\nupload-offset: 1")),
        ("PATCH", ID, format!("{PIECE}\nupload-complete: ?1")),
        ("PATCH", ID, format!("{PIECE}\nupload-offset: -1\nupload-complete: ?1")),
        ("PATCH", ID, format!("{PIECE}\nupload-offset: \"1\"\nupload-complete: ?1")),
        ("PATCH", ID, format!("{good}\ncontent-digest: sha-256")),
        ("PATCH", ID, format!("{good}\ncontent-digest: sha-256=:AAAA:")),
        ("PATCH", ID, format!("{good}\ncontent-digest: sha-256={SHA256}")),
        ("PATCH", ID, format!("{good}\ncontent-digest: sha-512=:{SHA256}:")),
    ] {
        let (kind, status, problem) = refused(method, rest, &headers);
        assert_eq!((kind, status), (Kind::InvalidRequest, 400), "{headers}");
        assert_eq!(problem.get("type"), None, "{headers}");
    }
    for headers in ["", "content-type: application/octet-stream"] {
        let headers = format!("{headers}\nupload-offset: 1\nupload-complete: ?1");
        assert_eq!(refused("PATCH", ID, &headers).1, 415, "{headers}");
    }
}

#[test]
fn lengths_have_to_fit() {
    let piece = format!("{PIECE}\nupload-offset: 5");
    for (method, rest, headers) in [
        ("POST", "", "upload-complete: ?1\ncontent-length: 7\nupload-length: 8".to_owned()),
        ("POST", "", "upload-complete: ?0\ncontent-length: 9\nupload-length: 8".to_owned()),
        ("PATCH", ID, format!("{piece}\nupload-complete: ?1\ncontent-length: 2\nupload-length: 8")),
    ] {
        let (_, status, problem) = refused(method, rest, &headers);
        assert_eq!((status, &problem["type"]), (400, &INCONSISTENT.into()), "{headers}");
    }
}

#[test]
fn methods_are_calls() {
    assert_eq!(upload_call("HEAD", ID, ""), UploadCall::Look(id()));
    assert_eq!(upload_call("DELETE", ID, ""), UploadCall::Abort(id()));
    assert_eq!(upload_call("GET", ID, ""), UploadCall::Fetch(id()));
    for rest in ["", ID, "anything"] {
        assert_eq!(parse("OPTIONS", rest, "").unwrap(), Call::Preflight);
    }
    for (method, rest) in [("GET", ""), ("PUT", ""), ("PATCH", ""), ("PUT", ID), ("POST", ID)] {
        assert_eq!(refused(method, rest, "").1, 405, "{method} {rest}");
    }
    for rest in ["x", "/", &ID.to_uppercase(), &format!("{ID}/")] {
        for method in ["HEAD", "GET", "DELETE", "PATCH"] {
            assert_eq!(refused(method, rest, "").1, 404, "{rest}");
        }
    }
}
