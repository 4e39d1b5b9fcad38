//! `routes[*]`

use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use super::kubo::Kubo;
use super::text::{DurationText, SizeText};
use super::uploads::{Resumable, Shakenfist};

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
    /// Kubo's RPC, as PollinationX and BTFS offer it too, and the trustless gateway of IPFS.
    Kubo(Box<Kubo>),
    /// Nx's self-hosted remote cache.
    Nx(NoSettings),
    /// Single-use download links.
    Onetime(Onetime),
    /// Resumable uploads, as the IETF has them.
    Resumable(Resumable),
    /// sccache's WebDAV storage.
    Sccache(NoSettings),
    /// Shaken Fist's artifacts and blobs.
    Shakenfist(Box<Shakenfist>),
    /// Resumable uploads by tus.
    Tus(Resumable),
    /// Vercel's Remote Cache, as Turborepo uses it.
    Turborepo(Turborepo),
}

/// A dialect without settings of its own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Settings of single-use download links.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Onetime {
    /// The key of an object that is ordered by its path, with `{key}`, and optionally `{tenant}`.
    /// None: nothing is ordered so.
    pub keys: Option<String>,
    /// How long a token is good for whose order does not say.
    #[serde(with = "DurationText")]
    pub default_ttl: Duration,
    /// The longest that an order may say.
    #[serde(with = "DurationText")]
    pub max_ttl: Duration,
    /// The most uses that an order may say.
    pub max_uses: u32,
    /// For how long after each start a download that broke off may go on. 0s: not at all.
    #[serde(with = "DurationText")]
    pub resume_window: Duration,
    /// How often it may.
    pub resume_attempts: u32,
    /// Whether tokens that are used up, expired or taken back are refused like those that never were.
    pub uniform_404: bool,
}

impl Default for Onetime {
    fn default() -> Self {
        Self {
            keys: None,
            default_ttl: Duration::from_secs(15 * 60),
            max_ttl: Duration::from_secs(7 * 86_400),
            max_uses: 100,
            resume_window: Duration::from_secs(10 * 60),
            resume_attempts: 10,
            uniform_404: false,
        }
    }
}

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
    /// Yields whether the caller may make single-use tokens, and take them back. None: nobody may.
    pub issue: Option<String>,
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
    /// Redirects to the gateway itself, which carry a ticket for half a minute instead of the
    /// caller's token.
    Ticket,
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
