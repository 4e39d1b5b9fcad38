//! Nobody knows yet what the bucket is worth: nothing is written, and everything else goes on.

use super::{HONOURED, TURBO, gateway, learn, main_branch, paths, pull_request, put, put_chunked};
use crate::support::embedded::Embedded;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_are_refused_until_it_is_known() {
    let storage = Embedded::start().await;
    let writer = gateway(&storage.endpoint, Some(HONOURED));
    let gateway = gateway(&storage.endpoint, None);
    for (dialect, path) in paths() {
        assert!(put(&writer, &path, &main_branch(), b"earlier").await.status < 300);
        for who in [main_branch(), pull_request(7)] {
            for answer in [
                put(&gateway, &path, &who, b"content").await,
                put(&gateway, &path, &who, &[0; 100_000]).await,
                put_chunked(&gateway, &path, &who, b"content").await,
            ] {
                // Nx would fail the build.
                let expected = if dialect == "nx" { 403 } else { 503 };
                assert_eq!(answer.status, expected, "{dialect}: {}", answer.text());
                assert_eq!(answer.header("retry-after"), Some("1"), "{dialect}");
                match dialect {
                    "turborepo" => assert_eq!(answer.json()["code"], "service_unavailable"),
                    _ => assert!(answer.text().starts_with("not stored: "), "{}", answer.text()),
                }
            }
            let answer = gateway.get(&path, &who).await;
            assert_eq!((answer.status, &answer.body[..]), (200, &b"earlier"[..]), "{dialect}");
            assert_eq!(gateway.head(&path, &who).await.status, 200, "{dialect}");
        }
    }
    assert_eq!(gateway.metric("casgate_requests_total", &["kind=\"storage_unavailable\""]), 30);

    learn(&gateway, HONOURED);
    let answer = put(&gateway, TURBO, &main_branch(), b"content").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Why uploads are refused is nobody's business who may not upload.
#[tokio::test]
async fn who_may_not_write_is_told_so_first() {
    let gateway = gateway("http://127.0.0.1:9", None);
    let nobody = crate::support::token::bearer(serde_json::json!({"teams": ["acme"]}));
    let answer = put(&gateway, TURBO, &nobody, b"content").await;
    assert_eq!((answer.status, &answer.json()["code"]), (403, &"forbidden".into()));
    assert_eq!(answer.header("retry-after"), None);
}
