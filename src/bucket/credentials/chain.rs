//! AWS's own chain of places where credentials are found.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};

use crate::bucket::control::{self, SharedHttpClient};
use crate::config::AwsCredentials;
use crate::error::with_causes;

/// How long one request of the chain may take. The SDK has no limit of its own for an answer of
/// STS.
const ATTEMPT_MAX: Duration = Duration::from_secs(5);

/// The session's name where the configuration has none.
const SESSION_NAME: &str = "casgate";

/// The default chain of `aws-config`: environment, profile files, web identity, container endpoint
/// (ECS, EKS Pod Identity), IMDSv2; then, if configured, a role.
///
/// It is built anew for each answer. The SDK's providers keep what they once read: a profile for
/// ever, and the last credentials of IMDS in place of an error. Here files are read again, and an
/// error is an error, for [`Source`](super::source::Source) to deal with.
///
/// One thing is left as the SDK does it: where IMDS has only credentials that have ended, they are
/// taken for another 10 to 15 minutes, because AWS accepts them while IMDS has an outage (AWS,
/// "Static stability").
#[derive(Debug)]
pub struct Chain {
    settings: AwsCredentials,
    region: Region,
    http: SharedHttpClient,
}

impl Chain {
    /// A chain with these settings. STS is asked in the region that the environment names, else in
    /// `region`.
    #[must_use]
    pub fn new(settings: AwsCredentials, region: &str) -> Self {
        Self { settings, region: Region::new(region.to_owned()), http: control::http_client() }
    }

    async fn credentials(&self) -> provider::Result {
        let config = self.configuration().await;
        match &self.settings.assume_role {
            Some(role) => {
                let name = role.session_name.as_deref().unwrap_or(SESSION_NAME);
                let mut builder = AssumeRoleProvider::builder(&role.role_arn).session_name(name);
                if let Some(external_id) = &role.external_id {
                    builder = builder.external_id(external_id);
                }
                builder.configure(&config).build().await.provide_credentials().await
            }
            None => match config.credentials_provider() {
                Some(provider) => provider.provide_credentials().await,
                None => Err(CredentialsError::not_loaded("the SDK has no provider")),
            },
        }
    }

    /// What the environment and the profile say.
    async fn configuration(&self) -> SdkConfig {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_MAX).build();
        // Not the SDK's own order, which asks IMDS for a region last and waits for that on machines
        // that have none.
        let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(self.region.clone());
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .timeout_config(timeouts.clone());
        let Some(profile) = &self.settings.profile else {
            return loader.region(region).load().await;
        };
        // A profile that is asked for by name goes before the environment, as with `--profile` of
        // AWS's command line; the SDK's chain would look into the environment first.
        let region = region.region().await;
        let conf = ProviderConfig::without_region()
            .with_region(region.clone())
            .with_http_client(self.http.clone())
            .with_timeout_config(timeouts);
        let provider = ProfileFileCredentialsProvider::builder().configure(&conf);
        let provider = provider.profile_name(profile).build();
        loader.region(region).profile_name(profile).credentials_provider(provider).load().await
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// Why a provider has no credentials, for the log. What the SDK quotes of an answer is left out: it
/// may be the secret in a place where it does not belong.
pub(super) fn explain(error: &CredentialsError) -> String {
    let mut text = with_causes(error);
    if let Some(quote) = text.find('"') {
        text.truncate(quote);
        text.push_str("...");
    }
    text
}
