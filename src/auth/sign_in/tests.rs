//! Wallets at the door: who is let go on to the books, and what tokens say.

use std::time::UNIX_EPOCH;

use http::request::Parts;
use k256::ecdsa::SigningKey;
use sha3::{Digest as _, Keccak256};

use super::*;
use crate::auth::{Carriage, Grant, Keyring, Policy, Rule, Rules, VerdictMemory, authorize};
use crate::error::Kind;
use crate::telemetry::Metrics;

const SECRET: &[u8] = b"a secret of 32 bytes or a few more";
const ENDPOINT: &str = "https://storage.example/api/v1";
const CHAIN: &str = "0x13881";
const CONTRACT: &str = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn after(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

fn issuer() -> Arc<Issuer> {
    let keyring = Keyring::hs256(SECRET).unwrap();
    let leeway = Duration::from_secs(30);
    let audience = vec!["storage".to_owned(), "other".to_owned()];
    Arc::new(Issuer::new("px".to_owned(), audience, keyring, leeway).unwrap())
}

/// A wallet with its key.
struct Owner {
    key: SigningKey,
    address: WalletAddress,
}

impl Owner {
    fn new(number: u8) -> Self {
        let key = SigningKey::from_slice(&[number; 32]).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        let digits = Keccak256::digest(&point.as_bytes()[1..]);
        let digits: String = digits[12..].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { key, address: WalletAddress::parse(&format!("0x{digits}")).unwrap() }
    }

    fn sign(&self, message: &str) -> String {
        let prefix = "\x19Ethereum Signed Message:\n";
        let hash = Keccak256::digest(format!("{prefix}{}{message}", message.len()));
        let (scalars, recovery) = self.key.sign_prehash_recoverable(&hash);
        let bytes = [&scalars.to_bytes()[..], &[27 + recovery.to_byte()]].concat();
        bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }
}

/// The first owner has two storages, the second one none.
fn wallets(issues_nonces: bool) -> (Wallets, Owner, Owner) {
    let chains = vec!["0x1".to_owned(), CHAIN.to_owned()];
    let ttl = Duration::from_secs(3600);
    let mut wallets =
        Wallets::new(issuer(), ENDPOINT.to_owned(), chains, ttl, issues_nonces).unwrap();
    let (owner, other) = (Owner::new(1), Owner::new(2));
    for token_id in ["7", "11"] {
        wallets.add(owner.address, storage(token_id).unwrap()).unwrap();
    }
    (wallets, owner, other)
}

fn storage(token_id: &str) -> Result<Storage, WalletProblem> {
    Storage::new(WalletAddress::parse(CONTRACT).unwrap(), token_id.to_owned())
}

fn judge(
    wallets: &Wallets,
    wallet: &str,
    nonce: &str,
    signature: &str,
) -> Result<Candidate, Denied> {
    wallets.judge(&Asked { wallet, chain: CHAIN, nonce, signature }, now())
}

#[test]
fn whoever_signed_is_a_candidate() {
    let (wallets, owner, _) = wallets(false);
    let signature = owner.sign("nonce");
    let lower = owner.address.to_string();
    let upper = format!("0x{}", lower[2..].to_uppercase());
    let one = judge(&wallets, &lower, "nonce", &signature).unwrap();
    assert_eq!(*one.wallet(), owner.address);
    // Not in the books under two names.
    assert_eq!(judge(&wallets, &upper, "nonce", &signature), Ok(one));
    let other = judge(&wallets, &lower, "another", &owner.sign("another")).unwrap();
    assert_ne!(one.proof(), other.proof());
}

#[test]
fn nobody_signs_for_another() {
    let (wallets, owner, other) = wallets(false);
    let address = owner.address.to_string();
    for signature in [other.sign("nonce"), owner.sign("another"), "0x00".to_owned()] {
        let denied = judge(&wallets, &address, "nonce", &signature).unwrap_err();
        assert!(matches!(denied, Denied::Signature(_)), "{denied:?}");
    }
}

#[test]
fn chains_come_first_and_forms_next() {
    let (wallets, owner, _) = wallets(false);
    let (address, long) = (owner.address.to_string(), "n".repeat(1025));
    let asked = Asked { wallet: "", chain: "0x5", nonce: "", signature: "" };
    assert_eq!(wallets.judge(&asked, now()), Err(Denied::Chain));
    for (wallet, nonce) in [("0x1", "nonce"), (&*address, ""), (&*address, &*long)] {
        let denied = judge(&wallets, wallet, nonce, &owner.sign(nonce)).unwrap_err();
        assert!(matches!(denied, Denied::Malformed(_)), "{denied:?}");
    }
    let nonce = "n".repeat(1024);
    assert!(judge(&wallets, &address, &nonce, &owner.sign(&nonce)).is_ok());
}

async fn ask(rules: Rules, jwt: &str, at: SystemTime) -> Result<Grant, Kind> {
    let memory = Arc::new(VerdictMemory::new(0, Metrics::new().verdict_memory()));
    let policy = Policy::jwt(vec![issuer()], rules, memory);
    let request = http::Request::builder().header("authorization", format!("Bearer {jwt}"));
    let head: Parts = request.body(()).unwrap().into_parts().0;
    let grant = authorize(&policy, &head, Carriage::Bearer, at).await;
    grant.map_err(|error| error.kind())
}

/// What a route that trusts the issuer makes of the tokens.
#[tokio::test]
async fn tokens_are_what_routes_accept() {
    let (wallets, owner, _) = wallets(false);
    let candidate =
        judge(&wallets, &owner.address.to_string(), "nonce", &owner.sign("nonce")).unwrap();
    let tokens = wallets.tokens(&candidate, now()).unwrap();
    let ids: Vec<_> = tokens.iter().map(|token| token.token_id.as_str()).collect();
    assert_eq!(ids, ["7", "11"]);
    let address = owner.address.to_string();
    for token in &tokens {
        assert_eq!(token.contract.to_string(), CONTRACT);
        let read = format!(
            "claims.address == '{address}' && claims.tokenId == '{}' && claims.iss == 'px'
             && claims.tokenSmartContract == '{CONTRACT}' && claims.aud == 'storage'
             && claims.iat == 1800000000 && claims.exp == 1800003600",
            token.token_id
        );
        let rules = || {
            let tenant = Some(Rule::compile("claims.tokenId").unwrap());
            Rules { tenant, ..Rules::reading(Rule::compile(&read).unwrap()) }
        };
        let grant = ask(rules(), &token.jwt, now()).await.unwrap();
        assert_eq!(grant.tenants()[0].as_str(), token.token_id);
        assert!(ask(rules(), &token.jwt, after(3599)).await.is_ok());
        let late = ask(rules(), &token.jwt, after(3600 + 30)).await.map(|_| ());
        assert_eq!(late, Err(Kind::CredentialExpired));
        let forged = token.jwt.replacen('.', ".e", 1);
        assert!(ask(rules(), &forged, now()).await.is_err());
        assert!(!format!("{token:?}").contains(&token.jwt));
    }
}

#[test]
fn a_wallet_without_storage_gets_none() {
    let (wallets, owner, other) = wallets(false);
    let candidate =
        judge(&wallets, &other.address.to_string(), "nonce", &other.sign("nonce")).unwrap();
    assert_eq!(wallets.tokens(&candidate, now()).unwrap(), []);
    assert!(wallets.knows(&owner.address) && !wallets.knows(&other.address));
}

#[test]
fn a_challenge_says_what_for() {
    let (wallets, owner, _) = wallets(true);
    let address = owner.address.to_string();
    let challenge = wallets.challenge(&address, [0xab; 16], now()).unwrap();
    let expected = format!(
        "Sign in to {ENDPOINT}\nwith the wallet {address}\nbefore 2027-01-15T08:05:00Z.\n\
         Nonce: {}",
        "ab".repeat(16)
    );
    assert_eq!(challenge.text(), expected);
    assert_eq!(challenge.end(), after(300));
    let candidate = judge(&wallets, &address, &expected, &owner.sign(&expected)).unwrap();
    assert_eq!(*candidate.proof(), Proof::Issued(challenge.name(), challenge.end()));
    assert!(wallets.challenge("0x1", [0; 16], now()).is_err());
}

#[test]
fn a_challenge_is_for_one_wallet_one_place_and_its_time() {
    let (wallets, owner, other) = wallets(true);
    let address = owner.address.to_string();
    let text = wallets.challenge(&address, [1; 16], now()).unwrap().text().to_owned();
    let others = wallets.challenge(&other.address.to_string(), [1; 16], now()).unwrap();
    for changed in [
        "nonce".to_owned(),
        others.text().to_owned(),
        text.replace("storage.example", "other.example"),
        text.replace("08:05:00Z", "08:05:00.0Z"),
        text.replace("2027-", "2028-"),
        text.replace("2027-", "9999-"),
        text.replace("2027-", "1969-"),
        text.replace("Nonce: ", "Nonce: +"),
        text.replace("Nonce: 0", "Nonce: "),
        format!("{text}0"),
        format!("{text}\n"),
    ] {
        let denied = judge(&wallets, &address, &changed, &owner.sign(&changed)).unwrap_err();
        assert!(matches!(denied, Denied::Nonce(_)), "{changed}: {denied:?}");
    }
    let asked =
        Asked { wallet: &address, chain: CHAIN, nonce: &text, signature: &owner.sign(&text) };
    assert!(wallets.judge(&asked, after(299)).is_ok());
    assert!(matches!(wallets.judge(&asked, after(300)), Err(Denied::Nonce(_))));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let hour = Duration::from_secs(3600);
    let new = |chains: &[&str], ttl| {
        let chains = chains.iter().map(|chain| (*chain).to_owned()).collect();
        Wallets::new(issuer(), ENDPOINT.to_owned(), chains, ttl, false).map(|_| ())
    };
    assert_eq!(new(&[CHAIN], hour), Ok(()));
    assert_eq!(new(&[], hour), Err(WalletProblem::NoChain));
    for ttl in [Duration::ZERO, Duration::from_millis(1500), 200 * hour] {
        assert_eq!(new(&[CHAIN], ttl), Err(WalletProblem::Ttl), "{ttl:?}");
    }
    for token_id in ["", "07", "-1", "0x7", "7 ", &"1".repeat(79)] {
        assert_eq!(storage(token_id), Err(WalletProblem::TokenId), "{token_id}");
    }
    assert!(storage("0").is_ok() && storage(&"9".repeat(78)).is_ok());
    let (mut wallets, owner, _) = wallets(false);
    let twice = wallets.add(owner.address, storage("7").unwrap());
    assert_eq!(twice, Err(WalletProblem::Twice));
}

#[test]
fn an_issuer_that_only_verifies_makes_no_tokens() {
    let set = serde_json::json!({"keys": [{"kty": "oct", "alg": "HS256", "kid": "1",
        "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]});
    let keyring = Keyring::jwks(set.to_string().as_bytes()).unwrap();
    let issuer =
        Issuer::new("px".to_owned(), vec!["a".to_owned()], keyring, Duration::ZERO).unwrap();
    let chains = vec![CHAIN.to_owned()];
    let hour = Duration::from_secs(3600);
    let refused = Wallets::new(Arc::new(issuer), ENDPOINT.to_owned(), chains, hour, false);
    assert_eq!(refused.map(|_| ()), Err(WalletProblem::CannotSign));
}
