//! The Vercel Remote Cache, as its OpenAPI document describes it and `turbo` uses it.
//!
//! | module | question |
//! | --- | --- |
//! | [`companions`] | What is told of the caller, the teams, the token and the cache? |
//! | [`legacy`] | Is a bucket of turborepo-remote-cache served as it is? |
//! | [`questions`] | What do events, questions for several artifacts, and preflights get? |
//! | [`reads`] | Do artifacts come back as they were stored, by either delivery? |
//! | [`refusals`] | What do bad requests, bad tokens and missing artifacts get? |
//! | [`tenancy`] | Can a team reach what belongs to another, and what do suspended teams get? |
//! | [`writes`] | Is an artifact stored with what was sent with it, by those who may? |

mod companions;
mod legacy;
mod questions;
mod reads;
mod refusals;
mod tenancy;
mod writes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::answer::{Answer, Then};
use crate::support::client::Response;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;
use crate::support::token;

/// Members of the teams in the token may read, and write where it says so.
const TEAMS: &str = "{ jwt: { issuers: [tests], tenant: claims.teams, \
     read: 'claims.scope == \"artifacts:read\"', write: claims.write, \
     untrusted: { isolate: claims.pull_request } } }";

const META: &str = "x-amz-meta-artifact-";

/// What tests change of the route and the file, as YAML.
#[derive(Clone, Copy)]
struct Cache<'a> {
    dialect: &'a str,
    delivery: &'a str,
    auth: &'a str,
    layout: &'a str,
    /// More keys of the route, one a line and indented like the others.
    route: &'a str,
    tenants: &'a str,
}

/// For the teams in the token, streamed.
const CACHE: Cache<'static> = Cache {
    dialect: "",
    delivery: "stream",
    auth: TEAMS,
    layout: "{team}/{hash}",
    route: "",
    tenants: "",
};

impl Cache<'_> {
    #[track_caller]
    fn before(&self, storage: &Storage) -> Gateway {
        let Self { dialect, delivery, auth, layout, route, tenants } = self;
        let file = format!(
            r"
  - path: /turbo/
    dialect: {{ turborepo: {{ {dialect} }} }}
    bucket: store
    layout: '{layout}'
    auth: {auth}
    delivery: {delivery}
    {route}
tenants: {{ {tenants} }}"
        );
        Settings { file: &file, ..STREAM }.before(storage)
    }
}

/// An object and the lines of its metadata.
#[derive(Clone, Default)]
struct Object {
    bytes: String,
    metadata: Vec<String>,
}

impl Object {
    fn of(bytes: &str, metadata: &[(&str, &str)]) -> Self {
        let line = |(name, value): &(&str, &str)| format!("{META}{name}: {value}");
        Self { bytes: bytes.to_owned(), metadata: metadata.iter().map(line).collect() }
    }

    fn written(seen: &Seen) -> Self {
        let value = |name| Some((name, seen.header(&format!("{META}{name}"))?));
        let metadata: Vec<_> =
            ["tag", "duration", "sha", "dirty-hash"].into_iter().filter_map(value).collect();
        Self::of(&seen.body, &metadata)
    }
}

/// Storage that has these objects, by their keys, and takes more.
async fn storage(objects: &[(&str, Object)]) -> Storage {
    let target = |key: &str| format!("/artifacts/{key}");
    let objects: HashMap<_, _> =
        objects.iter().map(|(key, object)| (target(key), object.clone())).collect();
    let objects = Arc::new(Mutex::new(objects));
    Storage::scripted(move |seen| {
        let mut objects = objects.lock().unwrap();
        let there = objects.get(&seen.target);
        match (seen.method.as_str(), there) {
            ("PUT", Some(_)) if seen.header("if-none-match") == Some("*") => {
                Answer::error(seen, 412, "PreconditionFailed")
            }
            ("PUT", _) => {
                objects.insert(seen.target.clone(), Object::written(seen));
                let head = ["HTTP/1.1 200 OK", "ETag: \"1\"", "Content-Length: 0"];
                Answer::head_and(&head, b"", Then::Keep)
            }
            (_, Some(Object { bytes, metadata })) => {
                let lines: Vec<_> = metadata.iter().map(String::as_str).collect();
                Answer::object_with(seen, bytes.as_bytes(), &lines)
            }
            (_, None) => Answer::error(seen, 404, "NoSuchKey"),
        }
    })
    .await
}

/// The header line of a good token with these teams and claims.
fn member_of(teams: Value, more: Value) -> String {
    let mut claims = json!({ "teams": teams });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    token::bearer(claims)
}

/// A token for `acme` that may write what everybody reads.
fn writer() -> String {
    member_of(json!("acme"), json!({ "write": true }))
}

/// A token for `acme` that may only read.
fn reader() -> String {
    member_of(json!("acme"), json!({}))
}

/// A request with a body, on a connection of its own.
async fn ask(gateway: &Gateway, line: &str, lines: &str, body: &str) -> Response {
    let mut client = gateway.connect();
    let length = body.len();
    let head =
        format!("{line} HTTP/1.1\r\nHost: gateway.test\r\n{lines}Content-Length: {length}\r\n\r\n");
    client.send(head + body).await;
    client.response().await
}

/// Refused with this code, where OpenAPI and where `turbo` looks for it.
#[track_caller]
fn assert_refused(response: &Response, status: u16, code: &str, input: &str) {
    assert_eq!(response.status, status, "{input}: {response:?}");
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(response.header("cache-control"), Some("no-store"), "{input}");
    let body = response.json();
    let message = body["message"].as_str().unwrap();
    assert!(!message.is_empty(), "{input}");
    assert_eq!(body["code"], code, "{input}");
    assert_eq!(body["error"]["code"], code, "{input}");
    assert_eq!(body["error"]["message"], message, "{input}");
}
