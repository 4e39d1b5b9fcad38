//! One connection to a gateway, kept between requests and made anew when it ended. No proxy, no
//! cookies, no compression, and no redirect is followed.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

use super::Failure;
use super::body::Outgoing;

/// How long one address may take to accept a connection, with TLS.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long nothing may move.
const STALL_MAX: Duration = Duration::from_secs(60);

/// The most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;

/// The longest header of an answer, in bytes.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// The longest answer that is not content, in bytes.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

const USER_AGENT: &str = concat!("casgate/", env!("CARGO_PKG_VERSION"));

/// Where requests go.
pub(super) struct Connection {
    /// Whose origin counts.
    url: Url,
    tls: OnceLock<TlsConnector>,
    open: Option<Open>,
    /// The driver of a connection whose last answer may still be read; it ends with the next request.
    lingering: Option<JoinSet<()>>,
}

struct Open {
    sender: SendRequest<Outgoing>,
    /// The connection ends when this is dropped.
    driver: JoinSet<()>,
}

impl Connection {
    pub(super) fn new(url: Url) -> Self {
        Self { url, tls: OnceLock::new(), open: None, lingering: None }
    }

    /// Sends a request, and returns the answer when its head is there. `wait` is how long the gateway
    /// may take for it when it has the whole body.
    ///
    /// # Errors
    /// [`Failure::Unreachable`], [`Failure::Cut`].
    pub(super) async fn send(
        &mut self,
        mut request: Request<Outgoing>,
        wait: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        let host = &self.url[Position::BeforeHost..Position::AfterPort];
        let host =
            HeaderValue::from_str(host).map_err(|error| Failure::Failed(error.to_string()))?;
        request.headers_mut().insert(header::HOST, host);
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let (length, taken) = (body_length(&request), request.body().taken());
        self.lingering = None;
        let mut open = match ready(self.open.take()).await {
            Some(open) => open,
            None => self.connect().await?,
        };
        let mut answer = pin!(open.sender.send_request(request));
        let answer = loop {
            let before = taken.load(Ordering::Relaxed);
            let wait = if before == length { wait } else { STALL_MAX };
            match timeout(wait, &mut answer).await {
                Ok(answer) => break answer.map_err(|error| cut(&error))?,
                Err(_) if taken.load(Ordering::Relaxed) != before => {}
                Err(_) => return Err(Failure::Cut("no answer in time".to_owned())),
            }
        };
        // After an answer to half of a body nobody knows what the rest would be taken for.
        if taken.load(Ordering::Relaxed) == length {
            self.open = Some(open);
        } else {
            self.lingering = Some(open.driver);
        }
        Ok(answer)
    }

    async fn connect(&self) -> Result<Open, Failure> {
        let at = self.url[..Position::BeforePath].to_owned();
        let unreachable = |why: String| Failure::Unreachable(format!("{at}: {why}"));
        let port = self.url.port_or_known_default().unwrap_or(443);
        let host = self.url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found =
            lookup_host((bare, port)).await.map_err(|error| unreachable(error.to_string()))?;
        let mut why = "the name has no address".to_owned();
        for address in found.take(ADDRESSES_MAX) {
            let stream = timeout(CONNECT_MAX, async {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                self.secured(stream).await
            });
            match stream.await {
                Ok(Ok(stream)) => return handshake(stream).await,
                Ok(Err(error)) => why = error.to_string(),
                Err(_) => why = "no answer in time".to_owned(),
            }
        }
        Err(unreachable(why))
    }

    /// The connection, with TLS where the URL says so.
    async fn secured(&self, stream: TcpStream) -> std::io::Result<Box<dyn Stream>> {
        if self.url.scheme() != "https" {
            return Ok(Box::new(stream));
        }
        let name = match self.url.host() {
            Some(Host::Ipv4(address)) => Ok(ServerName::from(std::net::IpAddr::from(address))),
            Some(Host::Ipv6(address)) => Ok(ServerName::from(std::net::IpAddr::from(address))),
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()),
            None => ServerName::try_from(String::new()),
        };
        let name = name.map_err(std::io::Error::other)?;
        let tls = self.tls.get_or_init(|| Arc::new(crate::jwks::tls_config(&[])).into());
        Ok(Box::new(tls.connect(name, stream).await?))
    }
}

/// What HTTP is spoken on.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn handshake(stream: Box<dyn Stream>) -> Result<Open, Failure> {
    let (sender, connection) = Builder::new()
        .max_buf_size(HEADER_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| cut(&error))?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // Whoever waits for an answer gets the same error.
        let _ = connection.await;
    });
    Ok(Open { sender, driver })
}

/// The connection, if it takes another request.
async fn ready(open: Option<Open>) -> Option<Open> {
    let mut open = open?;
    let ready = timeout(CONNECT_MAX, open.sender.ready()).await;
    matches!(ready, Ok(Ok(()))).then_some(open)
}

fn body_length(request: &Request<Outgoing>) -> u64 {
    hyper::body::Body::size_hint(request.body()).lower()
}

fn cut(error: &hyper::Error) -> Failure {
    Failure::Cut(crate::error::with_causes(error))
}

/// The next bytes of an answer; none at its end.
///
/// # Errors
/// [`Failure::Cut`].
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    loop {
        let frame = timeout(STALL_MAX, body.frame()).await;
        match frame.map_err(|_| Failure::Cut("it stands still".to_owned()))? {
            None => return Ok(None),
            Some(Err(error)) => return Err(cut(&error)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
                // Trailers say nothing here.
                _ => {}
            },
        }
    }
}

/// An answer that is not content, whole.
///
/// # Errors
/// [`Failure::Cut`]; or it is too long.
pub(super) async fn document(mut body: Incoming) -> Result<Bytes, Failure> {
    let mut all = BytesMut::new();
    while let Some(bytes) = next(&mut body).await? {
        if all.len() + bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(Failure::Failed("the gateway's answer is too long".to_owned()));
        }
        all.extend_from_slice(&bytes);
    }
    Ok(all.freeze())
}
