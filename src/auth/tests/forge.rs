use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{AUDIENCE, ISS, NOW};

/// Who signs, and how.
#[derive(Clone, Copy)]
pub(super) enum Key<'s> {
    Rs256,
    Ps256,
    Es256,
    Es384,
    Es512,
    EdDsa,
    /// HS256 with these bytes.
    Secret(&'s [u8]),
    /// No signature.
    Nobody,
}

struct Pairs {
    rsa: RsaKeyPair,
    p256: Vec<u8>,
    p384: Vec<u8>,
    p521: Vec<u8>,
    ed25519: Ed25519KeyPair,
}

static PAIRS: LazyLock<Pairs> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let elliptic = |algorithm: &'static EcdsaSigningAlgorithm| {
        EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap().as_ref().to_vec()
    };
    Pairs {
        rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        p256: elliptic(&ECDSA_P256_SHA256_FIXED_SIGNING),
        p384: elliptic(&ECDSA_P384_SHA384_FIXED_SIGNING),
        p521: elliptic(&ECDSA_P521_SHA512_FIXED_SIGNING),
        ed25519: Ed25519KeyPair::generate().unwrap(),
    }
});

impl Key<'_> {
    /// Those with a public half; two of them are one RSA key.
    pub(super) const ASYMMETRIC: [Key<'static>; 6] =
        [Key::Rs256, Key::Ps256, Key::Es256, Key::Es384, Key::Es512, Key::EdDsa];

    pub(super) fn algorithm(self) -> &'static str {
        match self {
            Key::Rs256 => "RS256",
            Key::Ps256 => "PS256",
            Key::Es256 => "ES256",
            Key::Es384 => "ES384",
            Key::Es512 => "ES512",
            Key::EdDsa => "EdDSA",
            Key::Secret(_) => "HS256",
            Key::Nobody => "none",
        }
    }

    fn signature(self, message: &[u8]) -> Vec<u8> {
        match self {
            Key::Rs256 => rsa_signature(&RSA_PKCS1_SHA256, message),
            Key::Ps256 => rsa_signature(&RSA_PSS_SHA256, message),
            Key::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, &PAIRS.p256, message),
            Key::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, &PAIRS.p384, message),
            Key::Es512 => ecdsa(&ECDSA_P521_SHA512_FIXED_SIGNING, &PAIRS.p521, message),
            Key::EdDsa => PAIRS.ed25519.sign(message).as_ref().to_vec(),
            Key::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Key::Nobody => Vec::new(),
        }
    }

    /// The public half with `kid` and `alg`, the latter also being the former.
    pub(super) fn jwk(self) -> Value {
        let mut jwk = match self {
            Key::Rs256 | Key::Ps256 => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(PAIRS.rsa.public_key());
                json!({"kty": "RSA", "n": encode(public.n), "e": encode(public.e)})
            }
            Key::Es256 => elliptic_jwk("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING, &PAIRS.p256),
            Key::Es384 => elliptic_jwk("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING, &PAIRS.p384),
            Key::Es512 => elliptic_jwk("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING, &PAIRS.p521),
            Key::EdDsa => {
                let public = encode(PAIRS.ed25519.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "x": public})
            }
            Key::Secret(secret) => json!({"kty": "oct", "k": encode(secret)}),
            Key::Nobody => json!({"kty": "none"}),
        };
        jwk["alg"] = self.algorithm().into();
        jwk["kid"] = self.algorithm().into();
        jwk
    }
}

fn rsa_signature(encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; PAIRS.rsa.public_modulus_len()];
    PAIRS.rsa.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, pkcs8: &[u8], message: &[u8]) -> Vec<u8> {
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).unwrap();
    pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

fn elliptic_jwk(curve: &str, algorithm: &'static EcdsaSigningAlgorithm, pkcs8: &[u8]) -> Value {
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).unwrap();
    let (x, y) = {
        let point = &pair.public_key().as_ref()[1..];
        point.split_at(point.len() / 2)
    };
    json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
}

/// A signature of the P-256 key in DER, as X.509 has it and JWS does not.
pub(super) fn es256_der(message: &[u8]) -> Vec<u8> {
    ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, &PAIRS.p256, message)
}

/// The public half of the RSA key in the forms an attacker may have it in: SPKI as DER and PEM,
/// PKCS#1, the JWK, and the modulus.
pub(super) fn rsa_public_forms() -> Vec<Vec<u8>> {
    let public = PAIRS.rsa.public_key();
    let spki: PublicKeyX509Der<'_> = public.as_der().unwrap();
    let body = STANDARD.encode(spki.as_ref());
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|l| str::from_utf8(l).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
    let modulus = RsaPublicKeyComponents::<Vec<u8>>::from(public).n;
    vec![
        spki.as_ref().to_vec(),
        format!("{pem}\n").into_bytes(),
        pem.into_bytes(),
        public.as_ref().to_vec(),
        Key::Rs256.jwk().to_string().into_bytes(),
        modulus,
    ]
}

pub(super) fn jwks(keys: &[Key<'_>]) -> String {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string()
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token to be: good until a test changes it. Header and payload are text, so that they can be
/// what no serializer writes.
pub(super) struct Forge<'s> {
    key: Key<'s>,
    header: String,
    payload: String,
}

impl<'s> Forge<'s> {
    pub(super) fn new(key: Key<'s>) -> Self {
        let algorithm = key.algorithm();
        Self {
            key,
            header: json!({"alg": algorithm, "kid": algorithm, "typ": "JWT"}).to_string(),
            payload: json!({"iss": ISS, "aud": AUDIENCE, "exp": NOW + 60, "sub": "someone"})
                .to_string(),
        }
    }

    pub(super) fn header(mut self, header: impl ToString) -> Self {
        self.header = header.to_string();
        self
    }

    pub(super) fn payload(mut self, payload: impl ToString) -> Self {
        self.payload = payload.to_string();
        self
    }

    /// Replaces one claim, or removes it with `Null`.
    pub(super) fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        let mut payload: Value = serde_json::from_str(&self.payload).unwrap();
        match value.into() {
            Value::Null => payload.as_object_mut().unwrap().remove(name),
            value => payload.as_object_mut().unwrap().insert(name.to_owned(), value),
        };
        self.payload(payload)
    }

    /// Adds one member to the header.
    pub(super) fn member(self, name: &str, value: impl Into<Value>) -> Self {
        let mut header: Value = serde_json::from_str(&self.header).unwrap();
        header[name] = value.into();
        self.header(header)
    }

    /// What the signature is over.
    pub(super) fn message(&self) -> String {
        format!("{}.{}", encode(&self.header), encode(&self.payload))
    }

    pub(super) fn signature(&self) -> Vec<u8> {
        self.key.signature(self.message().as_bytes())
    }

    /// The finished token.
    pub(super) fn sign(&self) -> String {
        self.with_signature(self.signature())
    }

    /// The token with another signature.
    pub(super) fn with_signature(&self, signature: impl AsRef<[u8]>) -> String {
        format!("{}.{}", self.message(), encode(signature))
    }
}
