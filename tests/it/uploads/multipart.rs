//! Storage that fails at any step of an upload in parts: the client gets a refusal, and the parts
//! are given up.

use std::sync::LazyLock;

use super::s3::{self, Step, steps, storage_but, storage_in_haste, xml};
use super::{CHUNKED, HASH, PART, UPLOADS, assert_closed, assert_refused, chunks, head_of};
use crate::support::answer::{Answer, Then};
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, Settings};
use crate::support::process::Process;
use crate::support::server::Seen;
use crate::support::storage::Storage;

const IMPATIENT: Settings<'static> =
    Settings { timeouts: "storage_first_byte: 300ms, storage_read: 300ms, drain: 30ms", ..UPLOADS };

/// The chunks of a body of three parts, the last of which is short.
static WIRE: LazyLock<Vec<u8>> =
    LazyLock::new(|| chunks(&Content::sized(2 * PART + 1).bytes, 1_000_000));

/// An upload of three parts.
async fn put(gateway: &Gateway) -> Response {
    let mut client = gateway.connect();
    client.send(head_of(HASH, CHUNKED)).await;
    client.send(&*WIRE).await;
    let response = client.response().await;
    assert_closed(&mut client).await;
    response
}

/// The upload was refused, with these steps, and nothing was stored.
async fn assert_fails(storage: &Storage, status: u16, code: &str, expected: &[Step]) {
    let gateway = IMPATIENT.before(storage);
    assert_refused(&put(&gateway).await, status, code);
    assert_eq!(steps(storage), expected);
    assert_eq!(gateway.metric("casgate_uploads_total", &[]), 0);
    let of = |event| gateway.metric("casgate_multipart_uploads_total", &[event]);
    let begun = u64::from(expected.contains(&Step::Abort));
    assert_eq!((of("\"begun\""), of("\"aborted\"")), (begun, begun));
}

/// Steps at which an upload ends that fails at this one.
fn up_to(step: Step) -> Vec<Step> {
    let all = [Step::Create, Step::Part(1), Step::Part(2), Step::Part(3), Step::Complete];
    let mut steps: Vec<_> = all.into_iter().take_while(|it| *it != step).collect();
    steps.push(step);
    steps.extend((step != Step::Create).then_some(Step::Abort));
    steps
}

const STEPS: [Step; 5] =
    [Step::Create, Step::Part(1), Step::Part(2), Step::Part(3), Step::Complete];

#[tokio::test]
async fn any_step_can_be_refused() {
    let failures = STEPS.map(|step| (step, 500, "InternalError", 502, "bad_gateway"));
    for (step, status, code, expected, refusal) in failures.into_iter().chain([
        (Step::Create, 503, "SlowDown", 503, "service_unavailable"),
        (Step::Part(2), 503, "SlowDown", 503, "service_unavailable"),
        (Step::Part(2), 404, "NoSuchUpload", 502, "bad_gateway"),
        (Step::Complete, 503, "SlowDown", 503, "service_unavailable"),
        (Step::Complete, 404, "NoSuchUpload", 502, "bad_gateway"),
    ]) {
        let storage = storage_but(step, move |seen| Answer::error(seen, status, code)).await;
        assert_fails(&storage, expected, refusal, &up_to(step)).await;
    }
}

#[tokio::test]
async fn any_step_can_be_lost() {
    for step in STEPS {
        for (then, expected, refusal) in
            [(Then::Reset, 502, "bad_gateway"), (Then::Stall, 504, "gateway_timeout")]
        {
            let storage = storage_but(step, move |_| Answer::nothing(then)).await;
            // Every step but the first is on a connection that was used before, and tried again.
            let mut expected_steps = up_to(step);
            if matches!(then, Then::Reset) && step != Step::Create {
                let place = expected_steps.len() - 1;
                expected_steps.insert(place, step);
            }
            assert_fails(&storage, expected, refusal, &expected_steps).await;
        }
    }
}

#[tokio::test]
async fn a_part_can_be_refused_in_its_middle() {
    for (number, after) in [(1, 0), (1, 1_000_000), (2, 3_000_000), (3, 0)] {
        let step = Step::Part(number);
        let answer = |seen: &Seen| {
            let mut answer = Answer::error(seen, 503, "SlowDown");
            answer.then = Then::Close;
            answer
        };
        let storage = storage_in_haste(step, after, answer).await;
        assert_fails(&storage, 503, "service_unavailable", &up_to(step)).await;
    }
}

#[tokio::test]
async fn a_part_that_storage_does_not_read_is_not_waited_for() {
    let step = Step::Part(2);
    let storage = storage_in_haste(step, 1000, |_| Answer::nothing(Then::Freeze)).await;
    assert_fails(&storage, 504, "gateway_timeout", &up_to(step)).await;
}

#[tokio::test]
async fn an_upload_without_a_name_is_none() {
    for document in [
        "<InitiateMultipartUploadResult/>",
        "<R><UploadId></UploadId></R>",
        "<R><UploadId>with space</UploadId></R>",
        "",
    ] {
        let storage = storage_but(Step::Create, move |_| xml(document)).await;
        assert_fails(&storage, 502, "bad_gateway", &[Step::Create]).await;
    }
}

#[tokio::test]
async fn a_part_without_a_tag_is_none() {
    let storage = storage_but(Step::Part(2), |_| Answer::status("200 OK")).await;
    assert_fails(&storage, 502, "bad_gateway", &up_to(Step::Part(2))).await;
}

/// An answer to the last step can begin as a success and be a failure.
#[tokio::test]
async fn a_success_that_is_none_is_a_failure() {
    let error = |code: &str| format!("<Error><Code>{code}</Code></Error>");
    for (document, expected, refusal) in [
        (error("InternalError"), 502, "bad_gateway"),
        (error("SlowDown"), 503, "service_unavailable"),
        (format!("{}{}", " ".repeat(100_000), error("InternalError")), 502, "bad_gateway"),
        (" ".repeat(100), 502, "bad_gateway"),
        (String::new(), 502, "bad_gateway"),
        ("nonsense".repeat(10_000), 502, "bad_gateway"),
    ] {
        let storage = storage_but(Step::Complete, move |_| {
            Answer::document("200 OK", "application/xml", &document)
        })
        .await;
        assert_fails(&storage, expected, refusal, &up_to(Step::Complete)).await;
    }
}

#[tokio::test]
async fn a_success_that_breaks_off_is_a_failure() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<?xml version=\"1.0\"?>\n";
    for (then, expected, refusal) in
        [(Then::Close, 502, "bad_gateway"), (Then::Stall, 504, "gateway_timeout")]
    {
        let storage = storage_but(Step::Complete, move |_| Answer::raw(head, then)).await;
        assert_fails(&storage, expected, refusal, &up_to(Step::Complete)).await;
    }
}

/// Which keeps the connection open while it works.
#[tokio::test]
async fn white_space_before_the_answer_means_nothing() {
    let result = "<CompleteMultipartUploadResult><Key>k</Key></CompleteMultipartUploadResult>";
    for space in [1, 100, 20_000, 100_000] {
        let document = format!("{}<?xml version=\"1.0\"?>{result}", " \n".repeat(space));
        let storage = storage_but(Step::Complete, move |_| {
            Answer::document("200 OK", "application/xml", &document)
        })
        .await;
        let gateway = IMPATIENT.before(&storage);
        assert_eq!(put(&gateway).await.status, 202, "{space}");
        assert_eq!(steps(&storage), STEPS);
    }
}

/// What cannot be ended is the sweep's, and the log says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_cannot_be_ended_is_logged() {
    let storage = Storage::scripted(|seen| match Step::of(seen) {
        Step::Part(2) => Answer::error(seen, 500, "InternalError"),
        Step::Abort => Answer::error(seen, 503, "SlowDown"),
        _ => s3::well(seen),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    let yaml = UPLOADS.yaml(&format!("http://{}", storage.address), &folder);
    std::fs::write(&file, yaml).unwrap();
    let process = tokio::task::block_in_place(|| Process::start(&file));
    let stream = tokio::net::TcpStream::connect(process.address).await.unwrap();
    let mut client = crate::support::client::Client::new(stream);
    client.send(head_of(HASH, CHUNKED)).await;
    client.send(&*WIRE).await;
    assert_refused(&client.response().await, 502, "bad_gateway");
    let line = tokio::task::block_in_place(|| process.logged("left unfinished"));
    assert_eq!((&line["level"], &line["bucket"]), (&"WARN".into(), &"store".into()), "{line}");
    assert_eq!(line["key"], super::KEY);
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("503 SlowDown"), "{line}");
    assert!(!process.errors().contains("upload-1"), "{}", process.errors());
}
