//! Answers to calls about artifacts.

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde::ser::{Serialize, Serializer};
use serde_json::json;

use super::request::{self, DIRTY_HASH, DURATION, SHA, TAG};
use crate::bucket::object::{Annotations, ObjectHead};
use crate::content::ContentId;
use crate::reply::{self, Portion, Reply, Visibility};

/// The headers that clients send, `Authorization` among them: a client that does not find it here
/// leaves its token out.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, User-Agent, x-artifact-client-ci, \
    x-artifact-client-interactive, x-artifact-dirty-hash, x-artifact-duration, x-artifact-sha, \
    x-artifact-tag";

/// The artifact, with what was stored beside it.
pub(super) fn object(
    content: &ContentId,
    object: &ObjectHead,
    portion: Portion,
    visibility: Visibility,
) -> Reply {
    let mut reply = reply::object(content, object, portion, visibility);
    let headers = reply.headers_mut();
    // Whatever whoever stored it called it: clients take nothing else.
    let content_type = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, content_type);
    let Annotations { tag, sha, dirty_hash, .. } = &object.annotations;
    // One that is no number, which somebody else must have stored, would make a miss of a hit.
    let duration = milliseconds(&object.annotations)
        .and(object.annotations.duration.as_ref())
        .into_iter()
        .map(|value| (DURATION, value));
    let texts = [(TAG, tag), (SHA, sha), (DIRTY_HASH, dirty_hash)];
    let texts = texts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    headers.extend(texts.chain(duration).map(|(name, value)| (name, value.clone())));
    reply
}

fn milliseconds(annotations: &Annotations) -> Option<u64> {
    annotations.duration.as_ref()?.to_str().ok()?.parse().ok()
}

/// Sends the client to storage. Nobody keeps that: tomorrow the artifact may be another, with a tag
/// that storage cannot name.
pub(super) fn redirect(url: &str) -> Reply {
    let mut reply = reply::empty(StatusCode::FOUND);
    let headers = reply.headers_mut();
    reply::insert(headers, header::LOCATION, url);
    no_store(headers);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

/// The artifact was stored.
pub(super) fn stored(head: &http::request::Parts, content: &ContentId) -> Reply {
    json(StatusCode::ACCEPTED, &urls(head, content))
}

/// The artifact was there before, and stays.
pub(super) fn already_there(head: &http::request::Parts, content: &ContentId) -> Reply {
    json(StatusCode::OK, &urls(head, content))
}

/// Clients ignore what is in it. Storage's own names are nobody's business.
fn urls(head: &http::request::Parts, content: &ContentId) -> serde_json::Value {
    let teams = request::teams(head).unwrap_or_default();
    let url = match teams.last() {
        Some(team) => format!("{}/{content}", team.name),
        None => content.to_string(),
    };
    json!({ "urls": [url] })
}

/// Which artifacts there are, by their hashes.
pub(super) fn found(contents: &[ContentId], objects: &[Option<ObjectHead>]) -> Reply {
    json(StatusCode::OK, &Artifacts { contents, objects })
}

struct Artifacts<'a> {
    contents: &'a [ContentId],
    objects: &'a [Option<ObjectHead>],
}

impl Serialize for Artifacts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let artifacts = self.contents.iter().zip(self.objects);
        serializer.collect_map(
            artifacts
                .map(|(content, object)| (content.to_string(), object.as_ref().map(Artifact::of))),
        )
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact<'a> {
    size: u64,
    /// Not optional to clients, other than the header.
    task_duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dirty_hash: Option<&'a str>,
}

impl<'a> Artifact<'a> {
    fn of(object: &'a ObjectHead) -> Self {
        let Annotations { tag, sha, dirty_hash, .. } = &object.annotations;
        let text = |value: &'a Option<HeaderValue>| value.as_ref()?.to_str().ok();
        Self {
            size: object.size,
            task_duration_ms: milliseconds(&object.annotations).unwrap_or_default(),
            tag: text(tag),
            sha: text(sha),
            dirty_hash: text(dirty_hash),
        }
    }
}

/// Anything may be asked, with the token.
pub(super) fn preflight() -> Reply {
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    let headers = reply.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, PUT, POST, DELETE, OPTIONS"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// A JSON document, which nobody keeps.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    // Texts, numbers and maps with texts for keys always have a JSON form.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut reply = reply::with_body(status, "application/json; charset=utf-8", body);
    no_store(reply.headers_mut());
    reply
}

fn no_store(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
