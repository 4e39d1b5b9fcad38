//! What single-use links cost beside storage and the store: sealing, opening, and the ledger over
//! registers in memory.

#![allow(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use casgate::auth::{self, Carriage, Grant};
use casgate::bucket::Bucket;
use casgate::bucket::object::ObjectHead;
use casgate::cli::jwt;
use casgate::config::Config;
use casgate::content::ContentId;
use casgate::content::digest::Sha256Digest;
use casgate::content::layout::Key;
use casgate::dialect::Order;
use casgate::error::Error;
use casgate::gateway::{self, Storage};
use casgate::plan::{Plan, Route};
use casgate::state::memory::Memory;
use casgate::telemetry::Metrics;
use casgate::token::ledger::{Attempt, Ledger};
use casgate::token::{DownloadToken, Keys};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_util::FutureExt as _;
use http::HeaderValue;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const RESUMES_MAX: u32 = 10;

/// Storage that has everything, at once.
struct Always;

impl Storage for Always {
    async fn stat(&self, _: &Bucket, _: &Key) -> Result<ObjectHead, Error> {
        let etag = HeaderValue::from_static("\"0123456789abcdef0123456789abcdef\"");
        Ok(ObjectHead { size: 1024, etag: Some(etag), ..ObjectHead::default() })
    }

    async fn stat_with_tag(&self, bucket: &Bucket, key: &Key) -> Result<ObjectHead, Error> {
        self.stat(bucket, key).await
    }
}

/// A route of links, and somebody who may make them.
struct Desk {
    route: Arc<Route>,
    grant: Grant,
    order: Order,
    now: SystemTime,
}

impl Desk {
    fn open() -> Self {
        let mut secret = tempfile::NamedTempFile::new().expect("a temporary file");
        secret.write_all(SECRET.as_bytes()).expect("room for a secret");
        let file = secret.path().display();
        let yaml = format!(
            "public_url: https://gateway.example\n\
             buckets: {{ b: {{ bucket: bucket, region: us-east-1, \
             endpoint: 'http://127.0.0.1:1', credentials: {{ static: {{ \
             access_key_id: {{ file: {file} }}, secret_access_key: {{ file: {file} }} }} }} }} }}\n\
             issuers: {{ i: {{ iss: {iss}, audience: [{audience}], keys: {{ hs256: {{ \
             file: {file} }} }} }} }}\n\
             tokens: {{ keys: [{{ file: {file}.key }}] }}\n\
             state: {{ embedded: {{ path: {file}.redb }} }}\n\
             routes: [{{ path: /links/, dialect: {{ onetime: {{}} }}, bucket: b, \
             delivery: stream, layout: '{{tenant}}/sha256:{{hex}}', auth: {{ jwt: {{ \
             issuers: [i], tenant: claims.org, read: 'true', issue: 'true' }} }} }}]\n",
            iss = jwt::ISSUER,
            audience = jwt::AUDIENCE,
        );
        let key = format!("{file}.key");
        let text = base64::engine::general_purpose::STANDARD.encode(SECRET);
        std::fs::write(&key, text).expect("room for a key");
        let config = Config::parse(&yaml).expect("the configuration is well-formed");
        let plan = Plan::compile(config, &Metrics::new());
        std::fs::remove_file(&key).expect("it was written");
        let plan = plan.map_err(|problems| format!("{problems:?}")).expect("it compiles");
        let (route, _) = plan.route("/links/").expect("it has this route");
        let now = SystemTime::now();
        let digest = Sha256Digest::of(b"object");
        let order = Order {
            content: ContentId::Sha256(digest),
            filename: None,
            content_type: None,
            ttl: None,
            uses: None,
            resumable: true,
            confirm: false,
            must_exist: true,
            fingerprint: digest,
        };
        Self { grant: grant(route, now), route: Arc::clone(route), order, now }
    }

    fn keys(&self) -> &Keys {
        &self.route.single_use.as_ref().expect("the route has links").keys
    }

    fn issue(&self) -> String {
        let Self { route, grant, order, now } = self;
        let made = gateway::mint(route, &Always, grant, order, *now).now_or_never();
        made.expect("storage answers at once").expect("a token").0
    }

    fn token(&self) -> DownloadToken {
        DownloadToken::open(self.keys(), &self.issue()).expect("it was sealed here")
    }
}

fn grant(route: &Route, now: SystemTime) -> Grant {
    let claims = [("org".to_owned(), "acme".into())].into_iter().collect();
    let token = jwt::mint(SECRET, claims, Duration::from_secs(3600), now).expect("a token");
    let request = http::Request::get("/links/").header("authorization", format!("Bearer {token}"));
    let head = request.body(()).expect("a request").into_parts().0;
    let granted = auth::authorize(&route.policy, &head, Carriage::Bearer, now).now_or_never();
    granted.expect("the keys are there").expect("it permits everything")
}

/// With the form and the key's name of a good token. What a foreign key seals is a nonce, a cipher's
/// output and a tag, none of which can be told from other bytes without the key.
fn forge(token: &str) -> String {
    let parts: Vec<_> = token.split('.').collect();
    let [version, purpose, payload, footer] = parts.as_slice() else { panic!("four parts") };
    let sealed = URL_SAFE_NO_PAD.decode(payload).expect("it is base64");
    let foreign: Vec<_> = sealed.iter().map(|byte| byte ^ 0x55).collect();
    format!("{version}.{purpose}.{}.{footer}", URL_SAFE_NO_PAD.encode(foreign))
}

fn seal_and_open(criterion: &mut Criterion) {
    let desk = Desk::open();
    let (token, good) = (desk.token(), desk.issue());
    criterion.bench_function("token/issue", |bencher| bencher.iter(|| desk.issue()));
    criterion.bench_function("token/seal", |bencher| bencher.iter(|| token.seal(desk.keys())));
    let texts = [("forged", forge(&good)), ("garbage", "x".repeat(good.len())), ("good", good)];
    for (name, text) in texts {
        assert_eq!(DownloadToken::open(desk.keys(), &text).is_some(), name == "good");
        criterion.bench_function(&format!("token/open, {name}"), |bencher| {
            bencher.iter(|| DownloadToken::open(desk.keys(), black_box(&text)));
        });
    }
}

/// From the first look to the use that is taken, and the look at one that is.
fn ledger(criterion: &mut Criterion) {
    let (desk, memory) = (Desk::open(), Memory::default());
    let (ledger, now) = (Ledger::new(&memory, RESUMES_MAX), desk.now);
    let take = |token: &DownloadToken| {
        let taken = async {
            ledger.look_up(token, 0, now).await.expect("memory answers");
            let attempt = Attempt::random().expect("random bytes");
            ledger.claim(token, 0, &attempt, || now).await.expect("nobody else has it")
        };
        taken.now_or_never().expect("memory answers at once")
    };
    criterion.bench_function("ledger/look up and claim", |bencher| {
        bencher.iter_batched_ref(|| desk.token(), |token| take(token), BatchSize::SmallInput);
    });
    let spent = desk.token();
    take(&spent);
    criterion.bench_function("ledger/look up, spent", |bencher| {
        bencher.iter(|| ledger.look_up(black_box(&spent), 0, now).now_or_never());
    });
}

criterion_group!(benches, seal_and_open, ledger);
criterion_main!(benches);
