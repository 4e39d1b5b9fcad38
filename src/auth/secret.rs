//! A secret that an issuer shares with the gateway: whoever can verify with it can sign with it too.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;

/// `{"alg":"HS256","typ":"JWT"}` in base64url.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// A secret for HS256. It is never shown.
pub(super) struct SharedSecret(Box<[u8]>);

impl SharedSecret {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(secret.into())
    }

    /// A JWT with these claims, in the compact form of RFC 7515 section 3.1. None: the secret is no
    /// key, which no secret is that a keyring takes.
    pub(super) fn jwt(&self, claims: Map<String, Value>) -> Option<String> {
        let claims = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
        let signed = format!("{HEADER}.{claims}");
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Some(format!("{signed}.{signature}"))
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
