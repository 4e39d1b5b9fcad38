//! Whether a link gives its artifact once, to whoever has it.

use serde_json::json;

use super::{ETAG, Links, ONETIME, assert_private, assert_refused, issuer, sealed};
use crate::support::content::Content;

#[tokio::test]
async fn a_link_works_once() {
    // Checked before anything is sent, and while it is.
    for size in [1000, 300_000] {
        let content = Content::sized(size);
        let links = Links::to(&content, ONETIME).await;
        let path = links.link_to(&content).await;

        let response = links.get(&path, "").await;
        assert_eq!(response.status, 200);
        assert!(response.body == content.bytes && response.is_whole);
        assert_private(&response, "");
        assert_eq!(response.header("content-type"), Some("text/x-test"));
        assert_eq!(response.header("accept-ranges"), Some("bytes"));
        let etag = response.header("etag").unwrap();
        assert!(etag.starts_with("\"0.") && etag.len() > 20, "strong, and nobody's guess: {etag}");

        for _ in 0..3 {
            let response = links.get(&path, "").await;
            assert_refused(&response, 410, "token_spent", "");
        }
        assert_refused(&links.get(&path, "Range: bytes=0-\r\n").await, 410, "token_spent", "");
        assert_eq!(links.head(&path, "").await.status, 410);
        let asked: Vec<_> = links.storage.seen().into_iter().map(|seen| seen.method).collect();
        assert_eq!(asked, ["HEAD", "GET"], "one look when it was issued, and one download");
        assert_eq!((links.events("claimed"), links.events("in_doubt")), (1, 0));
    }
}

#[tokio::test]
async fn storage_is_asked_for_the_object_that_the_link_was_made_for() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let lines =
        "If-Match: \"another\"\r\nIf-None-Match: *\r\nX-Amz-Meta-Evil: 1\r\nCookie: a=b\r\n";
    assert_eq!(links.get(&path, lines).await.status, 200, "conditions are not for the link");
    let seen = links.storage.seen().pop().unwrap();
    assert_eq!(seen.header("if-match"), Some(ETAG));
    for name in ["if-none-match", "range", "x-amz-meta-evil", "cookie"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn looks_take_no_use() {
    let content = Content::sized(5000);
    let links = Links::to(&content, ONETIME).await;
    let order = json!({ "cid": null, "digest": super::digest(&content), "filename": "drawings.pdf",
        "content_type": "application/pdf" });
    let path = links.link(order).await;
    let mut last = None;
    for _ in 0..20 {
        last = Some(links.head(&path, "Range: bytes=7-\r\n").await);
    }
    let head = last.unwrap();
    let get = links.get(&path, "").await;
    assert_eq!((head.status, get.status), (200, 200));
    for name in ["content-type", "content-length", "content-disposition", "last-modified"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(head.header("content-type"), Some("application/pdf"));
    assert_eq!(head.header("content-length"), Some("5000"));
    assert_eq!(head.header("content-disposition"), Some("attachment; filename=\"drawings.pdf\""));
    assert_eq!(head.header("etag"), None, "only who has the use may go on with it");
    assert_private(&head, "HEAD");
    assert_eq!(links.events("claimed"), 1);
}

/// There is no 206 before a use was taken.
#[tokio::test]
async fn a_range_of_a_fresh_link_is_ignored() {
    for range in ["bytes=0-", "bytes=0-0", "bytes=1-", "bytes=-1", "bytes=0-1,3-4", "bytes=99999-"]
    {
        let content = Content::of("an artifact");
        let links = Links::to(&content, ONETIME).await;
        let path = links.link_to(&content).await;
        let response = links.get(&path, &format!("Range: {range}\r\n")).await;
        assert_eq!(response.status, 200, "{range}");
        assert!(response.body == content.bytes, "{range}");
        assert_eq!(response.header("content-range"), None);
        assert_eq!(links.storage.seen().last().unwrap().header("range"), None);
        assert_eq!(links.get(&path, "").await.status, 410, "{range}");
    }
}

#[tokio::test]
async fn credentials_are_neither_needed_nor_looked_at_nor_passed_on() {
    let expired = crate::support::token::bearer(json!({ "exp": 1 }));
    for lines in [
        String::new(),
        issuer(),
        expired,
        "Authorization: Bearer garbage\r\n".to_owned(),
        "Authorization: Basic dXNlcjpwYXNz\r\n".to_owned(),
        "Authorization: \r\n".to_owned(),
        "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n".to_owned(),
    ] {
        let content = Content::of("an artifact");
        let links = Links::to(&content, ONETIME).await;
        let path = links.link_to(&content).await;
        assert_eq!(links.head(&path, &lines).await.status, 200, "{lines}");
        assert_eq!(links.get(&path, &lines).await.status, 200, "{lines}");
        assert_eq!(links.get(&path, &lines).await.status, 410, "{lines}");
        for seen in links.storage.seen() {
            let authorization = seen.header("authorization").unwrap();
            assert!(authorization.starts_with("AWS4-HMAC-SHA256 "), "{authorization}");
        }
    }
}

#[tokio::test]
async fn as_many_uses_as_were_ordered() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let path = links.link(json!({ "digest": super::digest(&content), "uses": 3 })).await;
    let mut tags = Vec::new();
    for _ in 0..3 {
        assert_eq!(links.head(&path, "").await.status, 200);
        let response = links.get(&path, "").await;
        assert_eq!(response.status, 200);
        tags.push(response.header("etag").unwrap().to_owned());
    }
    assert_refused(&links.get(&path, "").await, 410, "token_spent", "");
    tags.dedup();
    assert_eq!(tags.len(), 3);
}

/// Not even the store is asked: the seal says it.
#[tokio::test]
async fn a_link_ends_with_its_time() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let path = sealed(&content, &json!({ "exp": super::time(-1) }));
    assert_refused(&links.get(&path, "").await, 410, "token_expired", "GET");
    assert_eq!(links.head(&path, "").await.status, 410);
    let pressed = links.ask(&format!("POST {path}"), "", "").await;
    assert_refused(&pressed, 410, "token_expired", "POST");
    assert_eq!((links.state_operations(), links.storage.counts().requests), (0, 0));
    // The last second is one of its time.
    let path = sealed(&content, &json!({ "exp": super::time(30) }));
    links.assert_fresh(&path, &content).await;
}

/// What holders of other links see is not what this one's sees.
#[tokio::test]
async fn links_do_not_touch_one_another() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let (first, second) = (links.link_to(&content).await, links.link_to(&content).await);
    assert_ne!(first, second);
    links.assert_fresh(&first, &content).await;
    links.assert_fresh(&second, &content).await;
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    for (line, allow) in [
        (format!("PUT {path}"), "GET, HEAD, POST, DELETE"),
        (format!("OPTIONS {path}"), "GET, HEAD, POST, DELETE"),
        (format!("PUT {path}/status"), "GET"),
        ("GET /download/".to_owned(), "POST"),
        ("GET /download".to_owned(), "POST"),
        ("DELETE /download/".to_owned(), "POST"),
    ] {
        let response = links.ask(&line, "", "").await;
        assert_refused(&response, 405, "method_not_allowed", &line);
        assert_eq!(response.header("allow"), Some(allow), "{line}");
    }
    for line in [format!("GET {path}/"), format!("GET {path}/x"), format!("GET {path}/status/x")] {
        assert_refused(&links.ask(&line, "", "").await, 404, "not_found", &line);
    }
    links.assert_fresh(&path, &content).await;
}
