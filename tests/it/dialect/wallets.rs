//! Sign-in by wallet: PollinationX's "Authenticate user", and what is ours.

use std::time::SystemTime;

use casgate::auth::wallet::WalletAddress;
use futures_util::future::join_all;
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};
use sha3::{Digest as _, Keccak256};
use tempfile::TempDir;
use url::form_urlencoded::byte_serialize;

use crate::support::client::Response;
use crate::support::gateway::{Gateway, STREAM, Settings};

const CONTRACT: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const ENDPOINT: &str = "https://px.example.test/api/v1";

/// A wallet with its key.
struct Owner {
    key: SigningKey,
    wallet: String,
}

impl Owner {
    fn new(number: u8) -> Self {
        let key = SigningKey::from_slice(&[number; 32]).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        let digits = hex(&Keccak256::digest(&point.as_bytes()[1..])[12..]);
        let wallet = WalletAddress::parse(&format!("0x{digits}")).unwrap();
        Self { key, wallet: wallet.to_string() }
    }

    fn sign(&self, message: &str) -> String {
        let length = message.len();
        let text = format!("\x19Ethereum Signed Message:\n{length}{message}");
        let (scalars, recovery) = self.key.sign_prehash_recoverable(&Keccak256::digest(text));
        format!("0x{}{:02x}", hex(&scalars.to_bytes()), 27 + recovery.to_byte())
    }

    fn query(&self, nonce: &str) -> String {
        query(&[
            ("wallet", &self.wallet),
            ("chain", "0x13881"),
            ("nonce", nonce),
            ("signature", &self.sign(nonce)),
        ])
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn query(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| {
        let value: String = byte_serialize(value.as_bytes()).collect();
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// A gateway at whose door wallets can sign in: the first owner has two storages.
struct Door {
    gateway: Gateway,
    owner: Owner,
    stranger: Owner,
    _secrets: TempDir,
}

impl Door {
    async fn open(issued_nonces: bool) -> Self {
        Self::unfit(issued_nonces).start().await
    }

    /// Finds the state store fit.
    async fn start(self) -> Self {
        let plan = &self.gateway.edge.serving().plan;
        plan.state.as_ref().unwrap().start(SystemTime::now).await.unwrap();
        self
    }

    /// Its state store was not found fit yet.
    fn unfit(issued_nonces: bool) -> Self {
        Self::told(issued_nonces, &format!("endpoint: '{ENDPOINT}',"), "")
    }

    /// With another endpoint, or another file.
    fn told(issued_nonces: bool, endpoint: &str, file: &str) -> Self {
        let (owner, stranger) = (Owner::new(1), Owner::new(2));
        let wallet = &owner.wallet;
        let login = format!(
            "login: {{ issuer: tests, {endpoint} chains: ['0x13881'],
             issued_nonces: {issued_nonces}, wallets: [
             {{ wallet: '{wallet}', contract: '{CONTRACT}', token_id: '7' }},
             {{ wallet: '{wallet}', contract: '{CONTRACT}', token_id: '11' }} ] }}"
        );
        let settings = Settings {
            dialect: "kubo",
            chainloop: &login,
            layout: "{tenant}/{cid}",
            auth: "{ jwt: { issuers: [tests], tenant: claims.tokenId, read: 'true' } }",
            state: true,
            file,
            ..STREAM
        };
        let secrets = tempfile::tempdir().unwrap();
        let yaml = settings.yaml("http://127.0.0.1:9", &secrets);
        Self { gateway: Gateway::of(&yaml), owner, stranger, _secrets: secrets }
    }

    async fn login(&self, query: &str) -> Response {
        self.gateway.get(&format!("/download/auth/login?{query}"), "").await
    }

    async fn nonce(&self, wallet: &str) -> String {
        let path = format!("/download/auth/nonce?wallet={wallet}");
        let answer = self.gateway.get(&path, "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.json()["nonce"].as_str().unwrap().to_owned()
    }
}

#[track_caller]
fn assert_error(answer: &Response, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.json()["error"].is_string(), "{}", answer.text());
}

/// The claims of a JWT.
fn claims(jwt: &str) -> Value {
    use base64::Engine as _;
    let payload = jwt.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_wallet_gets_a_token_for_each_of_its_storages() {
    let door = Door::open(false).await;
    let answer = door.login(&door.owner.query("a nonce + é")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let body = answer.json();
    assert_eq!((&body["success"], &body["totalCount"]), (&json!(true), &json!(2)));
    for (index, token_id) in ["7", "11"].into_iter().enumerate() {
        let nft = &body["nfts"][index];
        assert_eq!(nft["endpoint"], ENDPOINT);
        assert_eq!(nft["id"]["tokenId"], token_id);
        assert_eq!(nft["contract"]["address"], CONTRACT.to_lowercase());
        let claims = claims(nft["jwt"].as_str().unwrap());
        assert_eq!(claims["address"], door.owner.wallet);
        assert_eq!(claims["tokenId"], token_id);
        assert_eq!(claims["tokenSmartContract"], CONTRACT.to_lowercase());
        let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert_eq!(life, 3600);
    }
}

#[tokio::test]
async fn clients_are_told_where_the_route_is() {
    let door = Door::told(false, "", "public_url: https://public.example.test").start().await;
    let answer = door.login(&door.owner.query("n")).await;
    let endpoint = &answer.json()["nfts"][0]["endpoint"];
    assert_eq!(endpoint, "https://public.example.test/download/api/v1");
}

#[tokio::test]
async fn a_wallet_without_storage_gets_nothing() {
    let door = Door::open(false).await;
    for _ in 0..2 {
        let answer = door.login(&door.stranger.query("nonce")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), json!({"success": true, "nfts": [], "totalCount": 0}));
    }
}

#[tokio::test]
async fn a_nonce_is_good_once() {
    let door = Door::open(false).await;
    assert_eq!(door.login(&door.owner.query("one")).await.status, 200);
    assert_error(&door.login(&door.owner.query("one")).await, 401);
    assert_eq!(door.login(&door.owner.query("another")).await.status, 200);
}

#[tokio::test]
async fn of_many_with_one_nonce_one_gets_in() {
    let door = Door::open(false).await;
    let query = door.owner.query("one");
    let answers = join_all((0..64).map(|_| door.login(&query))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(200), count(401)), (1, 63), "{statuses:?}");
}

#[tokio::test]
async fn nobody_signs_in_as_another() {
    let door = Door::open(false).await;
    let Door { owner, stranger, .. } = &door;
    let as_owner = |signature: &str| {
        let wallet = ("wallet", owner.wallet.as_str());
        query(&[wallet, ("chain", "0x13881"), ("nonce", "n"), ("signature", signature)])
    };
    let high = "f".repeat(64);
    let forged = [
        stranger.sign("n"),
        owner.sign("another"),
        "0x00".to_owned(),
        "x".to_owned(),
        format!("{}{high}1b", &owner.sign("n")[..66]),
    ];
    for signature in forged {
        assert_error(&door.login(&as_owner(&signature)).await, 401);
    }
    // None of that took the nonce away from the owner.
    assert_eq!(door.login(&owner.query("n")).await.status, 200);
}

#[tokio::test]
async fn what_is_not_asked_well_is_refused() {
    let door = Door::open(false).await;
    let good = door.owner.query("n");
    for name in ["wallet", "chain", "nonce", "signature"] {
        for query in [
            good.replace(&format!("{name}="), "other="),
            good.replace(&format!("{name}="), &format!("{name}=&other=")),
            format!("{good}&{name}=twice"),
        ] {
            let answer = door.login(&query).await;
            assert_eq!(answer.status, 400, "{query}");
            assert_eq!(answer.json(), json!({"error": "invalid params"}));
        }
    }
    let answer = door.login(&good.replace("0x13881", "0x5")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({"error": "Chain not supported"}));
    assert_error(&door.login(&good.replace("wallet=0x", "wallet=0y")).await, 400);
    assert_error(&door.gateway.get("/download/auth/nonce?wallet=0x1", "").await, 404);

    let mut client = door.gateway.connect();
    let path = format!("/download/auth/login?{good}");
    client
        .send(format!("POST {path} HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 0\r\n\r\n"))
        .await;
    let answer = client.response().await;
    assert_error(&answer, 405);
    assert_eq!(answer.header("allow"), Some("GET, OPTIONS"));
    assert_eq!(door.login(&good).await.status, 200);
}

#[tokio::test]
async fn nobody_signs_in_while_nonces_cannot_be_written_down() {
    let door = Door::unfit(false);
    assert_error(&door.login(&door.owner.query("n")).await, 503);
    let door = Door::unfit(true);
    let path = format!("/download/auth/nonce?wallet={}", door.owner.wallet);
    assert_error(&door.gateway.get(&path, "").await, 503);
}

#[tokio::test]
async fn where_nonces_are_issued_no_others_are_good() {
    let door = Door::open(true).await;
    let Door { owner, stranger, .. } = &door;
    let nonce = door.nonce(&owner.wallet).await;
    assert!(nonce.contains(ENDPOINT) && nonce.contains(&owner.wallet), "{nonce}");
    assert_ne!(nonce, door.nonce(&owner.wallet).await);
    // Made up, made up well, and another's.
    let made_up = format!("{}{}", &nonce[..nonce.len() - 32], "0".repeat(32));
    for other in ["n", &made_up, &door.nonce(&stranger.wallet).await] {
        assert_error(&door.login(&owner.query(other)).await, 401);
    }
    assert_eq!(door.login(&owner.query(&nonce)).await.json()["totalCount"], 2);
    assert_error(&door.login(&owner.query(&nonce)).await, 401);

    let nonce = door.nonce(&stranger.wallet).await;
    assert_eq!(door.login(&stranger.query(&nonce)).await.json()["totalCount"], 0);
    assert_error(&door.gateway.get("/download/auth/nonce", "").await, 400);
    assert_error(&door.gateway.get("/download/auth/nonce?wallet=0x1", "").await, 400);
}

#[tokio::test]
async fn of_many_with_one_issued_nonce_one_gets_in() {
    let door = Door::open(true).await;
    let query = door.owner.query(&door.nonce(&door.owner.wallet).await);
    let answers = join_all((0..64).map(|_| door.login(&query))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(200), count(401)), (1, 63), "{statuses:?}");
}
