//! The control plane of a bucket, through AWS's own SDK: what is not on the path of a request.

use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::Bucket;
use crate::config::Addressing;
use crate::error::with_causes;

/// An SDK client with the bucket's own endpoint, region, style and credentials.
#[must_use]
pub fn client(bucket: &Bucket) -> Client {
    let credentials = &bucket.credentials;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(bucket.region.clone()))
        .endpoint_url(bucket.server.to_string())
        .force_path_style(bucket.addressing == Addressing::Path)
        .credentials_provider(SdkCredentials::new(
            credentials.access_key_id.clone(),
            credentials.secret_access_key.clone(),
            credentials.session_token.clone(),
            credentials.expires,
            "casgate",
        ))
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https())
        .build();
    Client::from_conf(config)
}

/// Asks storage whether the bucket exists and lets us in (HeadBucket).
///
/// # Errors
/// Says what storage, or the way to it, answered.
pub async fn probe(bucket: &Bucket) -> Result<(), String> {
    let answer = client(bucket).head_bucket().bucket(&bucket.bucket).send().await;
    answer.map(|_| ()).map_err(|error| match error.raw_response() {
        // HEAD has no body, so the status is all that storage says.
        Some(response) => format!("storage answered {}", response.status().as_u16()),
        None => with_causes(&error),
    })
}
