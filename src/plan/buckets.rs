//! `buckets.*`

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::provider::ProvideCredentials as _;

use super::{Problems, secrets};
use crate::bucket::Bucket;
use crate::bucket::clock::StorageClock;
use crate::bucket::credentials::Credentials;
use crate::bucket::credentials::chain::Chain;
use crate::bucket::credentials::source::Source;
use crate::bucket::endpoint::{Endpoint, Origin};
use crate::bucket::memory::ObjectMemory;
use crate::bucket::sigv4::{Signer, encode_key_path};
use crate::config::{self, Addressing, AssumeRole, Limits, SecretSource, Timeouts};
use crate::telemetry::Metrics;
use crate::telemetry::credentials::BucketCredentialsMetrics;

pub(super) fn compile(
    name: &str,
    bucket: config::Bucket,
    (limits, timeouts): (&Limits, &Timeouts),
    metrics: &Metrics,
    problems: &mut Problems,
) -> Option<Bucket> {
    let at = |key: &str| format!("buckets.{name}.{key}");
    let text = bucket.endpoint.clone().unwrap_or_else(|| aws_endpoint(&bucket.region));
    let server = problems.check(&at("endpoint"), Origin::parse(&text));
    let public = match &bucket.public_endpoint {
        Some(text) => problems.check(&at("public_endpoint"), Origin::parse(text)),
        None => server.clone(),
    };
    let credentials_metrics = metrics.credentials(name);
    let credentials = credentials(name, &bucket, &credentials_metrics, problems);
    if let Err(message) = check_name(&bucket.bucket) {
        problems.add(&at("bucket"), message);
        return None;
    }
    if bucket.abandoned_uploads_after <= timeouts.upload {
        let message = "an upload may take timeouts.upload, and is not abandoned before";
        problems.add(&at("abandoned_uploads_after"), message);
    }
    if bucket.region.is_empty() || !bucket.region.bytes().all(|byte| byte.is_ascii_graphic()) {
        problems.add(&at("region"), "a region is a word such as eu-west-1");
        return None;
    }
    let (server, public) = (server?, public?);
    let mut path_prefix = String::from("/");
    let (own, public) = match bucket.addressing {
        Addressing::Path => {
            encode_key_path(&bucket.bucket, &mut path_prefix);
            path_prefix.push('/');
            (server.clone(), public)
        }
        Addressing::VirtualHost => {
            if bucket.bucket.contains('.') && (server.tls || public.tls) {
                problems.add(
                    &at("addressing"),
                    "certificates do not cover virtual-host style with dots in the bucket's name; \
                     use path",
                );
            }
            (server.with_prefix(&bucket.bucket), public.with_prefix(&bucket.bucket))
        }
    };
    // An address has no subdomains: with virtual-host style it is the way, not the name.
    let lookup = if server.ip().is_some() { server.clone() } else { own.clone() };
    Some(Bucket {
        name: name.to_owned(),
        signer: Signer::new(bucket.region.clone()),
        region: bucket.region,
        bucket: bucket.bucket,
        addressing: bucket.addressing,
        endpoint: Arc::new(Endpoint::new(own, &lookup)),
        server,
        public,
        path_prefix,
        credentials: Arc::new(credentials?),
        credentials_setting: bucket.credentials,
        clock: Arc::new(StorageClock::new(name)),
        forbidden_means: bucket.forbidden_means,
        abandoned_uploads_after: bucket.abandoned_uploads_after,
        fitness: Arc::default(),
        objects: ObjectMemory::new(limits.remembered_objects, metrics.object_memory(name)),
        metrics: metrics.bucket(name),
        credentials_metrics,
    })
}

fn credentials(
    name: &str,
    bucket: &config::Bucket,
    metrics: &BucketCredentialsMetrics,
    problems: &mut Problems,
) -> Option<Source> {
    let at = format!("buckets.{name}.credentials");
    let fixed = |credentials| Source::fixed(name, credentials, metrics.clone());
    match &bucket.credentials {
        config::Credentials::Environment => problems.check(&at, environment()).map(fixed),
        config::Credentials::Static(keys) => {
            static_credentials(&format!("{at}.static"), keys, problems).map(fixed)
        }
        config::Credentials::Aws(aws) => {
            if let Some(role) = &aws.assume_role {
                check_role(&format!("{at}.aws.assume_role"), role, problems);
            }
            let chain = Chain::new(aws.clone(), &bucket.region);
            Some(Source::refreshed(name, chain, metrics.clone()))
        }
    }
}

/// AWS's own endpoint of a region (AWS, "Amazon S3 endpoints and quotas").
fn aws_endpoint(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://s3.{region}.{domain}")
}

/// Servers differ in what they allow; what none allows is a slip of the pen.
fn check_name(name: &str) -> Result<(), String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if (3..=255).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(format!("\"{name}\" is no bucket name: 3 to 255 letters, digits, dots, dashes"))
}

fn static_credentials(
    at: &str,
    keys: &config::StaticCredentials,
    problems: &mut Problems,
) -> Option<Credentials> {
    let mut secret = |key: &str, source: &SecretSource| {
        let secret = secrets::read(source, &mut problems.files);
        problems.check(&format!("{at}.{key}"), secret)
    };
    let access_key_id = secret("access_key_id", &keys.access_key_id);
    let secret_access_key = secret("secret_access_key", &keys.secret_access_key);
    let session_token = keys.session_token.as_ref().map(|source| secret("session_token", source));
    Some(Credentials {
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
        session_token: match session_token {
            Some(token) => Some(token?),
            None => None,
        },
        expires: None,
    })
}

/// What STS would refuse for its form (AWS STS, "AssumeRole").
fn check_role(at: &str, role: &AssumeRole, problems: &mut Problems) {
    let is_text = |text: &str, legal: &[u8]| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || legal.contains(&byte))
    };
    if !role.role_arn.starts_with("arn:") || role.role_arn.len() < 20 {
        let message = "a role's ARN is such as arn:aws:iam::123456789012:role/reader";
        problems.add(&format!("{at}.role_arn"), message);
    }
    if let Some(name) = &role.session_name
        && !((2..=64).contains(&name.len()) && is_text(name, b"_=,.@-"))
    {
        let message = "a session's name is 2 to 64 letters, digits and _=,.@-";
        problems.add(&format!("{at}.session_name"), message);
    }
    if let Some(id) = &role.external_id
        && !((2..=1224).contains(&id.len()) && is_text(id, b"_+=,.@:/-"))
    {
        let message = "an external id is 2 to 1224 letters, digits and _+=,.@:/-";
        problems.add(&format!("{at}.external_id"), message);
    }
}

/// The credentials of AWS's environment variables, read by AWS's own provider.
fn environment() -> Result<Credentials, String> {
    let provider = EnvironmentVariableCredentialsProvider::new();
    let credentials = pin!(provider.provide_credentials());
    // The provider looks into the environment and waits for nothing.
    match credentials.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(found)) => Ok(Credentials {
            access_key_id: found.access_key_id().to_owned(),
            secret_access_key: found.secret_access_key().to_owned(),
            session_token: found.session_token().map(str::to_owned),
            expires: found.expiry(),
        }),
        Poll::Ready(Err(_)) => {
            Err("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set in the environment"
                .to_owned())
        }
        Poll::Pending => Err("the environment did not answer".to_owned()),
    }
}
