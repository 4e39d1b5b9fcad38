//! The demo's configuration: one bucket, one issuer, and a route for each dialect.

use std::net::SocketAddr;

use serde_json::json;

use super::folder::Folder;
use super::{BUCKET, REGION, jwt};

/// The keys of Chainloop's artifacts.
pub(super) const LAYOUT: &str = "{tenant}/sha256:{hex}";

/// Where they are streamed.
pub(super) const STREAM_PATH: &str = "/stream/download/";

/// Path, dialect, layout and delivery of every route.
const ROUTES: [(&str, &str, &str, &str); 8] = [
    ("/download/", "chainloop", LAYOUT, "redirect"),
    (STREAM_PATH, "chainloop", LAYOUT, "stream"),
    ("/turbo/", "turborepo", "{team}/turbo/{hash}", "stream"),
    ("/redirect/turbo/", "turborepo", "{team}/turbo/{hash}", "redirect"),
    ("/nx/", "nx", "{tenant}/nx/{hash}", "stream"),
    ("/bazel/", "bazel", "{tenant}/bazel/{hash}", "stream"),
    ("/gradle/", "gradle", "{tenant}/gradle/{hash}", "stream"),
    ("/sccache/", "sccache", "{tenant}/sccache/{hash}", "stream"),
];

/// The text of the file.
pub(super) fn yaml(folder: &Folder, endpoint: &str, listen: SocketAddr) -> String {
    // JSON strings are YAML strings, so a path can hold anything.
    let file = |name: &str| json!(folder.join(name)).to_string();
    format!(
        r#"# Written by `casgate dev` at every start.
listen: ["{listen}"]
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
routes:{routes}
log: {{ access: true, level: warn }}
shutdown: {{ delay: 0s, drain: 20s }}
"#,
        access_key_id = file("access_key_id"),
        secret_access_key = file("secret_access_key"),
        jwt_secret = file("jwt_secret"),
        issuer = jwt::ISSUER,
        audience = jwt::AUDIENCE,
        routes = ROUTES.map(route).concat(),
    )
}

fn route((path, dialect, layout, delivery): (&str, &str, &str, &str)) -> String {
    let write = match dialect {
        "chainloop" => "",
        _ => "\n        write: \"'artifacts:write' in claims.scope.split(' ')\"",
    };
    format!(
        r#"
  - path: {path}
    dialect: {{ {dialect}: {{}} }}
    bucket: demo
    layout: "{layout}"
    delivery: {delivery}
    auth:
      jwt:
        issuers: [demo]
        tenant: claims.org
        read: "'artifacts:read' in claims.scope.split(' ')"{write}"#
    )
}
