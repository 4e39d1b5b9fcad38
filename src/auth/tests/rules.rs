use serde_json::{Value, json};

use super::*;

fn policy_with(tenant: Option<&str>, read: &str) -> Policy {
    let rule = |text| Rule::compile(text).unwrap();
    policy_of(Rules { tenant: tenant.map(rule), ..Rules::reading(rule(read)) })
}

fn policy_of(rules: Rules) -> Policy {
    Policy::jwt(
        vec![issuer(Keyring::jwks(forge::jwks(&[Key::EdDsa]).as_bytes()).unwrap())],
        rules,
        Arc::new(VerdictMemory::new(8, Metrics::new().verdict_memory())),
    )
}

/// A token with `data` among its claims.
fn token(data: impl Into<Value>) -> String {
    Forge::new(Key::EdDsa).claim("data", data).sign()
}

#[test]
fn the_read_rule_decides() {
    let token = token(json!({"roles": ["a", "reader"], "level": 3, "nothing": null,
        "scope": "write read"}));
    for (rule, permitted) in [
        ("true", true),
        ("false", false),
        ("claims.sub == 'someone'", true),
        ("claims.aud == 'artifacts' && claims.exp > 5", true),
        ("'reader' in claims.data.roles", true),
        ("'writer' in claims.data.roles", false),
        ("claims.data.roles.exists(role, role.startsWith('read'))", true),
        ("claims.data.roles.all(role, role.size() == 1)", false),
        ("claims.data.roles.map(r, r + '!').exists(r, r == 'a!')", true),
        ("claims.data.level >= 3 && claims.data.level < 4", true),
        ("claims['data']['level'] == 3", true),
        ("has(claims.data.absent) && claims.data.absent == 1", false),
        ("has(claims.data.absent) ? claims.data.absent : claims.data.level == 3", true),
        ("claims.sub.matches('^some.*$')", true),
        ("type(claims.data.level) == int", true),
        ("claims.data.nothing == null", true),
        (".claims.sub == 'someone'", true),
        ("size(claims.data.roles) == 2", true),
        ("'read' in claims.data.scope.split(' ')", true),
        ("'rea' in claims.data.scope.split(' ')", false),
    ] {
        let expected = if permitted { Ok(()) } else { Err(Kind::Forbidden) };
        let outcome = judge(&policy_with(None, rule), &token, NOW).map(|_| ());
        assert_eq!(outcome, expected, "{rule}");
    }
}

#[test]
fn what_cannot_be_evaluated_refuses() {
    let token = token(json!({"zero": 0, "list": [1]}));
    for rule in [
        "claims.absent",
        "claims.absent == 1",
        "claims.data.absent.deeper == 'x'",
        "claims.sub",
        "claims",
        "1",
        "null",
        "'true'",
        "claims.data",
        "1 / claims.data.zero == 1",
        "1 % claims.data.zero == 1",
        "9223372036854775807 + claims.exp > 0",
        "-9223372036854775808 - claims.exp > 0",
        "claims.data.list[1] == 1",
        "claims.data.list[-1] == 1",
        "claims.data.list[9223372036854775807] == 1",
        "claims.sub + 1 == 'x'",
        "claims.sub < 1",
        "claims.sub.startWith('some')",
        "claims.sub.startsWith(1)",
        "claims.sub.matches('(')",
        "claims.data.zero.exists(x, true)",
        "claims[claims.data] == 1",
        "int(claims.sub) == 1",
        "uint(-1) == 1u",
        "{claims.data: 1} == {}",
        "optional.of(claims.sub)",
    ] {
        let policy = policy_with(None, rule);
        assert_kind(&policy, &token, Kind::Forbidden, rule);
        assert_kind(&policy, &token, Kind::Forbidden, "the same, remembered");
    }
}

#[test]
fn the_tenant_rule_names_a_key_segment() {
    let policy = policy_with(Some("claims.data"), "true");
    assert!(policy.gives_tenant());
    assert!(!policy_with(None, "true").gives_tenant());
    for name in ["t-a", "%2e%2e%2ft-b", "Zoë", "..."] {
        let grant = judge(&policy, &token(name), NOW).unwrap();
        assert_eq!(grant.tenant().map(|tenant| tenant.as_str()), Some(name));
    }
    let long = "x".repeat(256);
    for name in ["", ".", "..", "../t-b", "t-a/../t-b", "t-a/", "t\\a", "t\0", "t\r\nX: y", &long] {
        assert_kind(&policy, &token(name), Kind::Forbidden, name);
    }
    for data in [
        json!(1),
        json!(true),
        json!([]),
        json!(["t-a", 1]),
        json!(["t-a", "a/b"]),
        json!({"tenant": "t-a"}),
    ] {
        let what = data.to_string();
        assert_kind(&policy, &token(data), Kind::Forbidden, &what);
    }
    let absent = Forge::new(Key::EdDsa).sign();
    assert_kind(&policy, &absent, Kind::Forbidden, "no tenant, no grant");
}

#[test]
fn mistakes_are_found_when_the_rule_is_compiled() {
    for (rule, hint) in [
        ("", ""),
        ("claims.", ""),
        ("claims = 1", ""),
        ("claims.sub == 'x", ""),
        ("claim.sub == 'x'", "claim"),
        ("sub == 'x'", "sub"),
        ("request.path == 'x'", "request"),
        ("claims.data.exists(x, y)", "y"),
        ("claims.data.exists(x, x) && x", "x"),
        (".x.y", "x"),
        ("[claims, other]", "other"),
        ("{'a': other}", "other"),
        ("size(other) > 0", "other"),
        ("has(other.x)", "other"),
        ("other.method()", "other"),
        ("true ? other : true", "other"),
        ("Message{field: 1}", "Message"),
        ("google.protobuf.Duration{}", "google"),
    ] {
        let problem = Rule::compile(rule).expect_err(rule);
        assert!(problem.contains(hint), "{rule}: {problem}");
    }
    let problem = Rule::compile(&"\\".repeat(4096)).expect_err("4096 mistakes");
    assert!(problem.contains("line 1, column 1") && problem.len() < 300, "{problem}");
    let long = format!("true || '{}' == ''", "x".repeat(4096));
    assert!(Rule::compile(&long).expect_err("long").contains("4096"));
}

/// Programs of at most 4 KiB made to be deep, long or ambiguous.
fn strange_programs() -> Vec<String> {
    let chain = |start: &str, link: &str| {
        let links = (4096 - start.len()) / link.len();
        format!("{start}{}", link.repeat(links))
    };
    let nest = |open: &str, inner: &str, close: &str, levels: usize| {
        format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    let mut programs = vec![
        chain("claims", ".a"),
        chain("claims", "[0]"),
        chain("1", "+1"),
        chain("1", "-1"),
        chain("true", "&&true"),
        chain("true", "||claims.sub=='x'"),
        chain("1", "==1"),
        chain("claims", ".f()"),
        chain("", "!"),
        chain("", "-"),
        chain("", "("),
        chain("", "["),
        chain("", "{"),
        chain("", "\""),
        chain("", "\\"),
        chain("", "a?"),
        chain("", "f("),
        chain("", "\u{0}"),
        chain("", "\u{1F980}"),
        format!("{}true", chain("", "!").split_at(4000).0),
        format!("{}1 == 1", "-".repeat(4000)),
    ];
    for levels in (1..32).chain([60, 90, 120, 500]) {
        programs.extend([
            nest("(", "true", ")", levels),
            nest("[", "1", "]", levels),
            nest("{'a':", "1", "}", levels),
            nest("size([", "1", "])", levels),
            nest("[1, size(", "[1]", ")]", levels),
            nest("[1].exists(x, x == 1 && ", "true", ")", levels),
            nest("claims.sub.startsWith(", "'x'", " + 'x')", levels),
            nest("true?(", "true", "):false", levels),
            nest("[1].map(x,", "x", ")", levels),
            nest("[1].all(x,", "true", ")", levels),
            nest("!(", "true", ")", levels),
            nest("claims[", "'a'", "]", levels),
            format!("claims{}", ".a".repeat(levels)),
            format!("1{} == 1", " + 1".repeat(levels)),
        ]);
    }
    programs
}

/// Those that compile must also be evaluated, on a stack of the usual size.
#[test]
fn strange_programs_end_in_an_answer() {
    let programs = strange_programs();
    let compiled: Vec<Rule> =
        programs.iter().filter_map(|program| Rule::compile(program).ok()).collect();
    assert!(compiled.len() > 20, "{} of {} compile", compiled.len(), programs.len());
    // Half of what a worker thread has; unoptimized code needs several times what we ship.
    let evaluate = move || {
        for rule in compiled {
            let memory = Arc::new(VerdictMemory::new(0, Metrics::new().verdict_memory()));
            let keyring = Keyring::jwks(forge::jwks(&[Key::EdDsa]).as_bytes()).unwrap();
            let policy = Policy::jwt(vec![issuer(keyring)], Rules::reading(rule), memory);
            let outcome = judge(&policy, &token("x"), NOW).map(|_| ());
            assert!(matches!(outcome, Ok(()) | Err(Kind::Forbidden)));
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(evaluate).unwrap().join().unwrap();
}

#[test]
fn ordinary_rules_are_not_too_deep() {
    let names: Vec<String> = (0..100).map(|id| format!("claims.sub == 'user-{id}'")).collect();
    assert!(Rule::compile(&names.join(" || ")).is_ok(), "a long list of alternatives");
    let nested = "claims.data.exists(a, a.b.exists(c, c.d.all(e, e.f.exists_one(g, g == 'h'))))";
    assert!(Rule::compile(nested).is_ok());
}

#[test]
fn hostile_claims_end_in_an_answer() {
    let rules = [
        "claims.data == claims.data",
        "claims.data in [claims.data]",
        "claims.data.all(x, x == x)",
        "size(claims.data) > 1",
        "string(claims.data) == 'x'",
        "claims.data < claims.data",
        "claims.data + claims.data == claims.data",
    ];
    let deep = (0..14).fold(json!(1), |inner, _| json!([inner]));
    let deep_object = (0..14).fold(json!(1), |inner, _| json!({"a": inner}));
    let wide: Vec<u32> = (0..2000).collect();
    let names: serde_json::Map<String, Value> =
        (0..500).map(|id| (format!("name-{id}"), json!(id))).collect();
    let odd = json!({"": 1, "claims": 2, "a.b": 3, "__proto__": 4, "\u{0}": 5});
    for data in
        [deep, deep_object, json!(wide), json!(names), odd, json!("\u{0}\u{202e}"), json!(1e308)]
    {
        let token = token(data);
        for rule in rules {
            let outcome = judge(&policy_with(None, rule), &token, NOW).map(|_| ());
            assert!(matches!(outcome, Ok(()) | Err(Kind::Forbidden)), "{rule}");
        }
    }
}

/// A policy with these rules for writers.
fn writers(write: Option<&str>, isolate: Option<&str>) -> Policy {
    let rule = |text| Rule::compile(text).unwrap();
    let (write, isolate) = (write.map(rule), isolate.map(rule));
    policy_of(Rules { write, isolate, ..Rules::reading(rule("true")) })
}

fn writing(policy: &Policy, token: &str) -> Writing {
    judge(policy, token, NOW).unwrap().writing().clone()
}

#[test]
fn a_token_may_be_good_for_several_tenants() {
    let policy = policy_with(Some("claims.data"), "true");
    let grant = judge(&policy, &token(json!(["t-a", "t-b"])), NOW).unwrap();
    let names: Vec<_> = grant.tenants().iter().map(|tenant| tenant.as_str()).collect();
    assert_eq!(names, ["t-a", "t-b"]);
    assert_eq!(grant.tenant(), None, "nobody chose");
    let one = judge(&policy, &token(json!(["t-a"])), NOW).unwrap();
    assert_eq!(one.tenant().map(|tenant| tenant.as_str()), Some("t-a"));

    let policy = policy_with(Some("claims.data.filter(t, t != 'x').map(t, t + '-1')"), "true");
    let grant = judge(&policy, &token(json!(["a", "x", "b"])), NOW).unwrap();
    let names: Vec<_> = grant.tenants().iter().map(|tenant| tenant.as_str()).collect();
    assert_eq!(names, ["a-1", "b-1"]);

    let many: Vec<_> = (0..257).map(|number| format!("t-{number}")).collect();
    let policy = policy_with(Some("claims.data"), "true");
    assert_kind(&policy, &token(many), Kind::Forbidden, "too many");
}

#[test]
fn who_may_write_and_where() {
    let main = token(json!({"repository": "acme/web", "ref": "refs/heads/main"}));
    let pull = token(json!({"repository": "acme/web", "ref": "refs/pull/1/merge"}));
    let other = token(json!({"repository": "acme/web", "ref": "refs/pull/2/merge"}));
    let nobody = token(json!({"repository": 7, "ref": ""}));
    let bare = token("nothing of that");
    let rule = "claims.data.repository == 'acme/web' && claims.data.ref == 'refs/heads/main'";

    let readers = writers(None, None);
    let trusted_only = writers(Some(rule), None);
    for token in [&main, &pull, &nobody, &bare] {
        assert_eq!(writing(&readers, token), Writing::Refused);
        let expected = if *token == main { Writing::Shared } else { Writing::Refused };
        assert_eq!(writing(&trusted_only, token), expected);
    }

    let isolating = writers(Some(rule), Some("claims.data.ref"));
    assert_eq!(writing(&isolating, &main), Writing::Shared);
    let Writing::Isolated(first) = writing(&isolating, &pull) else { panic!("not isolated") };
    let Writing::Isolated(second) = writing(&isolating, &other) else { panic!("not isolated") };
    assert_ne!(first, second);
    assert_eq!(writing(&isolating, &pull), Writing::Isolated(first));
    // A namespace that everybody could have, or none at all.
    assert_eq!(writing(&isolating, &nobody), Writing::Refused);
    assert_eq!(writing(&isolating, &bare), Writing::Refused);
    // Nobody is trusted, and everybody is isolated.
    assert!(matches!(
        writing(&writers(None, Some("claims.data.ref")), &main),
        Writing::Isolated(_)
    ));
}

#[test]
fn what_one_route_grants_is_nothing_to_another_with_the_same_token() {
    let token = token(json!({"ref": "refs/heads/main"}));
    let keyring = Keyring::jwks(forge::jwks(&[Key::EdDsa]).as_bytes()).unwrap();
    let issuer = issuer(keyring);
    let memory = Arc::new(VerdictMemory::new(8, Metrics::new().verdict_memory()));
    let rule = |text: &str| Rule::compile(text).unwrap();
    let policy = |write: &str| {
        let rules = Rules { write: Some(rule(write)), ..Rules::reading(rule("true")) };
        Policy::jwt(vec![Arc::clone(&issuer)], rules, Arc::clone(&memory))
    };
    let (may, may_not) = (policy("true"), policy("false"));
    for _ in 0..2 {
        assert_eq!(writing(&may, &token), Writing::Shared);
        assert_eq!(writing(&may_not, &token), Writing::Refused);
    }
}
