//! Header fields that are there once, and have one form.

use http::header::{self, HeaderName};
use http::request::Parts;

use crate::error::Error;

/// The value of a field. None: it is not there.
///
/// # Errors
/// [`Error::InvalidRequest`]: there are several, or there is more than ASCII in it.
pub(super) fn only<'h>(head: &'h Parts, name: &HeaderName) -> Result<Option<&'h str>, Error> {
    let mut values = head.headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.trim_matches([' ', '\t']))),
        _ => Err(malformed(name)),
    }
}

/// A number of bytes: decimal digits, and nothing else.
///
/// # Errors
/// [`Error::InvalidRequest`].
pub(super) fn number(head: &Parts, name: &HeaderName) -> Result<Option<u64>, Error> {
    let Some(text) = only(head, name)? else { return Ok(None) };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.map(Some).ok_or_else(|| malformed(name))
}

/// How many bytes the body has. None: that is not said before it ends.
pub(super) fn body_bytes(head: &Parts) -> Option<u64> {
    if head.headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    number(head, &header::CONTENT_LENGTH).ok().flatten()
}

/// The refusal of a field whose value makes no sense.
pub(super) fn malformed(name: &HeaderName) -> Error {
    Error::InvalidRequest(format!("{name} is malformed, or there more than once").into())
}

/// The refusal of a request without a field that it needs.
pub(super) fn missing(name: &HeaderName) -> Error {
    Error::InvalidRequest(format!("{name} is missing").into())
}

/// Whether the type of the body is this one, whatever its parameters.
pub(super) fn has_type(head: &Parts, content_type: &str) -> bool {
    only(head, &header::CONTENT_TYPE).ok().flatten().is_some_and(|value| {
        let value = value.split(';').next().unwrap_or_default();
        value.trim_end().eq_ignore_ascii_case(content_type)
    })
}
