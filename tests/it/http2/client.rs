//! A well-behaved client: the `h2` crate's.

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Method, Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use crate::support::gateway::Gateway;
use crate::support::within;

/// One connection to the gateway.
pub(crate) struct Http2 {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Why it broke off. None: it ended as it should.
    pub(crate) reset: Option<Reason>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The content that `Content-Length` announces is there, and the stream has ended.
    #[track_caller]
    pub(crate) fn assert_is(&self, status: u16, body: &[u8]) {
        assert_eq!((self.status.as_u16(), self.reset), (status, None));
        assert!(self.body == body, "{} bytes and not {}", self.body.len(), body.len());
        assert_eq!(self.header("content-length"), body.len().to_string());
    }
}

/// A GET with these headers.
pub(crate) fn get(path: &str, headers: &[(&str, &str)]) -> Request<()> {
    request(Method::GET, path, headers)
}

pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(format!("https://gateway.test{path}"));
    for &(name, value) in headers {
        request = request.header(name, value);
    }
    request.body(()).unwrap()
}

impl Http2 {
    /// A connection in memory.
    pub(crate) async fn to(gateway: &Gateway) -> Self {
        Self::over(gateway.connect_http2(64 * 1024)).await
    }

    /// A connection over any transport.
    pub(crate) async fn over<S>(transport: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = h2::client::Builder::new();
        // More than this and the client of the tests becomes the narrow place.
        builder.initial_window_size(1024 * 1024).initial_connection_window_size(16 * 1024 * 1024);
        let (requests, connection) = within(builder.handshake(transport)).await.unwrap();
        Self { requests, connection: tokio::spawn(connection) }
    }

    /// Begins a request; with `more`, a body follows.
    pub(crate) async fn begin(
        &self,
        request: Request<()>,
        more: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        within(self.requests.clone().ready()).await?.send_request(request, !more)
    }

    /// One whole exchange.
    pub(crate) async fn exchange(&self, request: Request<()>) -> Answer {
        let (response, _) = self.begin(request, false).await.unwrap();
        answer(response).await.unwrap()
    }

    /// One GET.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.exchange(get(path, &[])).await
    }

    /// Ends the connection without a word.
    pub(crate) fn abandon(self) {
        self.connection.abort();
    }

    /// How the connection ended, as it has to by the gateway's doing.
    pub(crate) async fn ended(self) -> Result<(), h2::Error> {
        within(self.connection).await.unwrap()
    }
}

/// An answer to its end; the error is that there is none.
pub(crate) async fn answer(response: ResponseFuture) -> Result<Answer, h2::Error> {
    let (head, mut body) = within(response).await?.into_parts();
    let mut bytes = Vec::new();
    let reset = read(&mut body, &mut bytes).await;
    Ok(Answer { status: head.status, headers: head.headers, body: bytes, reset })
}

/// Reads a body to its end. None: that end was announced.
pub(crate) async fn read(body: &mut RecvStream, bytes: &mut Vec<u8>) -> Option<Reason> {
    loop {
        match within(body.data()).await {
            None => return None,
            Some(Ok(chunk)) => {
                bytes.extend_from_slice(&chunk);
                body.flow_control().release_capacity(chunk.len()).unwrap();
            }
            Some(Err(error)) => return Some(error.reason().unwrap_or(Reason::CONNECT_ERROR)),
        }
    }
}
