//! `buckets.*`

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretSource;
use super::text::DurationText;

/// A bucket and how to reach it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
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
    /// The age at which a multipart upload that was never completed is aborted, where its key is
    /// one that a route with uploads makes.
    #[serde(default = "default_abandoned_uploads_after", with = "DurationText")]
    pub abandoned_uploads_after: Duration,
}

fn default_abandoned_uploads_after() -> Duration {
    Duration::from_secs(24 * 3600)
}

/// Path style or virtual-host style (AWS, "Methods for accessing a bucket").
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Addressing {
    /// `https://endpoint/bucket/key`
    #[default]
    Path,
    /// `https://bucket.endpoint/key`
    VirtualHost,
}

/// S3 answers 403 for a missing key to a signer that may not list the bucket.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ForbiddenMeans {
    /// Our credentials are wrong: an outage (502).
    #[default]
    Denied,
    /// The key does not exist (404).
    Missing,
}

/// Where the storage credentials come from.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Credentials {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if set, `AWS_SESSION_TOKEN`.
    Environment,
    /// A fixed key pair.
    Static(StaticCredentials),
    /// The chain of AWS's SDKs: environment, profile files, web identity, container endpoint, IMDS.
    Aws(AwsCredentials),
}

/// A fixed key pair.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaticCredentials {
    /// The access key id.
    pub access_key_id: SecretSource,
    /// The secret access key.
    pub secret_access_key: SecretSource,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretSource>,
}

/// Where in AWS's chain to begin, and what to make of what is found there.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsCredentials {
    /// A profile of the shared configuration files, instead of the whole chain.
    pub profile: Option<String>,
    /// A role to assume with what is found.
    pub assume_role: Option<AssumeRole>,
}

/// A role to assume (AWS STS, "AssumeRole").
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssumeRole {
    /// The role's ARN.
    pub role_arn: String,
    /// The id its trust policy asks for.
    pub external_id: Option<String>,
    /// The name of the session in logs of AWS. Default: `casgate`.
    pub session_name: Option<String>,
}
