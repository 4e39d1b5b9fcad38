//! Requests to storage on pooled connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::http::RequestHeader;
use pingora::protocols::http::v1::client::HttpSession;
use pingora::upstreams::peer::{Peer as _, PeerOptions};
use pingora::{BError, ErrorType};
use tokio::time::timeout;

use super::answer::Answer;
use super::failure::Failure;
use super::idle::IdleConnections;
use super::peer::StoragePeer;
use super::sending::Sending;
use crate::bucket::{Bucket, Signed};
use crate::config::{Limits, Timeouts};
use crate::error::{Error, Kind};

/// How long storage may take to say whether it wants a body, before it is sent unasked.
const CONTINUE_WAIT_MAX: Duration = Duration::from_secs(1);

/// How much of a body is written at once.
const PIECE_BYTES: usize = 64 * 1024;

/// For so many bytes that storage copies, it gets once more the time that other answers have.
const COPIED_PER_WAIT: u64 = 128 * 1024 * 1024;

/// Interim answers (1xx) taken before the final one.
const INTERIM_ANSWERS_MAX: usize = 4;

/// Sends requests. Shared by all requests of a process; clones share their connections.
#[derive(Clone)]
pub struct StorageClient {
    connector: Arc<TransportConnector>,
    pub(super) idle: Arc<IdleConnections>,
    options: Arc<PeerOptions>,
    pub(super) first_byte: Duration,
    pub(super) read: Duration,
    pub(super) idle_life: Duration,
}

/// The body of a request to storage.
#[derive(Clone, Copy)]
pub(super) enum Body<'b> {
    /// All of it; empty: there is none.
    Whole(&'b [u8]),
    /// What comes when storage says that it wants it.
    Later,
}

/// How far a request got.
pub(super) enum Exchange {
    /// Storage answered.
    Answered(Answer),
    /// Storage waits for the body.
    Continue(Sending),
}

impl Exchange {
    /// The answer to a request that was sent whole.
    ///
    /// # Errors
    /// Storage waits for more, which there is not.
    pub(super) fn into_answer(self) -> Result<Answer, Error> {
        match self {
            Self::Answered(answer) => Ok(answer),
            Self::Continue(_) => Err(Error::Internal("a request without its answer".into())),
        }
    }
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

    /// The same for requests whose answer takes longer.
    pub(super) fn waiting(&self, first_byte: Duration) -> Self {
        Self { first_byte, ..self.clone() }
    }

    /// The same for a request that has storage copy so many bytes before it says a word, as some does.
    pub(super) fn copying(&self, bytes: u64) -> Self {
        let times = u32::try_from(bytes / COPIED_PER_WAIT).unwrap_or(u32::MAX).saturating_add(1);
        self.waiting(self.first_byte.saturating_mul(times))
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

    /// Sends a signed request, and reads the head of the answer, whatever its status. Where the body
    /// comes later, storage is asked whether it wants it.
    ///
    /// A reused connection that turns out to be dead before the first byte costs one retry, on a
    /// new connection: whatever is sent here may be repeated.
    ///
    /// # Errors
    /// No address, no connection, or no answer in time.
    pub(super) async fn send_signed(
        &self,
        bucket: &Bucket,
        signed: &Signed,
        body: Body<'_>,
    ) -> Result<Exchange, Error> {
        let mut peer = self.peer(signed)?;
        if let Some(stream) = self.idle.take(peer.reuse_hash()) {
            let session = HttpSession::new_with_options(stream, &peer);
            match self.exchange(bucket, session, &peer, signed, body).await {
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
            Ok(session) => self.exchange(bucket, session, &peer, signed, body).await,
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
        body: Body<'_>,
    ) -> Result<Exchange, Failure> {
        let began = Instant::now();
        session.read_timeout = Some(self.first_byte);
        session.write_timeout = Some(self.read);
        let head = request_head(signed).map_err(|error| Failure::of("building", error))?;
        session
            .write_request_header(Box::new(head))
            .await
            .map_err(|error| Failure::of("sending", error))?;
        let mut is_early = false;
        match body {
            Body::Whole([]) => {}
            Body::Whole(bytes) => {
                let sent = send_body(&mut session, bytes).await;
                is_early = sent.is_err();
                // Storage may have said why it does not want it, before it closed.
                if let Err(failure) = sent
                    && !matches!(
                        timeout(self.first_byte, read_final_head(&mut session)).await,
                        Ok(Ok(()))
                    )
                {
                    return Err(failure);
                }
            }
            Body::Later => {
                session.read_timeout = None;
                match timeout(CONTINUE_WAIT_MAX, read_word(&mut session)).await {
                    // Some servers do not know the question (RFC 9110 section 10.1.1).
                    Err(_) | Ok(Ok(StatusCode::CONTINUE)) => {
                        return Ok(Exchange::Continue(Sending::new(session, self, peer)));
                    }
                    Ok(Err(error)) => return Err(Failure::of("reading the answer", error)),
                    Ok(Ok(_)) => is_early = true,
                }
            }
        }
        if !is_early {
            // One timer over all reads: storage must not stretch a head byte by byte.
            timeout(self.first_byte, read_final_head(&mut session))
                .await
                .map_err(|_| Failure::Timeout)?
                .map_err(|error| Failure::of("reading the answer", error))?;
        }
        session.read_timeout = Some(self.read);
        bucket.metrics.head_seconds.observe(began.elapsed().as_secs_f64());
        Ok(Exchange::Answered(Answer::new(session, self, peer, bucket, is_early)))
    }
}

async fn send_body(session: &mut HttpSession, bytes: &[u8]) -> Result<(), Failure> {
    let sent = async {
        // Each write has its time: a large part on a slow line is not stuck.
        for piece in bytes.chunks(PIECE_BYTES) {
            session.write_body(piece).await?;
        }
        session.finish_body().await
    };
    sent.await.map(drop).map_err(|error| Failure::of("sending the body", error))
}

/// The final answer's head.
pub(super) async fn read_final_head(session: &mut HttpSession) -> Result<(), BError> {
    read_head(session, |_| false).await.map(drop)
}

/// The status of the final answer, or that storage wants the body.
async fn read_word(session: &mut HttpSession) -> Result<StatusCode, BError> {
    read_head(session, |status| status == StatusCode::CONTINUE).await
}

/// Reads heads up to the final answer's, or an interim one that is waited for.
async fn read_head(
    session: &mut HttpSession,
    is_enough: impl Fn(StatusCode) -> bool,
) -> Result<StatusCode, BError> {
    for _ in 0..INTERIM_ANSWERS_MAX {
        session.read_response().await?;
        if let Some(status) = session.get_status()
            && (is_final(status) || is_enough(status))
        {
            return Ok(status);
        }
    }
    pingora::Error::e_explain(ErrorType::InvalidHTTPHeader, "too many interim answers")
}

/// 101 ends HTTP on this connection (RFC 9110 section 15.2.2): nothing after it may be read as the
/// answer to what was asked. It is refused like any other status that is not content.
pub(super) fn is_final(status: StatusCode) -> bool {
    !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS
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
