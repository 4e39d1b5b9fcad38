//! The worked examples of the Amazon S3 API Reference, "Signature Calculations for the
//! Authorization Header" and "Authenticating Requests: Using Query Parameters".

use super::{long_lived, signature, unix_time};
use crate::bucket::credentials::Credentials;
use crate::bucket::sigv4::{CanonicalQuery, Payload, Request, Signer, encode_key_path};
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime};

const HOST: &str = "examplebucket.s3.amazonaws.com";

fn credentials() -> Credentials {
    long_lived("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

/// 2013-05-24T00:00:00Z
fn now() -> SystemTime {
    unix_time(1_369_353_600)
}

fn authorization(request: &Request<'_>) -> String {
    Signer::new("us-east-1").sign(&credentials(), request, now()).authorization
}

#[test]
fn get_object_with_a_range() {
    let request = Request {
        method: "GET",
        host: HOST,
        path: "/test.txt",
        query: &CanonicalQuery::default(),
        headers: &[("Range", "bytes=0-9")],
        payload: Payload::Empty,
    };
    assert_eq!(
        authorization(&request),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
         Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

#[test]
fn put_object_with_a_hashed_body() {
    let mut path = String::from("/");
    encode_key_path("test$file.text", &mut path);
    let request = Request {
        method: "PUT",
        host: HOST,
        path: &path,
        query: &CanonicalQuery::default(),
        headers: &[
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
        ],
        payload: Payload::Sha256(Sha256::digest("Welcome to Amazon S3.").into()),
    };
    assert_eq!(
        signature(&authorization(&request)),
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    );
}

#[test]
fn get_bucket_lifecycle() {
    let request = Request {
        method: "GET",
        host: HOST,
        path: "/",
        query: &CanonicalQuery::new(&[("lifecycle", "")]),
        headers: &[],
        payload: Payload::Empty,
    };
    assert_eq!(
        signature(&authorization(&request)),
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    );
}

#[test]
fn list_objects() {
    let request = Request {
        method: "GET",
        host: HOST,
        path: "/",
        query: &CanonicalQuery::new(&[("prefix", "J"), ("max-keys", "2")]),
        headers: &[],
        payload: Payload::Empty,
    };
    assert_eq!(
        signature(&authorization(&request)),
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    );
}

#[test]
fn presigned_get_object() {
    let request = Request {
        method: "GET",
        host: HOST,
        path: "/test.txt",
        query: &CanonicalQuery::default(),
        headers: &[],
        payload: Payload::Empty,
    };
    let presigned = Signer::new("us-east-1")
        .presign(&credentials(), &request, Duration::from_secs(86_400), now())
        .unwrap();
    assert_eq!(
        presigned.target,
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
}
