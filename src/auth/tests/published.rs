//! Key sets as issuers publish them: what is odd in them costs nothing but itself.

use serde_json::{Value, json};

use super::forge::encode;
use super::*;
use crate::auth::{Attendance, KeySet, KeyringProblem, RemoteKeys};

fn read(keys: &[Value]) -> Result<KeySet, KeyringProblem> {
    KeySet::published(json!({"keys": keys}).to_string().as_bytes())
}

fn with(key: Key<'_>, name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = key.jwk();
    jwk[name] = value.into();
    jwk
}

/// A policy for tokens of an issuer that publishes these keys; somebody has to attend to them.
fn publishing<'k>(remote: &'k Arc<RemoteKeys>, keys: &[Value]) -> (Policy, Attendance<'k>) {
    let attendance = remote.attend();
    attendance.begin();
    attendance.end(Some((read(keys).unwrap(), at(NOW))), false);
    (policy([issuer(Keyring::remote(Arc::clone(remote)))]), attendance)
}

fn remote() -> Arc<RemoteKeys> {
    Arc::new(RemoteKeys::new(Duration::from_secs(3600)))
}

#[test]
fn odd_keys_cost_nothing_but_themselves() {
    let good = Key::Es256.jwk();
    let secret = [7; 32];
    for odd in [
        json!("key"),
        json!(null),
        json!({}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "odd"}),
        json!({"kty": "OKP", "crv": "Ed448", "x": "AA", "kid": "odd"}),
        with(Key::Rs256, "n", encode([0xff; 128])),
        with(Key::Rs256, "e", encode([1])),
        with(Key::Rs256, "n", "not base64url!"),
        with(Key::Rs256, "kid", 1),
        with(Key::Rs256, "use", "enc"),
        with(Key::Rs256, "alg", "RSA-OAEP"),
        Key::Secret(&secret).jwk(),
    ] {
        let set = read(&[odd.clone(), good.clone()]).unwrap();
        assert_eq!((set.usable(), set.skipped()), (1, 1), "{odd}");
        let problem = read(&[odd]).unwrap_err();
        assert_eq!(problem, KeyringProblem::NoUsableKey { skipped: 1 });
    }
    for none in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}"] {
        assert!(matches!(KeySet::published(none.as_bytes()), Err(KeyringProblem::NotASet(_))));
    }
}

#[test]
fn what_everybody_can_fetch_is_no_secret() {
    let secret = [7; 32];
    let remote = remote();
    let (policy, _attendance) =
        publishing(&remote, &[Key::Secret(&secret).jwk(), Key::Es256.jwk()]);
    let forged = Forge::new(Key::Secret(&secret)).sign();
    assert!(judge(&policy, &forged, NOW).is_err());
    assert_granted(&policy, &Forge::new(Key::Es256).sign(), "the other key");
}

#[test]
fn two_keys_of_one_name_are_both_unknown() {
    let twin = with(Key::Es384, "kid", "ES256");
    let remote = remote();
    let keys = [Key::Es256.jwk(), twin.clone(), Key::EdDsa.jwk()];
    let (policy, _attendance) = publishing(&remote, &keys);
    for key in [Key::Es256, Key::Es384] {
        let token = Forge::new(key).member("kid", "ES256").sign();
        assert!(judge(&policy, &token, NOW).is_err(), "{}", key.algorithm());
    }
    assert_granted(&policy, &Forge::new(Key::EdDsa).sign(), "another name");

    // A third does not bring the first back, and neither does the first again.
    let keys = [Key::Es256.jwk(), twin, Key::Es256.jwk(), Key::EdDsa.jwk()];
    assert_eq!(read(&keys).unwrap().usable(), 1);
    // The same key twice is no question.
    assert_eq!(read(&[Key::Es256.jwk(), Key::Es256.jwk()]).unwrap().usable(), 1);
}

#[test]
fn who_cannot_be_asked_might_have_said_yes() {
    let nobody = issuer(Keyring::remote(remote()));
    let known = issuer(Keyring::jwks(forge::jwks(&[Key::Es384]).as_bytes()).unwrap());
    let token = Forge::new(Key::Es256).sign();
    for issuers in [[Arc::clone(&nobody), Arc::clone(&known)], [known, nobody]] {
        let both = policy(issuers);
        assert_kind(&both, &token, Kind::IssuerUnavailable, "one of two is unavailable");
        assert_granted(&both, &Forge::new(Key::Es384).sign(), "the other is not");
    }
}

#[test]
fn keys_end_with_their_age() {
    let remote = remote();
    let (policy, _attendance) = publishing(&remote, &[Key::Es256.jwk()]);
    let token = Forge::new(Key::Es256).claim("exp", NOW + 10_000).sign();
    for (later, expected) in [(0, Ok(())), (3600, Ok(())), (3601, Err(Kind::IssuerUnavailable))] {
        assert_eq!(judge(&policy, &token, NOW + later).map(|_| ()), expected, "after {later} s");
    }
    assert_granted(&policy, &token, "a clock that went back makes nothing old");
}
