//! Requests to storage on pooled connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::http::RequestHeader;
use pingora::protocols::http::v1::client::HttpSession;
use pingora::upstreams::peer::{Peer as _, PeerOptions};
use pingora::{BError, ErrorType};
use prometheus::Histogram;
use tokio::time::timeout;

use super::idle::IdleConnections;
use super::peer::StoragePeer;
use crate::bucket::object;
use crate::bucket::{Bucket, Signed, answer};
use crate::config::{Limits, Timeouts};
use crate::error::{Error, Kind};

/// How much of an error's body is read for its code, and to keep the connection.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Interim answers (1xx) taken before the final one.
const INTERIM_ANSWERS_MAX: usize = 4;

/// Sends requests. Shared by all requests of a process.
pub struct StorageClient {
    connector: Arc<TransportConnector>,
    idle: Arc<IdleConnections>,
    options: Arc<PeerOptions>,
    first_byte: Duration,
    read: Duration,
    idle_life: Duration,
}

/// The head of an answer, and the way to its body.
pub struct Answer {
    session: Box<HttpSession>,
    destination: u64,
    idle: Arc<IdleConnections>,
    idle_life: Duration,
    remaining: u64,
    began: Instant,
    body_seconds: Histogram,
    refusal: Option<Refusal>,
}

/// The body of an answer that is not the content, as far as it was read.
struct Refusal {
    body: Vec<u8>,
    is_whole: bool,
}

/// Some bytes of a body.
pub struct Chunk<'a> {
    /// The bytes; never empty.
    pub bytes: &'a [u8],
    /// Whether they end the body.
    pub is_last: bool,
}

impl StorageClient {
    /// A client with an empty pool.
    #[must_use]
    pub fn new(limits: &Limits, timeouts: &Timeouts) -> Self {
        // Its own pool stays empty.
        let connector = TransportConnector::new(Some(ConnectorOptions::new(1)));
        let idle = IdleConnections::new(limits.idle_storage_connections);
        Self::over(Arc::new(connector), Arc::new(idle), timeouts)
    }

    /// A client with the same pool and other time limits.
    #[must_use]
    pub fn with_timeouts(&self, timeouts: &Timeouts) -> Self {
        Self::over(Arc::clone(&self.connector), Arc::clone(&self.idle), timeouts)
    }

    fn over(
        connector: Arc<TransportConnector>,
        idle: Arc<IdleConnections>,
        timeouts: &Timeouts,
    ) -> Self {
        let mut options = PeerOptions::new();
        options.connection_timeout = Some(timeouts.storage_connect);
        options.total_connection_timeout = Some(timeouts.storage_connect);
        options.read_timeout = Some(timeouts.storage_read);
        options.write_timeout = Some(timeouts.storage_read);
        Self {
            connector,
            idle,
            options: Arc::new(options),
            first_byte: timeouts.storage_first_byte,
            read: timeouts.storage_read,
            idle_life: timeouts.storage_idle,
        }
    }

    /// Sends a signed request without a body and reads the head of the answer, whatever its status.
    ///
    /// A reused connection that turns out to be dead before the first byte costs one retry, on a
    /// new connection; GET and HEAD may be repeated.
    ///
    /// # Errors
    /// No address, no connection, or no answer in time.
    pub(super) async fn send_signed(
        &self,
        bucket: &Bucket,
        signed: &Signed,
    ) -> Result<Answer, Error> {
        let mut peer = self.peer(signed)?;
        if let Some(stream) = self.idle.take(peer.reuse_hash()) {
            let session = HttpSession::new_with_options(stream, &peer);
            match self.exchange(bucket, session, &peer, signed).await {
                Err(failure) if failure.is_dead_connection() => {
                    bucket.metrics.retries.inc();
                }
                result => return result.map_err(|failure| failure.counted(bucket)),
            }
        }
        let mut session = self.connect(bucket, &peer).await;
        if session.is_err() && signed.endpoint.has_alternatives() {
            // One address of several may be gone before DNS says so.
            peer = self.peer(signed)?;
            session = self.connect(bucket, &peer).await;
        }
        let result = match session {
            Ok(session) => self.exchange(bucket, session, &peer, signed).await,
            Err(failure) => Err(failure),
        };
        result.map_err(|failure| failure.counted(bucket))
    }

    /// The next address in turn.
    fn peer(&self, signed: &Signed) -> Result<StoragePeer, Error> {
        let address = signed.endpoint.address().ok_or_else(|| {
            Error::storage(Kind::StorageFailed, "DNS has no address of the endpoint yet")
        })?;
        Ok(StoragePeer::new(address, Arc::clone(&signed.endpoint), Arc::clone(&self.options)))
    }

    async fn connect(&self, bucket: &Bucket, peer: &StoragePeer) -> Result<HttpSession, Failure> {
        let began = Instant::now();
        let stream = self.connector.new_stream(peer).await;
        let stream = stream.map_err(|error| Failure::of("connecting", error))?;
        bucket.metrics.connect_seconds.observe(began.elapsed().as_secs_f64());
        Ok(HttpSession::new_with_options(stream, peer))
    }

    async fn exchange(
        &self,
        bucket: &Bucket,
        mut session: HttpSession,
        peer: &StoragePeer,
        signed: &Signed,
    ) -> Result<Answer, Failure> {
        let began = Instant::now();
        session.read_timeout = Some(self.first_byte);
        session.write_timeout = Some(self.read);
        let head = request_head(signed).map_err(|error| Failure::of("building", error))?;
        session
            .write_request_header(Box::new(head))
            .await
            .map_err(|error| Failure::of("sending", error))?;
        // One timer over all reads: storage must not stretch a head byte by byte.
        timeout(self.first_byte, read_final_head(&mut session))
            .await
            .map_err(|_| Failure::Timeout)?
            .map_err(|error| Failure::of("reading the answer", error))?;
        session.read_timeout = Some(self.read);
        bucket.metrics.head_seconds.observe(began.elapsed().as_secs_f64());

        let status = session.get_status().ok_or(Failure::Timeout)?;
        bucket.metrics.answers(status).inc();
        Ok(Answer {
            session: Box::new(session),
            destination: peer.reuse_hash(),
            idle: Arc::clone(&self.idle),
            idle_life: self.idle_life,
            remaining: 0,
            began: Instant::now(),
            body_seconds: bucket.metrics.body_seconds.clone(),
            refusal: None,
        })
    }
}

async fn read_final_head(session: &mut HttpSession) -> Result<(), BError> {
    for _ in 0..INTERIM_ANSWERS_MAX {
        session.read_response().await?;
        // 101 ends HTTP on this connection (RFC 9110 section 15.2.2): nothing after it may be read as
        // the answer to what was asked. It is refused like any other status that is not content.
        if session.get_status().is_some_and(|status| {
            !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS
        }) {
            return Ok(());
        }
    }
    pingora::Error::e_explain(ErrorType::InvalidHTTPHeader, "too many interim answers")
}

/// Whether the body ended within the limit; what was read of it is in `body` either way.
async fn read_error_body(session: &mut HttpSession, body: &mut Vec<u8>) -> bool {
    loop {
        match session.read_body_ref().await {
            Ok(Some(bytes)) if body.len() + bytes.len() <= ERROR_BYTES_MAX => {
                body.extend_from_slice(bytes);
            }
            Ok(None) => return true,
            Ok(Some(_)) | Err(_) => return false,
        }
    }
}

fn request_head(signed: &Signed) -> Result<RequestHeader, BError> {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = signed.method.clone();
    // Inserted one by one they would be hashed a second time, and their names kept in two forms.
    parts.headers = signed.headers.clone();
    let mut head = RequestHeader::from(parts);
    head.set_raw_path(signed.target.as_bytes())?;
    Ok(head)
}

// === impl Answer ===

impl Answer {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.session.get_status().unwrap_or(StatusCode::BAD_GATEWAY)
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        static NONE: std::sync::LazyLock<HeaderMap> = std::sync::LazyLock::new(HeaderMap::new);
        self.session.resp_header().map_or(&NONE, |head| &head.headers)
    }

    /// Announces how many bytes of body are to be read; call it once before [`Answer::chunk`].
    ///
    /// # Errors
    /// The answer has another length, or none: without one, nobody could tell the end of the body
    /// from a broken connection.
    pub fn expect(&mut self, length: u64) -> Result<(), Error> {
        let declared = object::content_length(self.headers());
        if declared != Some(length) {
            let detail = match declared {
                None => "storage answered without a length".to_owned(),
                Some(other) => format!("storage announced {other} bytes instead of {length}"),
            };
            return Err(Error::storage(Kind::StorageFailed, detail));
        }
        self.remaining = length;
        Ok(())
    }

    /// The next bytes of the body; None after the last.
    ///
    /// # Errors
    /// The body ended early, stalled, or the connection broke.
    pub async fn chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        if self.remaining == 0 {
            return Ok(None);
        }
        let read = self.session.read_body_ref().await;
        match read.map_err(|error| Failure::of("reading the body", error).into_error())? {
            Some(bytes) => {
                self.remaining =
                    self.remaining.checked_sub(bytes.len() as u64).ok_or_else(|| {
                        Error::storage(Kind::StorageFailed, "the body is longer than announced")
                    })?;
                Ok(Some(Chunk { bytes, is_last: self.remaining == 0 }))
            }
            None => Err(Error::storage(Kind::StorageFailed, "the body ended early")),
        }
    }

    /// Turns an answer that is not the content into an error, and keeps its connection where the
    /// body is short and comes within the time of one read.
    pub async fn into_error(mut self, bucket: &Bucket) -> Error {
        self.read_refusal().await;
        let body = self.refusal.as_ref().map_or(&[][..], |refusal| &refusal.body);
        let error = self.classify(bucket, body);
        self.discard().await;
        error
    }

    /// Reads the body of an answer that is not the content, once and within limits.
    pub(super) async fn read_refusal(&mut self) -> &[u8] {
        if self.refusal.is_none() {
            let mut body = Vec::new();
            let limit = self.session.read_timeout.unwrap_or(Duration::MAX);
            // One timer over all reads: nobody watches the client meanwhile, and storage must not
            // stretch a refusal byte by byte.
            let whole = timeout(limit, read_error_body(&mut self.session, &mut body)).await;
            self.refusal = Some(Refusal { body, is_whole: matches!(whole, Ok(true)) });
        }
        self.refusal.as_ref().map_or(&[], |refusal| &refusal.body)
    }

    /// Ends an answer whose content nobody wants. Was its body too long, too slow, or broken, the
    /// connection goes.
    pub(super) async fn discard(self) {
        if self.refusal.as_ref().is_none_or(|refusal| refusal.is_whole) {
            self.release().await;
        }
    }

    fn classify(&self, bucket: &Bucket, body: &[u8]) -> Error {
        answer::error(self.status(), self.headers(), body, bucket.forbidden_means)
    }

    /// Gives the connection back to the pool, if its body was read to the end; else it is closed.
    pub async fn release(mut self) {
        self.body_seconds.observe(self.began.elapsed().as_secs_f64());
        self.session.respect_keepalive();
        let Self { session, destination, idle, idle_life, .. } = self;
        if let Some(stream) = session.reuse().await {
            idle.put(destination, stream, idle_life);
        }
    }
}

/// What went wrong between us and storage, before there was an answer.
enum Failure {
    Timeout,
    Broken { doing: &'static str, error: BError },
}

impl Failure {
    fn of(doing: &'static str, error: BError) -> Self {
        Self::Broken { doing, error }
    }

    /// Whether the other side had closed before it saw the request.
    fn is_dead_connection(&self) -> bool {
        use ErrorType::{ConnectionClosed, ReadError, WriteError};
        matches!(self, Self::Broken { error, .. }
            if matches!(error.etype(), ConnectionClosed | ReadError | WriteError))
    }

    /// The error of a request that got no answer.
    fn counted(self, bucket: &Bucket) -> Error {
        bucket.metrics.unanswered.inc();
        self.into_error()
    }

    fn into_error(self) -> Error {
        use ErrorType::{ConnectTimedout, ReadTimedout, TLSHandshakeTimedout, WriteTimedout};
        match self {
            Self::Timeout => Error::storage(Kind::StorageTimeout, "no answer in time"),
            Self::Broken { doing, error } => {
                let late = matches!(
                    error.etype(),
                    ConnectTimedout | ReadTimedout | TLSHandshakeTimedout | WriteTimedout
                );
                let kind = if late { Kind::StorageTimeout } else { Kind::StorageFailed };
                Error::Storage { kind, detail: doing.into(), source: Some(error) }
            }
        }
    }
}
