//! Storage that does not take a whole body, at any point of it: the client gets a refusal that says
//! whose fault it is, and nothing is left.

use super::s3::{self, Step, steps, storage_but, storage_in_haste};
use super::{HASH, UPLOADS, assert_closed, assert_refused, head_of, length_of, put, send_put};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::{Gateway, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;

const IMPATIENT: Settings<'static> =
    Settings { timeouts: "storage_first_byte: 300ms, storage_read: 300ms, drain: 30ms", ..UPLOADS };

/// What storage can answer to a PUT, and what becomes of it.
const ANSWERS: [(u16, &str, u16, &str); 8] = [
    (400, "BadDigest", 502, "bad_gateway"),
    (403, "AccessDenied", 502, "bad_gateway"),
    (404, "NoSuchBucket", 502, "bad_gateway"),
    (408, "RequestTimeout", 504, "gateway_timeout"),
    (409, "OperationAborted", 503, "service_unavailable"),
    (429, "SlowDown", 503, "service_unavailable"),
    (500, "InternalError", 502, "bad_gateway"),
    (503, "SlowDown", 503, "service_unavailable"),
];

/// A small body, which is sent whole, and one that is passed on as it comes.
fn bodies() -> [Vec<u8>; 2] {
    [Content::sized(1000).bytes, Content::sized(1_000_000).bytes]
}

#[track_caller]
fn assert_not_stored(gateway: &Gateway) {
    assert_eq!(gateway.metric("casgate_uploads_total", &[]), 0);
}

#[tokio::test]
async fn storage_that_is_not_there() {
    let storage = s3::storage().await;
    let address = storage.address;
    drop(storage);
    for body in bodies() {
        let gateway = Gateway::before(&format!("http://{address}"), &UPLOADS);
        assert_refused(&put(&gateway, &body, "").await, 502, "bad_gateway");
        assert_not_stored(&gateway);
    }
}

#[tokio::test]
async fn refusals_after_the_body() {
    for (status, code, expected, refusal) in ANSWERS {
        for body in bodies() {
            let storage =
                storage_but(Step::Put, move |seen| Answer::error(seen, status, code)).await;
            let gateway = UPLOADS.before(&storage);
            let mut client = gateway.connect();
            send_put(&mut client, &body, "").await;
            let response = client.response().await;
            assert_refused(&response, expected, refusal);
            assert!(!response.text().contains("secret"), "{}", response.text());
            assert_eq!(response.header("retry-after").is_some(), expected == 503, "{status}");
            // The body was read, so the connection goes on. So does that to storage.
            storage.change(s3::well);
            send_put(&mut client, b"again", "").await;
            assert_eq!(client.response().await.status, 202, "{status}");
            assert_eq!(storage.counts().opened, 1, "{status}");
        }
    }
}

/// Before the body and in its middle. What is left of it is no request, on neither side.
#[tokio::test]
async fn refusals_in_the_middle_of_the_body() {
    let body = Content::sized(1_000_000).bytes;
    for (status, code, expected, refusal) in ANSWERS {
        for after in [0, 1, 400_000, 999_999] {
            let answer = move |seen: &Seen| Answer::error(seen, status, code);
            let storage = storage_in_haste(Step::Put, after, answer).await;
            let gateway = IMPATIENT.before(&storage);
            let mut client = gateway.connect();
            client.send(head_of(HASH, &length_of(&body))).await;
            client.send(&body[..after.max(1)]).await;
            assert_refused(&client.response().await, expected, refusal);
            assert_closed(&mut client).await;
            assert_eq!(steps(&storage), [Step::Put], "{status} after {after}");
            storage.until(|counts| counts.ended == counts.opened).await;
            assert_not_stored(&gateway);
        }
    }
}

/// With a client that does not stop sending.
#[tokio::test]
async fn refusals_while_the_body_comes() {
    let body = Content::sized(8_000_000).bytes;
    for then in [Then::Keep, Then::Close, Then::Freeze] {
        let answer = move |seen: &Seen| {
            let mut answer = Answer::error(seen, 503, "SlowDown");
            answer.then = then;
            answer
        };
        let storage = storage_in_haste(Step::Put, 100_000, answer).await;
        let gateway = IMPATIENT.before(&storage);
        let mut client = gateway.connect();
        send_put(&mut client, &body, "").await;
        assert_refused(&client.response().await, 503, "service_unavailable");
        assert_closed(&mut client).await;
        assert_not_stored(&gateway);
    }
}

/// A refusal whose reason is lost is the same refusal.
#[tokio::test]
async fn refusals_that_break_off() {
    for body in bodies() {
        let head = "HTTP/1.1 503 Slow Down\r\nContent-Length: 100\r\n\r\n<Error><Code>Slow";
        let storage = storage_but(Step::Put, move |_| Answer::raw(head, Then::Close)).await;
        let gateway = UPLOADS.before(&storage);
        assert_refused(&put(&gateway, &body, "").await, 503, "service_unavailable");
        // A success that breaks off is none.
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
        storage.change(move |_| Answer::raw(head, Then::Close));
        assert_refused(&put(&gateway, &body, "").await, 502, "bad_gateway");
        assert_not_stored(&gateway);
    }
}

#[tokio::test]
async fn storage_that_does_not_answer() {
    for (answer, expected, code) in [
        (Answer::nothing(Then::Close), 502, "bad_gateway"),
        (Answer::nothing(Then::Reset), 502, "bad_gateway"),
        (Answer::nothing(Then::Stall), 504, "gateway_timeout"),
        (Answer::raw("nonsense\r\n\r\n", Then::Close), 502, "bad_gateway"),
        (Answer::raw("HTTP/1.1 20", Then::Close), 502, "bad_gateway"),
        (Answer::raw("HTTP/1.1 200 OK\r\nX", Then::Stall), 504, "gateway_timeout"),
        (Answer::nothing(Then::Flood(b"HTTP/1.1 102 Processing\r\n\r\n")), 502, "bad_gateway"),
        (Answer::raw("HTTP/1.1 101 Switching\r\n\r\n", Then::Keep), 502, "bad_gateway"),
        (Answer::raw("HTTP/1.1 200 OK\r\n\r\n", Then::Flood(b"xxxxxxxx")), 202, ""),
    ] {
        for body in bodies() {
            let it = answer.clone();
            let storage = storage_but(Step::Put, move |_| it.clone()).await;
            let gateway = IMPATIENT.before(&storage);
            let response = put(&gateway, &body, "").await;
            match expected {
                202 => assert_eq!(response.status, 202),
                _ => assert_refused(&response, expected, code),
            }
            storage.until(|counts| counts.ended == counts.opened).await;
            assert_eq!(steps(&storage), [Step::Put]);
        }
    }
}

/// In the middle of the body it goes, or says nothing and takes nothing.
#[tokio::test]
async fn storage_that_is_lost_in_the_middle_of_the_body() {
    let body = Content::sized(8_000_000).bytes;
    for (then, expected, code) in [
        (Then::Close, 502, "bad_gateway"),
        (Then::Reset, 502, "bad_gateway"),
        (Then::Freeze, 504, "gateway_timeout"),
    ] {
        let answer = move |_: &Seen| Answer::nothing(then);
        let storage = storage_in_haste(Step::Put, 100_000, answer).await;
        let gateway = IMPATIENT.before(&storage);
        let mut client = gateway.connect();
        send_put(&mut client, &body, "").await;
        assert_refused(&client.response().await, expected, code);
        assert_closed(&mut client).await;
        assert_not_stored(&gateway);
        assert_eq!(gateway.metric("casgate_storage_answers_total", &["none"]), 1);
    }
}

/// Whoever says that it has a body before it was sent is not believed.
#[tokio::test]
async fn a_success_before_the_body_is_none() {
    let body = Content::sized(1_000_000).bytes;
    for after in [0, 100_000] {
        let storage = storage_in_haste(Step::Put, after, s3::well).await;
        let gateway = IMPATIENT.before(&storage);
        let mut client = gateway.connect();
        client.send(head_of(HASH, &length_of(&body))).await;
        client.send(&body[..after + 1]).await;
        assert_refused(&client.response().await, 502, "bad_gateway");
        assert_closed(&mut client).await;
        assert_not_stored(&gateway);
    }
}

/// An upload that fails does not change what is there, for nobody.
#[tokio::test]
async fn what_was_there_before_stays() {
    let storage = Storage::scripted(s3::well).await;
    let gateway = UPLOADS.before(&storage);
    assert_eq!(put(&gateway, b"first", "").await.status, 202);
    storage.change(|seen| match Step::of(seen) {
        Step::Put => Answer::error(seen, 500, "InternalError"),
        _ => Answer::object(seen, b"first"),
    });
    assert_refused(&put(&gateway, b"second", "").await, 502, "bad_gateway");
    assert_eq!(super::get(&gateway).await.text(), "first");
}

/// It is not the client's fault if all of its body has come.
#[tokio::test]
async fn storage_that_takes_longer_than_an_upload_may_is_too_late() {
    for body in bodies() {
        let storage = storage_but(Step::Put, |_| Answer::nothing(Then::Stall)).await;
        let gateway = Settings { timeouts: "upload: 500ms", ..UPLOADS }.before(&storage);
        let refused = put(&gateway, &body, "").await;
        assert_refused(&refused, 504, "gateway_timeout");
        assert_not_stored(&gateway);
    }
}
