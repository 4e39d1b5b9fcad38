//! The client's side of an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::{BError, ErrorType};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::edge::stream::Allowance;
use crate::reply::Reply;

/// The header of the request's id, in requests of trusted proxies and in every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a piece of a body takes beside its bytes, in HTTP/2.
const FRAME_BYTES: usize = 16;

/// The client left, or took too little for too long.
#[derive(Debug, thiserror::Error)]
#[error("the client left: {0}")]
pub struct Gone(String);

impl Gone {
    pub(super) fn new(why: &str) -> Self {
        Self(why.to_owned())
    }
}

impl From<BError> for Gone {
    fn from(error: BError) -> Self {
        Self(error.to_string())
    }
}

/// Bytes that an HTTP/2 connection holds until it has sent them. Dropping them is the news.
struct Lent {
    bytes: Box<[u8]>,
    _returned: oneshot::Sender<()>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Writes to a connection that others write to as well, and waits until it has sent the bytes.
///
/// Not waiting would let answers end while their bytes still are in memory: nothing would bound how
/// many such answers there are, or how long a client may leave them there.
async fn write_shared(session: &mut ServerSession, bytes: &[u8]) -> Result<(), Gone> {
    let (_returned, returned) = oneshot::channel();
    let bytes = Bytes::from_owner(Lent { bytes: bytes.into(), _returned });
    session.write_response_body(bytes, false).await?;
    tokio::select! {
        // A stream that was reset returns its bytes as well.
        biased;
        gone = session.read_body_or_idle(true) => Ok(gone.map(drop)?),
        _ = returned => Ok(()),
    }
}

/// How far an answer has got, for whoever settles it.
#[derive(Debug, Default)]
pub struct Progress {
    status: AtomicU16,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Progress {
    /// The status sent; 0 before there is one.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.load(Ordering::Relaxed)
    }

    /// Body bytes sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Body bytes received.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// A client connection while its request is answered.
pub struct Client {
    session: Box<ServerSession>,
    watched: bool,
    send_at_once: Arc<AtomicBool>,
    write_timeout: Duration,
    send_rate_min: usize,
    request_id: Option<HeaderValue>,
    progress: Arc<Progress>,
    allowance: Option<Arc<Allowance>>,
}

impl Client {
    /// Takes a session whose request was read. `write_timeout` bounds the sending of a head, and
    /// `send_rate_min`, in bytes per second, that of a body.
    #[must_use]
    pub fn new(
        mut session: Box<ServerSession>,
        write_timeout: Duration,
        send_rate_min: usize,
    ) -> Self {
        session.set_min_send_rate(Some(send_rate_min));
        // While a body is unread, what arrives on HTTP/1 is body; then nobody can tell whether the
        // client is still there, and the connection is closed after the answer anyway.
        let watched = session.is_http2() || session.is_body_done();
        let (send_at_once, progress) = Default::default();
        let (request_id, allowance) = (None, None);
        Self {
            session,
            watched,
            send_at_once,
            write_timeout,
            send_rate_min,
            request_id,
            progress,
            allowance,
        }
    }

    /// What the bytes of a body are added to that are asked for.
    pub fn set_allowance(&mut self, allowance: &Arc<Allowance>) {
        self.allowance = Some(Arc::clone(allowance));
    }

    /// Whether the request says if it has a body. In HTTP/2 it does so without a field.
    #[must_use]
    pub fn announces_body(&self) -> bool {
        let headers = &self.session.req_header().headers;
        self.session.is_http2()
            || headers.contains_key(header::CONTENT_LENGTH)
            || headers.contains_key(header::TRANSFER_ENCODING)
    }

    /// Whether it speaks HTTP/1.0, where a body may be announced by nothing.
    #[must_use]
    pub fn is_http10(&self) -> bool {
        self.session.req_header().version == Version::HTTP_10
    }

    /// The length of the request's body, where the request says it.
    #[must_use]
    pub fn body_length(&mut self) -> Option<u64> {
        let head = self.session.req_header();
        let length = head.headers.get(header::CONTENT_LENGTH);
        match length.and_then(|length| length.to_str().ok()?.parse().ok()) {
            None if self.session.is_body_empty() => Some(0),
            length => length,
        }
    }

    /// Whether the request's body was read to its end.
    #[must_use]
    pub fn sent_its_body(&mut self) -> bool {
        self.session.is_body_done()
    }

    /// Whether the client waits until it is told that its body may come.
    #[must_use]
    pub fn expects_continue(&mut self) -> bool {
        let head = self.session.req_header();
        let expects = head.headers.get(header::EXPECT);
        expects.is_some_and(|expects| expects.as_bytes().eq_ignore_ascii_case(b"100-continue"))
            // Which knows no interim answers, and would take this one for the final.
            && head.version != Version::HTTP_10
            && !self.session.is_body_empty()
    }

    /// Says that the body may come, to a client that waits for that.
    ///
    /// # Errors
    /// The client left.
    pub async fn write_continue(&mut self) -> Result<(), Gone> {
        if let Some(allowance) = &self.allowance
            && self.session.is_http2()
        {
            allowance.note_upload();
        }
        if !self.expects_continue() {
            return Ok(());
        }
        let keepalive = self.session.get_keepalive();
        let written = timeout(self.write_timeout, self.session.write_continue_response()).await;
        written.map_err(|_| Gone::new("it did not take the word to go on in time"))??;
        // Pingora takes it for an answer that does not wait for the body, and would close.
        self.session.set_keepalive(keepalive);
        Ok(())
    }

    /// Sends an interim answer (RFC 9110 section 15.2) before the body is read, where the connection
    /// can carry one: HTTP/1.0 cannot, and Pingora sends none over HTTP/2. Whoever waits to be asked
    /// for the body is asked first: Pingora says nothing of that any more afterwards.
    ///
    /// # Errors
    /// The client left.
    pub async fn write_interim(&mut self, interim: Reply) -> Result<(), Gone> {
        let head = self.session.req_header();
        if self.session.is_http2() || head.version == Version::HTTP_10 {
            return Ok(());
        }
        self.write_continue().await?;
        let keepalive = self.session.get_keepalive();
        let (parts, _) = interim.into_parts();
        let mut head = ResponseHeader::build(parts.status, Some(parts.headers.len()))?;
        if parts.status.canonical_reason().is_none() {
            head.set_reason_phrase(Some("Upload Resumption Supported"))?;
        }
        for (name, value) in &parts.headers {
            head.append_header(name, value)?;
        }
        let written =
            timeout(self.write_timeout, self.session.write_response_header(Box::new(head)));
        written.await.map_err(|_| Gone::new("it did not take an interim answer in time"))??;
        // As after the word to go on.
        self.session.set_keepalive(keepalive);
        Ok(())
    }

    /// The next bytes of the request's body; None: that was all.
    ///
    /// # Errors
    /// The client left, or the body broke off.
    pub async fn read_body(&mut self) -> Result<Option<Bytes>, Gone> {
        let Some(bytes) = self.session.read_request_body().await? else {
            // What comes from now on is no body, but news of the client.
            self.watched = true;
            self.send_at_once.store(false, Ordering::Relaxed);
            return Ok(None);
        };
        if let Some(allowance) = &self.allowance {
            allowance.grant(bytes.len() + FRAME_BYTES);
        }
        self.progress.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Some(bytes))
    }

    /// What to set as soon as an HTTP/1 connection is not read any more, so that no read flushes it.
    pub fn set_send_at_once(&mut self, flag: &Arc<AtomicBool>) {
        if self.session.is_http2() {
            // It is read and flushed for all of its requests, whatever one of them does.
            return;
        }
        self.send_at_once = Arc::clone(flag);
        if !self.watched {
            self.unwatch();
        }
    }

    /// Nobody reads from the connection before this answer has ended.
    fn unwatch(&mut self) {
        self.watched = false;
        self.send_at_once.store(true, Ordering::Relaxed);
    }

    /// Names the request in its answer.
    pub fn set_request_id(&mut self, id: &str) {
        self.request_id = HeaderValue::from_str(id).ok();
    }

    /// Completes when the client closes its connection; pends forever otherwise.
    ///
    /// May be dropped and called again at any time.
    pub async fn gone(&mut self) -> Gone {
        if self.watched {
            match self.session.read_body_or_idle(true).await {
                // Bytes of a next request: the client is there. One byte of it is lost, so the
                // connection ends with this answer (RFC 9112 section 9.3.2 lets us).
                Err(error) if matches!(error.etype(), ErrorType::ConnectError) => {
                    self.unwatch();
                    self.session.set_keepalive(None);
                }
                Err(error) => return error.into(),
                Ok(_) => self.unwatch(),
            }
        }
        std::future::pending().await
    }

    /// Sends status and headers. `Content-Length` is added where the reply's own body is all there
    /// is.
    ///
    /// # Errors
    /// The client left.
    pub async fn write_head(&mut self, reply: Reply) -> Result<(), Gone> {
        let (mut parts, body) = reply.into_parts();
        let status = parts.status;
        // RFC 9110 section 8.6: a 204 has none, and that of a 304 would be another's.
        if status != StatusCode::NOT_MODIFIED && status != StatusCode::NO_CONTENT {
            parts.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| body.len().into());
        }
        self.send_head(parts).await
    }

    /// The same where nobody knows how long the body will be: on HTTP/1 it comes in chunks, the last
    /// of which is sent only when all of it was.
    ///
    /// Clients of HTTP/1.0 must not get here: they could not tell the end from a cut.
    ///
    /// # Errors
    /// The client left.
    pub async fn write_open_head(&mut self, reply: Reply) -> Result<(), Gone> {
        let (mut parts, _) = reply.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        if !self.session.is_http2() && self.session.req_header().method != http::Method::HEAD {
            let chunked = HeaderValue::from_static("chunked");
            parts.headers.insert(header::TRANSFER_ENCODING, chunked);
        }
        self.send_head(parts).await
    }

    async fn send_head(&mut self, mut parts: http::response::Parts) -> Result<(), Gone> {
        let status = parts.status;
        if !self.session.is_http2() && !self.session.is_body_done() {
            // What is left of the body is not read, so the connection ends with this answer.
            self.session.set_keepalive(None);
        }
        if let Some(id) = self.request_id.take() {
            parts.headers.insert(REQUEST_ID, id);
        }
        let head = Box::new(ResponseHeader::from(parts));
        timeout(self.write_timeout, self.session.write_response_header(head))
            .await
            .map_err(|_| Gone("it did not take the head of the answer in time".to_owned()))??;
        self.progress.status.store(status.as_u16(), Ordering::Relaxed);
        Ok(())
    }

    /// Sends bytes of the body.
    ///
    /// # Errors
    /// The client left, or reads more slowly than the minimum rate.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut *self.session {
            // HTTP/1 writes from the buffer storage was read into; nothing is copied.
            ServerSession::H1(session) => {
                session.write_body(bytes).await?;
            }
            // HTTP/2 knows no minimum rate. One stream of many may wait for its turn as long as a
            // head may.
            other => {
                let seconds = bytes.len() / self.send_rate_min.max(1);
                let limit = self.write_timeout.max(Duration::from_secs(seconds as u64));
                timeout(limit, write_shared(other, bytes))
                    .await
                    .map_err(|_| Gone("it takes too little for too long".to_owned()))??;
            }
        }
        self.progress.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Sends a whole reply. The body is left out for HEAD.
    ///
    /// # Errors
    /// The client left.
    pub async fn reply(&mut self, reply: Reply) -> Result<(), Gone> {
        let body = reply.body().clone();
        self.write_head(reply).await?;
        if self.session.req_header().method == http::Method::HEAD {
            return Ok(());
        }
        self.write(&body).await
    }

    /// How far the answer has got, now and later.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// The session back, for whoever ends or reuses the connection.
    #[must_use]
    pub fn into_session(self) -> Box<ServerSession> {
        self.session
    }
}
