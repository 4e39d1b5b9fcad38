use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;

use super::forge::encode;
use super::*;

#[test]
fn a_token_has_three_parts() {
    let policy = policy_of_all_keys();
    let token = Forge::new(Key::Es256).sign();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{token}") };
    let encrypted = format!("{header}.{payload}.{signature}.{payload}.{signature}");
    for malformed in [
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        encrypted,
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        "..".to_owned(),
        ".".to_owned(),
        "a.b.c".to_owned(),
    ] {
        assert_kind(&policy, &malformed, Kind::CredentialMalformed, &malformed);
    }
}

#[test]
fn base64_has_one_spelling() {
    let policy = policy_of_all_keys();
    // 64 bytes of signature leave four bits in the last character that must be zero.
    let token = Forge::new(Key::Es256).sign();
    let (rest, last) = token.split_at(token.len() - 1);
    let twin = match last {
        "A" => "B",
        "Q" => "R",
        "g" => "h",
        _ => "x",
    };
    assert_kind(&policy, &format!("{rest}{twin}"), Kind::CredentialMalformed, "trailing bits");
    let forge = Forge::new(Key::Es256);
    let message = forge.message();
    for signature in [
        URL_SAFE.encode(forge.signature()),
        STANDARD.encode([0xfb; 64]).trim_end_matches('=').to_owned(),
        format!("{}=", encode(forge.signature())),
        format!("{}AAA", encode(forge.signature())),
    ] {
        let token = format!("{message}.{signature}");
        assert_kind(&policy, &token, Kind::CredentialMalformed, &signature);
    }
    let (header, payload) = message.split_once('.').unwrap();
    for message in [format!("{header}=.{payload}"), format!("{header}.{payload}=")] {
        let token = format!("{message}.{}", encode(forge.signature()));
        assert_kind(&policy, &token, Kind::CredentialMalformed, "padding");
    }
}

#[test]
fn the_header_is_a_strict_object() {
    let policy = policy_of_all_keys();
    for header in [
        "",
        "{}",
        "[]",
        "null",
        "\"ES256\"",
        r#"{"alg":"ES256","kid":"ES256"}x"#,
        r#"{"alg":"ES256","kid":"ES256""#,
        r#"{"kid":"ES256"}"#,
        r#"{"alg":null,"kid":"ES256"}"#,
        r#"{"alg":["ES256"],"kid":"ES256"}"#,
        r#"{"alg":"none","alg":"ES256","kid":"ES256"}"#,
        r#"{"alg":"ES256","kid":"ES256","\u0061lg":"none"}"#,
        r#"{"alg":"ES256","kid":"ES256","kid":"RS256"}"#,
        r#"{"alg":"ES256","kid":"ES256","jwk":{"kty":"EC","kty":"RSA"}}"#,
        r#"{"alg":"ES256","kid":"ES256","a":[{"b":[{"c":1,"c":2}]}]}"#,
        "\u{feff}{\"alg\":\"ES256\",\"kid\":\"ES256\"}",
    ] {
        let token = Forge::new(Key::Es256).header(header).sign();
        assert_kind(&policy, &token, Kind::CredentialMalformed, header);
    }
    let token = Forge::new(Key::Es256).header(r#" {"kid":"ES256", "alg":"ES256" } "#).sign();
    assert_granted(&policy, &token, "white space, no typ");
    let token = Forge::new(Key::Es256).member("typ", "at+jwt").sign();
    assert_granted(&policy, &token, "another typ");
}

#[test]
fn the_payload_is_a_strict_object() {
    let policy = policy_of_all_keys();
    let good = format!(r#""iss":"{ISS}","aud":"{AUDIENCE}","exp":{}"#, NOW + 60);
    let deep =
        |levels: usize| format!("{{{good},\"d\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_granted(&policy, &Forge::new(Key::Es256).payload(format!("{{{good}}}")).sign(), "good");
    assert_granted(&policy, &Forge::new(Key::Es256).payload(deep(15)).sign(), "15 levels");
    for payload in [
        String::new(),
        "[]".to_owned(),
        "\"iss\"".to_owned(),
        format!("{{{good},\"exp\":{}}}", NOW + 600),
        format!("{{{good},\"\\u0069ss\":\"{ISS}\"}}"),
        format!("{{{good},\"a\":{{\"b\":1,\"b\":1}}}}"),
        format!("{{{good},\"a\":[{{\"b\":1,\"b\":1}}]}}"),
        format!("{{{good},\"a\":1e309}}"),
        format!("{{{good},\"a\":NaN}}"),
        format!("{{{good},\"a\":\"\\ud800\"}}"),
        format!("{{{good},}}"),
        format!("{{{good}}}{{}}"),
        deep(16),
        deep(5000),
    ] {
        let token = Forge::new(Key::Es256).payload(&payload).sign();
        assert_kind(&policy, &token, Kind::CredentialMalformed, &payload);
    }
}

#[test]
fn numbers_of_every_size_reach_the_rules() {
    let rule = "claims.small + 1 == 3 && claims.large > 9223372036854775807u && claims.half * 2.0 == 1.0 \
                && claims.negative + 1 == -1 && claims.huge > 1e29";
    let policy = Policy::jwt(
        vec![issuer(Keyring::jwks(forge::jwks(&Key::ASYMMETRIC).as_bytes()).unwrap())],
        Rules::reading(Rule::compile(rule).unwrap()),
        Arc::new(VerdictMemory::new(0, Metrics::new().verdict_memory())),
    );
    let token = Forge::new(Key::Es256)
        .claim("small", 2)
        .claim("large", u64::MAX)
        .claim("half", 0.5)
        .claim("negative", -2)
        .claim("huge", json!(1e30))
        .sign();
    assert_granted(&policy, &token, rule);
}
