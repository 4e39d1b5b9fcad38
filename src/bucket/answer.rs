//! What a refusal of storage means: the one place where its status becomes an [`Error`].

use http::{HeaderMap, StatusCode, header};

use super::clock::Evidence;
use crate::config::ForbiddenMeans;
use crate::error::{Error, Kind};

/// Classifies an answer that is not the content asked for.
///
/// `body` is the beginning of the body, where the error code of S3 stands; it is empty for HEAD.
#[must_use]
pub fn error(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    forbidden_means: ForbiddenMeans,
) -> Error {
    let code = code(body);
    let detail = || -> std::borrow::Cow<'static, str> {
        format!("storage answered {} {code}", status.as_u16()).trim_end().to_owned().into()
    };
    match status {
        // A missing bucket is a mistake in the configuration, not a miss.
        StatusCode::NOT_FOUND if code != "NoSuchBucket" => Error::NotFound(detail()),
        StatusCode::FORBIDDEN
            if forbidden_means == ForbiddenMeans::Missing && !is_about_us(code) =>
        {
            Error::NotFound(detail())
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let size = unsatisfied_size(headers)
                .or_else(|| element(body, "ActualObjectSize")?.parse().ok());
            Error::RangeNotSatisfiable { size }
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Error::storage(Kind::StorageBusy, detail())
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => {
            Error::storage(Kind::StorageTimeout, detail())
        }
        _ => Error::storage(Kind::StorageFailed, detail()),
    }
}

/// What a refusal says about our own signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// How sure it is that the credentials are no longer accepted.
    pub credentials: Option<Evidence>,
    /// How sure it is that the time is wrong.
    pub time: Option<Evidence>,
}

/// Whether an answer of this status can be about our signature at all.
#[must_use]
pub fn may_be_about_us(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// What a refusal ([`may_be_about_us`]) says about our own signature: by its code, which is all S3
/// has to say, or by its status, where there is no body (AWS, "Error responses").
#[must_use]
pub fn complaint(status: StatusCode, body: &[u8], forbidden_means: ForbiddenMeans) -> Complaint {
    use Evidence::{Said, Suspected};
    let (credentials, time) = match element(body, "Code") {
        Some(
            "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidToken"
            | "InvalidTokenId"
            | "TokenRefreshRequired"
            | "InvalidAccessKeyId",
        ) => (Some(Said), None),
        // The secret of a key can be changed behind it.
        Some("SignatureDoesNotMatch") => (Some(Suspected), None),
        Some("RequestTimeTooSkewed") => (None, Some(Said)),
        Some(_) => (None, None),
        // An answer to HEAD. What we send is well-formed, and of the codes with 400 only those of
        // the token are left. A 403 can be about anything, and is an everyday answer where it
        // stands for a missing key.
        None if status == StatusCode::BAD_REQUEST => (Some(Said), None),
        None if forbidden_means == ForbiddenMeans::Missing => (None, Some(Suspected)),
        None => (Some(Suspected), Some(Suspected)),
    };
    Complaint { credentials, time }
}

/// Codes of a 403 that never mean a missing key (AWS, "Error responses").
fn is_about_us(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidAccessKeyId"
            | "InvalidToken"
            | "InvalidTokenId"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch"
    )
}

/// The error code in a body; empty where there is none.
#[must_use]
pub(crate) fn code(body: &[u8]) -> &str {
    element(body, "Code").unwrap_or_default()
}

/// The word in the first element of this name. Error documents of S3 are flat, and what is read
/// from them ends up in the log, so anything but a word is not repeated.
fn element<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    element_of(body, name, |byte| byte.is_ascii_alphanumeric())
}

/// The text in the first element of this name, if all of its bytes are legal.
pub(super) fn element_of<'a>(
    body: &'a [u8],
    name: &str,
    legal: impl Fn(u8) -> bool,
) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (word, _) = rest.split_once("</")?;
    word.bytes().all(legal).then_some(word)
}

/// The size of the object in the `Content-Range: bytes */size` of a 416.
fn unsatisfied_size(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    value.strip_prefix("bytes */")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, code: &str, forbidden_means: ForbiddenMeans) -> Kind {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        let status = StatusCode::from_u16(status).unwrap();
        error(status, &HeaderMap::new(), body.as_bytes(), forbidden_means).kind()
    }

    #[test]
    fn statuses_and_codes() {
        use ForbiddenMeans::{Denied, Missing};
        for (status, code, forbidden_means, expected) in [
            (404, "NoSuchKey", Denied, Kind::NotFound),
            (404, "NoSuchBucket", Denied, Kind::StorageFailed),
            (403, "AccessDenied", Denied, Kind::StorageFailed),
            (403, "AccessDenied", Missing, Kind::NotFound),
            (403, "SignatureDoesNotMatch", Missing, Kind::StorageFailed),
            (403, "ExpiredToken", Missing, Kind::StorageFailed),
            (416, "InvalidRange", Denied, Kind::RangeNotSatisfiable),
            (503, "SlowDown", Denied, Kind::StorageBusy),
            (429, "", Denied, Kind::StorageBusy),
            (500, "InternalError", Denied, Kind::StorageFailed),
            (504, "", Denied, Kind::StorageTimeout),
            (301, "PermanentRedirect", Denied, Kind::StorageFailed),
            (204, "", Denied, Kind::StorageFailed),
        ] {
            assert_eq!(kind(status, code, forbidden_means), expected, "{status} {code}");
        }
    }

    #[test]
    fn what_a_refusal_says_of_our_signature() {
        use Evidence::{Said, Suspected};
        use ForbiddenMeans::{Denied, Missing};
        for (status, code, means, credentials, time) in [
            (400, "ExpiredToken", Denied, Some(Said), None),
            (403, "ExpiredToken", Missing, Some(Said), None),
            (400, "InvalidToken", Denied, Some(Said), None),
            (403, "InvalidAccessKeyId", Denied, Some(Said), None),
            (403, "SignatureDoesNotMatch", Denied, Some(Suspected), None),
            (403, "RequestTimeTooSkewed", Denied, None, Some(Said)),
            (403, "AccessDenied", Denied, None, None),
            (400, "InvalidRequest", Denied, None, None),
            // HEAD.
            (400, "", Missing, Some(Said), None),
            (403, "", Denied, Some(Suspected), Some(Suspected)),
            (403, "", Missing, None, Some(Suspected)),
        ] {
            let body = match code {
                "" => String::new(),
                code => format!("<Error><Code>{code}</Code></Error>"),
            };
            let status = StatusCode::from_u16(status).unwrap();
            assert!(may_be_about_us(status));
            let said = complaint(status, body.as_bytes(), means);
            assert_eq!(said, Complaint { credentials, time }, "{status} {code} {means:?}");
        }
    }

    #[test]
    fn the_size_of_an_unsatisfied_range_is_in_the_body_on_aws() {
        let body =
            b"<Error><Code>InvalidRange</Code><ActualObjectSize>7</ActualObjectSize></Error>";
        let headers = HeaderMap::new();
        let error =
            error(StatusCode::RANGE_NOT_SATISFIABLE, &headers, body, ForbiddenMeans::Denied);
        assert!(matches!(error, Error::RangeNotSatisfiable { size: Some(7) }));
    }

    #[test]
    fn only_words_are_taken_for_codes() {
        for body in ["<Code>a\nb</Code>", "<Code>open", "no code", "\u{0}"] {
            assert_eq!(element(body.as_bytes(), "Code"), None, "{body:?}");
        }
    }
}
