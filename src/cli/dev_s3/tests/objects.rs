use super::*;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, MetadataDirective};

#[tokio::test]
async fn headers_and_metadata_come_back_after_a_restart() {
    let server = Server::start().await;
    let expires = DateTime::from_secs(2_000_000_000);
    let put =
        server.client.put_object().bucket(BUCKET).key("key").body(ByteStream::from_static(b"body"));
    put.content_type("text/x-test")
        .content_disposition("attachment; filename=x")
        .content_encoding("gzip")
        .content_language("de")
        .cache_control("max-age=5")
        .expires(expires)
        .website_redirect_location("/elsewhere")
        .metadata("colour", "blue")
        .metadata("words", "two words, and=more;")
        .send()
        .await
        .expect("stored");
    let server = server.restart().await;
    let head =
        server.client.head_object().bucket(BUCKET).key("key").send().await.expect("an object");
    let get = server.client.get_object().bucket(BUCKET).key("key").send().await.expect("an object");
    assert_eq!(head.content_type(), Some("text/x-test"));
    assert_eq!(head.content_disposition(), Some("attachment; filename=x"));
    assert_eq!(head.content_encoding(), Some("gzip"));
    assert_eq!(head.content_language(), Some("de"));
    assert_eq!(head.cache_control(), Some("max-age=5"));
    assert_eq!(head.website_redirect_location(), Some("/elsewhere"));
    assert_eq!(head.expires_string(), Some("Wed, 18 May 2033 03:33:20 GMT"));
    let metadata = head.metadata().expect("metadata");
    assert_eq!(metadata.get("colour").map(String::as_str), Some("blue"));
    assert_eq!(metadata.get("words").map(String::as_str), Some("two words, and=more;"));
    assert_eq!(get.content_type(), head.content_type());
    assert_eq!(get.metadata(), head.metadata());
    assert_eq!((get.e_tag(), get.last_modified()), (head.e_tag(), head.last_modified()));
}

#[tokio::test]
async fn a_new_object_has_nothing_of_the_one_it_replaces() {
    let server = Server::start().await;
    let put = server
        .client
        .put_object()
        .bucket(BUCKET)
        .key("key")
        .body(ByteStream::from_static(b"first"));
    put.content_type("text/x-first").metadata("colour", "blue").send().await.expect("stored");
    let e_tag = server.put("key", "second").await;
    let head =
        server.client.head_object().bucket(BUCKET).key("key").send().await.expect("an object");
    assert_eq!(head.e_tag(), Some(e_tag.as_str()));
    assert_ne!(head.content_type(), Some("text/x-first"));
    assert!(head.metadata().is_none_or(|metadata| metadata.is_empty()));
}

#[tokio::test]
async fn ranges_select_bytes() {
    let server = Server::start().await;
    server.put("key", "0123456789").await;
    let cases = [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=3-5", "345", "bytes 3-5/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-4", "6789", "bytes 6-9/10"),
        ("bytes=5-100", "56789", "bytes 5-9/10"),
        ("bytes=-100", "0123456789", "bytes 0-9/10"),
    ];
    for (range, body, content_range) in cases {
        let get = server.client.get_object().bucket(BUCKET).key("key").range(range);
        let got = get.send().await.expect("a part");
        assert_eq!(got.content_range(), Some(content_range));
        assert_eq!(got.content_length(), i64::try_from(body.len()).ok());
        assert_eq!(got.body.collect().await.expect("a body").to_vec(), body.as_bytes(), "{range}");
        let head = server.client.head_object().bucket(BUCKET).key("key").range(range).send().await;
        assert_eq!(head.expect("a part").content_range(), Some(content_range));
    }
    let get = server.client.get_object().bucket(BUCKET).key("key").range("bytes=10-");
    assert_eq!(refusal(get.send().await.expect_err("refused")), (416, "InvalidRange".to_owned()));
}

#[tokio::test]
async fn a_part_of_an_object_is_answered_with_206() {
    let server = Server::start().await;
    server.put("key", "0123456789").await;
    let config =
        aws_sdk_s3::presigning::PresigningConfig::expires_in(std::time::Duration::from_secs(60))
            .expect("a duration");
    let get = server.client.get_object().bucket(BUCKET).key("key");
    let get = get.presigned(config.clone()).await.expect("a URL");
    let (status, head, body) = server.fetch("GET", get.uri(), "range: bytes=2-3\r\n").await;
    assert_eq!((status, body.as_slice()), (206, &b"23"[..]));
    assert!(
        head.contains("\r\naccept-ranges: bytes\r\n") && head.contains("\r\ncontent-length: 2\r\n"),
        "{head}"
    );
    let head = server.client.head_object().bucket(BUCKET).key("key");
    let head = head.presigned(config).await.expect("a URL");
    let (status, head, body) = server.fetch("HEAD", head.uri(), "range: bytes=2-3\r\n").await;
    assert_eq!((status, body.as_slice()), (206, &b""[..]));
    assert!(head.contains("\r\ncontent-length: 2\r\n"), "{head}");
}

#[tokio::test]
async fn what_does_not_exist_is_404_and_deleting_it_is_no_error() {
    let server = Server::start().await;
    let get = server.client.get_object().bucket(BUCKET).key("missing");
    assert_eq!(refusal(get.send().await.expect_err("missing")), (404, "NoSuchKey".to_owned()));
    let get = server.client.get_object().bucket("no-such-bucket").key("missing");
    assert_eq!(refusal(get.send().await.expect_err("missing")), (404, "NoSuchBucket".to_owned()));
    let head = server.client.head_object().bucket(BUCKET).key("missing");
    assert_eq!(refusal(head.send().await.expect_err("missing")).0, 404);
    server.client.delete_object().bucket(BUCKET).key("missing").send().await.expect("no error");
}

#[tokio::test]
async fn a_copy_takes_the_headers_along_or_gets_its_own() {
    let server = Server::start().await;
    let put = server
        .client
        .put_object()
        .bucket(BUCKET)
        .key("source")
        .body(ByteStream::from_static(b"body"));
    let put =
        put.content_type("text/x-test").metadata("colour", "blue").send().await.expect("stored");
    let copy = |key: &str| {
        server.client.copy_object().bucket(BUCKET).key(key).copy_source(format!("{BUCKET}/source"))
    };
    copy("copy").send().await.expect("copied");
    copy("other")
        .metadata_directive(MetadataDirective::Replace)
        .metadata("colour", "red")
        .send()
        .await
        .expect("copied");
    for (key, content_type, colour) in
        [("copy", "text/x-test", "blue"), ("other", "binary/octet-stream", "red")]
    {
        let head =
            server.client.head_object().bucket(BUCKET).key(key).send().await.expect("a copy");
        assert_eq!((head.content_type(), head.e_tag()), (Some(content_type), put.e_tag()));
        assert_eq!(
            head.metadata().and_then(|metadata| metadata.get("colour")).map(String::as_str),
            Some(colour)
        );
        assert_eq!(server.get(key).await, b"body");
    }
    copy("source")
        .metadata_directive(MetadataDirective::Replace)
        .content_type("text/x-new")
        .send()
        .await
        .expect("renewed");
    assert_eq!(server.get("source").await, b"body");
    let cases = [
        (copy("source"), 400, "InvalidRequest"),
        (copy("copy").copy_source_if_match("\"other\""), 412, "PreconditionFailed"),
        (copy("copy").copy_source_if_none_match("*"), 412, "PreconditionFailed"),
        (copy("copy").copy_source(format!("{BUCKET}/missing")), 404, "NoSuchKey"),
        (copy("copy").copy_source("no-such-bucket/source"), 404, "NoSuchBucket"),
    ];
    for (request, status, code) in cases {
        assert_eq!(refusal(request.send().await.expect_err("refused")), (status, code.to_owned()));
    }
}

#[tokio::test]
async fn checksums_are_stored_and_shown_on_demand() {
    let server = Server::start().await;
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let put = server
            .client
            .put_object()
            .bucket(BUCKET)
            .key("key")
            .checksum_algorithm(algorithm.clone());
        put.body(ByteStream::from_static(b"123456789")).send().await.expect("stored");
        let head = || server.client.head_object().bucket(BUCKET).key("key");
        let shown = head().checksum_mode(ChecksumMode::Enabled).send().await.expect("an object");
        let values = [
            shown.checksum_crc32(),
            shown.checksum_crc32_c(),
            shown.checksum_crc64_nvme(),
            shown.checksum_sha1(),
            shown.checksum_sha256(),
        ];
        assert_eq!(values.iter().flatten().count(), 1, "{algorithm:?} {values:?}");
        if algorithm == ChecksumAlgorithm::Crc32 {
            assert_eq!(shown.checksum_crc32(), Some("y/Q5Jg=="));
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_one_announced_is_never_stored() {
    let server = Server::start().await;
    server.put("key", "before").await;
    let files = server.files();
    let put = || {
        server.client.put_object().bucket(BUCKET).key("key").body(ByteStream::from_static(b"after"))
    };
    let cases = [
        (put().content_md5("AAAAAAAAAAAAAAAAAAAAAA=="), "BadDigest"),
        (put().content_md5("nonsense"), "InvalidDigest"),
        (put().checksum_crc32("AAAAAA=="), "BadDigest"),
        (put().checksum_sha256("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), "BadDigest"),
    ];
    for (request, code) in cases {
        assert_eq!(refusal(request.send().await.expect_err("refused")), (400, code.to_owned()));
    }
    assert_eq!(server.get("key").await, b"before");
    assert_eq!(server.files(), files, "a refused body stays behind");
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    let server = Server::start().await;
    server.put("empty", "").await;
    assert_eq!(server.get("empty").await, b"");
    let head =
        server.client.head_object().bucket(BUCKET).key("empty").send().await.expect("an object");
    assert_eq!(head.content_length(), Some(0));
    assert_eq!(head.e_tag(), Some("\"d41d8cd98f00b204e9800998ecf8427e\""));
}
