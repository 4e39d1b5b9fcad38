//! What storage answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use pingora::protocols::http::v1::client::HttpSession;
use pingora::upstreams::peer::Peer as _;
use prometheus::Histogram;
use tokio::time::timeout;

use super::failure::Failure;
use super::idle::IdleConnections;
use super::peer::StoragePeer;
use super::storage::StorageClient;
use crate::bucket::object;
use crate::bucket::{Bucket, answer};
use crate::error::{Error, Kind};

/// How much of an error's body is read for its code, and to keep the connection.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// How much of a body is read while storage says nothing in it.
const SPACE_BYTES_MAX: usize = 1024 * 1024;

/// The head of an answer, and the way to its body.
pub struct Answer {
    pub(super) session: Box<HttpSession>,
    destination: u64,
    idle: Arc<IdleConnections>,
    idle_life: Duration,
    remaining: u64,
    began: Instant,
    body_seconds: Histogram,
    refusal: Option<Refusal>,
    /// Whether storage answered before it had the whole request.
    is_early: bool,
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

impl Answer {
    /// The answer whose head a session has read.
    pub(super) fn new(
        session: HttpSession,
        client: &StorageClient,
        peer: &StoragePeer,
        bucket: &Bucket,
        is_early: bool,
    ) -> Self {
        let answer = Self {
            session: Box::new(session),
            destination: peer.reuse_hash(),
            idle: Arc::clone(&client.idle),
            idle_life: client.idle_life,
            remaining: 0,
            began: Instant::now(),
            body_seconds: bucket.metrics.body_seconds.clone(),
            refusal: None,
            is_early,
        };
        bucket.metrics.answers(answer.status()).inc();
        answer
    }

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

    /// Reads a body that says how something went, and gives the connection back where that is all of
    /// it: what comes after so many bytes is left. All of it has to come within the time of one read.
    ///
    /// # Errors
    /// The body ended early, did not end in time, or the connection broke.
    pub(super) async fn into_document(self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let limit = self.session.read_timeout.unwrap_or(Duration::MAX);
        // One timer over all reads: storage must not stretch a document byte by byte.
        let document = timeout(limit, self.into_late_document(bytes_max)).await;
        document.unwrap_or_else(|_| Err(Failure::Timeout.into_error()))
    }

    /// The same where storage may take its time, as long as something comes within that of each
    /// read: it says so with white space in front (AWS, "CompleteMultipartUpload").
    ///
    /// # Errors
    /// The body ended early, stalled, is nothing but white space, or the connection broke.
    pub(super) async fn into_late_document(mut self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        if let Some(refusal) = &mut self.refusal {
            let document = std::mem::take(&mut refusal.body);
            self.discard().await;
            return Ok(document);
        }
        let (mut document, mut space) = (Vec::new(), 0);
        loop {
            let read = self.session.read_body_ref().await;
            let read =
                read.map_err(|error| Failure::of("reading the answer", error).into_error())?;
            let Some(bytes) = read else { break };
            if document.is_empty() {
                space += bytes.len();
            }
            let bytes = if document.is_empty() { bytes.trim_ascii_start() } else { bytes };
            let room = bytes_max - document.len();
            document.extend_from_slice(&bytes[..room.min(bytes.len())]);
            if bytes.len() > room {
                return Ok(document);
            }
            if space > SPACE_BYTES_MAX {
                let detail = "an answer of nothing but white space";
                return Err(Error::storage(Kind::StorageFailed, detail));
            }
        }
        self.release().await;
        Ok(document)
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
        if self.is_early {
            // The rest of the request would be taken for another.
            return;
        }
        if let Some(stream) = session.reuse().await {
            idle.put(destination, stream, idle_life);
        }
    }
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
