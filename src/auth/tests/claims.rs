use serde_json::{Value, json};

use super::*;

#[track_caller]
fn assert_claim(name: &str, value: impl Into<Value>, expected: Result<(), Kind>) {
    let value = value.into();
    let token = Forge::new(Key::Es256).claim(name, value.clone()).sign();
    let outcome = judge(&policy_of_all_keys(), &token, NOW).map(|_| ());
    assert_eq!(outcome, expected, "{name}: {value}");
}

#[test]
fn the_issuer_is_equal_byte_for_byte() {
    let refused = Err(Kind::CredentialRefused);
    assert_claim("iss", ISS, Ok(()));
    for iss in [
        format!("{ISS}/"),
        ISS.to_uppercase(),
        format!(" {ISS}"),
        format!("{ISS}\0"),
        "https://other.example".to_owned(),
        String::new(),
    ] {
        assert_claim("iss", iss, refused);
    }
    assert_claim("iss", Value::Null, refused);
    for iss in [json!([ISS]), json!(1), json!({"iss": ISS})] {
        assert_claim("iss", iss, Err(Kind::CredentialMalformed));
    }
}

#[test]
fn the_token_is_for_us() {
    let refused = Err(Kind::CredentialRefused);
    for aud in [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE])] {
        assert_claim("aud", aud, Ok(()));
    }
    for aud in [json!("other"), json!([]), json!(["other"]), json!(""), json!("artifacts ")] {
        assert_claim("aud", aud, refused);
    }
    assert_claim("aud", Value::Null, refused);
    for aud in [json!(1), json!([AUDIENCE, 1]), json!([[AUDIENCE]]), json!({"a": AUDIENCE})] {
        assert_claim("aud", aud, Err(Kind::CredentialMalformed));
    }
}

#[test]
fn dates_are_numbers_of_seconds() {
    let malformed = Err(Kind::CredentialMalformed);
    assert_claim("exp", Value::Null, Err(Kind::CredentialRefused));
    assert_claim("exp", NOW + 1, Ok(()));
    assert_claim("exp", 1_800_000_000.5, Ok(()));
    assert_claim("exp", 1.8e9, Ok(()));
    assert_claim("exp", 253_370_764_799_u64, Ok(()));
    for date in [
        json!("1800000060"),
        json!("never"),
        json!(true),
        json!([NOW + 60]),
        json!(-1),
        json!(-1e300),
        json!(1e308),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(253_370_764_800_u64),
        json!((NOW + 60) * 1000),
    ] {
        for name in ["exp", "nbf", "iat"] {
            assert_claim(name, date.clone(), malformed);
        }
    }
    // What no serializer writes.
    for exp in ["1e309", "null", "+1800000060", "01800000060", "0x6b49d23c", "Infinity", "NaN"] {
        let payload = format!(r#"{{"iss":"{ISS}","aud":"{AUDIENCE}","exp":{exp}}}"#);
        let token = Forge::new(Key::Es256).payload(payload).sign();
        assert_kind(&policy_of_all_keys(), &token, Kind::CredentialMalformed, exp);
    }
    assert_claim("iat", NOW + 3600, Ok(()));
    assert_claim("nbf", 0, Ok(()));
    assert_claim("exp", 0, Err(Kind::CredentialExpired));
}

#[test]
fn a_token_lives_until_just_before_exp_and_from_nbf_on() {
    let expired = Err(Kind::CredentialExpired);
    let policy = policy_of_all_keys();
    let outcome = |token: &str, now| judge(&policy, token, now).map(|_| ());
    let leeway = LEEWAY.as_secs();

    let token = Forge::new(Key::Es256).claim("exp", NOW).sign();
    assert_eq!(outcome(&token, NOW - 1), Ok(()));
    assert_eq!(outcome(&token, NOW), Ok(()), "within the leeway");
    assert_eq!(outcome(&token, NOW + leeway - 1), Ok(()));
    assert_eq!(outcome(&token, NOW + leeway), expired, "the boundary itself");
    assert_eq!(outcome(&token, NOW + leeway + 1), expired);

    let token = Forge::new(Key::Es256).claim("nbf", NOW).sign();
    assert_eq!(outcome(&token, NOW), Ok(()));
    assert_eq!(outcome(&token, NOW - leeway), Ok(()), "the boundary itself");
    assert_eq!(outcome(&token, NOW - leeway - 1), expired);
    assert_eq!(outcome(&token, 0), expired);
}

#[test]
fn without_leeway_the_boundary_is_exp() {
    let keyring = Keyring::jwks(forge::jwks(&[Key::Es256]).as_bytes()).unwrap();
    let issuer = Issuer::new(ISS.into(), vec![AUDIENCE.into()], keyring, Duration::ZERO).unwrap();
    let policy = policy([Arc::new(issuer)]);
    let token = Forge::new(Key::Es256).claim("exp", NOW).claim("nbf", NOW - 10).sign();
    let head = head("/", &[&format!("Bearer {token}")]);
    let outcome = |now| run(&policy, &head, None, now).map(|_| ()).map_err(|error| error.kind());
    let nanosecond = Duration::from_nanos(1);
    assert_eq!(outcome(at(NOW) - nanosecond), Ok(()));
    assert_eq!(outcome(at(NOW)), Err(Kind::CredentialExpired));
    assert_eq!(outcome(at(NOW - 10)), Ok(()));
    assert_eq!(outcome(at(NOW - 10) - nanosecond), Err(Kind::CredentialExpired));
    assert_eq!(outcome(SystemTime::UNIX_EPOCH), Err(Kind::CredentialExpired));
}

#[test]
fn a_forged_token_is_refused_before_its_time_is_looked_at() {
    let forge = Forge::new(Key::Es256).claim("exp", 1);
    let token = forge.with_signature([1; 64]);
    assert_kind(&policy_of_all_keys(), &token, Kind::CredentialRefused, "forged and expired");
    assert_kind(&policy_of_all_keys(), &forge.sign(), Kind::CredentialExpired, "expired");
}

#[test]
fn issuers_with_one_iss_are_told_apart_by_audience_and_then_tried_in_order() {
    let keys = |key| Keyring::jwks(forge::jwks(&[key]).as_bytes()).unwrap();
    let policy = policy([
        issuer_for("users", keys(Key::Es256)),
        issuer_for("robots", keys(Key::Es384)),
        issuer_for("robots", keys(Key::EdDsa)),
    ]);
    let token = |key, audience: &str| Forge::new(key).claim("aud", audience).sign();
    for (key, audience) in [(Key::Es256, "users"), (Key::Es384, "robots"), (Key::EdDsa, "robots")] {
        assert_granted(&policy, &token(key, audience), audience);
    }
    for (key, audience) in [(Key::Es384, "users"), (Key::Es256, "robots"), (Key::EdDsa, "users")] {
        assert_kind(&policy, &token(key, audience), Kind::CredentialRefused, audience);
    }
}

#[test]
fn issuers_with_one_iss_and_one_key_are_told_apart_by_audience() {
    let keys = || Keyring::jwks(forge::jwks(&[Key::Es256]).as_bytes()).unwrap();
    let policy = policy([issuer_for("users", keys()), issuer_for("robots", keys())]);
    for audience in ["users", "robots"] {
        let token = Forge::new(Key::Es256).claim("aud", audience).sign();
        assert_granted(&policy, &token, audience);
    }
    let token = Forge::new(Key::Es256).sign();
    assert_kind(&policy, &token, Kind::CredentialRefused, "the audience of neither");
}

#[test]
fn an_issuer_needs_a_name_an_audience_and_a_modest_leeway() {
    let new = |iss: &str, audience: &[&str], leeway| {
        let audience = audience.iter().map(|&value| value.into()).collect();
        Issuer::new(iss.into(), audience, Keyring::hs256(&[7; 32]).unwrap(), leeway)
            .map(|_| ())
            .map_err(|problem| problem.to_string())
    };
    assert_eq!(new(ISS, &[AUDIENCE], LEEWAY), Ok(()));
    assert!(new("", &[AUDIENCE], LEEWAY).unwrap_err().contains("iss"));
    assert!(new(ISS, &[], LEEWAY).unwrap_err().contains("audience"));
    assert!(new(ISS, &["a", ""], LEEWAY).unwrap_err().contains("audience"));
    assert!(new(ISS, &[AUDIENCE], Duration::MAX).unwrap_err().contains("leeway"));
}
