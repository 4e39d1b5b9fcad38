//! Who is asked first, and whether the button does what it says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use casgate::token::{Confirmation, DownloadToken, Purpose};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Links, ONETIME, assert_private, assert_refused, digest, keys, sealed};
use crate::support::client::Response;
use crate::support::content::Content;

/// As browsers open a link.
const OPENED: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
                      Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";

async fn asking(content: &Content) -> (Links, String) {
    let links = Links::to(content, ONETIME).await;
    let order = json!({ "digest": digest(content), "confirm": true, "filename": "plan.pdf" });
    let path = links.link(order).await;
    (links, path)
}

#[track_caller]
fn assert_page(response: &Response, input: &str) {
    assert_eq!(response.status, 200, "{input}");
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"), "{input}");
    assert!(response.text().contains("<button type=\"submit\""), "{input}");
    assert_private(response, input);
}

/// Presses the button; returns where that leads.
async fn press(links: &Links, path: &str) -> String {
    let response = links.ask(&format!("POST {path}"), OPENED, "").await;
    assert_eq!((response.status, response.text()), (303, ""));
    assert_private(&response, "");
    let location = response.header("location").unwrap();
    let proof = location.strip_prefix("?confirmation=").expect("relative, to the same path");
    assert!(proof.starts_with("v4.local."), "{proof}");
    format!("{path}{location}")
}

#[tokio::test]
async fn the_button_takes_the_use() {
    let content = Content::of("an artifact");
    let (links, path) = asking(&content).await;
    for _ in 0..3 {
        assert_page(&links.get(&path, OPENED).await, "");
    }
    assert_eq!(links.events("claimed"), 0, "to be asked is no use");
    let confirmed = press(&links, &path).await;
    assert_eq!(links.events("claimed"), 0, "nor is the button");
    let response = links.get(&confirmed, OPENED).await;
    assert!(response.status == 200 && response.body == content.bytes);
    let disposition = response.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"plan.pdf\""));
    for path in [&path, &confirmed] {
        assert_refused(&links.get(path, OPENED).await, 410, "token_spent", path);
    }
    let pressed = links.ask(&format!("POST {path}"), OPENED, "").await;
    assert_refused(&pressed, 410, "token_spent", "the button");
}

#[tokio::test]
async fn the_page_says_what_there_is() {
    let content = Content::sized(3 * 1024 * 1024);
    let links = Links::to(&content, ONETIME).await;
    let name = "<img src=x onerror='alert(1)'>&\"quoted\".pdf";
    for (uses, text) in [(1, "This link works once."), (3, "This link works 3 times in all.")] {
        let path = sealed(
            &content,
            &json!({ "confirm": true, "filename": name, "uses": uses, "exp": "2099-12-31T23:59:58Z" }),
        );
        let page = links.get(&path, OPENED).await;
        assert_page(&page, text);
        let page = page.text();
        let shown = "&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;&quot;quoted&quot;.pdf";
        assert_eq!(page.matches(shown).count(), 2, "title and heading: {page}");
        assert!(!page.contains("<img"), "{page}");
        for text in [text, "3.0 MiB (3,145,728 bytes)", "2099-12-31 23:59 UTC", "lang=\"en\""] {
            assert!(page.contains(text), "{text}: {page}");
        }
    }
}

/// Nothing runs or is loaded, and the one style there is has the hash that the policy names.
#[tokio::test]
async fn the_page_does_nothing_else() {
    let content = Content::of("an artifact");
    let (links, path) = asking(&content).await;
    let page = links.get(&path, OPENED).await;
    let policy = page.header("content-security-policy").unwrap();
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    for directive in
        ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.split("; ").any(|one| one == directive), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let text = page.text();
    let (_, rest) = text.split_once("<style>").unwrap();
    let (style, rest) = rest.split_once("</style>").unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert!(style.contains("prefers-color-scheme: dark"));
    assert!(!rest.contains("<style") && !text.contains(" style="), "{text}");
    for word in
        ["<script", "javascript:", "onclick", "onload", "http:", "https:", "src=", "href=", "url("]
    {
        assert!(!text.contains(word), "{word}: {text}");
    }
    // The token is in the address, and nowhere else.
    assert!(!text.contains("v4.local"), "{text}");
}

#[tokio::test]
async fn who_opens_no_page_gets_the_bytes() {
    let content = Content::of("an artifact");
    for lines in [
        "",
        "Accept: */*\r\n",
        "Accept: application/json\r\n",
        "Accept: image/avif,image/webp,*/*\r\nSec-Fetch-Mode: no-cors\r\n",
        "Accept: text/html\r\nSec-Fetch-Mode: cors\r\n",
        "Sec-Fetch-Mode: navigate\r\n",
    ] {
        let (links, path) = asking(&content).await;
        let response = links.get(&path, lines).await;
        assert!(response.status == 200 && response.body == content.bytes, "{lines}");
        assert_eq!(links.get(&path, lines).await.status, 410, "{lines}");
    }
    let (links, path) = asking(&content).await;
    for lines in [OPENED, "Accept: text/html\r\n", "Accept: */*\r\nAccept: text/html\r\n"] {
        assert_page(&links.get(&path, lines).await, lines);
    }
    // Links that do not ask do not.
    let path = links.link_to(&content).await;
    assert!(links.get(&path, OPENED).await.body == content.bytes);
}

#[tokio::test]
async fn only_the_proof_of_this_link_counts() {
    let content = Content::of("an artifact");
    let (links, path) = asking(&content).await;
    let order = json!({ "digest": digest(&content), "confirm": true });
    let other = press(&links, &links.link(order).await).await;
    let (_, other) = other.split_once("?confirmation=").unwrap();
    let token = DownloadToken::open(&keys(), path.rsplit('/').next().unwrap()).unwrap();
    let id = token.id();
    let now = std::time::SystemTime::now();
    let seconds = |offset: u64| std::time::Duration::from_secs(offset);
    let late = Confirmation::seal(&keys(), id, now - seconds(65)).unwrap();
    let good = Confirmation::seal(&keys(), id, now - seconds(30)).unwrap();
    let seal = |purpose, message: String| keys().seal(purpose, message.as_bytes()).unwrap();
    for proof in [
        "",
        "1",
        "true",
        other,
        &late,
        &good[..good.len() - 1],
        path.rsplit('/').next().unwrap(),
        &seal(Purpose::Download, format!("{id} 99999999999")),
        &seal(Purpose::Ticket, format!("{id} 99999999999")),
        &seal(Purpose::Confirmation, format!("{id}")),
        &seal(Purpose::Confirmation, format!("{id} soon")),
    ] {
        let response = links.get(&format!("{path}?confirmation={proof}"), OPENED).await;
        assert_page(&response, proof);
    }
    assert_page(&links.get(&format!("{path}?Confirmation={good}"), OPENED).await, "");
    assert_eq!(links.events("claimed"), 0);
    let response = links.get(&format!("{path}?x=1&confirmation={good}&y"), OPENED).await;
    assert!(response.body == content.bytes);
}

#[tokio::test]
async fn looks_are_not_asked() {
    let content = Content::of("an artifact");
    let (links, path) = asking(&content).await;
    let head = links.head(&path, OPENED).await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("11")));
    assert_eq!(head.header("content-disposition"), Some("attachment; filename=\"plan.pdf\""));
    let ahead = links.get(&path, &format!("{OPENED}Sec-Purpose: prefetch\r\n")).await;
    assert_refused(&ahead, 503, "prefetch", "");
    let confirmed = press(&links, &path).await;
    let ahead = links.get(&confirmed, &format!("{OPENED}Purpose: prefetch\r\n")).await;
    assert_refused(&ahead, 503, "prefetch", "");
    assert!(links.get(&confirmed, OPENED).await.body == content.bytes);
}

/// There is nothing to confirm about what cannot be had.
#[tokio::test]
async fn nobody_is_asked_in_vain() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    for (more, status, code) in [
        (json!({ "confirm": true, "exp": super::time(-1) }), 410, "token_expired"),
        (json!({ "confirm": true, "etag": "\"other\"" }), 410, "content_changed"),
        (json!({ "confirm": true, "key": "nothing" }), 404, "not_found"),
    ] {
        let path = sealed(&content, &more);
        assert_refused(&links.get(&path, OPENED).await, status, code, code);
    }
}

/// Browsers send an empty form; what anybody sends with it is not read as a next request.
#[tokio::test]
async fn a_body_of_the_button_is_thrown_away() {
    let content = Content::of("an artifact");
    let (links, path) = asking(&content).await;
    for body in ["", "a=b", "GET /download/x HTTP/1.1\r\nHost: evil.test\r\n\r\n"] {
        let mut client = links.gateway.connect();
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: a\r\n{form}Content-Length: {length}\r\n\r\n");
        client.send(head + body).await;
        let response = client.response().await;
        assert_eq!(response.status, 303, "{body}");
        if body.is_empty() {
            // The next request comes on the same connection.
            client.get(&path, OPENED).await;
            assert_page(&client.response().await, "");
        } else {
            assert_eq!(client.rest().await, b"", "{body}");
        }
    }
    assert_eq!(links.events("claimed"), 0);
}
