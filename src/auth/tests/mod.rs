//! Tokens as attackers and issuers make them, judged by [`authorize`](super::authorize).

mod algorithms; // what may verify what: alg, kid, key confusion
mod carriage; // where the token rides
mod claims; // iss, aud, exp, nbf and time
mod forge; // keys, and tokens signed with them
mod form; // the strictness of JWS and JSON
mod keyrings; // key sets as files have them
mod memory; // what is remembered, and for how long
mod published; // key sets as issuers have them, and their age
mod rules; // programs, tenants and hostile claims

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use http::request::Parts;

use super::{
    Carriage, Grant, Issuer, Keyring, Policy, Rule, Rules, VerdictMemory, Writing, authorize,
};
use crate::error::{Error, Kind};
use crate::telemetry::Metrics;
use forge::{Forge, Key};

const ISS: &str = "https://issuer.example";
const AUDIENCE: &str = "artifacts";
const LEEWAY: Duration = Duration::from_secs(30);
/// Seconds since the epoch; every test's clock starts here.
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn issuer(keyring: Keyring) -> Arc<Issuer> {
    issuer_for(AUDIENCE, keyring)
}

fn issuer_for(audience: &str, keyring: Keyring) -> Arc<Issuer> {
    Arc::new(Issuer::new(ISS.into(), vec![audience.into()], keyring, LEEWAY).unwrap())
}

/// Everybody with a good token of these issuers; nothing is remembered.
fn policy(issuers: impl IntoIterator<Item = Arc<Issuer>>) -> Policy {
    let issuers = issuers.into_iter().collect();
    Policy::jwt(
        issuers,
        Rules::reading(Rule::compile("true").unwrap()),
        Arc::new(VerdictMemory::new(0, Metrics::new().verdict_memory())),
    )
}

/// A policy that knows the public halves of all keys, under their names.
fn policy_of_all_keys() -> Policy {
    policy([issuer(Keyring::jwks(forge::jwks(&Key::ASYMMETRIC).as_bytes()).unwrap())])
}

fn head(uri: &str, authorization: &[&str]) -> Parts {
    let mut request = http::Request::builder().uri(uri);
    for value in authorization {
        request = request.header(AUTHORIZATION, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn run(
    policy: &Policy,
    head: &Parts,
    query_parameter: Option<&'static str>,
    now: SystemTime,
) -> Result<Grant, Error> {
    let carriage = query_parameter.map_or(Carriage::Bearer, Carriage::BearerOrQuery);
    run_with(policy, head, carriage, now)
}

fn run_with(
    policy: &Policy,
    head: &Parts,
    carriage: Carriage,
    now: SystemTime,
) -> Result<Grant, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(authorize(policy, head, carriage, now))
}

/// The outcome for a token in the header, at a time in seconds.
fn judge(policy: &Policy, token: &str, now: u64) -> Result<Grant, Kind> {
    let head = head("/", &[&format!("Bearer {token}")]);
    run(policy, &head, None, at(now)).map_err(|error| error.kind())
}

#[track_caller]
fn assert_kind(policy: &Policy, token: &str, expected: Kind, what: &str) {
    assert_eq!(judge(policy, token, NOW).map(|_| ()), Err(expected), "{what}");
}

#[track_caller]
fn assert_granted(policy: &Policy, token: &str, what: &str) {
    assert_eq!(judge(policy, token, NOW).map(|_| ()), Ok(()), "{what}");
}

#[test]
fn nothing_secret_is_printed() {
    let secret = "correct horse battery staple, twice over";
    let keyring = Keyring::hs256(secret.as_bytes()).unwrap();
    let rule = Rule::compile("claims.nobody == 'x'").unwrap();
    let memory = Arc::new(VerdictMemory::new(8, Metrics::new().verdict_memory()));
    let policy = Policy::jwt(vec![issuer(keyring)], Rules::reading(rule), memory);
    let token = Forge::new(Key::Secret(secret.as_bytes())).sign();

    let error = run(&policy, &head("/", &[&format!("bearer {token}")]), None, at(NOW)).unwrap_err();

    let printed = format!("{policy:?} {error:?} {error}");
    for part in token.split('.').chain([secret, "correct", "99, 111, 114"]) {
        assert!(!printed.contains(part), "{part} is in {printed}");
    }
}

#[test]
fn an_open_policy_looks_at_no_credential() {
    let grant = run(&Policy::open(), &head("/", &["nonsense", "twice"]), None, at(NOW)).unwrap();
    assert!(grant.is_open());
    assert_eq!((grant.tenant(), grant.expires()), (None, None));
}

#[test]
fn a_grant_carries_the_expiry_and_is_not_open() {
    let token = Forge::new(Key::Es256).sign();
    let grant = judge(&policy_of_all_keys(), &token, NOW).unwrap();
    assert!(!grant.is_open());
    assert_eq!(grant.expires(), Some(at(NOW + 60)));
    assert_eq!(grant.tenant(), None);
}
