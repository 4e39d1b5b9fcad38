//! The configuration file as types, and nothing else: no defaults that depend on one another, no
//! look-ups, no checks beyond the form. [`Plan::compile`](crate::plan::Plan::compile) does those.
//!
//! Every struct refuses unknown keys, so that a misspelt limit is a mistake and not a default.
//! Secrets have no inline form: [`SecretSource`] names a file or an environment variable.

mod bucket;
mod form;
mod issuer;
mod kubo;
mod listen;
mod process;
mod route;
mod state;
mod tenant;
mod text;
mod uploads;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use text::{AddressText, NetworkText};

pub use bucket::{
    Addressing, AssumeRole, AwsCredentials, Bucket, Credentials, ForbiddenMeans, StaticCredentials,
};
pub use form::{Misfit, Section};
pub use issuer::{Issuer, Keys, RemoteKeys};
pub use kubo::{Kubo, KuboAdd, KuboBody, KuboErrors, KuboLogin, Wallet};
pub use listen::{Certificate, Listener, Tls};
pub use process::{Limits, Log, LogLevel, Shutdown, Timeouts};
pub use route::{
    Auth, AutoDelivery, Chainloop, Delivery, Dialect, JwtAuth, NoSettings, Onetime, Route,
    Turborepo, Untrusted,
};
pub use state::{
    BucketState, EmbeddedState, RedisSentinel, RedisState, RedisTls, RedisTopology, RedisWait,
    State, Tokens,
};
pub use tenant::{Tenant, TenantStatus};
pub use uploads::{Isolation, KeyLogin, NamespaceKey, Resumable, Shakenfist};

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where clients reach the gateway, as they see it: scheme, host and port. Needed
    /// only where an answer must name the gateway itself, such as a login redirect.
    pub public_url: Option<String>,
    /// Addresses to serve on.
    #[serde(default = "default_listen")]
    pub listen: Vec<Listener>,
    /// Address of `/healthz`, `/readyz` and `/metrics`. None: no admin listener.
    #[schemars(with = "Option<AddressText>")]
    pub admin: Option<SocketAddr>,
    /// Peers whose `X-Forwarded-For` and `X-Request-Id` are believed.
    #[serde(default)]
    #[schemars(with = "Vec<NetworkText>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Buckets by the name routes use.
    #[serde(default)]
    pub buckets: BTreeMap<String, Section<Bucket>>,
    /// Token issuers by the name routes use.
    #[serde(default)]
    pub issuers: BTreeMap<String, Section<Issuer>>,
    /// Tenants of whom more is known than the name that tokens give.
    #[serde(default)]
    pub tenants: BTreeMap<String, Section<Tenant>>,
    /// Where replicas keep what they have to agree on. Routes with single-use tokens need it.
    pub state: Option<Section<State>>,
    /// Tokens that the gateway makes itself. Routes with single-use tokens or tickets need it.
    pub tokens: Option<Section<Tokens>>,
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

fn default_listen() -> Vec<Listener> {
    vec![Listener::plain(SocketAddr::from(([0, 0, 0, 0], 8080)))]
}

impl Config {
    /// Reads the YAML text of a configuration file.
    ///
    /// # Errors
    /// The text is not YAML, or a key outside of `buckets`, `issuers`, `tenants`, `state`, `tokens`
    /// and `routes` is wrong. Mistakes inside those are kept in their [`Section`], so that all of
    /// them are reported together.
    pub fn parse(yaml: &str) -> Result<Self, Misfit> {
        form::read(serde_yaml::Deserializer::from_str(yaml))
    }
}

/// A secret that lives elsewhere.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SecretSource {
    /// The content of a file, without one trailing line break.
    File(PathBuf),
    /// The value of an environment variable.
    Env(String),
}
