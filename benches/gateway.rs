//! What a request costs inside of the process: the decision alone, and a whole life of a
//! connection over an in-memory pipe.

#![allow(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use casgate::bucket::Bucket;
use casgate::bucket::object::ObjectHead;
use casgate::cli::jwt;
use casgate::config::Config;
use casgate::content::layout::Key;
use casgate::edge::stream::ClientStream;
use casgate::edge::{Edge, http1};
use casgate::error::Error;
use casgate::gateway::{self, Storage};
use casgate::plan::Plan;
use casgate::telemetry::Metrics;
use casgate::telemetry::access::AccessLog;
use criterion::{Criterion, criterion_group, criterion_main};
use http::request::Parts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;
use tokio::sync::watch;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Storage that has everything, at once.
struct Always;

impl Storage for Always {
    async fn stat(&self, _: &Bucket, _: &Key) -> Result<ObjectHead, Error> {
        Ok(ObjectHead { size: 1024, ..ObjectHead::default() })
    }

    async fn stat_with_tag(&self, bucket: &Bucket, key: &Key) -> Result<ObjectHead, Error> {
        self.stat(bucket, key).await
    }
}

fn plan(metrics: &Metrics) -> Plan {
    let mut secret = tempfile::NamedTempFile::new().expect("a temporary file");
    secret.write_all(SECRET.as_bytes()).expect("room for a secret");
    let file = secret.path().display();
    let route = |path: &str, delivery: &str| {
        format!(
            "{{ path: {path}, dialect: {{ chainloop: {{}} }}, bucket: b, delivery: {delivery}, \
             layout: '{{tenant}}/sha256:{{hex}}', auth: {{ jwt: {{ issuers: [i], \
             tenant: claims.org, \
             read: \"'artifacts:read' in claims.scope.split(' ')\" }} }} }}"
        )
    };
    let yaml = format!(
        "buckets: {{ b: {{ bucket: bucket, region: us-east-1, endpoint: 'http://127.0.0.1:1', \
         credentials: {{ static: {{ access_key_id: {{ file: {file} }}, \
         secret_access_key: {{ file: {file} }} }} }} }} }}\n\
         issuers: {{ i: {{ iss: {iss}, audience: [{audience}], keys: {{ hs256: {{ file: {file} }} \
         }} }} }}\n\
         routes: [{redirect}, {stream}]\n",
        iss = jwt::ISSUER,
        audience = jwt::AUDIENCE,
        redirect = route("/r/", "redirect"),
        stream = route("/s/", "stream"),
    );
    let config = Config::parse(&yaml).expect("the configuration is well-formed");
    Plan::compile(config, metrics).map_err(|problems| format!("{problems:?}")).expect("it compiles")
}

fn token() -> String {
    let claims = [("org".to_owned(), "acme".into())].into_iter().collect();
    jwt::mint(SECRET, claims, Duration::from_secs(3600), SystemTime::now()).expect("a token")
}

fn head(path: &str, token: &str) -> Parts {
    let request = http::Request::get(format!("{path}{DIGEST}"))
        .header("host", "gateway")
        .header("authorization", format!("Bearer {token}"))
        .header("user-agent", "bench")
        .header("accept", "*/*")
        .body(());
    request.expect("a request").into_parts().0
}

fn decide(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let plan = plan(&Metrics::new());
    let now = SystemTime::now();
    let token = token();
    for (name, path) in [("redirect", "/r/"), ("stream", "/s/")] {
        let head = head(path, &token);
        criterion.bench_function(&format!("decide/{name}"), |bencher| {
            bencher.iter(|| {
                let decision = gateway::decide(&plan, &Always, black_box(&head), now);
                drop(black_box(runtime.block_on(decision)));
            });
        });
    }
}

/// Sends a request over a pipe that stays open and reads the head of the answer.
fn lifecycle(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let metrics = Arc::new(Metrics::new());
    let plan = plan(&metrics);
    let now = SystemTime::now();
    let token = token();
    // Existence is remembered from here on: the pipe leads to no storage.
    drop(runtime.block_on(gateway::decide(&plan, &Always, &head("/r/", &token), now)));
    let access_log = AccessLog::off(metrics.access_log_dropped.clone());
    let edge = Arc::new(Edge::new(plan, metrics, access_log));
    let (_draining, is_draining) = watch::channel(false);
    let (mut client, served) = tokio::io::duplex(64 * 1024);
    runtime.spawn(async move {
        http1::serve(&edge, ClientStream::new(served, None), is_draining).await;
    });
    let request = format!(
        "GET /r/{DIGEST} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n\
         User-Agent: bench\r\nAccept: */*\r\n\r\n"
    );
    let mut answer = vec![0; 64 * 1024];
    criterion.bench_function("lifecycle/redirect, remembered", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                client.write_all(request.as_bytes()).await.expect("the gateway listens");
                let mut length = 0;
                while !answer[..length].ends_with(b"\r\n\r\n") {
                    length += client.read(&mut answer[length..]).await.expect("an answer");
                }
                assert!(answer.starts_with(b"HTTP/1.1 302"));
            });
        });
    });
}

criterion_group!(benches, decide, lifecycle);
criterion_main!(benches);
