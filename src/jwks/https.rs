//! One GET over TLS, on a connection of its own: no pool, no proxy, no cookies, no compression, and
//! nothing that a setting of the environment could change but which authorities are trusted.
//!
//! Names are looked up here, so that the addresses that are judged are those that are connected to.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{ServerName, TrustAnchor};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Position, Url};

use super::address::Permitted;
use super::problem::Cause;

/// The longest header of an answer, in bytes.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// The most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;

/// How long one address may take to accept a connection while there may be another.
const CONNECT_MAX: Duration = Duration::from_secs(2);

const USER_AGENT: &str = concat!("casgate/", env!("CARGO_PKG_VERSION"));

/// What all requests for one issuer's keys have in common.
pub(super) struct Client {
    authorities: Vec<TrustAnchor<'static>>,
    permitted: Permitted,
    tls: OnceLock<TlsConnector>,
}

/// An answer that is one.
pub(super) enum Answer {
    /// The whole body.
    Body(Vec<u8>),
    /// The value of `Location`.
    Redirect(String),
}

/// Reads a URL that keys may be fetched from: `https`, a host, no user.
///
/// # Errors
/// Says what is wrong with it.
pub fn secure_url(text: &str) -> Result<Url, String> {
    let shown: String = text.chars().take(200).collect();
    let url = Url::parse(text).map_err(|error| format!("`{shown}` is no URL: {error}"))?;
    check_url(&url).map_err(|message| format!("`{shown}` {message}"))?;
    Ok(url)
}

pub(super) fn check_url(url: &Url) -> Result<(), &'static str> {
    if url.scheme() != "https" {
        return Err("must begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user");
    }
    Ok(())
}

/// The address, where the host of the URL is one.
pub(super) fn ip(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    }
}

impl Client {
    /// A client that trusts the system's authorities and these.
    pub(super) fn new(authorities: Vec<TrustAnchor<'static>>, permitted: Permitted) -> Self {
        Self { authorities, permitted, tls: OnceLock::new() }
    }

    /// Asks for a URL that [`check_url`] passed. A body of more than `bytes_max` is an error as
    /// soon as that is known. How long it takes is for the caller to bound.
    pub(super) async fn get(&self, url: &Url, bytes_max: usize) -> Result<Answer, Cause> {
        let stream = self.connect(url).await?;
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(HEADER_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Cause::Http)?;
        // Ends with this function, however that ends.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let response = sender.send_request(request(url)?).await.map_err(Cause::Http)?;
        match response.status() {
            StatusCode::OK => Ok(Answer::Body(read(response, bytes_max).await?)),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                let location = response.headers().get(header::LOCATION);
                let location = location.and_then(|value| value.to_str().ok());
                location
                    .map(|location| Answer::Redirect(location.to_owned()))
                    .ok_or_else(|| Cause::Redirect("it names no place".to_owned()))
            }
            status => Err(Cause::Status(status)),
        }
    }

    async fn connect(&self, url: &Url) -> Result<TlsStream<TcpStream>, Cause> {
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()),
            _ => ip(url).map(ServerName::from).ok_or(rustls::pki_types::InvalidDnsNameError),
        };
        let name = name.map_err(|_| Cause::Address("the host has no valid name".to_owned()))?;
        let stream = self.reach(url).await?;
        self.tls().connect(name, stream).await.map_err(Cause::Tls)
    }

    /// A connection to one of the host's addresses, if it has one that is allowed.
    async fn reach(&self, url: &Url) -> Result<TcpStream, Cause> {
        let port = url.port_or_known_default().unwrap_or(443);
        let found: Vec<SocketAddr> = match (ip(url), url.host_str()) {
            (Some(address), _) => vec![SocketAddr::new(address, port)],
            (None, Some(name)) => {
                tokio::net::lookup_host((name, port)).await.map_err(Cause::Connect)?.collect()
            }
            (None, None) => Vec::new(),
        };
        let mut failure = match found.first() {
            Some(address) => Cause::Address(format!("{} is not allowed", address.ip())),
            None => Cause::Address("the host has no address".to_owned()),
        };
        let allowed = found.into_iter().filter(|address| self.permitted.permits(address.ip()));
        for address in allowed.take(ADDRESSES_MAX) {
            match timeout(CONNECT_MAX, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = Cause::Connect(error),
                Err(_) => failure = Cause::Timeout,
            }
        }
        Err(failure)
    }

    fn tls(&self) -> &TlsConnector {
        self.tls.get_or_init(|| TlsConnector::from(Arc::new(tls_config(&self.authorities))))
    }
}

/// How TLS is spoken to servers: 1.2 or 1.3, trusting the system's authorities and these.
///
/// The provider is named, since the default depends on the features that other packages switch on.
pub(crate) fn tls_config(authorities: &[TrustAnchor<'static>]) -> ClientConfig {
    let system = rustls_native_certs::load_native_certs();
    for error in system.errors {
        tracing::warn!(%error, "cannot read the system's certificate authorities");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    roots.extend(authorities.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]);
    // The provider above has suites for both versions.
    #[expect(clippy::expect_used, reason = "constants; see above")]
    let builder = builder.expect("the provider knows TLS 1.2 and 1.3");
    builder.with_root_certificates(roots).with_no_client_auth()
}

fn request(url: &Url) -> Result<Request<Empty<Bytes>>, Cause> {
    let host = &url[Position::BeforeHost..Position::AfterPort];
    Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(header::HOST, host)
        .header(header::CONNECTION, HeaderValue::from_static("close"))
        .header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))
        .body(Empty::new())
        .map_err(|error| Cause::Address(error.to_string()))
}

async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<Vec<u8>, Cause> {
    let mut body = response.into_body();
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Cause::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Cause::Http)?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > bytes_max {
                return Err(Cause::TooLarge);
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes)
}
