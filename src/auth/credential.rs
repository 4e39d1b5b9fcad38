//! Where the token rides: `Authorization: Bearer` (RFC 6750 section 2.1), or a query parameter
//! where the dialect has one.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::malformed;
use crate::error::{Error, Kind};

/// The longest token, in bytes.
pub(super) const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Where a dialect's clients can put the token, beside `Authorization: Bearer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// Nowhere else.
    Bearer,
    /// In this parameter of the query, where there is no `Authorization` header.
    BearerOrQuery(&'static str),
    /// In the password of `Authorization: Basic` (RFC 7617), with any user name.
    BearerOrBasic,
}

/// The one token of a request. With a header present the query is not looked at, so that a link
/// cannot change whom a client speaks for.
pub(super) fn find(head: &Parts, carriage: Carriage) -> Result<Cow<'_, str>, Error> {
    let mut headers = head.headers.get_all(AUTHORIZATION).iter();
    let token = match (headers.next(), headers.next()) {
        (Some(value), None) => in_header(value.as_bytes(), carriage)?,
        // Which of the two a front proxy looked at is anybody's guess.
        (Some(_), Some(_)) => return Err(malformed("two Authorization headers")),
        (None, _) => match (carriage, head.uri.query()) {
            (Carriage::BearerOrQuery(name), Some(query)) => parameter(query, name)?,
            _ => None,
        }
        .ok_or_else(|| Error::credential(Kind::CredentialMissing, "no credential"))?,
    };
    if token.len() > TOKEN_BYTES_MAX {
        return Err(malformed("the token is too long"));
    }
    if !is_token68(&token) {
        return Err(malformed("the token has characters no token has"));
    }
    Ok(token)
}

/// `scheme 1*SP token68`; the scheme's case does not matter (RFC 9110 section 11.1).
fn in_header(value: &[u8], carriage: Carriage) -> Result<Cow<'_, str>, Error> {
    let value = std::str::from_utf8(value)
        .map_err(|_| malformed("the Authorization header is not ASCII"))?;
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Cow::Borrowed(rest.trim_start_matches(' ')))
        }
        Some((scheme, rest))
            if carriage == Carriage::BearerOrBasic && scheme.eq_ignore_ascii_case("basic") =>
        {
            password(rest.trim_start_matches(' ')).map(Cow::Owned)
        }
        // Another scheme may be meant for somebody else on the way; none of ours was given.
        _ => Err(Error::credential(
            Kind::CredentialMissing,
            "the Authorization header is not of the Bearer scheme",
        )),
    }
}

/// The password of a user (RFC 7617 section 2).
fn password(credentials: &str) -> Result<String, Error> {
    let decoded = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .as_deref()
        .and_then(|pair| pair.split_once(':'))
        .map(|(_, password)| password.to_owned())
        .ok_or_else(|| malformed("the Basic credentials are not a name and a password"))
}

/// RFC 9110 section 11.2.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// The value of the one parameter called `name`, decoded.
pub(super) fn parameter<'q>(query: &'q str, name: &str) -> Result<Option<Cow<'q, str>>, Error> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Names are decoded too: `%74` is `t` to every form parser a front proxy might use.
        if percent_decoded(key).is_none_or(|key| key != name) {
            continue;
        }
        let value = percent_decoded(value)
            .ok_or_else(|| malformed("the query's token is not percent-encoded correctly"))?;
        if found.replace(value).is_some() {
            return Err(malformed("two tokens in the query"));
        }
    }
    Ok(found)
}

/// The text that is percent-encoded in another (RFC 3986 section 2.1). A `+` stays one: no token we
/// accept has a space in it. None: a `%` without two digits, or no UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}
