//! Storage that answers and does not come to an end.

use super::{CACHE, writer};
use crate::support::answer::{Answer, Then};
use crate::support::gateway::Settings;
use crate::support::server::Seen;
use crate::support::storage::Storage;

/// The least size of a part that there is.
const PART: usize = 5 * 1024 * 1024;

/// An upload in parts, up to its last step, which fails.
fn failing_at_the_end(seen: &Seen, aborted: Answer) -> Answer {
    let created = "<R><UploadId>upload-1</UploadId></R>";
    match (seen.method.as_str(), seen.target.contains("uploadId=")) {
        ("POST", false) => Answer::document("200 OK", "application/xml", created),
        ("PUT", _) => Answer::head_and(
            &["HTTP/1.1 200 OK", "Content-Length: 0", "ETag: \"part\""],
            b"",
            Then::Keep,
        ),
        ("POST", true) => Answer::error(seen, 500, "InternalError"),
        _ => aborted,
    }
}

/// Who uploads waits until nothing is left of a failure, but not for ever.
#[tokio::test]
async fn an_abort_whose_answer_does_not_end_holds_up_nobody() {
    let storage = Storage::scripted(|seen| {
        let endless = Answer::raw("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", Then::Trickle);
        failing_at_the_end(seen, endless)
    })
    .await;
    let settings =
        Settings { timeouts: "storage_read: 300ms", limits: "upload_part_size: 5MiB", ..CACHE };
    let gateway = settings.before(&storage);
    let mut client = gateway.connect();
    let writer = writer();
    client
        .send(format!(
            "PUT /turbo/v8/artifacts/0a1b HTTP/1.1\r\nHost: gateway.test\r\n{writer}\
             Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            PART + 1
        ))
        .await;
    client.send(vec![b'x'; PART + 1]).await;
    client.send("\r\n0\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!((response.status, &response.json()["code"]), (502, &"bad_gateway".into()));
    let events = |event: &str| gateway.metric("casgate_multipart_uploads_total", &[event]);
    assert_eq!((events("event=\"begun\""), events("event=\"aborted\"")), (1, 0));
}
