//! Answers that are no refusals.

use std::time::SystemTime;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::content::filename::Filename;
use crate::dialect::{Offer, TokenStatus};
use crate::reply::{self, Portion, Reply};
use crate::token::ledger::Standing;

/// Keeps search engines from listing what somebody published by mistake.
const ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// What is in a bucket must not become a page of this origin, whatever its type is said to be.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// No cache keeps anything of a link, no page tells others of it, nothing is taken for another type.
pub(super) fn keep_to_yourself(headers: &mut HeaderMap) {
    let private = HeaderValue::from_static("private, no-store");
    headers.insert(header::CACHE_CONTROL, private);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(ROBOTS_TAG, HeaderValue::from_static("noindex"));
}

/// The object, or part of it.
pub(super) fn offered(offer: &Offer<'_>) -> Reply {
    let Offer { facts, object, portion, tag } = *offer;
    let (status, length) = match portion {
        Portion::Whole => (StatusCode::OK, object.size),
        Portion::Part { length, .. } => (StatusCode::PARTIAL_CONTENT, length),
    };
    let mut reply = reply::empty(status);
    let headers = reply.headers_mut();
    keep_to_yourself(headers);
    let promised = facts.content_type.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
    let content_type = promised.or_else(|| object.content_type.clone());
    let bytes = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, content_type.unwrap_or(bytes));
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let disposition = filename(offer).content_disposition();
    reply::insert(headers, header::CONTENT_DISPOSITION, &disposition);
    if let Some(modified) = &object.last_modified {
        headers.insert(header::LAST_MODIFIED, modified.clone());
    }
    let ranges = if tag.is_some() { "bytes" } else { "none" };
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static(ranges));
    if let Some(tag) = tag {
        reply::insert(headers, header::ETAG, &tag.to_string());
    }
    if let Portion::Part { first, length } = portion {
        let last = first + length - 1;
        let range = format!("bytes {first}-{last}/{}", object.size);
        reply::insert(headers, header::CONTENT_RANGE, &range);
    }
    reply
}

/// The name to save the object under: the issuer's, its own, or the end of its key.
pub(super) fn filename(offer: &Offer<'_>) -> Filename {
    let own = || offer.object.filename.clone();
    let of_key = || Filename::sanitize(offer.facts.key.as_str());
    let name = offer.facts.filename.clone().or_else(own).or_else(of_key);
    name.unwrap_or_else(Filename::unnamed)
}

#[derive(Serialize)]
struct Issued<'a> {
    token: &'a str,
    url: String,
    expires_at: String,
}

/// 201 with the token.
pub(super) fn issued(url: String, token: &str, expires: SystemTime) -> Reply {
    let expires_at = time(expires);
    let mut reply = json(StatusCode::CREATED, &Issued { token, url: url.clone(), expires_at });
    reply::insert(reply.headers_mut(), header::LOCATION, &url);
    reply
}

/// 303 to the same link with the proof. It is relative, since only the client knows under which
/// address it got here.
pub(super) fn confirmed(name: &str, proof: &str) -> Reply {
    let mut reply = reply::empty(StatusCode::SEE_OTHER);
    keep_to_yourself(reply.headers_mut());
    reply::insert(reply.headers_mut(), header::LOCATION, &format!("?{name}={proof}"));
    reply
}

/// 204.
pub(super) fn revoked() -> Reply {
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    keep_to_yourself(reply.headers_mut());
    reply
}

#[derive(Serialize)]
struct Status<'a> {
    state: &'static str,
    uses: u32,
    uses_left: u32,
    issued_at: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

/// How a token stands.
pub(super) fn status(status: &TokenStatus<'_>) -> Reply {
    let TokenStatus { facts, standing, has_expired } = *status;
    let (state, uses_left) = match standing {
        Standing::Revoked => ("revoked", 0),
        Standing::Spent => ("spent", 0),
        Standing::Free(_) if has_expired => ("expired", 0),
        Standing::Free(taken) => ("active", facts.uses.saturating_sub(taken)),
    };
    let body = Status {
        state,
        uses: facts.uses,
        uses_left,
        issued_at: time(facts.issued),
        expires_at: time(facts.expires),
        filename: facts.filename.as_ref().map(Filename::as_str),
    };
    json(StatusCode::OK, &body)
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    // Strings and numbers always have a JSON form.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut reply = reply::with_body(status, "application/json", body);
    keep_to_yourself(reply.headers_mut());
    reply
}

/// RFC 3339 in UTC.
pub(super) fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
