//! JWTs of the test's issuer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "a secret that only the tests share";
/// What seals tokens of the gateway's own.
pub(crate) const SEALING_KEY: &str = "c2VhbGVkIGJ5IHRoZSBnYXRld2F5IG9mIHRlc3RzIG8=";
pub(crate) const ISSUER: &str = "https://issuer.test";
pub(crate) const AUDIENCE: &str = "casgate-tests";

/// Seconds since 1970, that much from now.
pub(crate) fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(now.as_secs()).unwrap() + seconds
}

/// A good token with these claims on top.
pub(crate) fn mint(claims: Value) -> String {
    mint_with(SECRET, claims)
}

pub(crate) fn mint_with(secret: &str, more: Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(more), &key).unwrap()
}

/// The claims of a good token, with these on top.
pub(crate) fn claims(more: Value) -> Value {
    let mut all = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "scope": "artifacts:read",
        "exp": seconds_from_now(600),
    });
    let (Value::Object(claims), Value::Object(more)) = (&mut all, more) else {
        panic!("claims are an object");
    };
    claims.extend(more);
    all
}

/// The header line that carries a good token with these claims.
pub(crate) fn bearer(claims: Value) -> String {
    format!("Authorization: Bearer {}\r\n", mint(claims))
}
