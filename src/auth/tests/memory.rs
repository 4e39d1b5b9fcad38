use super::*;
use crate::telemetry::MemoryMetrics;

struct Remembering {
    memory: Arc<VerdictMemory>,
    metrics: MemoryMetrics,
    issuer: Arc<Issuer>,
}

impl Remembering {
    fn new(size: usize) -> Self {
        let keyring = Keyring::jwks(forge::jwks(&Key::ASYMMETRIC).as_bytes()).unwrap();
        let metrics = Metrics::new().verdict_memory();
        let memory = Arc::new(VerdictMemory::new(size, metrics.clone()));
        Self { memory, metrics, issuer: issuer(keyring) }
    }

    fn policy(&self, read: &str) -> Policy {
        let rules = Rules::reading(Rule::compile(read).unwrap());
        Policy::jwt(vec![Arc::clone(&self.issuer)], rules, Arc::clone(&self.memory))
    }

    /// Hits and misses so far.
    fn counts(&self) -> (u64, u64) {
        (self.metrics.hits.get(), self.metrics.misses.get())
    }
}

fn outcome(policy: &Policy, token: &str, now: u64) -> Result<(), Kind> {
    judge(policy, token, now).map(|_| ())
}

#[test]
fn a_verified_token_is_remembered_for_a_minute() {
    let setup = Remembering::new(8);
    let policy = setup.policy("true");
    let token = Forge::new(Key::Es256).claim("exp", NOW + 600).sign();
    for (now, counts) in [(0, (0, 1)), (1, (1, 1)), (59, (2, 1)), (60, (2, 2)), (119, (3, 2))] {
        assert_eq!(outcome(&policy, &token, NOW + now), Ok(()));
        assert_eq!(setup.counts(), counts, "after {now} s");
    }
    assert_eq!(outcome(&policy, &token, NOW - 5), Ok(()), "the clock went back");
    assert_eq!(setup.counts(), (3, 3));
}

#[test]
fn refusals_are_not_remembered() {
    let setup = Remembering::new(8);
    let policy = setup.policy("true");
    let forged = Forge::new(Key::Es256).with_signature([1; 64]);
    for _ in 0..3 {
        assert_eq!(outcome(&policy, &forged, NOW), Err(Kind::CredentialRefused));
    }
    assert_eq!(setup.counts(), (0, 3));
}

#[test]
fn a_remembered_token_expires_like_any_other() {
    let setup = Remembering::new(8);
    let policy = setup.policy("true");
    let token = Forge::new(Key::Es256).claim("exp", NOW + 10).sign();
    assert_eq!(outcome(&policy, &token, NOW), Ok(()));
    assert_eq!(outcome(&policy, &token, NOW + 9), Ok(()));
    assert_eq!(setup.counts(), (1, 1));
    assert_eq!(outcome(&policy, &token, NOW + 10), Ok(()), "within the leeway, verified again");
    assert_eq!(outcome(&policy, &token, NOW + 11), Ok(()));
    assert_eq!(setup.counts(), (1, 3), "never remembered past exp");
    assert_eq!(outcome(&policy, &token, NOW + 40), Err(Kind::CredentialExpired));
}

#[test]
fn a_remembered_token_is_not_valid_before_its_time() {
    let setup = Remembering::new(8);
    let policy = setup.policy("true");
    let token = Forge::new(Key::Es256).claim("exp", NOW + 600).claim("nbf", NOW + 32).sign();
    let not_yet = Err(Kind::CredentialExpired);
    assert_eq!(outcome(&policy, &token, NOW), not_yet);
    assert_eq!(outcome(&policy, &token, NOW + 1), not_yet);
    assert_eq!(outcome(&policy, &token, NOW + 2), Ok(()));
    assert_eq!(setup.counts(), (2, 1), "the signature was checked once");
}

#[test]
fn each_policy_asks_its_own_rules_of_a_remembered_token() {
    let setup = Remembering::new(8);
    let (open, closed) = (setup.policy("claims.sub == 'someone'"), setup.policy("false"));
    let token = Forge::new(Key::Es256).sign();
    assert_eq!(outcome(&open, &token, NOW), Ok(()));
    assert_eq!(outcome(&closed, &token, NOW), Err(Kind::Forbidden));
    assert_eq!(outcome(&open, &token, NOW), Ok(()));
    assert_eq!(setup.counts(), (2, 1));
}

#[test]
fn what_one_issuer_signed_is_nothing_to_another() {
    let setup = Remembering::new(8);
    let token = Forge::new(Key::Es256).sign();
    assert_eq!(outcome(&setup.policy("true"), &token, NOW), Ok(()));

    let rules = || Rules::reading(Rule::compile("true").unwrap());
    let memory = || Arc::clone(&setup.memory);
    let keys = |key| Keyring::jwks(forge::jwks(&[key]).as_bytes()).unwrap();
    let other_keys = vec![issuer(keys(Key::Es384))];
    let policy = Policy::jwt(other_keys, rules(), memory());
    assert_eq!(outcome(&policy, &token, NOW), Err(Kind::CredentialRefused), "rotated keys");
    let other_audience = vec![issuer_for("other", keys(Key::Es256))];
    let policy = Policy::jwt(other_audience, rules(), memory());
    assert_eq!(outcome(&policy, &token, NOW), Err(Kind::CredentialRefused), "another audience");
    assert_eq!(setup.counts(), (0, 3));
}

#[test]
fn tokens_of_every_issuer_are_remembered() {
    let keys = |key| Keyring::jwks(forge::jwks(&[key]).as_bytes()).unwrap();
    let metrics = Metrics::new().verdict_memory();
    let memory = Arc::new(VerdictMemory::new(8, metrics.clone()));
    let issuers = vec![issuer(keys(Key::Es384)), issuer(keys(Key::Es256))];
    let rules = Rules::reading(Rule::compile("true").unwrap());
    let policy = Policy::jwt(issuers, rules, Arc::clone(&memory));
    for key in [Key::Es384, Key::Es256] {
        let token = Forge::new(key).sign();
        assert_eq!(outcome(&policy, &token, NOW), Ok(()));
        assert_eq!(outcome(&policy, &token, NOW), Ok(()));
    }
    assert_eq!(metrics.hits.get(), 2);
    assert_eq!(metrics.misses.get(), 2);
}

#[test]
fn a_changed_token_is_another_token() {
    let setup = Remembering::new(8);
    let policy = setup.policy("true");
    let forge = Forge::new(Key::Es256);
    let (good, signature) = (forge.sign(), forge.signature());
    assert_eq!(outcome(&policy, &good, NOW), Ok(()));
    let changed = forge.claim("sub", "somebody else").with_signature(signature);
    assert_eq!(outcome(&policy, &changed, NOW), Err(Kind::CredentialRefused));
}

#[test]
fn the_memory_is_bounded() {
    let setup = Remembering::new(4);
    let policy = setup.policy("true");
    let tokens: Vec<String> =
        (0..64).map(|id| Forge::new(Key::EdDsa).claim("jti", id).sign()).collect();
    for token in tokens.iter().chain(&tokens) {
        assert_eq!(outcome(&policy, token, NOW), Ok(()));
    }
    let (hits, misses) = setup.counts();
    assert_eq!(hits + misses, 128);
    assert!(hits <= 4, "{hits} of 64 tokens were still remembered");

    let none = Remembering::new(0);
    for _ in 0..2 {
        assert_eq!(outcome(&none.policy("true"), &tokens[0], NOW), Ok(()));
    }
    assert_eq!(none.counts(), (0, 2));
}

#[test]
fn long_claims_take_the_place_of_several() {
    let setup = Remembering::new(64);
    let policy = setup.policy("true");
    let long = "x".repeat(8 * 1024);
    let tokens: Vec<String> = (0..64)
        .map(|id| Forge::new(Key::EdDsa).claim("jti", id).claim("long", long.as_str()).sign())
        .collect();
    for token in tokens.iter().chain(&tokens) {
        assert_eq!(outcome(&policy, token, NOW), Ok(()));
    }
    let (hits, _) = setup.counts();
    assert!(hits <= 64 / 8, "{hits} tokens of 8 KiB were remembered in the place of 64 of 1 KiB");
}
