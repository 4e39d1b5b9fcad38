//! The form of a token: JWS compact serialization (RFC 7515 section 7.1), read strictly and by
//! RFC 8725. Nothing here is trusted yet; [`Token::is_signed_by`] is what makes it so.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cel::Value;
use cel::objects::Map;

use super::claims::Claims;
use super::key::VerifyingKey;
use super::{json, malformed, refused};
use crate::error::Error;

/// Header members that change what the rest of the token means. Members that bring a key along
/// (`jku`, `jwk`, `x5u`, `x5c`) are not among them: they are never read, and many issuers send
/// them.
const UNSUPPORTED: [(&str, &str); 4] = [
    ("crit", "the token's header has crit"),
    ("b64", "the token's header has b64"),
    ("zip", "the token's header has zip"),
    ("enc", "the token's header has enc"),
];

/// A well-formed token, unverified.
pub(super) struct Token<'t> {
    algorithm: String,
    key_id: Option<String>,
    claims: Claims,
    message: &'t str,
    signature: Vec<u8>,
}

impl<'t> Token<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, Error> {
        let (message, signature) =
            text.rsplit_once('.').ok_or_else(|| malformed("the token has no three parts"))?;
        let (header, payload) =
            message.split_once('.').ok_or_else(|| malformed("the token has no three parts"))?;
        if payload.contains('.') {
            return Err(malformed("the token has more than three parts"));
        }
        let header = json::parse_object(&decoded(header)?)
            .map_err(|_| malformed("the token's header is not a strict JSON object"))?;
        let (algorithm, key_id) = read_header(&header)?;
        let signature = decoded(signature)?;
        let claims = Claims::parse(&decoded(payload)?)?;
        Ok(Self { algorithm, key_id, claims, message, signature })
    }

    /// `kid`, which may be anything a string may be.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What the token says of itself.
    pub(super) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(super) fn into_claims(self) -> Claims {
        self.claims
    }

    /// Whether `key` made the signature, with the algorithm of the key.
    pub(super) fn is_signed_by(&self, key: &VerifyingKey) -> Result<(), Error> {
        if self.algorithm != key.algorithm_name() {
            return Err(refused("the token's alg is not the one of its key"));
        }
        if key.verifies(self.message.as_bytes(), &self.signature) {
            Ok(())
        } else {
            Err(refused("the token's signature is wrong"))
        }
    }
}

/// `alg` and `kid`.
fn read_header(header: &Map) -> Result<(String, Option<String>), Error> {
    let algorithm = match json::member(header, "alg") {
        Some(Value::String(algorithm)) => algorithm.to_string(),
        _ => return Err(malformed("the token's header has no alg")),
    };
    if algorithm.eq_ignore_ascii_case("none") {
        return Err(refused("the token is not signed"));
    }
    for (name, reason) in UNSUPPORTED {
        if json::member(header, name).is_some() {
            return Err(refused(reason));
        }
    }
    let key_id = match json::member(header, "kid") {
        None => None,
        Some(Value::String(key_id)) => Some(key_id.to_string()),
        Some(_) => return Err(malformed("the token's kid is not a string")),
    };
    Ok((algorithm, key_id))
}

/// Base64url without padding (RFC 7515 section 2). The engine refuses padding and trailing bits
/// that are not zero, so a token has exactly one spelling.
fn decoded(part: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("a part of the token is not base64url"))
}
