//! What becomes of each way storage can fail.

use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::{OPEN, REDIRECT, STREAM, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;

/// Storage gets little time, the client a lot.
const IMPATIENT: &str = "storage_first_byte: 200ms, storage_read: 200ms";

/// What the client of a failed download sees, and how it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// A refusal: status and kind.
    Refused(u16, &'static str),
    /// An answer short of its `Content-Length`, and the kind.
    Cut(&'static str),
    /// The content.
    Delivered,
}
use Expected::{Cut, Delivered, Refused};

const FAILED: Expected = Refused(502, "storage_failed");
const TIMEOUT: Expected = Refused(504, "storage_timeout");

async fn check(
    name: &str,
    settings: Settings<'_>,
    content: &Content,
    script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    expected: Expected,
) {
    let storage = Storage::scripted(script).await;
    let gateway = Settings { timeouts: IMPATIENT, ..settings }.before(&storage);
    let response = gateway.get(&content.path(), "").await;
    let kind = match expected {
        Refused(status, kind) => {
            assert_eq!(response.status, status, "{name}");
            assert_eq!(response.json()["code"], status, "{name}");
            assert_eq!(response.header("cache-control"), Some("no-store"), "{name}");
            let busy = response.header("retry-after");
            assert_eq!(busy, (status == 503).then_some("1"), "{name}");
            kind
        }
        Cut(kind) => {
            assert_eq!(response.status, 200, "{name}");
            assert!(!response.is_whole, "{name}");
            kind
        }
        Delivered => {
            assert_eq!(response.status, 200, "{name}");
            assert!(response.body == content.bytes, "{name}");
            "ok"
        }
    };
    let label = format!("kind=\"{kind}\"");
    assert_eq!(gateway.metric("casgate_requests_total", &[&label]), 1, "{name}");
    assert_eq!(gateway.metric("casgate_requests_total", &[]), 1, "{name}");
}

#[tokio::test]
async fn statuses() {
    let content = Content::of("an artifact");
    for (status, code, expected) in [
        (404, "NoSuchKey", Refused(404, "not_found")),
        (404, "NoSuchBucket", FAILED),
        (403, "AccessDenied", FAILED),
        (400, "BadRequest", FAILED),
        (429, "TooManyRequests", Refused(503, "storage_busy")),
        (503, "SlowDown", Refused(503, "storage_busy")),
        (500, "InternalError", FAILED),
        (504, "GatewayTimeout", TIMEOUT),
        (301, "PermanentRedirect", FAILED),
        (307, "TemporaryRedirect", FAILED),
        (201, "Created", FAILED),
    ] {
        let script = move |seen: &Seen| Answer::error(seen, status, code);
        check(&format!("{status} {code}"), STREAM, &content, script, expected).await;
        // HEAD has no body, so a missing bucket looks like a missing key there.
        if code != "NoSuchBucket" {
            let settings = Settings { auth: OPEN, ..REDIRECT };
            check(&format!("HEAD {status} {code}"), settings, &content, script, expected).await;
        }
    }
}

#[tokio::test]
async fn heads_that_are_no_answer() {
    let content = Content::of("an artifact");
    let length = "Content-Length: 11";
    for (name, head, then, expected) in [
        ("204", vec!["HTTP/1.1 204 No Content"], Then::Keep, FAILED),
        ("304", vec!["HTTP/1.1 304 Not Modified"], Then::Keep, FAILED),
        ("206", vec!["HTTP/1.1 206 Partial Content", length], Then::Keep, FAILED),
        ("no length", vec!["HTTP/1.1 200 OK"], Then::Close, FAILED),
        ("chunked", vec!["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], Then::Keep, FAILED),
        (
            "chunked and a length",
            vec!["HTTP/1.1 200 OK", length, "Transfer-Encoding: chunked"],
            Then::Keep,
            FAILED,
        ),
        ("no number", vec!["HTTP/1.1 200 OK", "Content-Length: many"], Then::Keep, FAILED),
        ("negative", vec!["HTTP/1.1 200 OK", "Content-Length: -11"], Then::Keep, FAILED),
        ("two lengths", vec!["HTTP/1.1 200 OK", length, "Content-Length: 12"], Then::Keep, FAILED),
        (
            "shorter",
            vec!["HTTP/1.1 200 OK", "Content-Length: 5"],
            Then::Keep,
            Refused(502, "content_corrupt"),
        ),
        ("garbage", vec!["SSH-2.0-OpenSSH_9.2"], Then::Keep, FAILED),
        ("no version", vec!["200 OK", length], Then::Keep, FAILED),
        ("a bad line", vec!["HTTP/1.1 200 OK", "no colon", length], Then::Keep, FAILED),
        (
            "100 first",
            vec!["HTTP/1.1 100 Continue", "", "HTTP/1.1 200 OK", length],
            Then::Keep,
            Delivered,
        ),
        (
            "103 first",
            vec!["HTTP/1.1 103 Early Hints", "Link: </x>", "", "HTTP/1.1 200 OK", length],
            Then::Keep,
            Delivered,
        ),
        ("half a head", vec!["HTTP/1.1 200 OK\r\nContent-Le"], Then::Stall, TIMEOUT),
    ] {
        let script = move |_: &Seen| {
            let mut answer = Answer::head_and(&head, b"an artifact", then);
            if matches!(then, Then::Stall) {
                answer.bytes.truncate("HTTP/1.1 200 OK\r\nContent-Le".len());
            }
            answer
        };
        check(name, STREAM, &content, script, expected).await;
    }
}

#[tokio::test]
async fn no_head_at_all() {
    let content = Content::of("an artifact");
    for settings in [STREAM, Settings { auth: OPEN, ..REDIRECT }] {
        for (name, answer, expected) in [
            ("close", Answer::nothing(Then::Close), FAILED),
            ("reset", Answer::nothing(Then::Reset), FAILED),
            ("stall", Answer::nothing(Then::Stall), TIMEOUT),
            ("trickle", Answer::raw("HTTP/1.1 200 OK\r\nX: ", Then::Trickle), TIMEOUT),
            (
                "endless header",
                Answer::raw("HTTP/1.1 200 OK\r\n", Then::Flood(b"X-Padding: 0123456789abcdef\r\n")),
                FAILED,
            ),
            (
                "endless line",
                Answer::raw("HTTP/1.1 200 OK\r\nX: ", Then::Flood(&[b'x'; 4096])),
                FAILED,
            ),
            (
                "only interim answers",
                Answer::raw("", Then::Flood(b"HTTP/1.1 100 Continue\r\n\r\n")),
                FAILED,
            ),
        ] {
            check(name, settings, &content, move |_: &Seen| answer.clone(), expected).await;
        }
    }
}

#[tokio::test]
async fn nobody_there() {
    let storage = Storage::holding(&Content::of("")).await;
    let gateway = STREAM.before(&storage);
    drop(storage);
    let response = gateway.get(&Content::of("").path(), "").await;
    assert_eq!(response.status, 502);
    assert_eq!(gateway.metric("casgate_storage_answers_total", &["\"none\""]), 1);
}

#[tokio::test]
async fn bodies_that_end_early() {
    for (size, missing) in [(100, 1), (100, 100), (200_000, 1), (200_000, 150_000)] {
        let content = Content::sized(size);
        for (then, kind) in [
            (Then::Close, "storage_failed"),
            (Then::Reset, "storage_failed"),
            (Then::Stall, "storage_timeout"),
        ] {
            let bytes = content.bytes.clone();
            let script = move |seen: &Seen| {
                let mut answer = Answer::object(seen, &bytes);
                answer.bytes.truncate(answer.bytes.len() - missing);
                Answer { then, ..answer }
            };
            let expected = match (size, kind) {
                (100, "storage_failed") => FAILED,
                (100, _) => TIMEOUT,
                _ => Cut(kind),
            };
            check(&format!("{missing} of {size}, {kind}"), STREAM, &content, script, expected)
                .await;
        }
    }
}

#[tokio::test]
async fn bodies_longer_than_announced() {
    for size in [100, 200_000] {
        let content = Content::sized(size);
        let bytes = content.bytes.clone();
        let script = move |seen: &Seen| {
            let mut answer = Answer::object(seen, &bytes);
            answer.bytes.extend_from_slice(&[b'x'; 100_000]);
            answer
        };
        check(&format!("{size}"), STREAM, &content, script, Delivered).await;
    }
}
