//! `issuers.*`

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretSource;
use super::text::DurationText;

/// Somebody whose JWTs are accepted.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The exact value of `iss`.
    pub iss: String,
    /// Accepted values of `aud`; a token must carry one of them.
    pub audience: Vec<String>,
    /// What verifies the signature.
    pub keys: Keys,
    /// How far clocks may differ.
    #[serde(default = "default_leeway", with = "DurationText")]
    pub leeway: Duration,
}

fn default_leeway() -> Duration {
    Duration::from_secs(30)
}

/// Verification keys of an issuer.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Keys {
    /// A shared secret for HS256, at least 32 bytes.
    Hs256(SecretSource),
    /// A file with a JSON Web Key Set (RFC 7517).
    Jwks(PathBuf),
    /// A URL with one.
    JwksUrl(RemoteKeys),
    /// A discovery document that says where one is (OpenID Connect Discovery 1.0, RFC 8414).
    Discovery(RemoteKeys),
}

/// Keys that the issuer publishes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RemoteKeys {
    /// Where the key set is; for discovery, where the document is, if not below `iss`.
    pub url: Option<String>,
    /// The longest time between two fetches.
    #[serde(with = "DurationText")]
    pub refresh: Duration,
    /// The least time between two fetches that unknown keys in tokens cause.
    #[serde(with = "DurationText")]
    pub cooldown: Duration,
    /// How long keys are used after they were fetched.
    #[serde(with = "DurationText")]
    pub max_age: Duration,
    /// How long a fetch may take, with discovery and redirects.
    #[serde(with = "DurationText")]
    pub timeout: Duration,
    /// Whether the issuer may be on this machine or in a private network.
    pub allow_private_addresses: bool,
    /// A PEM file with certificate authorities that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
}

impl Default for RemoteKeys {
    fn default() -> Self {
        Self {
            url: None,
            refresh: Duration::from_secs(10 * 60),
            cooldown: Duration::from_secs(30),
            max_age: Duration::from_secs(24 * 3600),
            timeout: Duration::from_secs(5),
            allow_private_addresses: false,
            ca_file: None,
        }
    }
}
