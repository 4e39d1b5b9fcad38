//! How an answer ends that cannot be finished, and that its siblings do not notice.

use h2::Reason;

use super::PATIENT;
use super::client::{Http2, answer, get};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::storage::Storage;

/// Storage gets all the time there is, so that only the client's leaving ends anything.
/// Has good content, and answers everything else with this.
async fn storage_with(good: &Content, bad: Answer) -> Storage {
    let good = good.clone();
    Storage::scripted(move |seen| match seen.target == good.target() {
        true => Answer::object(seen, &good.bytes),
        false => bad.clone(),
    })
    .await
}

/// The answer of storage that has `bytes` of content that should have `size`.
fn object(size: usize, bytes: &[u8], then: Then) -> Answer {
    let length = format!("Content-Length: {size}");
    Answer::head_and(&["HTTP/1.1 200 OK", &length], bytes, then)
}

fn requests(gateway: &Gateway, kind: &str) -> u64 {
    gateway.metric("casgate_requests_total", &[&format!("\"{kind}\"")])
}

#[tokio::test]
async fn corrupt_content_that_fits_into_memory_is_refused() {
    let (good, bad) = (Content::of("an artifact"), Content::sized(60_000));
    let storage = storage_with(&good, object(60_000, &bad.corrupted(), Then::Keep)).await;
    let gateway = STREAM.before(&storage);
    let client = Http2::to(&gateway).await;
    let answer = client.get(&bad.path()).await;
    assert_eq!((answer.status.as_u16(), answer.reset), (502, None));
    assert_eq!(answer.json()["code"], 502);
    client.get(&good.path()).await.assert_is(200, &good.bytes);
    assert_eq!(gateway.metric("casgate_verification_total", &["\"mismatched\""]), 1);
}

#[tokio::test]
async fn what_breaks_off_is_reset_and_short() {
    let (good, bad) = (Content::sized(200_000), Content::sized(500_000));
    for (name, answer, kind) in [
        ("corrupt", object(500_000, &bad.corrupted(), Then::Keep), "content_corrupt"),
        ("closed", object(500_000, &bad.bytes[..499_999], Then::Close), "storage_failed"),
        ("reset", object(500_000, &bad.bytes[..300_000], Then::Reset), "storage_failed"),
        ("stalled", object(500_000, &bad.bytes[..300_000], Then::Stall), "storage_timeout"),
    ] {
        let storage = storage_with(&good, answer).await;
        let gateway = Settings { timeouts: "storage_read: 200ms", ..STREAM }.before(&storage);
        let client = Http2::to(&gateway).await;
        let (sibling, _) = client.begin(get(&good.path(), &[]), false).await.unwrap();
        let answer = client.get(&bad.path()).await;
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.reset, Some(Reason::INTERNAL_ERROR), "{name}");
        assert_eq!(answer.header("content-length"), "500000", "{name}");
        assert!(answer.body.len() < 500_000, "{name}");
        let sibling = super::client::answer(sibling).await.unwrap();
        sibling.assert_is(200, &good.bytes);
        // And the connection goes on.
        client.get(&good.path()).await.assert_is(200, &good.bytes);
        drop(client);
        gateway.idle().await;
        assert_eq!((requests(&gateway, kind), requests(&gateway, "ok")), (1, 2), "{name}");
    }
}

#[tokio::test]
async fn a_client_that_gives_up_takes_its_storage_request_with_it() {
    let good = Content::of("an artifact");
    // Before the head, in content that is held back whole, and in content that is not.
    for (size, sent) in [(0, None), (100, Some(99)), (200_000, Some(199_999))] {
        // With END_STREAM and without: a body may follow that nobody will ask for.
        for more in [false, true] {
            let bad = Content::sized(size);
            let stalled = match sent {
                None => Answer::nothing(Then::Stall),
                Some(sent) => object(size, &bad.bytes[..sent], Then::Stall),
            };
            let storage = storage_with(&good, stalled).await;
            let gateway = PATIENT.before(&storage);
            let client = Http2::to(&gateway).await;
            let (response, mut request) = client.begin(get(&bad.path(), &[]), more).await.unwrap();
            storage.until(|counts| counts.requests == 1).await;
            request.send_reset(Reason::CANCEL);
            drop((request, response));
            storage.until(|counts| counts.ended == 1).await;
            client.get(&good.path()).await.assert_is(200, &good.bytes);
            drop(client);
            gateway.idle().await;
            assert_eq!(requests(&gateway, "client_gone"), 1, "{size}, {more}");
            assert_eq!(requests(&gateway, "ok"), 1);
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_takes_all_its_storage_requests_with_it() {
    let storage = Storage::scripted(|_| Answer::nothing(Then::Stall)).await;
    let gateway = PATIENT.before(&storage);
    let transport = gateway.connect_http2(64 * 1024);
    let (mut requests, connection) = h2::client::handshake(transport).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut responses = Vec::new();
    for more in [false, true, false, true] {
        let request = get(&Content::of("").path(), &[]);
        responses.push(requests.send_request(request, !more).unwrap());
    }
    storage.until(|counts| counts.requests == 4).await;
    connection.abort();
    storage.until(|counts| counts.ended == 4).await;
    gateway.idle().await;
    assert_eq!(self::requests(&gateway, "client_gone"), 4);
}

#[tokio::test]
async fn bodies_nobody_asked_for() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    let client = Http2::to(&gateway).await;
    // More bytes altogether than the connection's window holds: what is unread is given back.
    for length in [1, 60_000, 60_000, 60_000] {
        let post = super::client::request(http::Method::POST, &content.path(), &[]);
        let (response, mut body) = client.begin(post, true).await.unwrap();
        body.send_data(vec![0; length].into(), false).unwrap();
        let answer = answer(response).await.unwrap();
        assert_eq!(answer.status, 405);
        assert_eq!(answer.json()["code"], 405);
        // The rest of the body is not wanted.
        let told = std::future::poll_fn(|context| body.poll_reset(context));
        assert_eq!(crate::support::within(told).await.unwrap(), Reason::NO_ERROR);
    }
    client.get(&content.path()).await.assert_is(200, &content.bytes);
}

#[tokio::test]
async fn trailers() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    let client = Http2::to(&gateway).await;
    let (response, mut body) = client.begin(get(&content.path(), &[]), true).await.unwrap();
    let mut trailers = http::HeaderMap::new();
    trailers.insert("range", "bytes=0-1".parse().unwrap());
    body.send_trailers(trailers).unwrap();
    answer(response).await.unwrap().assert_is(200, &content.bytes);
}
