//! `routes[*].dialect.shakenfist`, `routes[*].dialect.tus` and `routes[*].dialect.resumable`

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::DurationText;

/// Settings of the Shaken Fist dialect.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shakenfist {
    /// Which of the bucket's catalogs of artifacts: lower-case letters, digits and `-`. Routes with
    /// the same one share it.
    pub catalog: String,
    /// Who may know of blobs that others have stored.
    pub isolation: Isolation,
    /// The namespace that sees and changes what is of others, and shares. None: there is none.
    pub system: Option<String>,
    /// How many versions of a new artifact are kept.
    pub max_versions: u32,
    /// Tokens for keys (`POST auth`). None: tokens come from elsewhere.
    pub login: Option<KeyLogin>,
}

impl Default for Shakenfist {
    fn default() -> Self {
        Self {
            catalog: "main".to_owned(),
            isolation: Isolation::default(),
            system: None,
            max_versions: 3,
            login: None,
        }
    }
}

/// Who may know of blobs that others have stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Their namespace only, but for what is shared.
    #[default]
    Namespace,
    /// Everybody who knows a digest of one, or its UUID, as with Shaken Fist's own server.
    None,
}

/// Tokens for keys.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyLogin {
    /// The issuer in whose name tokens are made; one with `keys: { hs256: ... }`.
    pub issuer: String,
    /// How long a token is good for.
    #[serde(default = "default_ttl", with = "DurationText")]
    pub ttl: Duration,
    /// Who may have one.
    pub keys: Vec<NamespaceKey>,
}

fn default_ttl() -> Duration {
    Duration::from_secs(15 * 60)
}

/// A key of a namespace.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamespaceKey {
    /// The namespace.
    pub namespace: String,
    /// What the key is called, in logs.
    pub name: String,
    /// The SHA-256 of the key in hexadecimal, which tells nobody a key that was made at random:
    /// `casgate key` makes both.
    pub sha256: String,
}

/// Settings of resumable uploads, by tus or as the IETF has them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resumable {
    /// The origins whose pages may ask, as `Origin` has them; `*` for all.
    #[schemars(with = "Option<Vec<String>>")]
    pub origins: Vec<String>,
}
