//! Uploads in pieces, by three protocols, and the artifacts that they become.
//!
//! | module | question |
//! | --- | --- |
//! | [`bucket`] | Storage in memory, that fails where it is told to. |
//! | [`failures`] | Is an upload that storage failed at its end done when it is asked for again? |
//! | [`publications`] | And a publication? Does the sweep leave it alone? |
//! | [`resumable`] | What does a client of the IETF's protocol see? |
//! | [`shakenfist`] | What does a client of Shaken Fist see? |
//! | [`sharing`] | And what is not its own? |
//! | [`slow`] | Does a client that stalls keep others from appending? |
//! | [`sweeps`] | What becomes of uploads that nobody goes on with, and of what is complete? |
//! | [`tus`] | What does a client of tus see? |

mod bucket;
mod failures;
mod publications;
mod resumable;
mod shakenfist;
mod sharing;
mod slow;
mod sweeps;
mod tus;

use std::time::SystemTime;

use casgate::bucket::control::conditional::{ConditionalWrites, TagForm, Verdict};
use casgate::content::digest::Sha256Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::Response;
use crate::support::embedded::Embedded;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::token;

/// The size of a segment in the tests: the least that there is.
const SEGMENT: usize = 5 * 1024 * 1024;

/// A key of each namespace.
const NAMESPACES: [(&str, &str); 3] =
    [("acme", "the key of acme"), ("other", "the key of other"), ("system", "the key of all")];

/// A gateway with a route for each protocol, and what it needs to go on living.
struct Subject {
    gateway: Gateway,
    _folder: TempDir,
}

impl std::ops::Deref for Subject {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateway
    }
}

impl Subject {
    /// With memory for some segments.
    async fn before(endpoint: &str) -> Self {
        Self::with_memory(endpoint, "50MiB").await
    }

    async fn with_memory(endpoint: &str, memory: &str) -> Self {
        let limits = format!("upload_part_size: 5MiB, upload_memory: {memory}");
        let settings = Settings { limits: &limits, state: true, ..STREAM };
        Self::of(endpoint, settings, |yaml| yaml).await
    }

    async fn of(
        endpoint: &str,
        settings: Settings<'_>,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("{}{}", routes(), settings.file);
        let yaml = change(Settings { file: &file, ..settings }.yaml(endpoint, &folder));
        let gateway = Gateway::of(&yaml);
        let plan = &gateway.edge.serving().plan;
        let [create, replace, complete] = [(); 3].map(|()| Verdict::Honoured);
        let seen = ConditionalWrites { create, replace, complete, tags: TagForm::Quoted };
        plan.buckets["store"].fitness.learn(seen);
        plan.state.as_ref().unwrap().start(SystemTime::now).await.unwrap();
        Self { gateway, _folder: folder }
    }

    async fn embedded(storage: &Embedded) -> Self {
        Self::before(&storage.endpoint).await
    }

    /// One exchange on a connection of its own. A body has its length.
    async fn ask(&self, method: &str, path: &str, lines: &str, body: &[u8]) -> Response {
        let mut client = self.connect();
        let length = match body.len() {
            0 if matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS") => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        client
            .send(format!(
                "{method} {path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\
                 {lines}{length}\r\n"
            ))
            .await;
        client.send(body).await;
        match method {
            "HEAD" => client.head().await,
            _ => client.response().await,
        }
    }

    /// The same with JSON both ways, as someone of a namespace.
    async fn json(&self, who: &str, method: &str, path: &str, body: Value) -> Response {
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let lines = format!("Content-Type: application/json\r\n{who}");
        let response = self.ask(method, &format!("/sf/{path}"), &lines, &body).await;
        // Clients take nothing else for success, and read everything as JSON.
        assert!(response.status == 200 || response.status >= 400, "{}", response.status);
        response
    }
}

/// Somebody of this tenant, by a header line.
fn of_tenant(tenant: &str) -> String {
    token::bearer(json!({"namespace": tenant}))
}

/// The routes, below `/sf/`, `/tus/` and `/ietf/`.
fn routes() -> String {
    let keys: Vec<_> = NAMESPACES
        .iter()
        .map(|(namespace, key)| {
            let digest = Sha256Digest::of(key.as_bytes());
            format!("{{ namespace: {namespace}, name: ci, sha256: '{digest}' }}")
        })
        .collect();
    let sf = format!(
        "shakenfist: {{ system: system, login: {{ issuer: tests, keys: [{}] }} }}",
        keys.join(", ")
    );
    let dialects = [("sf", sf.as_str()), ("tus", "tus: {}"), ("ietf", "resumable: {}")];
    let routes = dialects.map(|(name, dialect)| {
        format!(
            "  - path: /{name}/
    dialect: {{ {dialect} }}
    bucket: store
    layout: '{name}/{{tenant}}/{{hash}}'
    delivery: stream
    upload_size: 64MiB
    auth:
      jwt:
        issuers: [tests]
        tenant: claims.namespace
        read: 'true'
        write: 'true'
"
        )
    });
    routes.concat()
}
