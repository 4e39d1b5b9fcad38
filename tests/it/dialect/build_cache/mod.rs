//! The caches of Bazel, Gradle, Nx and sccache.
//!
//! | module | question |
//! | --- | --- |
//! | [`entries`] | Does what was stored come back, under which key, and nothing else? |
//! | [`folders`] | Does sccache find the folders it insists on? |
//! | [`refusals`] | What do bad tokens, bad names, readers who write, and storage's troubles get? |

mod entries;
mod folders;
mod refusals;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::answer::Answer;
use crate::support::client::Response;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;
use crate::support::token::{bearer, mint};

/// The digest of no bytes, and of "an entry".
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ENTRY: &str = "9fb7f2ffa7e75ba5d5017c2b5b651a7d256016ca891c74ca01cb651d6781a6e9";

/// Holders of one scope read, those of the other write too.
const JWT_SCOPES: &str = "{ jwt: { issuers: [tests], tenant: claims.org, \
     read: 'claims.scope.startsWith(\"artifacts:\")', \
     write: 'claims.scope == \"artifacts:write\"' } }";

const CACHE: Settings<'static> =
    Settings { dialect: "nx", auth: JWT_SCOPES, layout: "{tenant}/{hash}", ..STREAM };

/// The paths of an entry with the bytes "an entry".
fn paths() -> [(&'static str, String); 4] {
    [
        ("bazel", format!("/download/cas/{ENTRY}")),
        ("gradle", "/download/0123456789abcdef0123456789abcdef".to_owned()),
        ("nx", "/download/v1/cache/12345678901234567890".to_owned()),
        ("sccache", "/download/a/b/c/abcdef".to_owned()),
    ]
}

type Objects = Arc<Mutex<BTreeMap<String, String>>>;

/// Storage that keeps what it gets, a gateway before it, and who uses it.
struct Cache {
    storage: Storage,
    gateway: Gateway,
    objects: Objects,
}

impl Cache {
    async fn of(dialect: &str) -> Self {
        Self::with(Settings { dialect, ..CACHE }).await
    }

    async fn with(settings: Settings<'_>) -> Self {
        let objects = Objects::default();
        let kept = Arc::clone(&objects);
        let storage = Storage::scripted(move |seen| answer(seen, &kept)).await;
        let gateway = settings.before(&storage);
        Self { storage, gateway, objects }
    }

    /// One request with a body, on a connection of its own.
    async fn ask(&self, method: &str, path: &str, lines: &str, body: &str) -> Response {
        let mut client = self.gateway.connect();
        let length = body.len();
        client
            .send(format!(
                "{method} {path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\
                 Content-Length: {length}\r\n{lines}\r\n{body}"
            ))
            .await;
        let response = match method {
            "HEAD" => client.head().await,
            _ => client.response().await,
        };
        assert_eq!(client.rest().await, b"", "bytes after the answer");
        response
    }

    async fn get(&self, path: &str, lines: &str) -> Response {
        self.ask("GET", path, lines, "").await
    }

    async fn put(&self, path: &str, lines: &str, body: &str) -> Response {
        self.ask("PUT", path, lines, body).await
    }

    /// What storage holds: targets and bodies.
    fn objects(&self) -> Vec<(String, String)> {
        self.objects.lock().unwrap().clone().into_iter().collect()
    }
}

fn answer(seen: &Seen, objects: &Mutex<BTreeMap<String, String>>) -> Answer {
    let mut objects = objects.lock().unwrap();
    let known = objects.get(&seen.target);
    match (seen.method.as_str(), known) {
        ("PUT", Some(_)) if seen.header("if-none-match").is_some() => {
            Answer::error(seen, 412, "PreconditionFailed")
        }
        ("PUT", _) => {
            objects.insert(seen.target.clone(), seen.body.clone());
            Answer::status("200 OK")
        }
        (_, Some(body)) => Answer::object(seen, body.as_bytes()),
        (_, None) => Answer::error(seen, 404, "NoSuchKey"),
    }
}

/// The header of somebody who writes.
fn writer() -> String {
    bearer(json!({ "org": "acme", "scope": "artifacts:write" }))
}

/// The header of somebody who only reads.
fn reader() -> String {
    bearer(json!({ "org": "acme" }))
}

/// The header that carries a writer's token as a password.
fn basic() -> String {
    let token = mint(json!({ "org": "acme", "scope": "artifacts:write" }));
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("somebody:{token}")))
}
