//! Whole bodies: with a length and without, of all sizes.

use super::s3::{self, Step, steps};
use super::{HASH, KEY, PART, UPLOADS, assert_refused, chunk, get, head_of, put, put_chunked};
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::embedded::Embedded;

const ANNOTATIONS: &str = "x-artifact-tag: c2lnbmF0dXJl+/=\r\nx-artifact-duration: 1234\r\n\
    x-artifact-sha: 0a1b2c\r\nx-artifact-dirty-hash: ffee\r\nContent-Type: text/html\r\n";

#[track_caller]
fn assert_stored(response: &Response) {
    assert_eq!((response.status, response.is_whole), (202, true), "{}", response.text());
}

/// Sizes around that of one read buffer, up to which a body is collected.
#[tokio::test]
async fn a_body_with_a_length_is_one_signed_request() {
    for size in [0, 1, 65_535, 65_536, 65_537, 3_000_000] {
        let storage = s3::storage().await;
        let gateway = UPLOADS.before(&storage);
        let body = Content::sized(size).bytes;
        assert_stored(&put(&gateway, &body, ANNOTATIONS).await);

        let seen = storage.seen();
        assert_eq!(steps(&storage), [Step::Put], "{size}");
        let put = &seen[0];
        assert!(put.bytes == body, "{size}");
        assert_eq!(put.target, format!("/artifacts/{KEY}"));
        let payload = match size {
            0 => "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            _ => "UNSIGNED-PAYLOAD",
        };
        for (name, value) in [
            ("content-length", size.to_string().as_str()),
            ("content-type", "application/octet-stream"),
            ("x-amz-content-sha256", payload),
            ("x-amz-meta-artifact-tag", "c2lnbmF0dXJl+/="),
            ("x-amz-meta-artifact-duration", "1234"),
            ("x-amz-meta-artifact-sha", "0a1b2c"),
            ("x-amz-meta-artifact-dirty-hash", "ffee"),
        ] {
            assert_eq!(put.header(name), Some(value), "{size}: {name}");
        }
        let authorization = put.header("authorization").unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 "), "{authorization}");
        assert!(authorization.contains("x-amz-meta-artifact-tag"), "{authorization}");
        // What is collected anyway is not asked about.
        assert_eq!(put.header("expect").is_some(), size > 65_536, "{size}");
        assert_eq!(put.header("transfer-encoding"), None);
        assert_eq!(gateway.metric("casgate_uploads_total", &["stored"]), 1, "{size}");
    }
}

#[tokio::test]
async fn what_was_stored_comes_back() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    for size in [0, 1, 65_536, 65_537, 3_000_000] {
        let body = Content::sized(size).bytes;
        assert_stored(&put(&gateway, &body, ANNOTATIONS).await);
        assert!(storage.object(KEY).await == body, "{size}");
        let response = get(&gateway).await;
        assert_eq!((response.status, response.is_whole), (200, true));
        assert!(response.body == body, "{size}");
        for (name, value) in [
            ("x-artifact-tag", "c2lnbmF0dXJl+/="),
            ("x-artifact-duration", "1234"),
            ("x-artifact-sha", "0a1b2c"),
            ("x-artifact-dirty-hash", "ffee"),
            ("content-type", "application/octet-stream"),
        ] {
            assert_eq!(response.header(name), Some(value), "{size}: {name}");
        }
    }
    assert_eq!(storage.uploads().await, [""; 0]);
}

/// Up to one part it is a plain PUT, of which the length is known by then.
#[tokio::test]
async fn chunks_of_one_part_are_one_request() {
    for size in [0, 1, 65_537, PART - 1, PART] {
        let storage = s3::storage().await;
        let gateway = UPLOADS.before(&storage);
        let body = Content::sized(size).bytes;
        assert_stored(&put_chunked(&gateway, &body, ANNOTATIONS).await);
        assert_eq!(steps(&storage), [Step::Put], "{size}");
        let seen = storage.seen();
        assert!(seen[0].bytes == body, "{size}");
        assert_eq!(seen[0].header("content-length"), Some(size.to_string().as_str()));
        assert_eq!(seen[0].header("x-amz-meta-artifact-duration"), Some("1234"));
    }
}

#[tokio::test]
async fn chunks_of_more_than_one_part_are_several() {
    for (size, parts) in [(PART + 1, 2), (2 * PART, 2), (2 * PART + 1, 3)] {
        let storage = s3::storage().await;
        let gateway = UPLOADS.before(&storage);
        let body = Content::sized(size).bytes;
        assert_stored(&put_chunked(&gateway, &body, ANNOTATIONS).await);

        let mut expected = vec![Step::Create];
        expected.extend((1..=parts).map(Step::Part));
        expected.push(Step::Complete);
        assert_eq!(steps(&storage), expected, "{size}");
        let seen = storage.seen();
        let [create, between @ .., complete] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(create.header("x-amz-meta-artifact-tag"), Some("c2lnbmF0dXJl+/="));
        assert_eq!(create.header("content-type"), Some("application/octet-stream"));
        assert!(between.iter().flat_map(|part| &part.bytes).eq(&body), "{size}");
        for part in &between[..parts - 1] {
            assert_eq!(part.bytes.len(), PART);
            assert_eq!(part.header("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));
            assert!(part.target.ends_with("&uploadId=upload-1"), "{}", part.target);
        }
        let list: String = (1..=parts)
            .map(|number| {
                format!(
                    "<Part><PartNumber>{number}</PartNumber><ETag>\"part {number}\"</ETag></Part>"
                )
            })
            .collect();
        assert!(complete.body.contains(&list), "{}", complete.body);
        assert!(complete.target.ends_with("?uploadId=upload-1"), "{}", complete.target);
        assert_eq!(gateway.metric("casgate_multipart_uploads_total", &["begun"]), 1);
        assert_eq!(gateway.metric("casgate_multipart_uploads_total", &["aborted"]), 0);
    }
}

#[tokio::test]
async fn chunks_come_back_as_one() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    for size in [0, PART, PART + 1, 2 * PART + 12_345] {
        let body = Content::sized(size).bytes;
        assert_stored(&put_chunked(&gateway, &body, ANNOTATIONS).await);
        assert!(storage.object(KEY).await == body, "{size}");
        let response = get(&gateway).await;
        assert!(response.body == body, "{size}");
        assert_eq!(response.header("x-artifact-tag"), Some("c2lnbmF0dXJl+/="));
    }
    assert_eq!(storage.uploads().await, [""; 0]);
}

/// Whatever the pieces are in which it comes, the parts are the same.
#[tokio::test]
async fn chunks_of_one_byte_and_with_extensions_and_trailers() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let mut client = gateway.connect();
    client.send(head_of(HASH, super::CHUNKED)).await;
    for byte in b"artifact" {
        client.send(chunk(&[*byte])).await;
    }
    client.send("3;name=value\r\nabc\r\n0\r\nTrailer: ignored\r\n\r\n").await;
    assert_stored(&client.response().await);
    assert_eq!(client.rest().await, b"");
    assert_eq!(storage.seen()[0].body, "artifactabc");
}

#[tokio::test]
async fn a_body_that_nobody_announced_and_a_part_of_one_are_refused() {
    let storage = s3::storage().await;
    let gateway = UPLOADS.before(&storage);
    let mut client = gateway.connect();
    client.send(head_of(HASH, "")).await;
    assert_refused(&client.response().await, 400, "bad_request");

    let part = "Content-Range: bytes 0-4/10\r\n";
    assert_refused(&put(&gateway, b"hello", part).await, 400, "bad_request");
    assert_eq!(steps(&storage), []);
}
