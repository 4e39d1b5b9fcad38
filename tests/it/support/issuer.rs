//! An issuer that publishes its keys over TLS, well or badly.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::answer::{Answer, Then};
use super::storage::{Seen, read_head};
use super::within;

/// Who vouches for servers.
pub(crate) struct Authority {
    certificate: rcgen::CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { certificate: rcgen::CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A server with a certificate for this name, valid until the year.
    fn acceptor(&self, name: &str, until: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.certificate).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

type Script = Box<dyn Fn(&Seen) -> Answer + Send + Sync>;

struct Shared {
    script: Mutex<Script>,
    connections: AtomicUsize,
    requests: watch::Sender<usize>,
}

/// The server. It ends when dropped.
pub(crate) struct Issuer {
    pub(crate) authority: Authority,
    pub(crate) port: u16,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Issuer {
    /// Answers on `localhost` as the script says.
    pub(crate) async fn scripted(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::with_certificate(Authority::new(), "localhost", 4000, script).await
    }

    pub(crate) async fn with_certificate(
        authority: Authority,
        name: &str,
        until: i32,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let acceptor = authority.acceptor(name, until);
        Self::serve(authority, Some(acceptor), script).await
    }

    /// Speaks no TLS, and answers whatever comes.
    pub(crate) async fn in_clear(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(Authority::new(), None, script).await
    }

    async fn serve(
        authority: Authority,
        acceptor: Option<TlsAcceptor>,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(script)),
            connections: AtomicUsize::new(0),
            requests: watch::Sender::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, acceptor, Arc::clone(&shared)));
        Self { authority, port, shared, _tasks: tasks }
    }

    /// Answers otherwise from now on.
    pub(crate) fn change(&self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// TCP connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Requests answered so far.
    pub(crate) fn requests(&self) -> usize {
        *self.shared.requests.borrow()
    }

    /// Waits until that many more requests were answered.
    pub(crate) async fn answers(&self, more: usize) {
        let expected = self.requests() + more;
        let mut requests = self.shared.requests.subscribe();
        within(requests.wait_for(|requests| *requests >= expected)).await.unwrap();
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        shared.connections.fetch_add(1, Ordering::Relaxed);
        connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    match acceptor {
        // It would wait for a request in vain.
        None => answer_to(stream, &Seen::parse("", 0, 0), &shared).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, &shared).await;
            }
        }
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let mut unread = Vec::new();
    let Some(head) = read_head(&mut stream, &mut unread).await else { return };
    answer_to(stream, &Seen::parse(&head, 0, 0), shared).await;
}

async fn answer_to(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: &Seen, shared: &Shared) {
    let answer = (shared.script.lock().unwrap())(seen);
    let sent = stream.write_all(&answer.bytes).await.is_ok() && stream.flush().await.is_ok();
    shared.requests.send_modify(|requests| *requests += 1);
    match answer.then {
        _ if !sent => {}
        Then::Keep | Then::Stall => {
            // Nothing more is sent, so this ends when the other side gives up.
            let _ = stream.read(&mut [0; 64]).await;
        }
        Then::Close => {
            let _ = stream.shutdown().await;
        }
        Then::Reset => {}
        Then::Trickle => {
            let mut beat = tokio::time::interval(std::time::Duration::from_millis(30));
            while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
                beat.tick().await;
            }
        }
        Then::Flood(bytes) => while stream.write_all(bytes).await.is_ok() {},
    }
}

/// A 200 with this body.
pub(crate) fn document(body: impl AsRef<str>) -> Answer {
    let body = body.as_ref();
    let length = format!("Content-Length: {}", body.len());
    let head = ["HTTP/1.1 200 OK", "Content-Type: application/json", &length];
    Answer::head_and(&head, body.as_bytes(), Then::Keep)
}

/// A 302 to this place.
pub(crate) fn redirect(location: &str) -> Answer {
    let location = format!("Location: {location}");
    Answer::head_and(&["HTTP/1.1 302 Found", "Content-Length: 0", &location], b"", Then::Keep)
}

/// An answer with this status line.
pub(crate) fn status(line: &str) -> Answer {
    let line = format!("HTTP/1.1 {line}");
    Answer::head_and(&[&line, "Content-Length: 0"], b"", Then::Keep)
}
