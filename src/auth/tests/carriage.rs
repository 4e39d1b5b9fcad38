use super::*;

/// Outcomes of heads in which `TOKEN` stands for a good token and `OTHER` for one that is not.
#[track_caller]
fn assert_heads(cases: &[(&str, &[&str], Result<(), Kind>)]) {
    let policy = policy_of_all_keys();
    let token = Forge::new(Key::Es256).sign();
    let other = Forge::new(Key::Es256).claim("aud", "other").sign();
    let fill = |text: &str| text.replace("TOKEN", &token).replace("OTHER", &other);
    for (uri, headers, expected) in cases {
        let headers: Vec<String> = headers.iter().map(|value| fill(value)).collect();
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let outcome = run(&policy, &head(&fill(uri), &headers), Some("t"), at(NOW));
        let outcome = outcome.map(|_| ()).map_err(|error| error.kind());
        assert_eq!(outcome, *expected, "{uri} {headers:?}");
    }
}

#[test]
fn the_header_carries_one_bearer_token() {
    const MALFORMED: Result<(), Kind> = Err(Kind::CredentialMalformed);
    const MISSING: Result<(), Kind> = Err(Kind::CredentialMissing);
    assert_heads(&[
        ("/", &["Bearer TOKEN"], Ok(())),
        ("/", &["bearer TOKEN"], Ok(())),
        ("/", &["BEARER  TOKEN"], Ok(())),
        ("/", &[], MISSING),
        ("/", &["Bearer TOKEN", "Bearer TOKEN"], MALFORMED),
        ("/", &["Bearer TOKEN", "Basic YTpi"], MALFORMED),
        ("/", &["Bearer TOKEN, Bearer OTHER"], MALFORMED),
        ("/", &["Bearer TOKEN OTHER"], MALFORMED),
        ("/", &["Basic YTpi"], MISSING),
        ("/", &["TOKEN"], MISSING),
        ("/", &["BearerTOKEN"], MISSING),
        ("/", &["Bearer\tTOKEN"], MISSING),
        ("/", &["Bearer"], MISSING),
        ("/", &["Bearer "], MALFORMED),
        ("/", &["Bearer ="], MALFORMED),
        ("/", &["Bearer \"TOKEN\""], MALFORMED),
        ("/", &["Bearer tokén"], MALFORMED),
        ("/", &[""], MISSING),
    ]);
}

#[test]
fn the_query_carries_one_where_there_is_no_header() {
    const MALFORMED: Result<(), Kind> = Err(Kind::CredentialMalformed);
    const MISSING: Result<(), Kind> = Err(Kind::CredentialMissing);
    assert_heads(&[
        ("/?t=TOKEN", &[], Ok(())),
        ("/?a=b&t=TOKEN&c", &[], Ok(())),
        ("/?%74=TOKEN", &[], Ok(())),
        ("/?t=OTHER", &["Bearer TOKEN"], Ok(())),
        ("/?t=TOKEN&t=TOKEN", &["Bearer TOKEN"], Ok(())),
        ("/?t=TOKEN", &["Bearer OTHER"], Err(Kind::CredentialRefused)),
        ("/?t=TOKEN", &["Basic YTpi"], MISSING),
        ("/?t=TOKEN", &[""], MISSING),
        ("/?t=TOKEN&t=TOKEN", &[], MALFORMED),
        ("/?t=TOKEN&%74=OTHER", &[], MALFORMED),
        ("/?t=", &[], MALFORMED),
        ("/?t", &[], MALFORMED),
        ("/?t=%", &[], MALFORMED),
        ("/?t=%zz", &[], MALFORMED),
        ("/?t=%ff", &[], MALFORMED),
        ("/?t=%00TOKEN", &[], MALFORMED),
        ("/?t=Bearer+TOKEN", &[], MALFORMED),
        ("/?T=TOKEN", &[], MISSING),
        ("/?%zz=TOKEN", &[], MISSING),
        ("/?tt=TOKEN", &[], MISSING),
        ("/?", &[], MISSING),
        ("/t=TOKEN", &[], MISSING),
    ]);
}

#[test]
fn the_querys_token_is_percent_decoded() {
    let token = Forge::new(Key::Es256).sign();
    let encoded: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let head = head(&format!("/?t={encoded}"), &[]);
    assert!(run(&policy_of_all_keys(), &head, Some("t"), at(NOW)).is_ok());
}

#[test]
fn without_a_parameters_name_the_query_is_not_read() {
    let token = Forge::new(Key::Es256).sign();
    let error = run(&policy_of_all_keys(), &head(&format!("/?t={token}"), &[]), None, at(NOW));
    assert_eq!(error.unwrap_err().kind(), Kind::CredentialMissing);
}

#[test]
fn a_token_has_at_most_16_kib() {
    let policy = policy_of_all_keys();
    let sized = |size: usize| {
        let padded = |count: usize| Forge::new(Key::Es256).claim("p", "x".repeat(count)).sign();
        let base = padded(0).len();
        (0..4).map(|more| padded((size - base) * 3 / 4 + more)).rfind(|token| token.len() <= size)
    };
    let largest = sized(16 * 1024).unwrap();
    assert!(largest.len() > 16 * 1024 - 4);
    assert_granted(&policy, &largest, "16 KiB");
    for size in [16 * 1024 + 8, 64 * 1024] {
        assert_kind(&policy, &sized(size).unwrap(), Kind::CredentialMalformed, "too long");
    }
}

#[test]
fn a_password_is_a_token_only_where_the_dialect_says_so() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let token = Forge::new(Key::Es256).sign();
    let basic = |pair: String| format!("Basic {}", STANDARD.encode(pair));
    let outcome = |value: &str, carriage| {
        let head = head("/", &[value]);
        let outcome = run_with(&policy_of_all_keys(), &head, carriage, at(NOW));
        outcome.map(|_| ()).map_err(|error| error.kind())
    };
    for user in ["", "anybody", "a b"] {
        let value = basic(format!("{user}:{token}"));
        assert_eq!(outcome(&value, Carriage::BearerOrBasic), Ok(()));
        assert_eq!(outcome(&value, Carriage::Bearer), Err(Kind::CredentialMissing));
    }
    assert_eq!(outcome(&format!("Bearer {token}"), Carriage::BearerOrBasic), Ok(()));
    for value in [basic(token.clone()), "Basic ====".to_owned(), basic(format!("{token}:"))] {
        let refused = outcome(&value, Carriage::BearerOrBasic);
        assert_eq!(refused, Err(Kind::CredentialMalformed), "{value}");
    }
}
