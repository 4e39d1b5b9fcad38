//! What somebody who means harm, or a server out of its mind, can do to others.
//!
//! | module | question |
//! | --- | --- |
//! | [`layouts`] | Can a layout make one key for two tenants? |

mod layouts;

use crate::support::gateway::{STREAM, Settings};

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
