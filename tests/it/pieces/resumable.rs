//! Resumable uploads of the IETF, as its clients use them.

use bytes::Bytes;
use http::Method;

use super::tus::UNSTORED_MAX;
use super::{SEGMENT, Subject, of_tenant};
use crate::http2::client::{Http2, answer, request};
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::embedded::Embedded;

const VERSION: &str = "Upload-Draft-Interop-Version: 9\r\n";

/// Begins an upload with these bytes, whose client hears one answer.
pub(super) async fn begin(subject: &Subject, lines: &str, body: &[u8]) -> Response {
    subject.ask("POST", "/ietf/", &format!("{}{lines}", of_tenant("acme")), body).await
}

/// Sends a piece, which is the last or not.
pub(super) async fn piece(
    subject: &Subject,
    path: &str,
    offset: usize,
    is_last: bool,
    body: &[u8],
) -> Response {
    let (who, is_last) = (of_tenant("acme"), u8::from(is_last));
    let lines = format!(
        "{who}Content-Type: application/partial-upload\r\nUpload-Offset: {offset}\r\n\
         Upload-Complete: ?{is_last}\r\n"
    );
    subject.ask("PATCH", path, &lines, body).await
}

async fn look(subject: &Subject, path: &str) -> Response {
    subject.ask("HEAD", path, &of_tenant("acme"), b"").await
}

#[track_caller]
fn assert_is(response: &Response, status: u16, offset: usize, is_complete: bool) {
    let complete = response.header("upload-complete").unwrap().to_owned();
    let there = (response.status, response.header("upload-offset"), complete.as_str());
    let expected = if is_complete { "?1" } else { "?0" };
    assert_eq!(there, (status, Some(offset.to_string().as_str()), expected));
}

#[tokio::test]
async fn an_upload_from_its_beginning_to_its_end() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let content = Content::sized(SEGMENT + 1000).bytes;
    let size = content.len();
    let begun = begin(&subject, "Upload-Complete: ?0\r\n", &content[..1000]).await;
    assert_is(&begun, 201, 1000, false);
    assert!(begun.header("upload-limit").unwrap().contains("max-size="));
    let path = begun.header("location").unwrap().to_owned();
    assert_is(&look(&subject, &path).await, 204, 1000, false);
    assert_is(
        &piece(&subject, &path, 1000, false, &content[1000..SEGMENT]).await,
        204,
        SEGMENT,
        false,
    );
    let elsewhere = piece(&subject, &path, 1000, false, b"x").await;
    assert_is(&elsewhere, 409, SEGMENT, false);
    let problem = elsewhere.json();
    assert_eq!(
        (problem["expected-offset"].as_u64(), problem["provided-offset"].as_u64()),
        (Some(SEGMENT as u64), Some(1000))
    );
    assert_is(&piece(&subject, &path, SEGMENT, true, &content[SEGMENT..]).await, 201, size, true);
    let looked = look(&subject, &path).await;
    assert_is(&looked, 204, size, true);
    assert_eq!(looked.header("upload-length"), Some(size.to_string().as_str()));
    let fetched = subject.ask("GET", &path, &of_tenant("acme"), b"").await;
    assert_eq!((fetched.status, fetched.is_whole), (200, true));
    assert!(fetched.body == content);
    let dropped = subject.ask("DELETE", &path, &of_tenant("acme"), b"").await;
    assert_is(&dropped, 409, size, true);
    assert_eq!(storage.keys().await.len(), 1, "segments are left");
}

#[tokio::test]
async fn an_upload_that_is_dropped_is_gone() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let begun = begin(&subject, "Upload-Complete: ?0\r\n", b"abc").await;
    let path = begun.header("location").unwrap();
    let who = of_tenant("acme");
    assert_eq!(subject.ask("HEAD", path, &of_tenant("other"), b"").await.status, 404);
    assert_eq!(subject.ask("DELETE", path, &who, b"").await.status, 204);
    assert_eq!(look(&subject, path).await.status, 404);
    assert_eq!(piece(&subject, path, 3, true, b"def").await.status, 404);
    assert_eq!(storage.keys().await, [""; 0]);
}

/// A digest that the bytes do not have, or lengths that contradict each other.
#[tokio::test]
async fn a_piece_that_is_not_what_was_said_does_not_count() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let begun = begin(&subject, "Upload-Complete: ?0\r\nUpload-Length: 6\r\n", b"abc").await;
    let path = begun.header("location").unwrap();
    let who = of_tenant("acme");
    let digest = "Content-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\r\n";
    let lines = format!(
        "{who}{digest}Content-Type: application/partial-upload\r\nUpload-Offset: 3\r\n\
         Upload-Complete: ?0\r\n"
    );
    let refused = subject.ask("PATCH", path, &lines, b"def").await;
    assert_is(&refused, 400, 3, false);
    let long = piece(&subject, path, 3, true, b"defg").await;
    assert_eq!((long.status, long.header("upload-complete")), (400, Some("?0")));
    assert!(long.json()["type"].as_str().unwrap().ends_with("#inconsistent-upload-length"));
    assert_is(&look(&subject, path).await, 204, 3, false);
    assert_is(&piece(&subject, path, 3, true, b"def").await, 201, 6, true);
    assert_eq!(subject.ask("GET", path, &who, b"").await.body, b"abcdef");
}

/// The place of an upload is told before any of its bytes are sent, and then they are asked for.
#[tokio::test]
async fn where_an_upload_is_comes_before_its_bytes() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    for expectation in ["", "Expect: 100-continue\r\n"] {
        let who = of_tenant("acme");
        let mut client = subject.connect();
        client
            .send(format!(
                "POST /ietf/ HTTP/1.1\r\nHost: gateway.test\r\n{who}{VERSION}{expectation}\
                 Upload-Complete: ?1\r\nContent-Length: 6\r\n\r\n"
            ))
            .await;
        let mut interim = client.head().await;
        let mut statuses = vec![interim.status];
        if !expectation.is_empty() {
            let other = client.head().await;
            statuses.push(other.status);
            statuses.sort_unstable();
            assert_eq!(statuses, [100, 104]);
            interim = if interim.status == 104 { interim } else { other };
        }
        assert_eq!(interim.status, 104);
        let path = interim.header("location").unwrap().to_owned();
        client.send("abc").await;
        client.send("def").await;
        let ended = client.response().await;
        assert_is(&ended, 201, 6, true);
        assert_eq!(ended.header("location"), Some(path.as_str()));
        assert_eq!(subject.ask("GET", &path, &who, b"").await.body, b"abcdef");
    }
}

/// What came before the connection broke is there, by the place that was told before.
#[tokio::test]
async fn an_upload_goes_on_where_its_first_request_broke() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let content = Content::sized(SEGMENT + 1000).bytes;
    let who = of_tenant("acme");
    let mut client = subject.connect_from("192.0.2.1:1024", 1024);
    client
        .send(format!(
            "POST /ietf/ HTTP/1.1\r\nHost: gateway.test\r\n{who}{VERSION}Upload-Complete: ?1\r\n\
             Content-Length: {}\r\n\r\n",
            content.len()
        ))
        .await;
    let interim = client.head().await;
    assert_eq!(interim.status, 104);
    let path = interim.header("location").unwrap().to_owned();
    client.send(&content[..SEGMENT + 10]).await;
    drop(client);
    subject.idle().await;
    let looked = look(&subject, &path).await;
    let offset: usize = looked.header("upload-offset").unwrap().parse().unwrap();
    assert!(offset <= SEGMENT + 10 && SEGMENT + 10 - offset < UNSTORED_MAX, "{offset}");
    assert_is(&looked, 204, offset, false);
    let ended = piece(&subject, &path, offset, true, &content[offset..]).await;
    assert_is(&ended, 201, content.len(), true);
    assert!(subject.ask("GET", &path, &who, b"").await.body == content);
}

/// Older clients, and those who say nothing of a version, hear the last answer only.
#[tokio::test]
async fn who_did_not_ask_for_it_hears_one_answer() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    for version in ["", "Upload-Draft-Interop-Version: 6\r\n"] {
        let lines = format!("{version}Upload-Complete: ?1\r\n");
        assert_is(&begin(&subject, &lines, b"abc").await, 201, 3, true);
    }
    // Any POST is an upload.
    assert_is(&begin(&subject, "", b"abc").await, 201, 3, true);
}

/// There are no interim answers there, and all else is the same.
#[tokio::test]
async fn over_http2() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let client = Http2::to(&subject.gateway).await;
    let who = of_tenant("acme");
    let (_, who) = who.trim_end().split_once(": ").unwrap();
    let headers =
        [("authorization", who), ("upload-draft-interop-version", "9"), ("upload-complete", "?0")];
    let (response, mut body) =
        client.begin(request(Method::POST, "/ietf/", &headers), true).await.unwrap();
    body.send_data(Bytes::from_static(b"abc"), true).unwrap();
    let begun = answer(response).await.unwrap();
    assert_eq!((begun.status.as_u16(), begun.header("upload-offset")), (201, "3"));
    let path = begun.header("location").to_owned();
    let path = path.strip_prefix("https://gateway.test").unwrap_or(&path).to_owned();
    let headers = [
        ("authorization", who),
        ("content-type", "application/partial-upload"),
        ("upload-offset", "3"),
        ("upload-complete", "?1"),
    ];
    let (response, mut body) =
        client.begin(request(Method::PATCH, &path, &headers), true).await.unwrap();
    body.send_data(Bytes::from_static(b"def"), true).unwrap();
    let ended = answer(response).await.unwrap();
    assert_eq!((ended.status.as_u16(), ended.header("upload-complete")), (201, "?1"));
    let fetched = client.exchange(request(Method::GET, &path, &[("authorization", who)])).await;
    assert_eq!((fetched.status.as_u16(), fetched.body.as_slice()), (200, &b"abcdef"[..]));
}
