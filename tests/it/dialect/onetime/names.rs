//! Under which name and type an artifact is saved.

use serde_json::json;

use super::{ETAG, Links, ONETIME, digest};
use crate::support::answer::Answer;
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;

/// What a HEAD and a GET say alike.
async fn answers(links: &Links, path: &str) -> Response {
    let (head, get) = (links.head(path, "").await, links.get(path, "").await);
    for name in ["content-disposition", "content-type", "content-security-policy"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    get
}

#[tokio::test]
async fn the_issuer_names_the_file() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let long = "é".repeat(300);
    let cut = format!(
        "attachment; filename=\"{}\"; filename*=UTF-8''{}",
        "_".repeat(127),
        "%C3%A9".repeat(127)
    );
    for (filename, disposition) in [
        ("drawings.pdf", "attachment; filename=\"drawings.pdf\""),
        ("a b,c;d.txt", "attachment; filename=\"a b,c;d.txt\""),
        ("a\"b.txt", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("日本.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"),
        ("\u{202e}gpj.exe", "attachment; filename=\"gpj.exe\""),
        ("a\r\nSet-Cookie: x=y", "attachment; filename=\"aSet-Cookie: x=y\""),
        ("../../etc/passwd", "attachment; filename=\"passwd\""),
        ("..\\..\\boot.ini", "attachment; filename=\"boot.ini\""),
        (&long, &cut),
    ] {
        let path = links.link(json!({ "digest": digest(&content), "filename": filename })).await;
        let response = answers(&links, &path).await;
        assert_eq!(response.header("content-disposition"), Some(disposition), "{filename}");
        assert_eq!(response.header("set-cookie"), None);
    }
}

/// In this order: the issuer's, the object's own, and the end of the key.
#[tokio::test]
async fn some_name_there_always_is() {
    let storage = Storage::scripted(|seen| match seen.target.contains("named") {
        true => Answer::object_with(seen, b"x", &["x-amz-meta-filename: own.txt"]),
        false => Answer::object(seen, b"x"),
    })
    .await;
    let settings = Settings { chainloop: "keys: '{key}'", ..ONETIME };
    let links = Links::before(storage, settings).await;
    for (order, name) in [
        (json!({ "key": "named", "filename": "asked.txt" }), "asked.txt"),
        (json!({ "key": "named" }), "own.txt"),
        (json!({ "key": "a/b/report.pdf" }), "report.pdf"),
        (json!({ "key": "a/..." }), "download"),
    ] {
        let path = links.link(order).await;
        let response = answers(&links, &path).await;
        let disposition = format!("attachment; filename=\"{name}\"");
        assert_eq!(response.header("content-disposition"), Some(disposition.as_str()));
    }
}

/// Whatever an object is said to be, it is no page of this origin.
#[tokio::test]
async fn nothing_runs() {
    let content = Content::of("<script>alert(1)</script>");
    let links = Links::to(&content, ONETIME).await;
    for content_type in
        ["text/html", "image/svg+xml; charset=utf-8", "application/pdf", "A/B; c=\"d\""]
    {
        let order = json!({ "digest": digest(&content), "content_type": content_type });
        let path = links.link(order).await;
        let response = answers(&links, &path).await;
        assert_eq!(response.header("content-type"), Some(content_type));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        let policy = response.header("content-security-policy").unwrap();
        assert_eq!(policy, "default-src 'none'; sandbox");
        assert!(response.header("content-disposition").unwrap().starts_with("attachment;"));
    }
}

#[tokio::test]
async fn what_has_no_type_is_bytes() {
    let content = Content::of("an artifact");
    let bytes = content.bytes.clone();
    let storage = Storage::scripted(move |seen| {
        let head = ["HTTP/1.1 200 OK", "Content-Length: 11", &format!("ETag: {ETAG}")];
        let body = if seen.is_head() { &[][..] } else { &bytes };
        Answer::head_and(&head, body, crate::support::answer::Then::Keep)
    })
    .await;
    let links = Links::before(storage, ONETIME).await;
    let path = links.link_to(&content).await;
    let response = answers(&links, &path).await;
    assert_eq!(response.header("content-type"), Some("application/octet-stream"));
}
