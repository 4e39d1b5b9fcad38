//! Agreement with the signer of the AWS SDK, over many generated requests.

use super::generator::{Generator, Sample};
use super::unix_time;
use crate::bucket::credentials::Credentials;
use crate::bucket::sigv4::{CanonicalQuery, Payload, Request, Signer, encode_key_path};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

const SAMPLES_PER_THREAD: usize = 50_000;
const THREADS: u64 = 2;
const REGIONS: [&str; 4] = ["us-east-1", "eu-central-1", "garage", "auto"];

/// Percent-encoding written as plainly as its definition, to judge the fast one by.
pub(super) fn plainly_encoded(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

fn component(text: &str) -> String {
    plainly_encoded(text, b"-._~")
}

/// What the signer of the AWS SDK would add, configured as its S3 client configures it.
fn reference_instructions(
    sample: &Sample,
    credentials: &Credentials,
    region: &str,
    presigned_for: Option<Duration>,
    now: SystemTime,
) -> SigningInstructions {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.expires_in = presigned_for;
    if presigned_for.is_some() {
        settings.signature_location = SignatureLocation::QueryParams;
    }
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None,
        "test",
    )
    .into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(now)
        .settings(settings)
        .build()
        .unwrap()
        .into();

    let mut uri = format!("https://{}/{}", sample.host, plainly_encoded(&sample.key, b"-._~/"));
    for (index, (name, value)) in sample.query.iter().enumerate() {
        let separator = if index == 0 { '?' } else { '&' };
        write!(uri, "{separator}{}={}", component(name), component(value)).unwrap();
    }
    let body = match (presigned_for, sample.payload) {
        (Some(_), _) | (None, Payload::Unsigned) => SignableBody::UnsignedPayload,
        (None, Payload::Empty) => SignableBody::empty(),
        (None, Payload::Sha256(digest)) => {
            SignableBody::Precomputed(digest.iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").unwrap();
                text
            }))
        }
    };
    let headers = sample.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let request = SignableRequest::new(sample.method, uri, headers, body).unwrap();
    sign(request, &params).unwrap().into_parts().0
}

fn compare(
    sample: &Sample,
    credentials: &Credentials,
    region: &str,
    signer: &Signer,
    now: SystemTime,
) {
    let mut path = String::from("/");
    encode_key_path(&sample.key, &mut path);
    let query: Vec<_> = sample.query.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
    let headers: Vec<_> = sample.headers.iter().map(|it| (it.0, it.1.as_str())).collect();
    let request = Request {
        method: sample.method,
        host: sample.host,
        path: &path,
        query: &CanonicalQuery::new(&query),
        headers: &headers,
        payload: sample.payload,
    };

    let signed = signer.sign(credentials, &request, now);
    let instructions = reference_instructions(sample, credentials, region, None, now);
    let mut ours: Vec<_> = signed.iter().collect();
    let mut theirs: Vec<_> = instructions.headers().collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(ours, theirs, "headers of {sample:?}");

    let presigned = signer.presign(credentials, &request, sample.expires_in, now).unwrap();
    let lifetime = Some(sample.expires_in);
    let instructions = reference_instructions(sample, credentials, region, lifetime, now);
    let own = sample.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let added = instructions.params().iter().map(|(name, value)| (*name, value.as_ref()));
    let mut theirs: Vec<_> = own
        .chain(added)
        .map(|(name, value)| format!("{}={}", component(name), component(value)))
        .collect();
    let (presigned_path, presigned_query) = presigned.target.split_once('?').unwrap();
    let mut ours: Vec<_> = presigned_query.split('&').collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(presigned_path, path, "path of {sample:?}");
    assert_eq!(ours, theirs, "parameters of {sample:?}");
    assert_eq!(presigned.expires_in, sample.expires_in);
}

fn compare_many(seed: u64) {
    let mut generator = Generator::new(seed);
    // One signer per region for all samples, so that its key cache is judged too: times and
    // credentials change often enough to miss, and seldom enough to hit.
    let signers = REGIONS.map(Signer::new);
    let mut credentials = generator.credentials();
    let mut now = unix_time(1_700_000_000);
    for _ in 0..SAMPLES_PER_THREAD {
        if generator.one_in(8) {
            credentials = generator.credentials();
        }
        if generator.one_in(8) {
            now = unix_time(generator.below(253_402_300_800));
        }
        let chosen = generator.below(REGIONS.len() as u64) as usize;
        compare(&generator.sample(), &credentials, REGIONS[chosen], &signers[chosen], now);
    }
}

#[test]
fn one_hundred_thousand_requests_are_signed_as_the_aws_sdk_signs_them() {
    std::thread::scope(|scope| {
        for seed in 1..=THREADS {
            scope.spawn(move || compare_many(seed));
        }
    });
}
