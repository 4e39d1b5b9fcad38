//! Storage that answers and does not come to an end.

use super::{CACHE, writer};
use crate::support::answer::{Answer, Then};
use crate::support::client::Response;
use crate::support::gateway::{Gateway, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;

/// The least size of a part that there is.
const PART: usize = 5 * 1024 * 1024;

/// A head after which a body comes that does not end.
const ENDLESS: &str = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nConnection: close\r\n\r\n";

const IMPATIENT: Settings<'static> =
    Settings { timeouts: "storage_read: 300ms", limits: "upload_part_size: 5MiB", ..CACHE };

/// What is asked of storage for an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Put,
    Create,
    Part,
    Complete,
    Abort,
}

impl Step {
    fn of(seen: &Seen) -> Self {
        match (seen.method.as_str(), seen.target.contains("uploadId=")) {
            ("PUT", false) => Self::Put,
            ("PUT", true) => Self::Part,
            ("POST", false) => Self::Create,
            ("POST", true) => Self::Complete,
            _ => Self::Abort,
        }
    }
}

/// A gateway before storage where all is well up to this step, which it answers so.
async fn gateway_before(step: Step, answer: Answer) -> (Gateway, Storage) {
    let storage = Storage::scripted(move |seen| match Step::of(seen) {
        of if of == step => answer.clone(),
        Step::Create => {
            let created = "<R><UploadId>upload-1</UploadId></R>";
            Answer::document("200 OK", "application/xml", created)
        }
        Step::Part => {
            let head = ["HTTP/1.1 200 OK", "Content-Length: 0", "ETag: \"e\""];
            Answer::head_and(&head, b"", Then::Keep)
        }
        Step::Abort => Answer::status("204 No Content"),
        Step::Put | Step::Complete => Answer::error(seen, 500, "InternalError"),
    })
    .await;
    (IMPATIENT.before(&storage), storage)
}

/// Uploads so many bytes, in one chunk.
async fn put(gateway: &Gateway, length: usize) -> Response {
    let mut client = gateway.connect();
    let writer = writer();
    client
        .send(format!(
            "PUT /turbo/v8/artifacts/0a1b HTTP/1.1\r\nHost: gateway.test\r\n{writer}\
             Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n"
        ))
        .await;
    client.send(vec![b'x'; length]).await;
    client.send("\r\n0\r\n\r\n").await;
    client.response().await
}

/// Bytes that come one by one are no progress; and who uploads waits until nothing is left of a
/// failure, but not for ever.
#[tokio::test]
async fn an_answer_that_does_not_end_holds_up_nobody() {
    for (step, length, status, aborted) in [
        (Step::Put, 1, 504, 0),
        (Step::Create, PART + 1, 504, 0),
        (Step::Part, PART + 1, 504, 1),
        (Step::Abort, PART + 1, 502, 0),
    ] {
        let (gateway, _storage) = gateway_before(step, Answer::raw(ENDLESS, Then::Trickle)).await;
        let response = put(&gateway, length).await;
        assert_eq!(response.status, status, "{step:?}");
        let events = gateway.metric("casgate_multipart_uploads_total", &["event=\"aborted\""]);
        assert_eq!(events, aborted, "{step:?}");
    }
}

/// It says that storage is at work, but not so much of it.
#[tokio::test]
async fn white_space_without_end_is_no_answer() {
    let answer = Answer::raw(ENDLESS, Then::Flood(&[b' '; 4096]));
    let (gateway, _storage) = gateway_before(Step::Complete, answer).await;
    assert_eq!(put(&gateway, PART + 1).await.status, 502);
}

/// What stands in the place of a tag may be anything.
#[tokio::test]
async fn a_tag_that_does_not_end_holds_up_nobody() {
    let storage = Storage::scripted(|seen| match seen.target.ends_with(".tag") {
        true => Answer::raw("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", Then::Trickle),
        false => Answer::object(seen, b"artifact"),
    })
    .await;
    let file = CACHE.file.replace("turborepo: {}", "turborepo: { legacy_tags: true }");
    let gateway = Settings { file: &file, ..IMPATIENT }.before(&storage);
    let (path, writer) = ("/turbo/v8/artifacts/0a1b", writer());
    assert_eq!(gateway.get(path, &writer).await.status, 504);
    assert_eq!(gateway.head(path, &writer).await.status, 504);
}
