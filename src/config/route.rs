//! `routes[*]`

use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, SizeText};

/// One mount point.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The path prefix, ending in `/`.
    pub path: String,
    /// The protocol spoken below it.
    pub dialect: Dialect,
    /// The name of the bucket.
    pub bucket: String,
    /// The key of a content, with `{hex}` or `{hash}`, and optionally `{tenant}` or `{team}`.
    pub layout: String,
    /// Who may read and write.
    pub auth: Auth,
    /// Redirect or stream.
    #[serde(default)]
    pub delivery: Delivery,
    /// The longest life of a presigned URL.
    #[serde(default = "default_redirect_ttl", with = "DurationText")]
    pub redirect_ttl: Duration,
    /// Skip hashing where storage reports a full-object SHA-256 equal to the digest.
    #[serde(default)]
    pub trust_storage_checksum: bool,
    /// Ask storage on every request whether it has the content: even when `If-None-Match` names it
    /// already, and even when it was there a moment ago.
    #[serde(default)]
    pub revalidate: bool,
    /// The largest body of an upload.
    #[serde(default = "default_upload_size")]
    #[schemars(with = "SizeText")]
    pub upload_size: ByteSize,
    /// Whether what was stored first stays: no upload replaces another.
    #[serde(default)]
    pub write_once: bool,
}

fn default_redirect_ttl() -> Duration {
    Duration::from_secs(300)
}

fn default_upload_size() -> ByteSize {
    ByteSize::gib(2)
}

/// The protocols.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Dialect {
    /// Bazel's HTTP cache.
    Bazel(NoSettings),
    /// Chainloop's artifact downloads.
    Chainloop(Chainloop),
    /// Gradle's HTTP build cache.
    Gradle(NoSettings),
    /// Nx's self-hosted remote cache.
    Nx(NoSettings),
    /// sccache's WebDAV storage.
    Sccache(NoSettings),
    /// Vercel's Remote Cache, as Turborepo uses it.
    Turborepo(Turborepo),
}

/// A dialect without settings of its own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Settings of the Turborepo dialect.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Turborepo {
    /// Whether the tag of an artifact may be in an object beside it, called like it with `.tag` at
    /// the end, as turborepo-remote-cache stores it.
    #[serde(default)]
    pub legacy_tags: bool,
}

/// Settings of the Chainloop dialect.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chainloop {
    /// Where a browser without a credential is sent (307, `?callback=` added) instead of 401.
    pub login_url: Option<String>,
}

/// Who may use a route.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Auth {
    /// Everybody. Answers are publicly cacheable.
    Open,
    /// Holders of a JWT for which `read` is true.
    Jwt(JwtAuth),
}

/// Rules over the claims of a JWT, in CEL; `claims` is the payload.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtAuth {
    /// Names of issuers.
    pub issuers: Vec<String>,
    /// Yields the tenant, a string, or the tenants among which a request may choose, a list of
    /// strings.
    pub tenant: Option<String>,
    /// Yields whether the caller may read.
    pub read: String,
    /// Yields whether the caller's uploads are for everybody who reads. None: nobody's are.
    pub write: Option<String>,
    /// What becomes of other callers' uploads. None: they are refused.
    pub untrusted: Option<Untrusted>,
}

/// Uploads of callers for whom `write` is false.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Untrusted {
    /// Yields a string. Callers with the same one share what they upload, and nobody else sees it.
    pub isolate: String,
}

/// How content reaches the client.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Delivery {
    /// Presigned redirects.
    #[default]
    Redirect,
    /// Through the gateway, verified.
    Stream,
    /// By size: small content through the gateway, the rest by redirect.
    Auto(AutoDelivery),
}

/// Settings of `delivery: auto`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoDelivery {
    /// Content of at least this size is redirected.
    #[schemars(with = "SizeText")]
    pub redirect_from: ByteSize,
}
