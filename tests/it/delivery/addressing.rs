//! Where requests to storage and redirects of clients go, and what their signatures carry.

use std::sync::{Arc, Mutex};

use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, OPEN, REDIRECT, STREAM, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;

const OPEN_REDIRECT: Settings<'static> = Settings { auth: OPEN, ..REDIRECT };

/// A storage server with one content, and the requests it gets.
async fn observed(content: &Content) -> (Storage, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (requests, bytes) = (Arc::clone(&seen), content.bytes.clone());
    let storage = Storage::scripted(move |request| {
        requests.lock().unwrap().push(request.clone());
        Answer::object(request, &bytes)
    });
    (storage.await, seen)
}

#[tokio::test]
async fn path_style_names_the_bucket_in_the_path() {
    let content = Content::of("an artifact");
    let (storage, seen) = observed(&content).await;
    let gateway = STREAM.before(&storage);
    assert_eq!(gateway.get(&content.path(), "").await.text(), "an artifact");
    let request = seen.lock().unwrap().remove(0);
    assert_eq!(request.target, format!("/artifacts/sha256%3A{}", content.hex));
    assert_eq!(request.header("host"), Some(storage.address.to_string().as_str()));
}

#[tokio::test]
async fn virtual_host_style_names_it_in_the_host() {
    let content = Content::of("an artifact");
    let (storage, seen) = observed(&content).await;
    let gateway = Settings { bucket: "addressing: virtual_host", ..STREAM }.before(&storage);
    assert_eq!(gateway.get(&content.path(), "").await.text(), "an artifact");
    let request = seen.lock().unwrap().remove(0);
    assert_eq!(request.target, format!("/sha256%3A{}", content.hex));
    assert_eq!(request.header("host"), Some(format!("artifacts.{}", storage.address).as_str()));
}

#[tokio::test]
async fn redirects_point_to_the_public_endpoint_and_to_nothing_else() {
    let content = Content::of("an artifact");
    for (bucket, expected) in [
        (
            "public_endpoint: https://objects.example.com",
            "https://objects.example.com/artifacts/sha256%3A",
        ),
        (
            "{ public_endpoint: https://objects.example.com, addressing: virtual_host }",
            "https://artifacts.objects.example.com/sha256%3A",
        ),
    ] {
        let (storage, seen) = observed(&content).await;
        let lines = bucket.trim_matches(['{', '}', ' ']).replace(", ", "\n    ");
        let gateway = Settings { bucket: &lines, ..OPEN_REDIRECT }.before(&storage);
        let response = gateway.get(&content.path(), "Host: evil.example\r\n").await;
        assert_eq!(response.status, 400, "two hosts");
        let response = gateway.get(&content.path(), "X-Forwarded-Host: evil.example\r\n").await;
        let location = response.header("location").unwrap();
        assert!(location.starts_with(expected), "{location}");
        let internal = storage.address.port().to_string();
        assert!(!location.contains(&internal) && !location.contains("evil"), "{location}");
        assert!(seen.lock().unwrap().iter().all(Seen::is_head), "existence is asked for inside");
    }
}

#[tokio::test]
async fn a_session_token_is_sent_and_signed() {
    let content = Content::of("an artifact");
    let (storage, seen) = observed(&content).await;
    let secrets = tempfile::tempdir().unwrap();
    let token = secrets.path().join("session");
    std::fs::write(&token, "FwoGZXIvYXdz+/=").unwrap();
    let with_token = |settings: &Settings<'_>| {
        let keys = format!("session_token: {{ file: {} }}, secret_access_key:", token.display());
        let yaml = settings.yaml(&format!("http://{}", storage.address), &secrets);
        Gateway::of(&yaml.replace("secret_access_key:", &keys))
    };

    assert_eq!(with_token(&STREAM).get(&content.path(), "").await.status, 200);
    let request = seen.lock().unwrap().remove(0);
    assert_eq!(request.header("x-amz-security-token"), Some("FwoGZXIvYXdz+/="));
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.contains(";x-amz-security-token,"), "{authorization}");

    let response = with_token(&OPEN_REDIRECT).get(&content.path(), "").await;
    let location = response.header("location").unwrap();
    assert!(location.contains("&X-Amz-Security-Token=FwoGZXIvYXdz%2B%2F%3D&"), "{location}");
}
