//! One JSON Web Key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cel::Value;
use cel::objects::Map;
use jsonwebtoken::{Algorithm as Library, DecodingKey};

use super::json;
use super::key::VerifyingKey;
use super::keyring::KeyringProblem;

/// What RFC 7518 section 3.3 asks for at least, and what the cryptography verifies at most.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Every algorithm a key may be for, as RFC 7518 section 3.1 and RFC 8037 spell it.
const ALGORITHMS: [(&str, Algorithm); 13] = [
    ("HS256", Algorithm::Library(Library::HS256)),
    ("HS384", Algorithm::Library(Library::HS384)),
    ("HS512", Algorithm::Library(Library::HS512)),
    ("ES256", Algorithm::Library(Library::ES256)),
    ("ES384", Algorithm::Library(Library::ES384)),
    ("ES512", Algorithm::Es512),
    ("RS256", Algorithm::Library(Library::RS256)),
    ("RS384", Algorithm::Library(Library::RS384)),
    ("RS512", Algorithm::Library(Library::RS512)),
    ("PS256", Algorithm::Library(Library::PS256)),
    ("PS384", Algorithm::Library(Library::PS384)),
    ("PS512", Algorithm::Library(Library::PS512)),
    ("EdDSA", Algorithm::Library(Library::EdDSA)),
];

/// What a key verifies with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// One that the JWT library knows.
    Library(Library),
    /// ECDSA on P-521 with SHA-512, which it does not.
    Es512,
}

/// A key that can verify.
pub(super) struct Jwk {
    pub(super) key_id: Option<String>,
    pub(super) key: VerifyingKey,
}

impl Algorithm {
    /// The name in tokens and keys; empty, and so equal to no token's, for one that is not in the
    /// table.
    pub(super) fn name(self) -> &'static str {
        ALGORITHMS.iter().find(|entry| entry.1 == self).map_or("", |entry| entry.0)
    }

    fn named(name: &str) -> Option<Self> {
        ALGORITHMS.iter().find(|entry| entry.0 == name).map(|entry| entry.1)
    }
}

/// Reads one entry of a set; `None` where it is not for us.
///
/// # Errors
/// The text says why a key that is for us cannot be used.
pub(super) fn read(entry: &Value) -> Result<Option<Jwk>, String> {
    let Value::Map(jwk) = entry else {
        return Err("not an object".to_owned());
    };
    let key_id = string(jwk, "kid")?.map(str::to_owned);
    if !may_verify(jwk)? {
        return Ok(None);
    }
    let named = match string(jwk, "alg")? {
        None => None,
        Some(name) => match Algorithm::named(name) {
            None => return Ok(None),
            known => known,
        },
    };
    let key = match (required(jwk, "kty")?, string(jwk, "crv")?) {
        ("oct", _) => match named {
            // Without `alg` a secret could be for anything, encryption included.
            None => return Ok(None),
            Some(algorithm) => octets(jwk, algorithm)?,
        },
        ("RSA", _) => rsa(jwk, named)?,
        ("EC", Some("P-256")) => curve(jwk, named, Library::ES256, 32)?,
        ("EC", Some("P-384")) => curve(jwk, named, Library::ES384, 48)?,
        ("EC", Some("P-521")) => p521(jwk, named)?,
        ("OKP", Some("Ed25519")) => ed25519(jwk, named)?,
        _ => return Ok(None),
    };
    Ok(Some(Jwk { key_id, key }))
}

/// A shared secret of sufficient length (RFC 7518 section 3.2).
pub(super) fn secret(algorithm: Library, secret: &[u8]) -> Result<VerifyingKey, KeyringProblem> {
    let least = match algorithm {
        Library::HS384 => 48,
        Library::HS512 => 64,
        _ => 32,
    };
    if secret.len() < least {
        let (algorithm, actual) = (Algorithm::Library(algorithm).name(), secret.len());
        return Err(KeyringProblem::ShortSecret { algorithm, actual, least });
    }
    Ok(VerifyingKey::new(algorithm, DecodingKey::from_secret(secret)))
}

/// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3).
fn may_verify(jwk: &Map) -> Result<bool, String> {
    if string(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Ok(false);
    }
    match json::member(jwk, "key_ops") {
        None => Ok(true),
        Some(Value::List(operations)) => {
            Ok(operations.iter().any(|operation| *operation == Value::from("verify")))
        }
        Some(_) => Err("`key_ops` is not an array".to_owned()),
    }
}

fn octets(jwk: &Map, algorithm: Algorithm) -> Result<VerifyingKey, String> {
    let Algorithm::Library(algorithm @ (Library::HS256 | Library::HS384 | Library::HS512)) =
        algorithm
    else {
        return Err("`alg` is not one of a secret".to_owned());
    };
    secret(algorithm, &bytes(jwk, "k")?).map_err(|problem| problem.to_string())
}

/// Without `alg`, the key is for RS256, which is what issuers that leave it out sign with.
fn rsa(jwk: &Map, named: Option<Algorithm>) -> Result<VerifyingKey, String> {
    use Library::{PS256, PS384, PS512, RS256, RS384, RS512};
    let algorithm = match named {
        None => RS256,
        Some(Algorithm::Library(algorithm @ (RS256 | RS384 | RS512 | PS256 | PS384 | PS512))) => {
            algorithm
        }
        Some(_) => return Err("`alg` is not one of an RSA key".to_owned()),
    };
    let (modulus, exponent) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let (modulus, exponent) = (without_leading_zeros(&modulus), without_leading_zeros(&exponent));
    let bits =
        modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!("an RSA key of {bits} bits; 2048 to 8192 are accepted"));
    }
    // The exponent 1 would make every message its own signature.
    if !matches!(exponent, [.., last] if last % 2 == 1) || exponent == [1] {
        return Err("the RSA exponent is even or 1".to_owned());
    }
    Ok(VerifyingKey::new(algorithm, DecodingKey::from_rsa_raw_components(modulus, exponent)))
}

fn curve(
    jwk: &Map,
    named: Option<Algorithm>,
    algorithm: Library,
    size: usize,
) -> Result<VerifyingKey, String> {
    if named.is_some_and(|named| named != Algorithm::Library(algorithm)) {
        return Err("`alg` is not the one of the curve".to_owned());
    }
    if bytes(jwk, "x")?.len() != size || bytes(jwk, "y")?.len() != size {
        return Err("`x` or `y` has not the length of the curve".to_owned());
    }
    DecodingKey::from_ec_components(required(jwk, "x")?, required(jwk, "y")?)
        .map(|key| VerifyingKey::new(algorithm, key))
        .map_err(|_| "not a point".to_owned())
}

/// P-521: 66 bytes for each coordinate (RFC 7518 section 6.2.1.2).
fn p521(jwk: &Map, named: Option<Algorithm>) -> Result<VerifyingKey, String> {
    if named.is_some_and(|named| named != Algorithm::Es512) {
        return Err("`alg` is not the one of the curve".to_owned());
    }
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != 66 || y.len() != 66 {
        return Err("`x` or `y` has not the length of the curve".to_owned());
    }
    // Uncompressed, as SEC 1 section 2.3.3 writes a point.
    VerifyingKey::p521(&[&[4], x.as_slice(), &y].concat()).ok_or_else(|| "not a point".to_owned())
}

fn ed25519(jwk: &Map, named: Option<Algorithm>) -> Result<VerifyingKey, String> {
    if named.is_some_and(|named| named != Algorithm::Library(Library::EdDSA)) {
        return Err("`alg` is not the one of the curve".to_owned());
    }
    let point = bytes(jwk, "x")?;
    if point.len() != 32 {
        return Err("`x` has not the length of the curve".to_owned());
    }
    Ok(VerifyingKey::new(Library::EdDSA, DecodingKey::from_ed_der(&point)))
}

fn string<'j>(jwk: &'j Map, name: &str) -> Result<Option<&'j str>, String> {
    match json::member(jwk, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is not a string")),
    }
}

fn required<'j>(jwk: &'j Map, name: &str) -> Result<&'j str, String> {
    string(jwk, name)?.ok_or_else(|| format!("`{name}` is missing"))
}

fn bytes(jwk: &Map, name: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD
        .decode(required(jwk, name)?)
        .map_err(|_| format!("`{name}` is not base64url without padding"))
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
