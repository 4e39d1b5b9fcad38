//! Answers of servers, good and bad.

use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::interval;

use super::server::Seen;

/// What a server sends, and what it does next.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

/// What happens to the connection after an answer.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// It waits for the next request.
    Keep,
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
    /// Nothing, until the other side closes.
    Stall,
    /// Nothing, and nothing is read any more.
    Freeze,
    /// These bytes, until the other side closes.
    Flood(&'static [u8]),
    /// One byte after the other, slowly, until the other side closes.
    Trickle,
}

impl Answer {
    /// Any bytes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        Self { bytes: bytes.into(), then }
    }

    /// Nothing at all, and then that.
    pub(crate) fn nothing(then: Then) -> Self {
        Self::raw("", then)
    }

    /// A head of these lines, and a body.
    pub(crate) fn head_and(head: &[&str], body: &[u8], then: Then) -> Self {
        let mut bytes = head.join("\r\n").into_bytes();
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(body);
        Self { bytes, then }
    }

    /// A body of this type, with its length.
    pub(crate) fn document(status: &str, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let status = format!("HTTP/1.1 {status}");
        let content_type = format!("Content-Type: {content_type}");
        let length = format!("Content-Length: {}", body.len());
        Self::head_and(&[&status, &content_type, &length], body, Then::Keep)
    }

    /// A 200 with JSON.
    pub(crate) fn json(body: impl AsRef<[u8]>) -> Self {
        Self::document("200 OK", "application/json", body)
    }

    /// A 302 to this place.
    pub(crate) fn redirect(location: &str) -> Self {
        let location = format!("Location: {location}");
        Self::head_and(&["HTTP/1.1 302 Found", "Content-Length: 0", &location], b"", Then::Keep)
    }

    /// Nothing but this status.
    pub(crate) fn status(status: &str) -> Self {
        let status = format!("HTTP/1.1 {status}");
        Self::head_and(&[&status, "Content-Length: 0"], b"", Then::Keep)
    }

    /// An object as S3 answers it: HEAD, GET, and GET with one range.
    pub(crate) fn object(seen: &Seen, bytes: &[u8]) -> Self {
        Self::object_with(seen, bytes, &[])
    }

    /// The same with more header lines.
    pub(crate) fn object_with(seen: &Seen, bytes: &[u8], more: &[&str]) -> Self {
        let size = bytes.len();
        let asked = seen.header("range").filter(|_| !seen.is_head());
        let range = asked.map(|value| cut(value, size));
        let (status, body, content_range) = match range {
            None => ("200 OK", bytes, None),
            Some(Some((first, last))) => {
                let content_range = format!("Content-Range: bytes {first}-{last}/{size}");
                ("206 Partial Content", &bytes[first..=last], Some(content_range))
            }
            Some(None) => return Self::unsatisfiable(size),
        };
        let (status, length) =
            (format!("HTTP/1.1 {status}"), format!("Content-Length: {}", body.len()));
        let mut head = vec![status.as_str(), &length, "Content-Type: text/x-test"];
        head.extend(["ETag: \"storage's own\"", "Accept-Ranges: bytes", "x-amz-request-id: 1"]);
        head.extend(content_range.as_deref());
        head.extend(more);
        Self::head_and(&head, if seen.is_head() { b"" } else { body }, Then::Keep)
    }

    /// An error document of S3; HEAD gets none.
    pub(crate) fn error(seen: &Seen, status: u16, code: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
             <Message>storage's secret</Message></Error>"
        );
        let mut answer = Self::document(&format!("{status} Error"), "application/xml", &body);
        if seen.is_head() {
            answer.bytes.truncate(answer.bytes.len() - body.len());
        }
        answer
    }

    fn unsatisfiable(size: usize) -> Self {
        let body = format!(
            "<Error><Code>InvalidRange</Code><ActualObjectSize>{size}</ActualObjectSize></Error>"
        );
        Self::document("416 Requested Range Not Satisfiable", "application/xml", body)
    }

    /// Sends it, and what follows for as long as the other side takes it. False: the other side
    /// has gone.
    pub(crate) async fn send(&self, stream: &mut (impl AsyncWrite + Unpin)) -> bool {
        let mut sent = write(stream, &self.bytes).await;
        match self.then {
            Then::Keep | Then::Close | Then::Reset | Then::Stall | Then::Freeze => {}
            Then::Flood(bytes) => {
                while sent {
                    sent = write(stream, bytes).await;
                }
            }
            Then::Trickle => {
                let mut beat = interval(Duration::from_millis(30));
                while sent {
                    beat.tick().await;
                    sent = write(stream, b"x").await;
                }
            }
        }
        sent
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok()
}

/// First and last offset of one range of content of `size` bytes.
fn cut(value: &str, size: usize) -> Option<(usize, usize)> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    let end = size.checked_sub(1)?;
    let (first, last) = match (first, last) {
        ("", length) => (size.saturating_sub(length.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(end)),
    };
    (first <= last).then_some((first, last))
}
