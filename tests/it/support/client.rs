//! A client that writes any bytes and reads answers by their `Content-Length`.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::within;

/// One end of a connection to the gateway.
pub(crate) struct Client<S> {
    stream: S,
    unread: Vec<u8>,
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended where `Content-Length` says.
    pub(crate) is_whole: bool,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "more than one {name}");
        value
    }

    /// Names and values, sorted, but for what differs between any two answers.
    pub(crate) fn stable_headers(&self) -> Vec<(String, String)> {
        let varies = |name: &str| matches!(name, "date" | "x-request-id");
        let mut headers: Vec<_> =
            self.headers.iter().filter(|(name, _)| !varies(name)).cloned().collect();
        headers.sort();
        headers
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn parse(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        let status = status.and_then(|status| status.parse().ok());
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").expect("name, colon, space, value");
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        Self {
            status: status.unwrap_or_else(|| panic!("no status line: {status_line:?}")),
            headers,
            body: Vec::new(),
            is_whole: false,
        }
    }

    fn length(&self) -> usize {
        self.header("content-length").map_or(0, |length| length.parse().unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Sends bytes. That the gateway closed meanwhile is for the reading side to find out.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within(self.stream.write_all(bytes.as_ref())).await;
    }

    /// Sends the same bytes over and over until the gateway closes; returns how many it took.
    pub(crate) async fn send_until_closed(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.try_send(bytes).await {
            taken += bytes.len();
            assert!(taken < 16 * 1024 * 1024, "the gateway takes everything");
        }
        taken
    }

    /// Sends bytes; false if the gateway has closed.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        within(self.stream.write_all(bytes)).await.is_ok()
    }

    /// Sends a GET with a `Host` and these lines.
    pub(crate) async fn get(&mut self, path: &str, lines: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: gateway.test\r\n{lines}\r\n")).await;
    }

    /// The next answer to a GET.
    pub(crate) async fn response(&mut self) -> Response {
        let mut response = self.head().await;
        let length = response.length();
        response.is_whole = self.fill(length).await;
        let length = length.min(self.unread.len());
        response.body = self.unread.drain(..length).collect();
        response
    }

    /// The next answer without its body: an answer to HEAD, or a 304.
    pub(crate) async fn head(&mut self) -> Response {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).take(end).collect();
                return Response::parse(&String::from_utf8_lossy(&head));
            }
            let enough = self.unread.len() + 1;
            assert!(
                self.fill(enough).await,
                "closed before an answer; received {:?}",
                String::from_utf8_lossy(&self.unread)
            );
        }
    }

    /// The next `count` bytes of a body.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        assert!(self.fill(count).await, "closed after {} of {count} bytes", self.unread.len());
        self.unread.drain(..count).collect()
    }

    /// Everything until the gateway closes the connection, as it has to.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        self.fill(usize::MAX).await;
        std::mem::take(&mut self.unread)
    }

    /// Reads until there are `count` bytes; false if the connection closed before.
    async fn fill(&mut self, count: usize) -> bool {
        while self.unread.len() < count {
            match within(self.stream.read_buf(&mut self.unread)).await {
                Ok(0) | Err(_) => return false,
                Ok(_) => {}
            }
        }
        true
    }
}

/// How many answers begin in these bytes.
pub(crate) fn answers_in(bytes: &[u8]) -> usize {
    bytes.windows(7).filter(|window| window == b"HTTP/1.").count()
}
