//! Single-use download links: plangrep's page "Get artifact by download token", and what is ours.
//!
//! | module | question |
//! | --- | --- |
//! | [`confirm`] | Who is asked first, and does the button do what it says? |
//! | [`crowds`] | Do many at once get as many answers as there are uses, for as little work? |
//! | [`failures`] | Is a use kept whatever storage, the state store or the client does? |
//! | [`hostile`] | What becomes of tokens that were not given out, here and so? |
//! | [`idempotency`] | Does asking twice make one link? |
//! | [`issue`] | Who gets a link, to what, and on which terms? |
//! | [`logs`] | Does anything that opens something get into a log or a metric? |
//! | [`names`] | Under which name and type is an artifact saved? |
//! | [`prefetch`] | Do those who look ahead leave links as they are? |
//! | [`redeem`] | Does a link give its artifact once, to whoever has it? |
//! | [`reloads`] | Does a changed configuration leave links as they are? |
//! | [`resume`] | Who may go on with a download that broke off? |
//! | [`revoke`] | Do links end when they are taken back, and who is told how they stand? |
//! | [`takeover`] | Does a later start end the earlier one? |

mod confirm;
mod crowds;
mod failures;
mod hostile;
mod idempotency;
mod issue;
mod logs;
mod names;
mod prefetch;
mod redeem;
mod reloads;
mod resume;
mod revoke;
mod takeover;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use casgate::content::digest::Sha256Digest;
use casgate::token::{Key, Keys, Purpose};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::answer::Answer;
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;
use crate::support::token::{self, SEALING_KEY, seconds_from_now};

/// Those with the role may issue, for everybody.
pub(crate) const ONETIME: Settings<'static> = Settings {
    dialect: "onetime",
    auth: "{ jwt: { issuers: [tests], read: 'true', issue: 'claims.role == \"issuer\"' } }",
    state: true,
    file: "public_url: https://links.example.test",
    ..STREAM
};

/// The same for tenants, each with a folder, and with artifacts that are ordered by their key.
const TENANTS: Settings<'static> = Settings {
    auth: "{ jwt: { issuers: [tests], tenant: claims.org, read: 'true', \
           issue: 'claims.role == \"issuer\"' } }",
    layout: "{tenant}/sha256:{hex}",
    chainloop: "keys: '{tenant}/files/{key}'",
    ..ONETIME
};

/// The entity tag of objects in the storage of the tests.
const ETAG: &str = "\"storage's own\"";

/// A gateway with a state store, and what it needs to go on living.
pub(crate) struct Links {
    pub(crate) gateway: Gateway,
    pub(crate) storage: Storage,
    secrets: TempDir,
}

impl Links {
    /// Takes up another configuration, as after SIGHUP.
    async fn reload(&self, settings: Settings<'_>, change: impl Fn(String) -> String) {
        let yaml = settings.yaml(&format!("http://{}", self.storage.address), &self.secrets);
        self.gateway.reload(&change(yaml));
        self.start().await;
    }

    /// Before this storage, with a state store that was found fit.
    async fn before(storage: Storage, settings: Settings<'_>) -> Self {
        let links = Self::unfit(storage, settings);
        links.start().await;
        links
    }

    /// Finds the state store fit.
    async fn start(&self) {
        let plan = &self.gateway.edge.serving().plan;
        plan.state.as_ref().unwrap().start(SystemTime::now).await.unwrap();
    }

    /// The same with a state store that was not tried out yet.
    fn unfit(storage: Storage, settings: Settings<'_>) -> Self {
        Self::of(storage, settings, |yaml| yaml)
    }

    /// The same with another configuration file.
    fn of(storage: Storage, settings: Settings<'_>, change: impl Fn(String) -> String) -> Self {
        let secrets = tempfile::tempdir().unwrap();
        let yaml = settings.yaml(&format!("http://{}", storage.address), &secrets);
        Self { gateway: Gateway::of(&change(yaml)), storage, secrets }
    }

    /// Before storage that holds this content.
    pub(crate) async fn to(content: &Content, settings: Settings<'_>) -> Self {
        Self::before(Storage::scripted(object(content)).await, settings).await
    }

    /// A request with a body, on a connection of its own.
    async fn ask(&self, line: &str, lines: &str, body: &str) -> Response {
        let mut client = self.gateway.connect();
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: gateway.test\r\n{lines}Content-Length: {length}\r\n\r\n"
        );
        client.send(head + body).await;
        client.response().await
    }

    /// An order of somebody who may.
    async fn order(&self, order: Value) -> Response {
        self.ask("POST /download/", &issuer(), &order.to_string()).await
    }

    /// The path of a link that was ordered so.
    async fn link(&self, order: Value) -> String {
        let issued = self.order(order).await;
        assert_eq!(issued.status, 201, "{}", issued.text());
        path(issued.json()["token"].as_str().unwrap())
    }

    /// The path of a link to a content.
    pub(crate) async fn link_to(&self, content: &Content) -> String {
        self.link(json!({ "digest": digest(content) })).await
    }

    async fn get(&self, path: &str, lines: &str) -> Response {
        self.gateway.get(path, lines).await
    }

    async fn head(&self, path: &str, lines: &str) -> Response {
        self.gateway.head(path, lines).await
    }

    /// How often something happened to tokens.
    fn events(&self, event: &str) -> u64 {
        self.gateway.metric("casgate_single_use_total", &[&format!("event=\"{event}\"")])
    }

    /// How often the state store was asked or told anything.
    fn state_operations(&self) -> u64 {
        self.gateway.metric("casgate_state_operations_total", &[])
    }

    /// The link gives the content, and so was not used before.
    #[track_caller]
    fn assert_fresh(&self, path: &str, content: &Content) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let response = self.get(path, "").await;
            assert_eq!(
                response.status,
                200,
                "{caller}: {}",
                String::from_utf8_lossy(&response.body)
            );
            assert!(response.body == content.bytes, "{caller}");
        }
    }
}

/// The answers of storage with one object, which heeds `If-Match`.
fn object(content: &Content) -> impl Fn(&Seen) -> Answer + Send + Sync + 'static {
    let content = content.clone();
    move |seen| match seen.header("if-match") {
        _ if seen.target != content.target() => Answer::error(seen, 404, "NoSuchKey"),
        Some(tag) if tag != ETAG => Answer::error(seen, 412, "PreconditionFailed"),
        _ => Answer::object(seen, &content.bytes),
    }
}

fn path(token: &str) -> String {
    format!("/download/{token}")
}

fn digest(content: &Content) -> String {
    format!("sha256:{}", content.hex)
}

/// The header line of somebody who may issue.
fn issuer() -> String {
    token::bearer(json!({ "role": "issuer" }))
}

/// The same for a tenant.
fn issuer_of(org: &str) -> String {
    token::bearer(json!({ "role": "issuer", "org": org }))
}

/// The keys of the gateway of the tests.
fn keys() -> Keys {
    Keys::new(Key::parse(SEALING_KEY).unwrap(), Vec::new())
}

fn time(seconds: i64) -> String {
    let since = std::time::Duration::from_secs(seconds_from_now(seconds).try_into().unwrap());
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string()
}

/// The claims of a token for a content, as the gateway seals them, with these in their place.
fn claims(content: &Content, more: &Value) -> Value {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut claims = json!({
        "jti": format!("{:032x}", NEXT.fetch_add(1, Ordering::Relaxed)),
        "aud": "/download/",
        "iat": time(-60),
        "exp": time(600),
        "bucket": "store",
        "key": digest(content),
        "etag": ETAG,
        "sha256": content.hex,
        "uses": 1,
        "resume_seconds": 600,
        "confirm": false,
    });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let sealed = |(name, value): (String, Value)| (short(&name), as_sealed(&name, value));
    Value::Object(claims.as_object().unwrap().clone().into_iter().map(sealed).collect())
}

/// What a member is called in a token.
fn short(name: &str) -> String {
    let short = match name {
        "jti" => "i",
        "aud" => "r",
        "iat" => "s",
        "exp" => "x",
        "bucket" => "b",
        "key" => "k",
        "etag" => "e",
        "sha256" => "d",
        "uses" => "n",
        "resume_seconds" => "w",
        "confirm" => "p",
        "tenant" => "t",
        "filename" => "f",
        "content_type" => "c",
        name => name,
    };
    short.to_owned()
}

/// Times are seconds there, and digests in base64.
fn as_sealed(name: &str, value: Value) -> Value {
    let Some(text) = value.as_str() else { return value };
    match name {
        "iat" | "exp" => humantime::parse_rfc3339(text).map_or(value.clone(), |time| {
            json!(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
        }),
        "sha256" => Sha256Digest::parse_hex(text)
            .map_or(value.clone(), |digest| json!(URL_SAFE_NO_PAD.encode(digest.as_bytes()))),
        _ => value,
    }
}

/// The path of a link that nobody ordered, but that has a good seal.
fn sealed(content: &Content, more: &Value) -> String {
    let claims = claims(content, more).to_string();
    path(&keys().seal(Purpose::Download, claims.as_bytes()).unwrap())
}

/// Refused with this code, and nobody keeps or passes on anything of it.
#[track_caller]
fn assert_refused(response: &Response, status: u16, code: &str, input: &str) {
    let text = String::from_utf8_lossy(&response.body);
    assert_eq!(response.status, status, "{input}: {text}");
    let body = response.json();
    assert_eq!(body["code"], code, "{input}");
    assert!(!body["message"].as_str().unwrap().is_empty(), "{input}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{input}");
    assert_private(response, input);
}

/// Nobody keeps or passes on anything of the answer.
#[track_caller]
fn assert_private(response: &Response, input: &str) {
    for (name, value) in [
        ("cache-control", "private, no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex"),
    ] {
        assert_eq!(response.header(name), Some(value), "{input}");
    }
}
