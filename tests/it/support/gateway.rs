//! A gateway on in-memory connections, compiled from YAML like any other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use casgate::config::Config;
use casgate::edge::{Edge, http1, http2, stream::ClientStream};
use casgate::plan::{Files, Plan, Problem};
use casgate::telemetry::Metrics;
use casgate::telemetry::access::AccessLog;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::client::{Client, Response};
use super::metrics;
use super::storage::Storage;
use super::token;
use super::within;

/// Everybody may read.
pub(crate) const OPEN: &str = "open";

/// Whoever has a token of the tests may read.
pub(crate) const JWT: &str =
    "{ jwt: { issuers: [tests], read: 'claims.scope == \"artifacts:read\"' } }";

/// The same, and the claim `org` is the tenant.
pub(crate) const JWT_TENANT: &str = "{ jwt: { issuers: [tests], tenant: claims.org, \
     read: 'claims.scope == \"artifacts:read\"' } }";

/// What tests change of the configuration, as YAML.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) delivery: &'a str,
    pub(crate) auth: &'a str,
    pub(crate) layout: &'a str,
    /// The name of the route's dialect.
    pub(crate) dialect: &'a str,
    /// The settings of the dialect.
    pub(crate) chainloop: &'a str,
    /// More keys of the route, one a line and indented like the others.
    pub(crate) route: &'a str,
    /// More keys of the bucket, likewise.
    pub(crate) bucket: &'a str,
    /// The listeners, as a list without its brackets.
    pub(crate) listen: &'a str,
    pub(crate) timeouts: &'a str,
    pub(crate) limits: &'a str,
    /// Whether there is a state store: in a file beside the secrets.
    pub(crate) state: bool,
    /// More keys of the file, one a line.
    pub(crate) file: &'a str,
}

/// Everybody may read, streamed.
pub(crate) const STREAM: Settings<'static> = Settings {
    delivery: "stream",
    auth: OPEN,
    layout: "sha256:{hex}",
    dialect: "chainloop",
    chainloop: "",
    route: "",
    bucket: "",
    listen: "'127.0.0.1:0'",
    timeouts: "",
    limits: "",
    state: false,
    file: "",
};

/// Holders of a token may read, by redirect.
pub(crate) const REDIRECT: Settings<'static> =
    Settings { delivery: "redirect", auth: JWT, ..STREAM };

impl Settings<'_> {
    /// A configuration file whose secrets are in `secrets`.
    pub(crate) fn yaml(&self, endpoint: &str, secrets: &TempDir) -> String {
        let file = |name: &str, content: &str| {
            let path = secrets.path().join(name);
            std::fs::write(&path, content).unwrap();
            format!("{{ file: {} }}", path.display())
        };
        let state = match self.state {
            true => format!(
                "state: {{ embedded: {{ path: {} }} }}",
                secrets.path().join("state.redb").display()
            ),
            false => String::new(),
        };
        format!(
            r"
listen: [{listen}]
log: {{ access: false }}
limits: {{ {limits} }}
timeouts: {{ {timeouts} }}
buckets:
  store:
    bucket: artifacts
    region: us-east-1
    endpoint: {endpoint}
    credentials: {{ static: {{ access_key_id: {id}, secret_access_key: {key} }} }}
    {bucket}
issuers:
  tests:
    iss: {issuer}
    audience: [{audience}]
    keys: {{ hs256: {jwt} }}
tokens: {{ keys: [{token}] }}
{state}
routes:
  - path: /download/
    dialect: {{ {dialect}: {{ {chainloop} }} }}
    bucket: store
    layout: '{layout}'
    auth: {auth}
    delivery: {delivery}
    {route}
{more}
",
            listen = self.listen,
            limits = self.limits,
            timeouts = self.timeouts,
            id = file("id", "AKIATESTS"),
            key = file("key", "storage secret"),
            bucket = self.bucket,
            issuer = token::ISSUER,
            audience = token::AUDIENCE,
            jwt = file("jwt", token::SECRET),
            token = file("token", token::SEALING_KEY),
            dialect = self.dialect,
            chainloop = self.chainloop,
            layout = self.layout,
            auth = self.auth,
            delivery = self.delivery,
            route = self.route,
            more = self.file,
        )
    }

    /// A gateway in front of this storage.
    #[track_caller]
    pub(crate) fn before(&self, storage: &Storage) -> Gateway {
        Gateway::before(&format!("http://{}", storage.address), self)
    }
}

/// Compiles the text of a configuration file.
pub(crate) fn compile(yaml: &str, metrics: &Metrics) -> Result<Plan, Vec<Problem>> {
    Plan::compile(Config::parse(yaml).unwrap(), metrics)
}

/// A gateway without listeners. A panic in it fails the test that uses it.
pub(crate) struct Gateway {
    pub(crate) edge: Arc<Edge>,
    pub(crate) draining: watch::Sender<bool>,
    panicked: Arc<AtomicBool>,
}

/// Takes note when it is dropped by a panic.
struct PanicNote(Arc<AtomicBool>);

impl Drop for PanicNote {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(!self.panicked.load(Ordering::Relaxed), "the gateway panicked; see above");
        }
    }
}

impl Gateway {
    #[track_caller]
    pub(crate) fn before(endpoint: &str, settings: &Settings<'_>) -> Self {
        let secrets = tempfile::tempdir().unwrap();
        Self::of(&settings.yaml(endpoint, &secrets))
    }

    /// A gateway with this configuration file.
    #[track_caller]
    pub(crate) fn of(yaml: &str) -> Self {
        let metrics = Arc::new(Metrics::new());
        let plan = match compile(yaml, &metrics) {
            Ok(plan) => plan,
            Err(problems) => panic!("{problems:#?}"),
        };
        let access_log = AccessLog::off(metrics.access_log_dropped.clone());
        let edge = Edge::new(plan, metrics, access_log);
        Self { edge: Arc::new(edge), draining: watch::Sender::new(false), panicked: Arc::default() }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Client<DuplexStream> {
        self.connect_from("192.0.2.1:1024", 64 * 1024)
    }

    /// A new connection from this address, with that many bytes in flight at most.
    pub(crate) fn connect_from(&self, peer: &str, buffer: usize) -> Client<DuplexStream> {
        let peer: SocketAddr = peer.parse().unwrap();
        let (ours, theirs) = tokio::io::duplex(buffer);
        let (edge, draining) = (Arc::clone(&self.edge), self.draining.subscribe());
        self.spawn(async move {
            http1::serve(&edge, ClientStream::new(theirs, Some(peer)), draining).await;
        });
        Client::new(ours)
    }

    /// The client's end of a new connection on which HTTP/2 is spoken, with that many bytes in
    /// flight at most.
    pub(crate) fn connect_http2(&self, buffer: usize) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(buffer);
        self.serve_http2(theirs);
        ours
    }

    /// Speaks HTTP/2 over any transport.
    pub(crate) fn serve_http2<S>(&self, transport: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug + 'static,
    {
        let (edge, draining) = (Arc::clone(&self.edge), self.draining.subscribe());
        self.spawn(async move {
            http2::serve(&edge, ClientStream::new(transport, None), draining).await;
        });
    }

    fn spawn(&self, serving: impl Future<Output = ()> + Send + 'static) {
        let note = PanicNote(Arc::clone(&self.panicked));
        tokio::spawn(async move {
            let _note = note;
            serving.await;
        });
    }

    /// Serves on a real socket too, by the first listener; returns where.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (edge, draining) = (Arc::clone(&self.edge), self.draining.subscribe());
        tokio::spawn(casgate::edge::server::serve(edge, vec![listener], draining));
        address
    }

    /// Puts another configuration in the place of the one in use.
    #[track_caller]
    pub(crate) fn reload(&self, yaml: &str) {
        let earlier = self.edge.serving();
        let config = Config::parse(yaml).unwrap();
        let (files, metrics) = (Files::default(), &self.edge.metrics);
        match Plan::recompile(config, files, metrics, Some(&earlier.plan)) {
            Ok(plan) => self.edge.replace(Arc::new(plan)),
            Err(problems) => panic!("{problems:#?}"),
        }
    }

    /// One GET on a connection of its own, read until that closes: then the request is settled.
    pub(crate) async fn get(&self, path: &str, lines: &str) -> Response {
        let mut client = self.connect();
        client.get(path, &format!("Connection: close\r\n{lines}")).await;
        let response = client.response().await;
        assert_eq!(client.rest().await, b"", "bytes after the answer");
        response
    }

    /// One HEAD, likewise.
    pub(crate) async fn head(&self, path: &str, lines: &str) -> Response {
        let mut client = self.connect();
        client
            .send(format!(
                "HEAD {path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n{lines}\r\n"
            ))
            .await;
        let response = client.head().await;
        assert_eq!(client.rest().await, b"", "bytes after the head");
        response
    }

    /// The sum of the samples of a metric whose line holds all of these labels.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        metrics::sum(&self.scrape(), name, labels)
    }

    /// All metrics, as a scrape gets them.
    pub(crate) fn scrape(&self) -> String {
        self.edge.metrics.render(&self.edge.serving().plan)
    }

    /// Waits until the sum of these samples is as expected.
    pub(crate) async fn until_metric(&self, name: &str, labels: &[&str], expected: u64) {
        within(async {
            while self.metric(name, labels) != expected {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Waits until no client connection is open, and so all requests are settled.
    pub(crate) async fn idle(&self) {
        within(async {
            while self.edge.metrics.connections.get() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}
