use serde_json::{Value, json};

use super::forge::encode;
use super::*;
use crate::auth::KeyringProblem;

fn load(keys: &[Value]) -> Result<Keyring, KeyringProblem> {
    Keyring::jwks(json!({"keys": keys}).to_string().as_bytes())
}

fn with(key: Key<'_>, name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = key.jwk();
    jwk[name] = value.into();
    jwk
}

fn without(key: Key<'_>, name: &str) -> Value {
    let mut jwk = key.jwk();
    jwk.as_object_mut().unwrap().remove(name);
    jwk
}

#[test]
fn secrets_have_the_length_of_their_hash() {
    assert!(Keyring::hs256(&[1; 32]).is_ok());
    let problem = Keyring::hs256(&[1; 31]).unwrap_err().to_string();
    assert!(problem.contains("31 bytes") && problem.contains("32"), "{problem}");
    assert!(Keyring::hs256(b"").is_err());

    for (algorithm, least) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        let oct = |size| json!({"kty": "oct", "alg": algorithm, "k": encode(vec![1; size])});
        assert!(load(&[oct(least)]).is_ok(), "{algorithm}");
        assert!(load(&[oct(least - 1)]).is_err(), "{algorithm}");
    }
}

#[test]
fn keys_that_are_not_for_us_are_skipped_and_counted() {
    let good = Key::Es256.jwk();
    let secret = [7; 32];
    for skipped in [
        with(Key::Es384, "use", "enc"),
        with(Key::Es384, "key_ops", json!(["sign"])),
        with(Key::Es384, "key_ops", json!([])),
        with(Key::Es384, "alg", "ECDH-ES"),
        with(Key::Es384, "kty", "LMS"),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        with(Key::Rs256, "alg", "RSA-OAEP"),
        with(Key::Rs256, "alg", "none"),
        without(Key::Secret(&secret), "alg"),
    ] {
        let keyring = load(&[skipped.clone(), good.clone()]).unwrap();
        assert_eq!(keyring.skipped(), 1, "{skipped}");
        let policy = policy([issuer(keyring)]);
        let unnamed = Forge::new(Key::Es256).header(json!({"alg": "ES256"}));
        assert_granted(&policy, &unnamed.sign(), "one usable key needs no kid");
        let problem = load(&[skipped]).unwrap_err();
        assert_eq!(problem, KeyringProblem::NoUsableKey { skipped: 1 });
    }
    let verifying = with(Key::Es256, "key_ops", json!(["sign", "verify"]));
    assert_eq!(load(&[verifying, with(Key::Rs256, "use", "sig")]).unwrap().skipped(), 0);
}

#[test]
fn broken_and_weak_keys_refuse_the_set() {
    let (short, secret) = ([7; 31], [7; 32]);
    let modulus = |bits: usize| {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] = 0xff >> (modulus.len() * 8 - bits);
        encode(modulus)
    };
    for broken in [
        with(Key::Rs256, "n", modulus(512)),
        with(Key::Rs256, "n", modulus(1024)),
        with(Key::Rs256, "n", modulus(2047)),
        with(Key::Rs256, "n", encode([&[0; 200][..], &[0xff; 128]].concat())),
        with(Key::Rs256, "n", modulus(8193)),
        with(Key::Rs256, "n", ""),
        with(Key::Rs256, "n", "not base64url!"),
        with(Key::Rs256, "e", encode([1])),
        with(Key::Rs256, "e", encode([2])),
        with(Key::Rs256, "e", encode([0])),
        with(Key::Rs256, "e", 65537),
        with(Key::Rs256, "alg", "HS256"),
        with(Key::Rs256, "alg", "ES256"),
        without(Key::Rs256, "n"),
        without(Key::Rs256, "kty"),
        with(Key::Es256, "x", encode([1; 31])),
        with(Key::Es256, "y", encode([1; 33])),
        with(Key::Es256, "crv", "P-384"),
        with(Key::Es256, "alg", "ES384"),
        with(Key::Es512, "x", encode([1; 65])),
        with(Key::Es512, "y", encode([1; 66])),
        with(Key::Es512, "alg", "ES256"),
        with(Key::Es256, "alg", "ES512"),
        with(Key::Rs256, "alg", "ES512"),
        with(Key::Es256, "kid", 1),
        with(Key::Es256, "key_ops", "verify"),
        with(Key::EdDsa, "x", encode([1; 33])),
        with(Key::Secret(&secret), "alg", "RS256"),
        Key::Secret(&short).jwk(),
        json!("key"),
    ] {
        let problem = load(&[Key::Es384.jwk(), broken.clone()]).unwrap_err();
        assert!(
            matches!(problem, KeyringProblem::BrokenKey { index: 1, .. }),
            "{broken}: {problem}"
        );
    }
    assert!(load(&[with(Key::Rs256, "n", modulus(2048))]).is_ok());
}

#[test]
fn a_kid_is_there_once() {
    let twin = with(Key::Es384, "kid", "ES256");
    let problem = load(&[Key::Es256.jwk(), twin.clone()]).unwrap_err();
    assert_eq!(problem, KeyringProblem::DuplicateKeyId { index: 1 });
    let mut unused = twin;
    unused["use"] = "enc".into();
    assert!(load(&[Key::Es256.jwk(), unused]).is_ok(), "a key for encryption may share its name");
}

#[test]
fn keys_without_a_kid_are_found_only_alone() {
    let unnamed = Forge::new(Key::Es256).header(json!({"alg": "ES256"}));
    let alone = policy([issuer(load(&[without(Key::Es256, "kid")]).unwrap())]);
    assert_granted(&alone, &unnamed.sign(), "the only key");
    assert_kind(&alone, &Forge::new(Key::Es256).sign(), Kind::CredentialRefused, "another kid");
    let keys = [without(Key::Es256, "kid"), without(Key::Es384, "kid")];
    let both = policy([issuer(load(&keys).unwrap())]);
    assert_kind(&both, &unnamed.sign(), Kind::CredentialRefused, "two keys");
}

#[test]
fn what_is_no_key_set_is_refused() {
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(1 << 20));
    for text in
        ["", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[],\"keys\":[]}", &huge]
    {
        assert!(Keyring::jwks(text.as_bytes()).is_err(), "{text:.20}");
    }
    let twice = r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#;
    assert!(matches!(Keyring::jwks(twice.as_bytes()), Err(KeyringProblem::NotASet(_))));
}

#[test]
fn a_point_that_is_not_on_the_curve_verifies_nothing() {
    let token = Forge::new(Key::Es256).sign();
    for coordinate in [[0; 32], [1; 32], [0xff; 32]] {
        let mut jwk = with(Key::Es256, "x", encode(coordinate));
        jwk["y"] = encode(coordinate).into();
        let policy = policy([issuer(load(&[jwk]).unwrap())]);
        assert_kind(&policy, &token, Kind::CredentialRefused, "off the curve");
    }
}
