//! Single-use links: as over HTTP/1.

use futures_util::future::join_all;
use http::Method;

use super::client::{Http2, answer, get, read, request};
use crate::dialect::onetime::{Links, ONETIME};
use crate::support::content::Content;
use crate::support::within;

const SIZE: usize = 4 * 1024 * 1024;

/// A gateway with a fresh link to a content of this size, and a connection to it.
async fn link_to(size: usize) -> (Content, Links, String, Http2) {
    let content = Content::sized(size);
    let links = Links::to(&content, ONETIME).await;
    let path = links.link_to(&content).await;
    let client = Http2::to(&links.gateway).await;
    (content, links, path, client)
}

#[tokio::test]
async fn a_link_works_once_and_is_gone_on_with() {
    for size in [1000, 300_000] {
        let (content, _links, path, client) = link_to(size).await;
        let head = client.exchange(request(Method::HEAD, &path, &[])).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), size.to_string());
        let first = client.exchange(get(&path, &[("range", "bytes=5-"), ("cookie", "a=b")])).await;
        first.assert_is(200, &content.bytes);
        let again = client.get(&path).await;
        assert_eq!((again.status.as_u16(), &again.json()["code"]), (410, &"token_spent".into()));
        let tag = first.header("etag");
        for name in ["if-range", "if-match"] {
            let rest = client.exchange(get(&path, &[("range", "bytes=700-"), (name, tag)])).await;
            rest.assert_is(206, &content.bytes[700..]);
            assert_eq!(rest.header("content-range"), format!("bytes 700-{}/{size}", size - 1));
        }
    }
}

#[tokio::test]
async fn one_of_many_streams_gets_it() {
    let (content, links, path, client) = link_to(100_000).await;
    let asked = (0..50).map(|_| client.get(&path));
    let mut served = 0;
    for answer in join_all(asked).await {
        match answer.status.as_u16() {
            200 => {
                assert!(answer.reset.is_none() && answer.body == content.bytes);
                served += 1;
            }
            status => assert_eq!(status, 410),
        }
    }
    assert_eq!(served, 1);
    let opened = links.storage.seen().iter().filter(|seen| seen.method == "GET").count();
    assert_eq!(opened, 1);
}

/// The earlier one is reset: it must not look whole.
#[tokio::test]
async fn a_later_start_ends_the_earlier_one() {
    let (content, links, path, client) = link_to(SIZE).await;
    let (response, _) = client.begin(get(&path, &[]), false).await.unwrap();
    let (head, mut body) = within(response).await.unwrap().into_parts();
    let tag = head.headers["etag"].to_str().unwrap();
    // It reads nothing: its window is full, and the other's is not.
    let rest = get(&path, &[("range", "bytes=1000-"), ("if-range", tag)]);
    let (response, _) = client.begin(rest, false).await.unwrap();
    let rest = answer(response).await.unwrap();
    rest.assert_is(206, &content.bytes[1000..]);
    links.gateway.until_metric("casgate_single_use_total", &["\"superseded\""], 1).await;
    let mut bytes = Vec::new();
    assert!(read(&mut body, &mut bytes).await.is_some(), "{} bytes", bytes.len());
    assert!(bytes.len() < SIZE);
}

/// A stream that is reset takes its use with it, and nothing else.
#[tokio::test]
async fn who_gave_up_comes_back() {
    let (content, links, path, client) = link_to(SIZE).await;
    let (response, mut stream) = client.begin(get(&path, &[]), false).await.unwrap();
    let (head, body) = within(response).await.unwrap().into_parts();
    let tag = head.headers["etag"].to_str().unwrap().to_owned();
    stream.send_reset(h2::Reason::CANCEL);
    drop(body);
    links.gateway.until_metric("casgate_requests_total", &["client_gone"], 1).await;
    assert_eq!(client.get(&path).await.status, 410);
    let headers = [("range", "bytes=1-"), ("if-range", tag.as_str())];
    client.exchange(get(&path, &headers)).await.assert_is(206, &content.bytes[1..]);
}
