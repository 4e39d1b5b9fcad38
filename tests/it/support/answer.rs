//! Answers of storage, good and bad.

use super::storage::Seen;

/// What storage sends, and what it does next.
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
        let (status, length) =
            (format!("HTTP/1.1 {status} Error"), format!("Content-Length: {}", body.len()));
        let body = if seen.is_head() { "" } else { &body };
        Self::head_and(
            &[&status, "Content-Type: application/xml", &length],
            body.as_bytes(),
            Then::Keep,
        )
    }

    fn unsatisfiable(size: usize) -> Self {
        let body = format!(
            "<Error><Code>InvalidRange</Code><ActualObjectSize>{size}</ActualObjectSize></Error>"
        );
        let length = format!("Content-Length: {}", body.len());
        let head = ["HTTP/1.1 416 Requested Range Not Satisfiable", &length];
        Self::head_and(&head, body.as_bytes(), Then::Keep)
    }
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
