//! When storage's own checksum is believed. Storage here holds wrong bytes, so that what arrives
//! shows whether they were hashed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use casgate::content::digest::Sha256Digest;

use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::storage::Storage;

const TRUSTING: Settings<'static> = Settings { route: "trust_storage_checksum: true", ..STREAM };

fn checksum(content: &Content) -> String {
    STANDARD.encode(Sha256Digest::parse_hex(&content.hex).unwrap().as_bytes())
}

/// Wrong bytes under these header lines.
async fn before_corrupt(
    settings: Settings<'_>,
    content: &Content,
    lines: Vec<String>,
) -> (Storage, Gateway) {
    let bytes = content.corrupted();
    let storage = Storage::scripted(move |seen| {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        Answer::object_with(seen, &bytes, &lines)
    })
    .await;
    let gateway = settings.before(&storage);
    (storage, gateway)
}

#[tokio::test]
async fn a_checksum_of_the_whole_object_replaces_the_hashing() {
    for size in [100, 200_000] {
        let content = Content::sized(size);
        for more in [vec![], vec!["x-amz-checksum-type: FULL_OBJECT".to_owned()]] {
            let mut lines = more;
            lines.push(format!("x-amz-checksum-sha256: {}", checksum(&content)));
            let (storage, gateway) = before_corrupt(TRUSTING, &content, lines).await;
            let response = gateway.get(&content.path(), "").await;
            assert_eq!(response.status, 200, "{size}");
            assert!(response.is_whole && response.body == content.corrupted(), "{size}");
            assert_eq!(storage.seen()[0].header("x-amz-checksum-mode"), Some("ENABLED"));
            assert_eq!(gateway.metric("casgate_verification_total", &["\"trusted\""]), 1);
        }
    }
}

#[tokio::test]
async fn any_other_checksum_does_not() {
    let content = Content::sized(100);
    let own = checksum(&content);
    for lines in [
        vec![],
        vec![format!("x-amz-checksum-sha256: {own}"), "x-amz-checksum-type: COMPOSITE".to_owned()],
        vec![format!("x-amz-checksum-sha256: {own}-3")],
        vec![format!("x-amz-checksum-sha256: {}", checksum(&Content::of("")))],
        vec![format!("x-amz-checksum-sha256: {}", content.hex)],
        vec![format!("x-amz-checksum-sha1: {own}")],
        vec![format!("x-amz-meta-sha256: {own}")],
        vec!["x-amz-checksum-sha256:".to_owned()],
    ] {
        let (_storage, gateway) = before_corrupt(TRUSTING, &content, lines.clone()).await;
        assert_eq!(gateway.get(&content.path(), "").await.status, 502, "{lines:?}");
        assert_eq!(gateway.metric("casgate_verification_total", &["\"trusted\""]), 0);
    }
}

#[tokio::test]
async fn without_the_setting_no_checksum_is_asked_for_or_believed() {
    let content = Content::sized(100);
    let lines = vec![format!("x-amz-checksum-sha256: {}", checksum(&content))];
    let (storage, gateway) = before_corrupt(STREAM, &content, lines).await;
    assert_eq!(gateway.get(&content.path(), "").await.status, 502);
    assert_eq!(storage.seen()[0].header("x-amz-checksum-mode"), None);
}
