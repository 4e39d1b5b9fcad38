//! What somebody who means harm, or a server out of its mind, can do to others.
//!
//! | module | question |
//! | --- | --- |
//! | [`bursts`] | How long is a client waited for that sent much and then nothing? |
//! | [`layouts`] | Can a layout make one key for two tenants? |
//! | [`questions`] | How much memory do many long questions take? |
//! | [`storage`] | Does storage that never ends its answers hold up anybody? |

mod bursts;
mod layouts;
mod questions;
mod storage;

use serde_json::json;

use crate::support::gateway::{STREAM, Settings};
use crate::support::token;

/// Holders of a token with that scope may write, by `PUT /turbo/v8/artifacts/{hash}`.
const CACHE: Settings<'static> = Settings {
    file: r#"
  - path: /turbo/
    dialect: { turborepo: {} }
    bucket: store
    layout: '{tenant}/{hash}'
    delivery: stream
    auth:
      jwt:
        issuers: [tests]
        tenant: claims.team
        read: 'true'
        write: 'claims.scope == "artifacts:write"'
"#,
    ..STREAM
};

/// The header line of somebody who may write.
fn writer() -> String {
    token::bearer(json!({"team": "acme", "scope": "artifacts:write"}))
}
