//! The configuration file as types, and nothing else: no defaults that depend on one another, no
//! look-ups, no checks beyond the form. [`Plan::compile`](crate::plan::Plan::compile) does those.
//!
//! Every struct refuses unknown keys, so that a misspelt limit is a mistake and not a default.
//! Secrets have no inline form: [`SecretSource`] names a file or an environment variable.

mod form;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;
use serde::Deserialize;

pub use form::{Misfit, Section};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where clients reach the gateway, as they see it: scheme, host and port. Needed
    /// only where an answer must name the gateway itself, such as a login redirect.
    pub public_url: Option<String>,
    /// Addresses to serve on. Port 0 takes any free port.
    #[serde(default = "default_listen")]
    pub listen: Vec<SocketAddr>,
    /// Address of `/healthz`, `/readyz` and `/metrics`. None: no admin listener.
    pub admin: Option<SocketAddr>,
    /// Peers whose `X-Forwarded-For` and `X-Request-Id` are believed.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
    /// Buckets by the name routes use.
    #[serde(default)]
    pub buckets: BTreeMap<String, Section<Bucket>>,
    /// Token issuers by the name routes use.
    #[serde(default)]
    pub issuers: BTreeMap<String, Section<Issuer>>,
    /// Routes; the longest matching `path` wins.
    #[serde(default)]
    pub routes: Vec<Section<Route>>,
    /// Bounds on size and number.
    #[serde(default)]
    pub limits: Limits,
    /// Bounds on time.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How the process ends.
    #[serde(default)]
    pub shutdown: Shutdown,
    /// What is logged.
    #[serde(default)]
    pub log: Log,
}

fn default_listen() -> Vec<SocketAddr> {
    vec![SocketAddr::from(([0, 0, 0, 0], 8080))]
}

impl Config {
    /// Reads the YAML text of a configuration file.
    ///
    /// # Errors
    /// The text is not YAML, or a key outside of `buckets`, `issuers` and `routes` is wrong.
    /// Mistakes inside those three are kept in their [`Section`], so that all of them are reported
    /// together.
    pub fn parse(yaml: &str) -> Result<Self, Misfit> {
        form::read(serde_yaml::Deserializer::from_str(yaml))
    }
}

/// A secret that lives elsewhere.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SecretSource {
    /// The content of a file, without one trailing line break.
    File(PathBuf),
    /// The value of an environment variable.
    Env(String),
}

/// A bucket and how to reach it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The bucket's name in storage.
    pub bucket: String,
    /// The region requests are signed for.
    pub region: String,
    /// `http(s)://host[:port]`. Default: AWS's endpoint of the region.
    pub endpoint: Option<String>,
    /// The endpoint presigned redirects point to, where clients need another one than we do.
    pub public_endpoint: Option<String>,
    /// How the bucket's name travels.
    #[serde(default)]
    pub addressing: Addressing,
    /// Who signs.
    pub credentials: Credentials,
    /// What a 403 from storage to our own signature means.
    #[serde(default)]
    pub forbidden_means: ForbiddenMeans,
}

/// Path style or virtual-host style (AWS, "Methods for accessing a bucket").
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Addressing {
    /// `https://endpoint/bucket/key`
    #[default]
    Path,
    /// `https://bucket.endpoint/key`
    VirtualHost,
}

/// S3 answers 403 for a missing key to a signer that may not list the bucket.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ForbiddenMeans {
    /// Our credentials are wrong: an outage (502).
    #[default]
    Denied,
    /// The key does not exist (404).
    Missing,
}

/// Where the storage credentials come from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Credentials {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if set, `AWS_SESSION_TOKEN`.
    Environment,
    /// A fixed key pair.
    Static(StaticCredentials),
}

/// A fixed key pair.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticCredentials {
    /// The access key id.
    pub access_key_id: SecretSource,
    /// The secret access key.
    pub secret_access_key: SecretSource,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretSource>,
}

/// Somebody whose JWTs are accepted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The exact value of `iss`.
    pub iss: String,
    /// Accepted values of `aud`; a token must carry one of them.
    pub audience: Vec<String>,
    /// What verifies the signature.
    pub keys: Keys,
    /// How far clocks may differ.
    #[serde(default = "default_leeway", with = "duration")]
    pub leeway: Duration,
}

fn default_leeway() -> Duration {
    Duration::from_secs(30)
}

/// Verification keys of an issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Keys {
    /// A shared secret for HS256, at least 32 bytes.
    Hs256(SecretSource),
    /// A file with a JSON Web Key Set (RFC 7517).
    Jwks(PathBuf),
}

/// One mount point.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The path prefix, ending in `/`.
    pub path: String,
    /// The protocol spoken below it.
    pub dialect: Dialect,
    /// The name of the bucket.
    pub bucket: String,
    /// The key of a content, with `{hex}` and optionally `{tenant}`.
    pub layout: String,
    /// Who may read.
    pub auth: Auth,
    /// Redirect or stream.
    #[serde(default)]
    pub delivery: Delivery,
    /// The longest life of a presigned URL.
    #[serde(default = "default_redirect_ttl", with = "duration")]
    pub redirect_ttl: Duration,
    /// Skip hashing where storage reports a full-object SHA-256 equal to the digest.
    #[serde(default)]
    pub trust_storage_checksum: bool,
    /// Ask storage even when `If-None-Match` already names the content.
    #[serde(default)]
    pub revalidate: bool,
}

fn default_redirect_ttl() -> Duration {
    Duration::from_secs(300)
}

/// The protocols.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Dialect {
    /// Chainloop's artifact downloads.
    Chainloop(Chainloop),
}

/// Settings of the Chainloop dialect.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chainloop {
    /// Where a browser without a credential is sent (307, `?callback=` added) instead of 401.
    pub login_url: Option<String>,
}

/// Who may use a route.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Auth {
    /// Everybody. Answers are publicly cacheable.
    Open,
    /// Holders of a JWT for which `read` is true.
    Jwt(JwtAuth),
}

/// Rules over the claims of a JWT, in CEL; `claims` is the payload.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtAuth {
    /// Names of issuers.
    pub issuers: Vec<String>,
    /// Yields the tenant, a string.
    pub tenant: Option<String>,
    /// Yields whether the caller may read.
    pub read: String,
}

/// How content reaches the client.
#[derive(Debug, Default, Deserialize)]
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
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoDelivery {
    /// Content of at least this size is redirected.
    pub redirect_from: ByteSize,
}

/// Bounds on size and number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// A request's header, request line included.
    pub header_size: ByteSize,
    /// Client connections open at once; more wait to be accepted.
    pub connections: usize,
    /// Unread body bytes taken after an early answer before the connection is cut.
    pub drain_size: ByteSize,
    /// Bytes per second below which a reading client is cut off.
    pub send_rate_min: ByteSize,
    /// JWT verdicts remembered; one with more than 1 KiB of claims counts as several.
    pub remembered_verdicts: usize,
    /// Storage objects remembered as existing.
    pub remembered_objects: usize,
    /// Idle storage connections kept.
    pub idle_storage_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_size: ByteSize::kib(16),
            connections: 10_000,
            drain_size: ByteSize::kib(64),
            send_rate_min: ByteSize::kib(1),
            remembered_verdicts: 10_000,
            remembered_objects: 10_000,
            idle_storage_connections: 128,
        }
    }
}

/// Bounds on time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// From the first wait for a request, keep-alive idle included, to the end of its header.
    #[serde(with = "duration")]
    pub header: Duration,
    /// Draining an unread request body after an early answer.
    #[serde(with = "duration")]
    pub drain: Duration,
    /// Connecting to storage, TLS included.
    #[serde(with = "duration")]
    pub storage_connect: Duration,
    /// From a request to storage to the head of its answer.
    #[serde(with = "duration")]
    pub storage_first_byte: Duration,
    /// Between two reads of an answer's body.
    #[serde(with = "duration")]
    pub storage_read: Duration,
    /// Idle life of a pooled storage connection.
    #[serde(with = "duration")]
    pub storage_idle: Duration,
    /// How often storage host names are resolved again.
    #[serde(with = "duration")]
    pub resolve_interval: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(30),
            drain: Duration::from_secs(2),
            storage_connect: Duration::from_secs(3),
            storage_first_byte: Duration::from_secs(15),
            storage_read: Duration::from_secs(15),
            storage_idle: Duration::from_secs(30),
            resolve_interval: Duration::from_secs(10),
        }
    }
}

/// How the process ends after SIGTERM.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// Time for load balancers to see `/readyz` fail, before listeners close.
    #[serde(with = "duration")]
    pub delay: Duration,
    /// The longest time transfers get to finish after that.
    #[serde(with = "duration")]
    pub drain: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { delay: Duration::from_secs(3), drain: Duration::from_secs(20) }
    }
}

/// What is logged.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// One JSON line per request on standard output.
    pub access: bool,
    /// Least severe level of the other lines, on standard error.
    pub level: LogLevel,
}

impl Default for Log {
    fn default() -> Self {
        Self { access: true, level: LogLevel::Info }
    }
}

/// Severity.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Failures that need somebody.
    Error,
    /// Failures that were handled.
    Warn,
    /// Starts, stops, reloads.
    Info,
    /// Details for debugging.
    Debug,
}

/// Durations as people write them: `30s`, `5m`, `1h 30m`.
mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text)
            .map_err(|error| D::Error::custom(format!("`{text}` is no duration: {error}")))
    }
}
