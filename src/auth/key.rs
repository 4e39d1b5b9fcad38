//! A [`VerifyingKey`] knows its algorithm, so that a token cannot choose: the whole class of "RS256
//! key used as HS256 secret" attacks ends here.

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, ParsedPublicKey};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

use super::jwk::Algorithm;

/// One key and the one algorithm it is for. `Debug` shows no key material.
#[derive(Debug)]
pub struct VerifyingKey(Verifier);

#[derive(Debug)]
enum Verifier {
    Library { algorithm: jsonwebtoken::Algorithm, key: DecodingKey },
    P521(ParsedPublicKey),
}

impl VerifyingKey {
    pub(super) fn new(algorithm: jsonwebtoken::Algorithm, key: DecodingKey) -> Self {
        Self(Verifier::Library { algorithm, key })
    }

    /// A key for ES512, of which the JWT library knows nothing and its cryptography everything.
    /// None: the bytes are no point of P-521.
    pub(super) fn p521(point: &[u8]) -> Option<Self> {
        let key = ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point).ok()?;
        Some(Self(Verifier::P521(key)))
    }

    /// The algorithm as tokens spell it (RFC 7518 section 3.1).
    #[must_use]
    pub fn algorithm_name(&self) -> &'static str {
        match &self.0 {
            Verifier::Library { algorithm, .. } => Algorithm::Library(*algorithm).name(),
            Verifier::P521(_) => Algorithm::Es512.name(),
        }
    }

    /// Whether whoever can verify with it can sign with it too.
    pub(super) fn is_secret(&self) -> bool {
        use jsonwebtoken::Algorithm::{HS256, HS384, HS512};
        matches!(self.0, Verifier::Library { algorithm: HS256 | HS384 | HS512, .. })
    }

    /// Whether `signature` is this key's for `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        match &self.0 {
            // Named rather than taken from the process: the default depends on the features that
            // other packages switch on, and panics where it finds two.
            Verifier::Library { algorithm, key } => {
                (DEFAULT_PROVIDER.verifier_factory)(algorithm, key)
                    .is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
            }
            Verifier::P521(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}
