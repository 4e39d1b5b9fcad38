//! Agreement with the whole S3 client of AWS, which encodes keys by its own rules.

use super::agreement::plainly_encoded;
use super::generator::Generator;
use super::{long_lived, unix_time};
use crate::bucket::sigv4::{CanonicalQuery, Payload, Request, Signer, encode_key_path};
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use std::time::Duration;

const KEYS: usize = 1_000;

#[test]
fn every_ascii_byte_in_a_key_is_kept_or_encoded_as_documented() {
    let all: String = (0_u8..128).map(char::from).chain("é🦀".chars()).collect();
    let mut encoded = String::from("/bucket/");
    encode_key_path(&all, &mut encoded);
    assert_eq!(encoded, format!("/bucket/{}", plainly_encoded(&all, b"-._~/")));
}

#[tokio::test]
async fn presigned_downloads_are_the_urls_the_aws_sdk_makes() {
    let credentials = long_lived("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let client = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url("http://localhost:9000")
            .force_path_style(true)
            .credentials_provider(aws_credential_types::Credentials::new(
                &credentials.access_key_id,
                &credentials.secret_access_key,
                None,
                None,
                "test",
            ))
            .build(),
    );
    let now = unix_time(1_700_000_000);
    let lifetime = Duration::from_secs(600);
    let presigning =
        PresigningConfig::builder().start_time(now).expires_in(lifetime).build().unwrap();
    let signer = Signer::new("eu-central-1");
    // The client names the operation in a parameter of its own.
    let query = CanonicalQuery::new(&[("x-id", "GetObject")]);
    let mut generator = Generator::new(3);
    for _ in 0..KEYS {
        // The client refuses an empty key.
        let key = format!("k{}", generator.key());
        let mut path = String::from("/bucket/");
        encode_key_path(&key, &mut path);
        let request = Request {
            method: "GET",
            host: "localhost:9000",
            path: &path,
            query: &query,
            headers: &[],
            payload: Payload::Unsigned,
        };
        let ours = signer.presign(&credentials, &request, lifetime, now).unwrap().target;
        let get = client.get_object().bucket("bucket").key(&key);
        let theirs = get.presigned(presigning.clone()).await.unwrap();
        let theirs = theirs.uri().strip_prefix("http://localhost:9000").unwrap();
        assert_eq!(parameters(&ours), parameters(theirs), "{key:?}");
    }
}

/// The path and the parameters; the order of the latter is the client's own affair.
fn parameters(target: &str) -> (&str, Vec<&str>) {
    let (path, query) = target.split_once('?').unwrap();
    let mut parameters: Vec<_> = query.split('&').collect();
    parameters.sort_unstable();
    (path, parameters)
}
