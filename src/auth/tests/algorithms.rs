use serde_json::json;

use super::forge::{Forge, Key, es256_der, rsa_public_forms};
use super::*;

#[test]
fn every_algorithm_verifies_with_its_key_and_no_other() {
    for key in Key::ASYMMETRIC {
        let name = key.algorithm();
        assert_granted(&policy_of_all_keys(), &Forge::new(key).sign(), name);
        for other in Key::ASYMMETRIC.iter().filter(|other| other.algorithm() != name) {
            let mut jwk = other.jwk();
            jwk["kid"] = name.into();
            let set = json!({"keys": [jwk]}).to_string();
            let policy = policy([issuer(Keyring::jwks(set.as_bytes()).unwrap())]);
            let token = Forge::new(key).sign();
            assert_kind(&policy, &token, Kind::CredentialRefused, "signed by another key");
        }
    }
}

#[test]
fn no_signature_is_no_token() {
    let secret = [7; 32];
    let policies = [policy_of_all_keys(), policy([issuer(Keyring::hs256(&secret).unwrap())])];
    for policy in &policies {
        for algorithm in ["none", "None", "NONE", "nOnE", "", "HS1", "ES256K"] {
            for header in [json!({"alg": algorithm}), json!({"alg": algorithm, "kid": "RS256"})] {
                let token = Forge::new(Key::Nobody).header(header).sign();
                assert_kind(policy, &token, Kind::CredentialRefused, algorithm);
            }
        }
    }
    let policy = policy_of_all_keys();
    for key in Key::ASYMMETRIC {
        let token = Forge::new(key).with_signature("");
        assert_kind(&policy, &token, Kind::CredentialRefused, "empty signature");
    }
}

#[test]
fn a_public_key_is_not_a_secret() {
    let policy = policy_of_all_keys();
    for form in rsa_public_forms() {
        let forge = Forge::new(Key::Secret(&form));
        for kid in ["RS256", "ES256"] {
            let confused = Forge::new(Key::Secret(&form)).member("kid", kid).sign();
            assert_kind(&policy, &confused, Kind::CredentialRefused, "HS256 with a public key");
        }
        assert_kind(&policy, &forge.sign(), Kind::CredentialRefused, "no such kid");
    }
}

#[test]
fn the_key_fixes_the_algorithm() {
    let policy = policy_of_all_keys();
    // The same RSA key is in the set twice, once for each padding; a name cannot be used for both.
    for (key, kid) in [(Key::Rs256, "PS256"), (Key::Ps256, "RS256")] {
        let token = Forge::new(key).member("kid", kid).sign();
        assert_kind(&policy, &token, Kind::CredentialRefused, kid);
    }
    let mut jwk = Key::Rs256.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let set = json!({"keys": [jwk]}).to_string();
    let unnamed = super::policy([issuer(Keyring::jwks(set.as_bytes()).unwrap())]);
    assert_granted(&unnamed, &Forge::new(Key::Rs256).sign(), "RSA without alg is RS256");
    let token = Forge::new(Key::Ps256).member("kid", "RS256").sign();
    assert_kind(&unnamed, &token, Kind::CredentialRefused, "RSA without alg is not PS256");
}

#[test]
fn keys_a_token_brings_along_are_ignored() {
    let attacker = Key::Ps256.jwk();
    for (name, value) in [
        ("jwk", attacker.clone()),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/certificate.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        let good = Forge::new(Key::Es256).member(name, value.clone());
        assert_granted(&policy_of_all_keys(), &good.sign(), name);
        let forged = Forge::new(Key::Ps256).member("kid", "ES256").member(name, value);
        assert_kind(&policy_of_all_keys(), &forged.sign(), Kind::CredentialRefused, name);
    }
}

#[test]
fn headers_that_change_the_meaning_are_refused() {
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
    ] {
        let token = Forge::new(Key::Es256).member(name, value).sign();
        assert_kind(&policy_of_all_keys(), &token, Kind::CredentialRefused, name);
    }
}

#[test]
fn a_kid_is_a_name_and_nothing_else() {
    let policy = policy_of_all_keys();
    let long = "k".repeat(8000);
    for kid in ["../../../../dev/null", "ES256\0", "", "es256", "' OR 1=1", "/etc/passwd", &long] {
        let token = Forge::new(Key::Es256).member("kid", kid).sign();
        assert_kind(&policy, &token, Kind::CredentialRefused, kid);
    }
    for kid in [json!(1), json!(null), json!(["ES256"])] {
        let token = Forge::new(Key::Es256).member("kid", kid).sign();
        assert_kind(&policy, &token, Kind::CredentialMalformed, "kid is not a string");
    }
    let huge = Forge::new(Key::Es256).member("kid", "k".repeat(1 << 20)).sign();
    assert_kind(&policy, &huge, Kind::CredentialMalformed, "a kid of 1 MiB");
    let unnamed = Forge::new(Key::Es256).header(json!({"alg": "ES256"})).sign();
    assert_kind(&policy, &unnamed, Kind::CredentialRefused, "several keys and no kid");
}

#[test]
fn a_kid_means_the_key_of_its_own_issuer() {
    let named = |key: Key<'_>| {
        let mut jwk = key.jwk();
        jwk["kid"] = "shared".into();
        Keyring::jwks(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap()
    };
    let other = Issuer::new(
        "https://other.example".into(),
        vec![AUDIENCE.into()],
        named(Key::Es384),
        LEEWAY,
    );
    let policy = policy([issuer(named(Key::Es256)), Arc::new(other.unwrap())]);
    let ours = Forge::new(Key::Es256).member("kid", "shared");
    assert_granted(&policy, &ours.sign(), "our key, our iss");
    let theirs = Forge::new(Key::Es384).member("kid", "shared");
    assert_kind(&policy, &theirs.sign(), Kind::CredentialRefused, "their key, our iss");
    let theirs = theirs.claim("iss", "https://other.example");
    assert_granted(&policy, &theirs.sign(), "their key, their iss");
}

#[test]
fn signatures_have_one_form() {
    let policy = policy_of_all_keys();
    let forge = Forge::new(Key::Es256);
    let good = forge.signature();
    assert_granted(&policy, &forge.with_signature(&good), "the signature itself");
    let der = es256_der(forge.message().as_bytes());
    let refused = [
        ("r = s = 0", vec![0; 64]),
        ("DER", der),
        ("63 bytes", good[..63].to_vec()),
        ("65 bytes", [&good[..], &[0]].concat()),
        ("twice", good.repeat(2)),
        ("r = 0", [&[0; 32], &good[32..]].concat()),
        ("s = 0", [&good[..32], &[0; 32]].concat()),
        ("r and s are the order of the curve", P256_ORDER.repeat(2)),
        ("all ones", vec![0xff; 64]),
    ];
    for (what, signature) in refused {
        assert_kind(&policy, &forge.with_signature(signature), Kind::CredentialRefused, what);
    }
    for key in [Key::Rs256, Key::Ps256, Key::EdDsa, Key::Es384, Key::Es512] {
        let forge = Forge::new(key);
        let good = forge.signature();
        let mut flipped = good.clone();
        flipped[7] ^= 1;
        let refused =
            [flipped, good[1..].to_vec(), [&[0], &good[..]].concat(), vec![0; good.len()]];
        for signature in refused {
            let token = forge.with_signature(signature);
            assert_kind(&policy, &token, Kind::CredentialRefused, key.algorithm());
        }
    }
}

/// The order of P-256's group (SEC 2 section 2.4.2).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// RFC 7518 section 3.4 does not ask for the smaller `s`, and signers produce both halves equally
/// often: refusing high ones would refuse every second good token. Nothing here takes a token's
/// bytes for its identity, so the second spelling gains nobody anything.
#[test]
fn a_high_s_is_accepted() {
    let forge = Forge::new(Key::Es256);
    let good = forge.signature();
    let mut mirrored = good.clone();
    let mut borrow = 0;
    for position in (0..32).rev() {
        let difference = i16::from(P256_ORDER[position]) - i16::from(good[32 + position]) - borrow;
        borrow = i16::from(difference < 0);
        mirrored[32 + position] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    assert_ne!(good, mirrored);
    assert_granted(&policy_of_all_keys(), &forge.with_signature(&good), "one s");
    assert_granted(&policy_of_all_keys(), &forge.with_signature(&mirrored), "the other s");
}

#[test]
fn a_shared_secret_accepts_any_kid_and_only_its_own_signatures() {
    let secret = [7; 32];
    let policy = policy([issuer(Keyring::hs256(&secret).unwrap())]);
    let forge = Forge::new(Key::Secret(&secret));
    assert_granted(&policy, &forge.sign(), "a kid");
    let forge = forge.header(json!({"alg": "HS256"}));
    assert_granted(&policy, &forge.sign(), "no kid");
    let truncated = &forge.signature()[..16];
    assert_kind(&policy, &forge.with_signature(truncated), Kind::CredentialRefused, "truncated");
    for (what, other) in [("another", &[8; 32][..]), ("empty", &[]), ("prefix", &secret[..31])] {
        let token = Forge::new(Key::Secret(other)).sign();
        assert_kind(&policy, &token, Kind::CredentialRefused, what);
    }
    let relabelled = Forge::new(Key::Secret(&secret)).member("alg", "HS512").sign();
    assert_kind(&policy, &relabelled, Kind::CredentialRefused, "another alg");
}
