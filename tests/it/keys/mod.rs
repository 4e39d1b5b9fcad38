//! Are keys fetched safely, and tokens judged rightly while they change?

mod changes; // rotation, outage, flood: what clients see meanwhile
mod discovery; // documents in the shapes of known issuers
mod fetching; // answers, redirects and certificates, good and bad
mod reloads; // what a changed configuration does to keys

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use casgate::jwks::{self, Source};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::content::Content;
use crate::support::gateway::{Gateway, JWT, STREAM, Settings};
use crate::support::issuer::Issuer;
use crate::support::signer::Signer;
use crate::support::storage::Storage;
use crate::support::{token, within};

/// A gateway that trusts an issuer with keys of its own.
struct Setup {
    gateway: Gateway,
    yaml: String,
    secrets: TempDir,
    content: Content,
    _storage: Storage,
    fetching: JoinSet<()>,
}

impl Setup {
    /// With this value of `keys`, fetched once.
    async fn fetched(issuer: &Issuer, keys: &str) -> Self {
        let mut setup = Self::of(token::ISSUER, issuer, keys).await;
        setup.fetch().await;
        setup
    }

    /// With nothing fetched. `CA_FILE` in `keys` is the file with the issuer's authority.
    async fn of(iss: &str, issuer: &Issuer, keys: &str) -> Self {
        let content = Content::of("for holders of a token");
        let storage = Storage::holding(&content).await;
        let secrets = tempfile::tempdir().unwrap();
        let authority = secrets.path().join("authority.pem");
        std::fs::write(&authority, issuer.authority.pem()).unwrap();
        let endpoint = format!("http://{}", storage.address);
        let yaml = Settings { auth: JWT, ..STREAM }.yaml(&endpoint, &secrets);
        let old = yaml.lines().find(|line| line.starts_with("    keys: ")).unwrap();
        let new = format!("    keys: {keys}").replace("CA_FILE", authority.to_str().unwrap());
        let yaml = yaml.replace(old, &new).replace(token::ISSUER, iss);
        let gateway = Gateway::of(&yaml);
        let fetching = JoinSet::new();
        Self { gateway, yaml, secrets, content, _storage: storage, fetching }
    }

    fn source(&self) -> Arc<Source> {
        Arc::clone(&self.gateway.edge.serving().plan.key_sources["tests"])
    }

    /// Begins to fetch, and waits for the end of the first fetch.
    async fn fetch(&mut self) {
        self.fetch_at(SystemTime::now).await;
    }

    /// The same by another clock.
    async fn fetch_at(&mut self, clock: fn() -> SystemTime) {
        self.fetching.spawn(jwks::keep_fresh(self.source(), clock));
        within(self.source().keys().attempted()).await;
    }

    /// The status of a download with a token that nobody has seen before.
    async fn status(&self, signer: &Signer) -> u16 {
        self.status_of(&signer.bearer(claims())).await
    }

    /// The status of a download with this header line.
    async fn status_of(&self, line: &str) -> u16 {
        let response = self.gateway.get(&self.content.path(), line).await;
        match response.status {
            200 => assert_eq!(response.body, self.content.bytes),
            503 => assert_eq!(response.header("retry-after"), Some("5")),
            status => assert_eq!(status, 401),
        }
        response.status
    }

    /// How many fetches have all of these labels.
    fn fetches(&self, labels: &[&str]) -> u64 {
        self.gateway.metric("casgate_issuer_fetches_total", labels)
    }
}

/// Claims that no other token has.
fn claims() -> Value {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    json!({ "jti": NEXT.fetch_add(1, Ordering::Relaxed) })
}

/// `keys` with the key set at this path, and more settings.
fn jwks_url(issuer: &Issuer, path: &str, more: &str) -> String {
    let url = issuer.url(path);
    format!("{{ jwks_url: {{ url: '{url}', {LOCAL}, {more} }} }}")
}

/// What an issuer on this machine needs.
const LOCAL: &str = "allow_private_addresses: true, ca_file: CA_FILE";
