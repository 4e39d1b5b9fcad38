//! Which requests are calls.

use super::*;
use crate::content::digests::AnyDigest;
use crate::content::filename::Filename;
use crate::dialect::{Body, Completes};

#[test]
fn uploads_begin() {
    let upload = begin("upload-length: 7");
    assert_eq!(upload, NewUpload { length: Some(7), ..NewUpload::default() });
    assert_eq!(begin("upload-defer-length: 1"), NewUpload::default());
    // tuspy has an empty one where there is no metadata.
    assert_eq!(begin("upload-length: 7\nupload-metadata:"), upload);
    // A body of another type is none.
    assert_eq!(begin("upload-length: 7\ncontent-type: text/plain"), upload);
}

#[test]
fn an_upload_without_bytes_is_complete_as_it_begins() {
    let first = begin("upload-length: 0").first.unwrap();
    assert_eq!((first.offset, first.completes), (Some(0), Completes::AtLength));
}

#[test]
fn the_first_piece_can_come_at_once() {
    let call = parse("POST", "", &format!("upload-length: 7\n{PIECE}")).unwrap();
    assert_eq!(tus().body(&call), Body::Content);
    let call = parse("POST", "", "upload-length: 7").unwrap();
    assert_eq!(tus().body(&call), Body::None);
    let sum = "upload-checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";
    let first = begin(&format!("upload-length: 5\n{PIECE}\n{sum}")).first.unwrap();
    assert!(matches!(first.digest, Some(AnyDigest::Sha1(_))), "{first:?}");
    assert_eq!(first.completes, Completes::AtLength);
}

#[test]
fn metadata_is_kept_as_it_came() {
    for (metadata, name) in [
        ("filename d29ybGQudHh0,is_confidential", Some("world.txt")),
        ("name d29ybGQudHh0", Some("world.txt")),
        ("name bm8=, filename d29ybGQudHh0", Some("world.txt")),
        ("filename Li4vLi4vZXRjL3Bhc3N3ZA==", Some("passwd")),
        ("filename Lg==,name d29ybGQudHh0", Some("world.txt")),
        ("filename /w==", None),
        ("filetype dGV4dC9wbGFpbg==", None),
        ("a,b ,c", None),
    ] {
        let upload = begin(&format!("upload-length: 7\nupload-metadata: {metadata}"));
        assert_eq!(upload.metadata, metadata);
        assert_eq!(upload.filename.as_ref().map(Filename::as_str), name, "{metadata}");
    }
}

#[test]
fn bad_beginnings_are_refused() {
    let too_long = format!("upload-length: 7\nupload-metadata: a {}", "A".repeat(2048));
    let too_many: Vec<_> = (0..65).map(|key| format!("k{key}")).collect();
    let too_many = format!("upload-length: 7\nupload-metadata: {}", too_many.join(","));
    for headers in [
        "",
        "upload-length: -1",
        "upload-length: +1",
        "upload-length: 1.0",
        "upload-length: 0x1",
        "upload-length:",
        "upload-length: 18446744073709551616",
        "upload-length: 1\nupload-length: 1",
        "upload-length: 1, 1",
        "upload-length: 1\nupload-defer-length: 1",
        "upload-defer-length: 0",
        "upload-defer-length: true",
        "upload-length: 1\nupload-concat: partial",
        "upload-concat: final;/files/a /files/b",
        "upload-length: 1\nupload-metadata: a A",
        "upload-length: 1\nupload-metadata: a QQ=",
        "upload-length: 1\nupload-metadata: a QQ==,a QQ==",
        "upload-length: 1\nupload-metadata: a QQ==,",
        "upload-length: 1\nupload-metadata: ,",
        "upload-length: 1\nupload-metadata: é QQ==",
        "upload-length: 1\nupload-metadata: a Q\tQ==",
        "upload-length: 1\nupload-metadata: a QQ==\nupload-metadata: b QQ==",
        &too_long,
        &too_many,
    ] {
        let head = head("POST", "", headers);
        assert_eq!(refused(&head, ""), (Kind::InvalidRequest, 400), "{headers}");
    }
}

#[test]
fn pieces_are_appended() {
    let order = append("upload-offset: 70");
    let expected = PieceOrder {
        offset: Some(70),
        keeps_part: true,
        completes: Completes::AtLength,
        ..PieceOrder::default()
    };
    assert_eq!(order, expected);
    let order = append("upload-offset: 0\nupload-length: 7");
    assert_eq!(order.length, Some(7));
    // It cannot be checked before its end, and so nothing counts before.
    let order = append("upload-offset: 0\nupload-checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=");
    assert!(!order.keeps_part && order.digest.is_some());
    let call = parse("PATCH", ID, &format!("{PIECE}\nupload-offset: 1")).unwrap();
    assert_eq!(tus().body(&call), Body::Content);
}

#[test]
fn bad_pieces_are_refused() {
    for (headers, status) in [
        ("upload-offset: 0", 415),
        ("upload-offset: 0\ncontent-type: application/octet-stream", 415),
        (PIECE, 400),
        (&format!("{PIECE}\nupload-offset: -1"), 400),
        (&format!("{PIECE}\nupload-offset: 1\nupload-offset: 2"), 400),
        (&format!("{PIECE}\nupload-offset: 1\nupload-length: x"), 400),
        (&format!("{PIECE}\nupload-offset: 1\nupload-checksum: md5 AAAA"), 400),
        (&format!("{PIECE}\nupload-offset: 1\nupload-checksum: SHA1 AAAA"), 400),
        (&format!("{PIECE}\nupload-offset: 1\nupload-checksum: sha1"), 400),
        (&format!("{PIECE}\nupload-offset: 1\nupload-checksum: sha1 AAAA"), 400),
        (&format!("{PIECE}\nupload-offset: 1\nupload-checksum: sha1 !"), 400),
        (
            &format!(
                "{PIECE}\nupload-offset: 1\nupload-checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00"
            ),
            400,
        ),
    ] {
        let head = head("PATCH", ID, headers);
        assert_eq!(refused(&head, ID), (Kind::InvalidRequest, status), "{headers}");
    }
}

#[test]
fn methods_are_calls() {
    assert_eq!(upload_call("HEAD", ID, ""), UploadCall::Look(id()));
    assert_eq!(upload_call("DELETE", ID, ""), UploadCall::Abort(id()));
    assert_eq!(upload_call("GET", ID, ""), UploadCall::Fetch(id()));
    for rest in ["", ID, "anything"] {
        let options = bare("OPTIONS", rest, "");
        assert_eq!(tus().parse(&options, rest).unwrap(), Call::Preflight);
    }
    for (method, rest) in [("GET", ""), ("HEAD", ""), ("PATCH", ""), ("PUT", ID), ("POST", ID)] {
        let head = head(method, rest, "");
        assert_eq!(refused(&head, rest), (Kind::MethodNotAllowed, 405), "{method} {rest}");
    }
}

#[test]
fn another_method_can_be_meant() {
    let meant = |method| format!("x-http-method-override: {method}");
    let patch = format!("{}\n{PIECE}\nupload-offset: 3", meant("PATCH"));
    let append = matches!(upload_call("POST", ID, &patch), UploadCall::Append(..));
    assert!(append);
    assert_eq!(upload_call("POST", ID, &meant("delete")), UploadCall::Abort(id()));
    assert_eq!(upload_call("POST", ID, &meant("HEAD")), UploadCall::Look(id()));
    // Only of a POST, and nothing that needs no version.
    assert_eq!(upload_call("HEAD", ID, &meant("DELETE")), UploadCall::Look(id()));
    for method in ["GET", "OPTIONS", "PUT", ""] {
        let head = bare("POST", ID, &meant(method));
        assert_eq!(refused(&head, ID), (Kind::PreconditionFailed, 412), "{method}");
    }
}

#[test]
fn other_versions_are_not_spoken() {
    for version in ["", "tus-resumable: 0.2.2", "tus-resumable: 1.0.0\ntus-resumable: 2.0.0"] {
        for (method, rest) in [("POST", ""), ("PATCH", ID), ("HEAD", ID), ("DELETE", ID)] {
            let head = bare(method, rest, &format!("{version}\nupload-length: 7"));
            assert_eq!(refused(&head, rest), (Kind::PreconditionFailed, 412), "{method}");
            let reply = tus().refuse(&head, Kind::PreconditionFailed, "");
            assert_eq!(reply.headers()["tus-version"], "1.0.0");
        }
        assert!(tus().parse(&bare("GET", ID, version), ID).is_ok());
    }
}

#[test]
fn there_is_nothing_else() {
    for rest in ["x", "/", &ID.to_uppercase(), &format!("{ID}/"), &format!("../{ID}")] {
        for method in ["HEAD", "GET", "DELETE", "PATCH"] {
            assert_eq!(refused(&head(method, rest, ""), rest), (Kind::NotFound, 404), "{rest}");
        }
    }
}
