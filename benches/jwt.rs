//! What authorization costs per request: a token seen for the first time, and one remembered.

#![allow(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use casgate::auth::{Carriage, Issuer, Keyring, Policy, Rule, Rules, VerdictMemory, authorize};
use casgate::telemetry::Metrics;
use criterion::{Criterion, criterion_group, criterion_main};
use http::request::Parts;
use serde_json::{Value, json};

const ISS: &str = "https://issuer.example/realms/production";
const SECRET: [u8; 32] = [7; 32];
const NOW: Duration = Duration::from_secs(1_800_000_000);
const READ: &str = "'artifacts:read' in claims.scope && claims.sub.startsWith('user:')";
const TENANT: &str = "claims.organization.id";

type Sign = dyn Fn(&[u8]) -> Vec<u8>;

/// A key and what it does to a message.
struct Signer {
    algorithm: &'static str,
    keyring: fn(&Value) -> Keyring,
    jwk: Value,
    sign: Box<Sign>,
}

fn signers() -> Vec<Signer> {
    let keyring = |jwk: &Value| {
        Keyring::jwks(json!({"keys": [jwk]}).to_string().as_bytes()).expect("the set is good")
    };
    let elliptic = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("P-256");
    let (x, y) = elliptic.public_key().as_ref()[1..].split_at(32);
    let elliptic_jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)});
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("RSA");
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(rsa.public_key());
    let rsa_jwk = json!({"kty": "RSA", "n": encode(public.n), "e": encode(public.e)});
    vec![
        Signer {
            algorithm: "ES256",
            keyring,
            jwk: elliptic_jwk,
            sign: Box::new(move |message| {
                let signature = elliptic.sign(&SystemRandom::new(), message).expect("ES256");
                signature.as_ref().to_vec()
            }),
        },
        Signer {
            algorithm: "RS256",
            keyring,
            jwk: rsa_jwk,
            sign: Box::new(move |message| {
                let mut signature = vec![0; rsa.public_modulus_len()];
                rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .expect("RS256");
                signature
            }),
        },
        Signer {
            algorithm: "HS256",
            keyring: |_| Keyring::hs256(&SECRET).expect("the secret is long enough"),
            jwk: Value::Null,
            sign: Box::new(|message| {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), message).as_ref().to_vec()
            }),
        },
    ]
}

/// A request with a token of the usual size, around 600 bytes.
fn request(signer: &Signer) -> Parts {
    let header = json!({"alg": signer.algorithm, "typ": "JWT"});
    let payload = json!({
        "iss": ISS,
        "aud": ["artifacts", "account"],
        "exp": NOW.as_secs() + 3600,
        "iat": NOW.as_secs(),
        "nbf": NOW.as_secs(),
        "jti": "9f3c1a52-7c1e-4c0e-9d8e-0b6f0f1c2d3e",
        "sub": "user:9a1d3c4e-55aa-4b1e-8c2e-1f2e3d4c5b6a",
        "scope": ["openid", "profile", "artifacts:write", "artifacts:read"],
        "organization": {"id": "t-4711", "name": "Example", "plan": "team"},
        "email": "someone@example.com",
    });
    let message = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
    let signature = encode((signer.sign)(message.as_bytes()));
    let (head, ()) = http::Request::builder()
        .header("authorization", format!("Bearer {message}.{signature}"))
        .body(())
        .expect("the request is good")
        .into_parts();
    head
}

fn policy(signer: &Signer, tenant: Option<&str>, read: &str, memory: usize) -> Policy {
    let keyring = (signer.keyring)(&signer.jwk);
    let audience = vec!["artifacts".to_owned()];
    let issuer = Issuer::new(ISS.to_owned(), audience, keyring, Duration::ZERO);
    let compile = |text| Rule::compile(text).expect("the rule is good");
    Policy::jwt(
        vec![Arc::new(issuer.expect("the issuer is good"))],
        Rules { tenant: tenant.map(compile), ..Rules::reading(compile(read)) },
        Arc::new(VerdictMemory::new(memory, Metrics::new().verdict_memory())),
    )
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn benches(criterion: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    let now = SystemTime::UNIX_EPOCH + NOW;
    let mut run = |name: &str, policy: &Policy, head: &Parts| {
        let allowed = runtime.block_on(authorize(policy, head, Carriage::Bearer, now));
        assert!(allowed.is_ok(), "{name}: {allowed:?}");
        criterion.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(|| authorize(policy, head, Carriage::Bearer, now));
        });
    };
    for signer in signers() {
        let cold = policy(&signer, Some(TENANT), READ, 0);
        run(&format!("jwt/cold/{}", signer.algorithm), &cold, &request(&signer));
    }
    let signer = &signers()[0];
    let head = request(signer);
    // The difference of the two is what CEL costs.
    run("jwt/remembered/rules", &policy(signer, Some(TENANT), READ, 1024), &head);
    run("jwt/remembered/constant", &policy(signer, None, "true", 1024), &head);
}

criterion_group!(jwt, benches);
criterion_main!(jwt);
