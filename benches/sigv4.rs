//! What a signature costs on the path of every request, with the signing key of the day at hand.

use casgate::bucket::credentials::Credentials;
use casgate::bucket::sigv4::{CanonicalQuery, Payload, Request, Signer, encode_key_path};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::{Duration, SystemTime};

fn signatures(criterion: &mut Criterion) {
    let long_lived = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: None,
        expires: None,
    };
    let temporary = Credentials { session_token: Some("t0ken/".repeat(150)), ..long_lived.clone() };
    let key = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let mut path = String::from("/");
    encode_key_path(key, &mut path);
    let request = Request {
        method: "GET",
        host: "examplebucket.s3.amazonaws.com",
        path: &path,
        query: &CanonicalQuery::EMPTY,
        headers: &[("range", "bytes=0-1048575"), ("if-match", "\"9f86d081884c7d65\"")],
        payload: Payload::Unsigned,
    };
    let query = CanonicalQuery::new(&[("response-content-disposition", "attachment")]);
    let shared = Request { query: &query, headers: &[], ..request };
    let signer = Signer::new("us-east-1");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let hour = Duration::from_secs(3_600);

    for (name, credentials) in [("long-lived", &long_lived), ("temporary", &temporary)] {
        criterion.bench_function(&format!("sign/{name}"), |bencher| {
            bencher.iter(|| signer.sign(credentials, black_box(&request), now));
        });
        criterion.bench_function(&format!("presign/{name}"), |bencher| {
            bencher.iter(|| signer.presign(credentials, black_box(&shared), hour, now));
        });
    }
    criterion.bench_function("encode_key_path", |bencher| {
        let mut out = String::with_capacity(128);
        bencher.iter(|| {
            out.clear();
            encode_key_path(black_box(key), &mut out);
        });
    });
    criterion.bench_function("sign/new day", |bencher| {
        bencher.iter(|| Signer::new("us-east-1").sign(&long_lived, black_box(&request), now));
    });
}

criterion_group!(benches, signatures);
criterion_main!(benches);
