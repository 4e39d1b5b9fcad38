//! The demo's configuration: one bucket, one issuer, and a route for each dialect.

use std::net::SocketAddr;

use serde_json::json;

use super::folder::Folder;
use super::{BUCKET, REGION, TENANT, jwt};
use crate::content::digest::Sha256Digest;

/// The keys of Chainloop's artifacts.
pub(super) const LAYOUT: &str = "{tenant}/sha256:{hex}";

/// Where they are streamed.
pub(super) const STREAM_PATH: &str = "/stream/download/";

/// Where single-use links are made and used.
pub(super) const ONETIME_PATH: &str = "/api/open/v1/artifact-downloads/";

/// Where CIDs are served: at the root, since clients of IPFS look for `/ipfs/` there.
pub(super) const KUBO_PATH: &str = "/";

/// The same with tar archives.
pub(super) const KUBO_TAR_PATH: &str = "/tar/";

/// Where Shaken Fist's clients find their server.
pub(super) const SHAKENFIST_PATH: &str = "/sf/";

/// Where uploads go by tus, and as the IETF has them.
pub(super) const TUS_PATH: &str = "/files/";
pub(super) const RESUMABLE_PATH: &str = "/uploads/";

/// Files and blocks that have CIDs.
const KUBO_LAYOUT: &str = "{tenant}/cid/{cid}";

/// Path, dialect, layout and delivery of every route.
const ROUTES: [(&str, &str, &str, &str); 15] = [
    ("/download/", "chainloop", LAYOUT, "redirect"),
    (STREAM_PATH, "chainloop", LAYOUT, "stream"),
    ("/ticket/download/", "chainloop", LAYOUT, "ticket"),
    (ONETIME_PATH, "onetime", LAYOUT, "stream"),
    ("/turbo/", "turborepo", "{team}/turbo/{hash}", "stream"),
    ("/redirect/turbo/", "turborepo", "{team}/turbo/{hash}", "redirect"),
    ("/nx/", "nx", "{tenant}/nx/{hash}", "stream"),
    ("/bazel/", "bazel", "{tenant}/bazel/{hash}", "stream"),
    ("/gradle/", "gradle", "{tenant}/gradle/{hash}", "stream"),
    ("/sccache/", "sccache", "{tenant}/sccache/{hash}", "stream"),
    (KUBO_PATH, "kubo", KUBO_LAYOUT, "stream"),
    (KUBO_TAR_PATH, "kubo", KUBO_LAYOUT, "stream"),
    (SHAKENFIST_PATH, "shakenfist", "{tenant}/blobs/{key}", "stream"),
    (TUS_PATH, "tus", "{tenant}/files/{key}", "stream"),
    (RESUMABLE_PATH, "resumable", "{tenant}/files/{key}", "stream"),
];

/// The text of the file.
pub(super) fn yaml(folder: &Folder, endpoint: &str, listen: SocketAddr) -> String {
    // JSON strings are YAML strings, so a path can hold anything.
    let file = |name: &str| json!(folder.join(name)).to_string();
    format!(
        r#"# Written by `casgate dev` at every start.
listen: ["{listen}"]
public_url: http://{listen}
admin: 127.0.0.1:0
buckets:
  demo:
    bucket: {BUCKET}
    region: {REGION}
    endpoint: {endpoint}
    credentials:
      static:
        access_key_id: {{ file: {access_key_id} }}
        secret_access_key: {{ file: {secret_access_key} }}
issuers:
  demo:
    iss: {issuer}
    audience: [{audience}]
    keys: {{ hs256: {{ file: {jwt_secret} }} }}
tokens: {{ keys: [{{ file: {token_key} }}] }}
state: {{ embedded: {{ path: {state} }} }}
routes:{routes}
log: {{ access: true, level: warn }}
shutdown: {{ delay: 0s, drain: 20s }}
"#,
        access_key_id = file("access_key_id"),
        secret_access_key = file("secret_access_key"),
        jwt_secret = file("jwt_secret"),
        token_key = file("token_key"),
        state = file("state.redb"),
        issuer = jwt::ISSUER,
        audience = jwt::AUDIENCE,
        routes = ROUTES.map(|it| route(folder, it)).concat(),
    )
}

fn route(folder: &Folder, (path, dialect, layout, delivery): (&str, &str, &str, &str)) -> String {
    let settings = match (dialect, path) {
        ("onetime", _) => "keys: '{tenant}/{key}'".to_owned(),
        ("kubo", KUBO_TAR_PATH) => format!("body: tar, digests: '{LAYOUT}'"),
        ("kubo", _) => format!("digests: '{LAYOUT}'"),
        ("shakenfist", _) => format!(
            "catalog: demo, login: {{ issuer: demo, keys: \
             [{{ namespace: {TENANT}, name: demo, sha256: {} }}] }}",
            Sha256Digest::of(folder.shakenfist_key().as_bytes()),
        ),
        ("tus" | "resumable", _) => "origins: ['*']".to_owned(),
        _ => String::new(),
    };
    let rules = match dialect {
        // Whoever has the key may do everything in its namespace.
        "shakenfist" => ["claims.namespace", "'true'", "'true'"],
        _ => [
            "claims.org",
            "\"'artifacts:read' in claims.scope.split(' ')\"",
            "\"'artifacts:write' in claims.scope.split(' ')\"",
        ],
    };
    let [tenant, read, write] = rules;
    let more = match dialect {
        "chainloop" => String::new(),
        "onetime" => "\n        issue: \"'artifacts:issue' in claims.scope.split(' ')\"".to_owned(),
        _ => format!("\n        write: {write}"),
    };
    // What comes in pieces may be larger than what comes at once.
    let size = match dialect {
        "shakenfist" | "tus" | "resumable" => "\n    upload_size: 64GiB",
        _ => "",
    };
    format!(
        r#"
  - path: {path}
    dialect: {{ {dialect}: {{ {settings} }} }}
    bucket: demo
    layout: "{layout}"
    delivery: {delivery}{size}
    auth:
      jwt:
        issuers: [demo]
        tenant: {tenant}
        read: {read}{more}"#
    )
}
