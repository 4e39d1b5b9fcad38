//! Under which name an artifact is saved.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::{OPEN, REDIRECT, STREAM, Settings};
use crate::support::storage::Storage;

/// An object with this `x-amz-meta-filename`.
async fn named(filename: &str) -> (Content, Storage) {
    let content = Content::of("an artifact");
    let (bytes, line) = (content.bytes.clone(), format!("x-amz-meta-filename: {filename}"));
    let storage =
        Storage::scripted(move |seen| Answer::object_with(seen, &bytes, &[line.as_str()])).await;
    (content, storage)
}

fn word(text: &str) -> String {
    format!("=?UTF-8?B?{}?=", STANDARD.encode(text))
}

const NAMES: [(&str, &str); 5] = [
    ("sbom.json", r#"attachment; filename="sbom.json""#),
    (r#"a"b\c.txt"#, r#"attachment; filename="c.txt""#),
    (
        r#"say "hi".txt"#,
        r#"attachment; filename="say _hi_.txt"; filename*=UTF-8''say%20%22hi%22.txt"#,
    ),
    ("naïve.txt", r#"attachment; filename="na_ve.txt"; filename*=UTF-8''na%C3%AFve.txt"#),
    ("../../etc/passwd", r#"attachment; filename="passwd""#),
];

#[tokio::test]
async fn streams_carry_the_name() {
    for (filename, expected) in NAMES {
        let (content, storage) = named(filename).await;
        let gateway = STREAM.before(&storage);
        let response = gateway.get(&content.path(), "").await;
        assert_eq!(response.header("content-disposition"), Some(expected), "{filename}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn redirects_have_the_name_signed_in() {
    for (filename, expected) in NAMES {
        let (content, storage) = named(filename).await;
        let gateway = Settings { auth: OPEN, ..REDIRECT }.before(&storage);
        let response = gateway.get(&content.path(), "").await;
        let mut parameter = "response-content-disposition=".to_owned();
        casgate::bucket::sigv4::encode_query_component(expected, &mut parameter);
        let location = response.header("location").unwrap();
        assert!(location.contains(&parameter), "{filename}: {location}");
    }
}

#[tokio::test]
async fn a_name_ends_no_header_line() {
    for filename in [word("a\r\nSet-Cookie: b"), word("a\nSet-Cookie: b"), word("a\0Set-Cookie: b")]
    {
        let (content, storage) = named(&filename).await;
        let gateway = STREAM.before(&storage);
        let response = gateway.get(&content.path(), "").await;
        assert_eq!(response.header("set-cookie"), None);
        let disposition = response.header("content-disposition").unwrap();
        assert_eq!(disposition, r#"attachment; filename="aSet-Cookie: b""#);
    }
}

#[tokio::test]
async fn without_a_usable_name_the_digest_is_one() {
    for filename in ["..", "", "/"] {
        let (content, storage) = named(filename).await;
        let gateway = STREAM.before(&storage);
        let response = gateway.get(&content.path(), "").await;
        let expected = format!("attachment; filename=\"{}\"", content.hex);
        assert_eq!(response.header("content-disposition"), Some(expected.as_str()), "{filename}");
    }
}
