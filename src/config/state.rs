//! `state` and `tokens`

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretSource;
use super::text::DurationText;

/// Where replicas keep what they have to agree on.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum State {
    /// A bucket of `buckets`, by conditional writes: any number of replicas.
    Bucket(BucketState),
    /// A file of this process: one replica, and none beside it while it is restarted.
    Embedded(EmbeddedState),
    /// Redis or Valkey: any number of replicas.
    Redis(Box<RedisState>),
}

/// Settings of the state in a bucket.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketState {
    /// The name of the bucket. It may hold content too.
    pub bucket: String,
}

/// Settings of the state in a file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedState {
    /// The file; made where there is none.
    pub path: PathBuf,
}

/// Settings of the state in Redis or Valkey.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisState {
    /// `host:port` of the server, or of several sentinels or nodes of the cluster.
    pub servers: Vec<String>,
    /// What these servers are.
    #[serde(default)]
    pub topology: RedisTopology,
    /// TLS, verified against the system's authorities or those of a file. None: no TLS.
    pub tls: Option<RedisTls>,
    /// The user, where the servers have an ACL.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<SecretSource>,
    /// The database; clusters have only 0.
    #[serde(default)]
    pub database: u8,
    /// What all keys begin with.
    #[serde(default = "default_prefix")]
    pub prefix: String,
    /// How many replicas must have a write before it counts (`WAIT`). None: the primary is enough.
    pub wait: Option<RedisWait>,
    /// Start even where the server may throw keys away to make room, and tokens so become unspent.
    #[serde(default)]
    pub allow_eviction: bool,
}

/// What the servers of a Redis state are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RedisTopology {
    /// One server.
    #[default]
    Single,
    /// Sentinels, which know the primary.
    Sentinel(RedisSentinel),
    /// Some nodes of a cluster.
    Cluster,
}

/// Settings of Sentinel.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisSentinel {
    /// The name sentinels have for the primary.
    pub primary: String,
    /// The sentinels' own user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<SecretSource>,
}

/// TLS to Redis.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisTls {
    /// PEM of the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

/// What has to have a write before it counts.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisWait {
    /// This many replicas.
    pub replicas: u8,
    /// Within this time; after it, the outcome is unknown.
    #[serde(with = "DurationText")]
    pub timeout: Duration,
    /// Not only in their memory, but on their disks and the primary's (`WAITAOF`).
    #[serde(default)]
    pub fsync: bool,
}

fn default_prefix() -> String {
    "casgate:".to_owned()
}

/// Tokens that the gateway makes itself.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// 32 bytes each, in base64 or as a PASERK `k4.local.`: the first one seals, all of them open.
    pub keys: Vec<SecretSource>,
}
