//! Whether those who look ahead leave links as they are.

use serde_json::json;

use super::{Links, ONETIME, assert_refused, digest, path};
use crate::support::content::Content;

/// As browsers, proxies and previewers say it, now and in the past.
const AHEAD: [&str; 9] = [
    "Sec-Purpose: prefetch",
    "Sec-Purpose: prefetch;prerender",
    "Sec-Purpose: prefetch;anonymous-client-ip",
    "Purpose: prefetch",
    "X-Purpose: preview",
    "X-Purpose: instant\r\nX-Purpose: preview",
    "X-Moz: prefetch",
    "X-moz: Prefetch",
    "purpose: prerender",
];

#[tokio::test]
async fn looking_ahead_takes_no_use() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    for confirm in [false, true] {
        let path = links.link(json!({ "digest": digest(&content), "confirm": confirm })).await;
        let before = (links.state_operations(), links.storage.counts().requests);
        for header in AHEAD {
            for accept in ["", "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n"] {
                let response = links.get(&path, &format!("{header}\r\n{accept}")).await;
                assert_refused(&response, 503, "prefetch", header);
            }
        }
        assert_eq!((links.state_operations(), links.storage.counts().requests), before);
        links.assert_fresh(&path, &content).await;
    }
}

/// Neither is a later part of the bytes for looking ahead.
#[tokio::test]
async fn nobody_goes_on_ahead_of_time() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let etag = links.get(&path, "").await.header("etag").unwrap().to_owned();
    let lines = format!("Range: bytes=3-\r\nIf-Range: {etag}\r\n");
    let ahead = links.get(&path, &format!("{lines}Sec-Purpose: prefetch\r\n")).await;
    assert_refused(&ahead, 503, "prefetch", "");
    assert_eq!(links.get(&path, &lines).await.status, 206);
}

/// What is there is not told from what is not: nothing but the purpose was looked at.
#[tokio::test]
async fn looking_ahead_tells_nothing() {
    let content = Content::of("an artifact");
    for chainloop in ["", "uniform_404: true"] {
        let links = Links::to(&content, crate::support::gateway::Settings { chainloop, ..ONETIME });
        let links = links.await;
        let spent = links.link_to(&content).await;
        links.assert_fresh(&spent, &content).await;
        let expired = super::sealed(&content, &json!({ "exp": super::time(-60) }));
        let fresh = links.link_to(&content).await;
        let answer = |path: String| {
            let links = &links;
            async move {
                let response = links.get(&path, "Purpose: prefetch\r\n").await;
                (response.status, response.stable_headers(), response.body)
            }
        };
        let expected = answer(fresh).await;
        assert_eq!(expected.0, 503);
        for path in [spent, expired, path("nonsense")] {
            assert!(answer(path.clone()).await == expected, "{path}");
        }
    }
}

#[tokio::test]
async fn other_purposes_are_none() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    for header in ["Sec-Purpose: ", "Purpose: download", "X-Moz: livebookmarks"] {
        let path = links.link_to(&content).await;
        assert_eq!(links.get(&path, &format!("{header}\r\n")).await.status, 200, "{header}");
    }
}
