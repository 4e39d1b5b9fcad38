//! Conditional and range requests (RFC 9110 sections 13 and 14) for content that names itself.
//!
//! The entity tag of content follows from its name, so most conditions are decided without asking
//! storage. Dates never decide anything: immutable content has no meaningful modification date.

use http::HeaderMap;
use http::header;

/// What the preconditions of a request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Answer as if there were none.
    Proceed,
    /// `If-None-Match` names these very bytes: the client has them (304).
    ClientHasIt,
    /// `If-None-Match: *`: 304 if storage has the content at all.
    NoneMayExist,
    /// `If-Match` names other bytes (412).
    Failed,
}

/// Evaluates `If-Match` and `If-None-Match`, in the order of RFC 9110 section 13.2.2.
#[must_use]
pub fn precondition(headers: &HeaderMap, etag: &str) -> Precondition {
    if headers.contains_key(header::IF_MATCH)
        && !any_tag(headers, header::IF_MATCH, |tag| tag == "*" || tag == etag)
    {
        return Precondition::Failed;
    }
    if any_tag(headers, header::IF_NONE_MATCH, |tag| weak(tag) == etag) {
        return Precondition::ClientHasIt;
    }
    if any_tag(headers, header::IF_NONE_MATCH, |tag| tag == "*") {
        return Precondition::NoneMayExist;
    }
    Precondition::Proceed
}

/// The opaque part of a tag, for the weak comparison of RFC 9110 section 8.8.3.2.
fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn any_tag(headers: &HeaderMap, name: header::HeaderName, matches: impl Fn(&str) -> bool) -> bool {
    // A comma may stand inside of a quoted tag in general, but never in one of ours, so a tag cut
    // in two can only fail to match.
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| matches(tag.trim()))
}

/// The part of the content a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// All of it: no usable `Range`.
    Whole,
    /// `bytes=0-`: all of it, as a 206. It can be verified like the whole.
    FromStart,
    /// One range for storage to cut.
    Part(ByteRange),
}

/// One byte range of RFC 9110 section 14.1.2, as asked for, before the size is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `first-last`, inclusive.
    Bounded {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte; at least `first`.
        last: u64,
    },
    /// `first-`, with `first` over 0.
    From {
        /// Offset of the first byte.
        first: u64,
    },
    /// `-length`: the last bytes.
    Suffix {
        /// How many; 0 is unsatisfiable.
        length: u64,
    },
}

impl ByteRange {
    /// The header value to send to storage.
    #[must_use]
    pub fn to_header(self) -> String {
        match self {
            Self::Bounded { first, last } => format!("bytes={first}-{last}"),
            Self::From { first } => format!("bytes={first}-"),
            Self::Suffix { length } => format!("bytes=-{length}"),
        }
    }

    /// First offset and length of the range in content of `size` bytes. None: unsatisfiable.
    #[must_use]
    pub fn resolve(self, size: u64) -> Option<(u64, u64)> {
        let (first, last) = match self {
            Self::Bounded { first, last } => (first, last.min(size.checked_sub(1)?)),
            Self::From { first } => (first, size.checked_sub(1)?),
            Self::Suffix { length: 0 } => return None,
            Self::Suffix { length } => (size.saturating_sub(length), size.checked_sub(1)?),
        };
        (first <= last).then(|| (first, last - first + 1))
    }
}

/// Reads `Range`, taking `If-Range` into account.
///
/// A server may ignore a range (RFC 9110 section 14.2), and this one does so for other units, for
/// several ranges (as S3 does), for what it cannot parse, and where `If-Range` names other bytes
/// or a date.
#[must_use]
pub fn range(headers: &HeaderMap, etag: &str) -> Range {
    let mut values = headers.get_all(header::RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Range::Whole;
    };
    if let Some(condition) = headers.get(header::IF_RANGE)
        && condition.as_bytes() != etag.as_bytes()
    {
        return Range::Whole;
    }
    value.to_str().ok().and_then(parse).unwrap_or(Range::Whole)
}

fn parse(value: &str) -> Option<Range> {
    let (unit, set) = value.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    Some(match (first, last) {
        ("", length) => Range::Part(ByteRange::Suffix { length: number(length)? }),
        (first, "") => match number(first)? {
            0 => Range::FromStart,
            first => Range::Part(ByteRange::From { first }),
        },
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Range::Part(ByteRange::Bounded { first, last }))?
        }
    })
}

/// Digits only: `str::parse` would take a sign.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ETAG: &str = "\"sha256:abc\"";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    #[test]
    fn preconditions() {
        use Precondition::{ClientHasIt, Failed, NoneMayExist, Proceed};
        for (name, value, expected) in [
            ("if-none-match", ETAG, ClientHasIt),
            ("if-none-match", "W/\"sha256:abc\"", ClientHasIt),
            ("if-none-match", "\"x\", \"sha256:abc\"", ClientHasIt),
            ("if-none-match", "\"x\"", Proceed),
            ("if-none-match", "sha256:abc", Proceed),
            ("if-none-match", "*", NoneMayExist),
            ("if-match", ETAG, Proceed),
            ("if-match", "*", Proceed),
            ("if-match", "\"x\"", Failed),
            ("if-match", "W/\"sha256:abc\"", Failed),
            ("if-modified-since", "Sat, 01 Jan 2022 00:00:00 GMT", Proceed),
        ] {
            assert_eq!(precondition(&headers(&[(name, value)]), ETAG), expected, "{name}: {value}");
        }
    }

    #[test]
    fn ranges() {
        use Range::{FromStart, Part, Whole};
        for (value, expected) in [
            ("bytes=0-", FromStart),
            ("BYTES=0-", FromStart),
            ("bytes=0-0", Part(ByteRange::Bounded { first: 0, last: 0 })),
            ("bytes=5-9", Part(ByteRange::Bounded { first: 5, last: 9 })),
            ("bytes=5-", Part(ByteRange::From { first: 5 })),
            ("bytes=-5", Part(ByteRange::Suffix { length: 5 })),
            ("bytes=9-5", Whole),
            ("bytes=0-1,3-4", Whole),
            ("bytes=+1-4", Whole),
            ("bytes=-", Whole),
            ("bytes=99999999999999999999-", Whole),
            ("items=0-1", Whole),
            ("bytes", Whole),
        ] {
            assert_eq!(range(&headers(&[("range", value)]), ETAG), expected, "{value}");
        }
    }

    #[test]
    fn if_range_must_name_these_bytes() {
        let part = Range::Part(ByteRange::From { first: 5 });
        for (condition, expected) in [
            (ETAG, part),
            ("\"other\"", Range::Whole),
            ("W/\"sha256:abc\"", Range::Whole),
            ("Sat, 01 Jan 2022 00:00:00 GMT", Range::Whole),
        ] {
            let headers = headers(&[("range", "bytes=5-"), ("if-range", condition)]);
            assert_eq!(range(&headers, ETAG), expected, "{condition}");
        }
    }

    #[test]
    fn ranges_resolve_against_a_size() {
        let bounded = |first, last| ByteRange::Bounded { first, last };
        assert_eq!(bounded(2, 100).resolve(10), Some((2, 8)));
        assert_eq!(bounded(10, 11).resolve(10), None);
        assert_eq!(ByteRange::From { first: 9 }.resolve(10), Some((9, 1)));
        assert_eq!(ByteRange::Suffix { length: 99 }.resolve(10), Some((0, 10)));
        assert_eq!(ByteRange::Suffix { length: 0 }.resolve(10), None);
        assert_eq!(ByteRange::Suffix { length: 1 }.resolve(0), None);
    }
}
