//! What clients ask.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use http::header::{HeaderMap, HeaderValue};
use http::request::Parts;
use http::{HeaderName, Method};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::auth::{AskedTenant, Tenant, percent_decoded};
use crate::bucket::object::Annotations;
use crate::content::ContentId;
use crate::content::entry::{Entry, EntryName};
use crate::dialect::{Call, Topic, form_decoded};
use crate::error::Error;

pub(super) const TAG: HeaderName = HeaderName::from_static("x-artifact-tag");
pub(super) const DURATION: HeaderName = HeaderName::from_static("x-artifact-duration");
pub(super) const SHA: HeaderName = HeaderName::from_static("x-artifact-sha");
pub(super) const DIRTY_HASH: HeaderName = HeaderName::from_static("x-artifact-dirty-hash");
pub(super) const CLIENT_CI: HeaderName = HeaderName::from_static("x-artifact-client-ci");
pub(super) const CLIENT_INTERACTIVE: HeaderName =
    HeaderName::from_static("x-artifact-client-interactive");

/// The longest hash of an artifact. Turborepo's have 16 digits.
const HASH_BYTES_MAX: usize = 128;

/// The most hashes of one question.
const HASHES_MAX: usize = 4096;

/// The longest name of the CI system that a client runs on.
const CLIENT_CI_CHARACTERS_MAX: usize = 50;

/// The longest tag. All that S3 keeps beside an object has at most 2 KiB.
const TAG_BYTES_MAX: usize = 600;

/// The longest of the other texts beside an artifact.
const TEXT_BYTES_MAX: usize = 256;

/// Reads method, path and headers.
pub(super) fn parse(head: &Parts, rest: &str) -> Result<Call, Error> {
    // Everybody may ask whether the token may be sent.
    if head.method == Method::OPTIONS {
        return Ok(Call::Preflight);
    }
    let segments: Vec<_> = rest.splitn(6, '/').collect();
    if let ["v8", "artifacts", ..] = segments[..] {
        check_client(&head.headers)?;
    }
    let method = &head.method;
    match segments[..] {
        ["v8", "artifacts"] => only(method, &Method::POST, Call::Find(Vec::new())),
        ["v8", "artifacts", "events"] => only(method, &Method::POST, Call::About(Topic::Report)),
        ["v8", "artifacts", "status"] => {
            only(method, &Method::GET, Call::About(Topic::Availability))
        }
        ["v8", "artifacts", hash] => artifact(head, hash),
        ["v2", "user"] => only(method, &Method::GET, Call::About(Topic::Caller)),
        ["v2", "teams"] => only(method, &Method::GET, Call::About(Topic::Tenants)),
        ["v2", "teams", team] => {
            let team = percent_decoded(team).filter(|team| Tenant::parse(team).is_ok());
            let team = team.ok_or(Error::InvalidRequest("the path names no team".into()))?;
            only(method, &Method::GET, Call::About(Topic::Tenant(team.into_owned())))
        }
        ["v5", "user", "tokens", "current"] => {
            only(method, &Method::GET, Call::About(Topic::Token))
        }
        ["v3", "user", "tokens", "current"] => {
            only(method, &Method::DELETE, Call::About(Topic::Goodbye))
        }
        _ => Err(Error::NotFound("the dialect has no such path".into())),
    }
}

fn only(method: &Method, expected: &Method, call: Call) -> Result<Call, Error> {
    if method == expected {
        return Ok(call);
    }
    let allow = match *expected {
        Method::DELETE => "DELETE, OPTIONS",
        Method::POST => "POST, OPTIONS",
        _ => "GET, OPTIONS",
    };
    Err(Error::MethodNotAllowed { allow })
}

fn artifact(head: &Parts, hash: &str) -> Result<Call, Error> {
    match head.method {
        Method::GET => Ok(Call::Download(content(hash)?)),
        Method::HEAD => Ok(Call::Describe(content(hash)?)),
        Method::PUT => Ok(Call::Store(content(hash)?, Box::new(annotations(&head.headers)?))),
        _ => Err(Error::MethodNotAllowed { allow: "GET, HEAD, PUT, OPTIONS" }),
    }
}

/// An artifact by its hash, which is taken as it comes: what is percent-encoded is no hash.
pub(super) fn content(hash: &str) -> Result<ContentId, Error> {
    Some(hash)
        .filter(|hash| hash.len() <= HASH_BYTES_MAX)
        .filter(|hash| hash.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .and_then(|hash| EntryName::parse(hash).ok())
        .map(|name| ContentId::Entry(Entry::opaque(name)))
        .ok_or(Error::InvalidRequest("a hash has 1 to 128 letters and digits".into()))
}

/// Refuses what Vercel's OpenAPI document does not let a client say of itself.
fn check_client(headers: &HeaderMap) -> Result<(), Error> {
    let is_long = |value: &HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.chars().count() > CLIENT_CI_CHARACTERS_MAX
    };
    if headers.get_all(CLIENT_CI).iter().any(is_long) {
        let message = "x-artifact-client-ci has more than 50 characters";
        return Err(Error::InvalidRequest(message.into()));
    }
    if headers.get_all(CLIENT_INTERACTIVE).iter().any(|value| value != "0" && value != "1") {
        let message = "x-artifact-client-interactive is neither 0 nor 1";
        return Err(Error::InvalidRequest(message.into()));
    }
    Ok(())
}

/// What is to be kept beside an artifact.
fn annotations(headers: &HeaderMap) -> Result<Annotations, Error> {
    let duration = one(headers, &DURATION)?;
    let is_number = |value: &&HeaderValue| {
        // A number in Rust may have a sign; and any number of zeros, which storage would refuse.
        let digits = value.as_bytes();
        digits.len() <= 20
            && digits.iter().all(u8::is_ascii_digit)
            && value.to_str().is_ok_and(|text| text.parse::<u64>().is_ok())
    };
    if duration.is_some_and(|duration| !is_number(&duration)) {
        let message = "x-artifact-duration is not a whole number of milliseconds";
        return Err(Error::InvalidRequest(message.into()));
    }
    Ok(Annotations {
        tag: text(headers, &TAG, TAG_BYTES_MAX)?,
        duration: duration.cloned(),
        sha: text(headers, &SHA, TEXT_BYTES_MAX)?,
        dirty_hash: text(headers, &DIRTY_HASH, TEXT_BYTES_MAX)?,
        unixfs: None,
        filename: None,
    })
}

/// The value of a header that may be there once.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Error> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Error::InvalidRequest(format!("{name} is there twice").into())),
    }
}

/// A text that comes back from storage exactly as it was sent: it has no blanks, which storage
/// trims and signatures fold, and nothing that only some servers take.
fn text(
    headers: &HeaderMap,
    name: &HeaderName,
    bytes_max: usize,
) -> Result<Option<HeaderValue>, Error> {
    let Some(value) = one(headers, name)? else { return Ok(None) };
    let bytes = value.as_bytes();
    if bytes.is_empty() || bytes.len() > bytes_max || !bytes.iter().all(u8::is_ascii_graphic) {
        let message = format!("{name} does not have 1 to {bytes_max} visible ASCII characters");
        return Err(Error::InvalidRequest(message.into()));
    }
    Ok(Some(value.clone()))
}

/// The team that a request is about: `teamId`, `slug`, or both.
pub(super) fn teams(head: &Parts) -> Result<Vec<AskedTenant<'_>>, Error> {
    let query = head.uri.query().unwrap_or_default();
    let mut teams = Vec::new();
    if let Some(name) = parameter(query, "teamId")? {
        let bare = name.strip_prefix("team_").filter(|bare| !bare.is_empty());
        let bare = bare.map(|bare| Cow::Owned(bare.to_owned()));
        teams.push(AskedTenant { name, bare });
    }
    if let Some(name) = parameter(query, "slug")? {
        teams.push(AskedTenant { name, bare: None });
    }
    Ok(teams)
}

/// The name of a team in the one parameter called so, decoded as forms are.
fn parameter<'q>(query: &'q str, name: &str) -> Result<Option<Cow<'q, str>>, Error> {
    let malformed = || Error::InvalidRequest(format!("{name} is not one name of a team").into());
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        // `team%49d` is `teamId` to every form parser that a front proxy might use.
        if form_decoded(key).is_none_or(|key| key != name) {
            continue;
        }
        let value = form_decoded(value).filter(|value| Tenant::parse(value).is_ok());
        if found.replace(value.ok_or_else(malformed)?).is_some() {
            return Err(malformed());
        }
    }
    Ok(found)
}

/// The artifacts of a question for several, each once.
pub(super) fn hashes(body: &[u8]) -> Result<Vec<ContentId>, Error> {
    #[derive(Deserialize)]
    struct Question {
        hashes: Vec<String>,
    }
    let question: Question = serde_json::from_slice(body)
        .map_err(|_| Error::InvalidRequest("the body is no JSON object with hashes".into()))?;
    if question.hashes.len() > HASHES_MAX {
        let message = "the body has more than 4096 hashes";
        return Err(Error::InvalidRequest(message.into()));
    }
    let mut seen = HashSet::new();
    let once = question.hashes.iter().filter(|hash| seen.insert(hash.as_str()));
    once.map(|hash| content(hash)).collect()
}

/// Passes for events: a JSON array of objects. What they say, nobody here wants to know.
pub(super) fn check_events(body: &[u8]) -> Result<(), Error> {
    serde_json::from_slice::<Vec<BTreeMap<String, IgnoredAny>>>(body)
        .map(drop)
        .map_err(|_| Error::InvalidRequest("the body is no JSON array of events".into()))
}
