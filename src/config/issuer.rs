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
}
