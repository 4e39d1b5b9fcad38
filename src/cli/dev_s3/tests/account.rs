use super::*;
use aws_sdk_s3::presigning::PresigningConfig;
use std::time::Duration;

fn an_hour() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(3600)).expect("a duration")
}

#[tokio::test]
async fn requests_without_a_signature_are_refused() {
    let server = Server::start().await;
    server.put("key", "secret").await;
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/test-bucket"),
        ("HEAD", "/test-bucket"),
        ("PUT", "/new-bucket"),
        ("DELETE", "/test-bucket"),
        ("GET", "/test-bucket/key"),
        ("HEAD", "/test-bucket/key"),
        ("PUT", "/test-bucket/key"),
        ("DELETE", "/test-bucket/key"),
        // Whether something exists is nobody's business either.
        ("GET", "/test-bucket/missing"),
        ("GET", "/other-bucket/key"),
        ("POST", "/test-bucket/key?uploads"),
        ("GET", "/test-bucket?uploads"),
    ] {
        let url = format!("http://{}{target}", server.address);
        let (status, _, body) = server.fetch(method, &url, "content-length: 0\r\n").await;
        assert_eq!(status, 403, "{method} {target}");
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
    assert_eq!(server.get("key").await, b"secret");
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_account_are_refused() {
    let server = Server::start().await;
    for (key_id, secret, code) in
        [(KEY_ID, "wrong", "SignatureDoesNotMatch"), ("unknown", SECRET, "InvalidAccessKeyId")]
    {
        let client = client(server.address, key_id, secret);
        let error = client.list_objects_v2().bucket(BUCKET).send().await.expect_err("refused");
        assert_eq!(refusal(error), (403, code.to_owned()));
        let put = client.put_object().bucket(BUCKET).key("key").body(ByteStream::from_static(b"x"));
        assert_eq!(refusal(put.send().await.expect_err("refused")), (403, code.to_owned()));
    }
    assert!(server.keys().await.is_empty());
}

#[tokio::test]
async fn presigned_urls_work_for_any_client_and_only_as_signed() {
    let server = Server::start().await;
    let key = "dir/a key+with %?.txt";
    let put = server.client.put_object().bucket(BUCKET).key(key);
    let url = put.presigned(an_hour()).await.expect("a URL").uri().to_owned();
    let (status, ..) = server.fetch("PUT", &url, "content-length: 0\r\n").await;
    assert_eq!(status, 200);
    server.put(key, "hello").await;

    let get = server.client.get_object().bucket(BUCKET).key(key);
    let url = get.presigned(an_hour()).await.expect("a URL").uri().to_owned();
    let (status, _, body) = server.fetch("GET", &url, "").await;
    assert_eq!((status, body.as_slice()), (200, &b"hello"[..]));

    let forged = url.replacen("dir/", "dir2/", 1);
    let longer = url.replacen("X-Amz-Expires=3600", "X-Amz-Expires=3601", 1);
    let added = format!("{url}&response-content-type=text%2Fhtml");
    for url in [forged, longer, added] {
        assert_eq!(server.fetch("GET", &url, "").await.0, 403, "{url}");
    }
    // A URL for reading is none for deleting.
    assert_eq!(server.fetch("DELETE", &url, "").await.0, 403);
    assert_eq!(server.get(key).await, b"hello");
}

#[tokio::test]
async fn an_expired_url_is_refused() {
    let server = Server::start().await;
    server.put("key", "hello").await;
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    let config = PresigningConfig::builder()
        .start_time(hour_ago)
        .expires_in(Duration::from_secs(60))
        .build()
        .expect("a configuration");
    let get = server.client.get_object().bucket(BUCKET).key("key");
    let url = get.presigned(config).await.expect("a URL").uri().to_owned();
    assert_eq!(server.fetch("GET", &url, "").await.0, 403);
}

#[tokio::test]
async fn a_presigned_url_overrides_response_headers() {
    let server = Server::start().await;
    server.put("key", "hello").await;
    let presigned = server
        .client
        .get_object()
        .bucket(BUCKET)
        .key("key")
        .response_content_type("text/x-test")
        .response_content_disposition("attachment; filename=\"a b.txt\"")
        .response_content_encoding("identity")
        .response_content_language("de")
        .response_cache_control("max-age=7")
        .presigned(an_hour())
        .await
        .expect("a URL");
    let (status, head, body) = server.fetch("GET", presigned.uri(), "").await;
    assert_eq!((status, body.as_slice()), (200, &b"hello"[..]));
    for line in [
        "content-type: text/x-test\r\n",
        "content-disposition: attachment; filename=\"a b.txt\"\r\n",
        "content-encoding: identity\r\n",
        "content-language: de\r\n",
        "cache-control: max-age=7\r\n",
    ] {
        assert_eq!(head.matches(line).count(), 1, "{line} in {head}");
    }
}
