//! What of HTTP/1's framing is refused before anything else looks at a request.
//!
//! Pingora parses leniently where parsers disagree with one another, and it removes
//! `Content-Length` beside `Transfer-Encoding`. A gateway behind a CDN must not be the odd one out,
//! so the raw bytes of the header are judged here (RFC 9112 sections 2.2, 3.2, 6.1 and 6.3).

use http::request::Parts;
use http::{StatusCode, header};
use memchr::{memchr, memchr2};

/// A request that is refused for its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// 400 or 431.
    pub status: StatusCode,
    /// The reason, for the client, the log and the metric.
    pub reason: &'static str,
}

/// What the framing says of the request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`, or no body at all.
    Length,
    /// `Transfer-Encoding: chunked`. Its end is a matter of opinion between parsers, so nothing
    /// after it may be read as a request.
    Chunked,
}

const fn bad(reason: &'static str) -> Malformed {
    Malformed { status: StatusCode::BAD_REQUEST, reason }
}

/// The refusal of a header larger than the limit (RFC 6585 section 5).
pub const TOO_LARGE: Malformed = Malformed {
    status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    reason: "request header too large",
};

/// The refusal of a body whose chunks are none.
pub const BROKEN_CHUNK: Malformed = bad("a chunk of the body is broken");

const UNENDED: Malformed = bad("a line does not end in CRLF");

/// Judges the raw bytes of a request's header, from the request line to the empty line.
///
/// # Errors
/// The header is too large or its framing ambiguous. The connection must be closed.
pub fn check(raw: &[u8], size_max: usize) -> Result<Framing, Malformed> {
    if raw.len() > size_max {
        return Err(TOO_LARGE);
    }
    let mut rest = raw;
    let request_line = next_line(&mut rest)?;
    let mut fields = Fields::default();
    while !rest.is_empty() {
        let field = next_line(&mut rest)?;
        if !field.is_empty() {
            fields.add(field)?;
        }
    }
    if fields.hosts > 1 {
        return Err(bad("more than one Host"));
    }
    if fields.hosts == 0 && request_line.ends_with(b"HTTP/1.1") {
        return Err(bad("no Host"));
    }
    match (fields.lengths, fields.encodings) {
        (0 | 1, 0) => Ok(Framing::Length),
        (0, 1) => Ok(Framing::Chunked),
        (0, _) => Err(bad("more than one Transfer-Encoding")),
        (_, 0) => Err(bad("more than one Content-Length")),
        _ => Err(bad("Content-Length beside Transfer-Encoding")),
    }
}

/// Judges the head of an HTTP/2 request, of which the protocol's own rules are kept already
/// (RFC 9113 section 8.2): pseudo-headers, no connection-specific fields, one authority.
///
/// # Errors
/// The length of the body is ambiguous.
pub fn check_http2(head: &Parts) -> Result<(), Malformed> {
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let is_number = |value: &[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(()),
        (Some(length), None) if is_number(length.as_bytes()) => Ok(()),
        (Some(_), None) => Err(bad("Content-Length is not a number")),
        (Some(_), Some(_)) => Err(bad("more than one Content-Length")),
    }
}

/// Takes a line off, and returns it without its CRLF.
fn next_line<'r>(rest: &mut &'r [u8]) -> Result<&'r [u8], Malformed> {
    let end = memchr(b'\n', rest).ok_or(UNENDED)?;
    let (line, after) = rest.split_at(end + 1);
    *rest = after;
    let line = line.strip_suffix(b"\r\n").ok_or(UNENDED)?;
    if memchr2(b'\r', 0, line).is_some() {
        return Err(bad("a control character in the header"));
    }
    Ok(line)
}

/// The fields that decide about framing.
#[derive(Default)]
struct Fields {
    hosts: usize,
    lengths: usize,
    encodings: usize,
}

impl Fields {
    fn add(&mut self, field: &[u8]) -> Result<(), Malformed> {
        if matches!(field.first(), Some(b' ' | b'\t')) {
            return Err(bad("a folded line"));
        }
        let colon = memchr(b':', field).ok_or(bad("a line without ':'"))?;
        let (name, value) = (&field[..colon], field[colon + 1..].trim_ascii());
        if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
            return Err(bad("white space in a field's name"));
        }
        if !matches!(name.len(), 4 | 14 | 17) {
            return Ok(());
        }
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
                return Err(bad("Content-Length is not a number"));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.encodings += 1;
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(bad("Transfer-Encoding is not chunked"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_fields(fields: &str) -> Result<Framing, &'static str> {
        let raw = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        check(raw.as_bytes(), 16 * 1024).map_err(|malformed| malformed.reason)
    }

    #[test]
    fn plain_requests_pass() {
        assert_eq!(check_fields("Host: a\r\n"), Ok(Framing::Length));
        assert_eq!(check_fields("host: a\r\nContent-Length: 5\r\n"), Ok(Framing::Length));
        assert_eq!(check_fields("Host: a\r\nTransfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        assert_eq!(check(b"GET / HTTP/1.0\r\n\r\n", 100), Ok(Framing::Length));
    }

    #[test]
    fn ambiguity_is_refused() {
        for (fields, reason) in [
            ("", "no Host"),
            ("Host: a\r\nHost: a\r\n", "more than one Host"),
            (
                "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "Content-Length beside Transfer-Encoding",
            ),
            (
                "Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
                "more than one Content-Length",
            ),
            ("Host: a\r\nContent-Length: 0, 0\r\n", "Content-Length is not a number"),
            ("Host: a\r\nContent-Length: +5\r\n", "Content-Length is not a number"),
            ("Host: a\r\nContent-Length: 0x5\r\n", "Content-Length is not a number"),
            ("Host: a\r\nContent-Length:\r\n", "Content-Length is not a number"),
            (
                "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                "more than one Transfer-Encoding",
            ),
            ("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding is not chunked"),
            ("Host: a\r\nTransfer-Encoding: xchunked\r\n", "Transfer-Encoding is not chunked"),
            ("Host: a\nX: y\r\n", "a line does not end in CRLF"),
            ("Host: a\r\nX: a\rb\r\n", "a control character in the header"),
            ("Host: a\r\nX: a\0b\r\n", "a control character in the header"),
            ("Host: a\r\n folded\r\n", "a folded line"),
            ("Host: a\r\nContent-Length : 5\r\n", "white space in a field's name"),
            ("Host: a\r\nnocolon\r\n", "a line without ':'"),
        ] {
            assert_eq!(check_fields(fields), Err(reason), "{fields:?}");
        }
    }

    #[test]
    fn size_is_bounded() {
        let raw = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(100));
        assert!(check(raw.as_bytes(), raw.len()).is_ok());
        assert_eq!(check(raw.as_bytes(), raw.len() - 1), Err(TOO_LARGE));
    }
}
