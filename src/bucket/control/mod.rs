//! The control plane of a bucket, through AWS's own SDK: what is not on the path of a request.

pub mod abandoned;
pub mod conditional;

use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials as SdkCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_s3::Client;
pub use aws_sdk_s3::config::SharedHttpClient;
use aws_sdk_s3::config::{BehaviorVersion, Builder as ConfigBuilder, IdentityCache, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_async::time::TimeSource;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::Bucket;
use crate::config::Addressing;
use crate::error::with_causes;

/// Tells the time, ours.
pub type Now = fn() -> SystemTime;

/// The HTTP client of everything that goes through the SDK, with the one TLS library.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// An SDK client with the bucket's own endpoint, region, style, credentials and clock; `now` is ours.
#[must_use]
pub fn client(bucket: &Arc<Bucket>, now: Now) -> Client {
    Client::from_conf(config(bucket, now).build())
}

/// The same, before it is one.
pub(crate) fn config(bucket: &Arc<Bucket>, now: Now) -> ConfigBuilder {
    aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(bucket.region.clone()))
        .endpoint_url(bucket.server.to_string())
        .force_path_style(bucket.addressing == Addressing::Path)
        .credentials_provider(OfBucket { bucket: Arc::clone(bucket), now })
        .time_source(OfBucket { bucket: Arc::clone(bucket), now })
        // The source knows best which are the current ones.
        .identity_cache(IdentityCache::no_cache())
        .http_client(http_client())
}

/// The credentials and the clock of a bucket, as the SDK asks for them.
#[derive(Debug)]
struct OfBucket {
    bucket: Arc<Bucket>,
    now: Now,
}

impl OfBucket {
    async fn current(&self) -> provider::Result {
        let current = self.bucket.credentials.current(self.now()).await;
        let current = current.map_err(CredentialsError::provider_error)?;
        Ok(SdkCredentials::new(
            current.access_key_id.clone(),
            current.secret_access_key.clone(),
            current.session_token.clone(),
            current.expires,
            "casgate",
        ))
    }
}

impl TimeSource for OfBucket {
    fn now(&self) -> SystemTime {
        self.bucket.clock.at((self.now)())
    }
}

impl ProvideCredentials for OfBucket {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

/// Asks storage whether the bucket exists and lets us in (HeadBucket).
///
/// # Errors
/// Says what storage, or the way to it, answered.
pub async fn probe(bucket: &Arc<Bucket>, now: Now) -> Result<(), String> {
    let answer = client(bucket, now).head_bucket().bucket(&bucket.bucket).send().await;
    answer.map(|_| ()).map_err(|error| match error.raw_response() {
        // HEAD has no body, so the status is all that storage says.
        Some(response) => format!("storage answered {}", response.status().as_u16()),
        None => with_causes(&error),
    })
}

/// What storage, or the way to it, answered, for the log.
pub(crate) fn explain<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let code = code(error);
    match error.raw_response().map(|response| response.status()) {
        Some(status) if !status.is_success() => {
            let status = status.as_u16();
            code.map_or_else(
                || format!("storage answered {status}"),
                |code| format!("storage answered {status} {code}"),
            )
        }
        _ => with_causes(error),
    }
}

/// The status of the answer, if there was one.
pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The code of the error that storage answered, if it did.
pub(crate) fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}
