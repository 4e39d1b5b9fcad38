//! One JSON line per request on standard output.
//!
//! A line holds no credential: the query is left out whole, since tokens ride there, and so are
//! the URLs that storage was asked with.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus::IntCounter;
use serde::Serialize;

/// How much may wait for standard output, in bytes.
const BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long lines gather before they are written together.
const GATHERED_FOR: Duration = Duration::from_millis(10);

/// What is said of a request.
#[derive(Debug, Default, Serialize)]
pub struct Line<'a> {
    /// When the answer ended, RFC 3339 in UTC.
    pub time: String,
    /// The request's id, also sent as `X-Request-Id`.
    pub request_id: &'a str,
    /// The client; behind trusted proxies, the one they name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The method.
    pub method: &'a str,
    /// The path without its query, and without what is a credential in it.
    pub path: Cow<'a, str>,
    /// The route's prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// The dialect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<&'a str>,
    /// The tenant, where authorization found one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'a str>,
    /// What a single-use token is called; it opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// The status sent; 0 where the client left before there was one.
    pub status: u16,
    /// The kind of refusal, or `client_gone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    /// Whether an answer broke off after its head was sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// What went wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Body bytes sent.
    pub bytes: u64,
    /// Body bytes received.
    pub received: u64,
    /// Time from the request's header to the end of the answer, in microseconds.
    pub duration_us: u64,
    /// `User-Agent`, as the client gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'a str>,
}

/// RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn timestamp(now: SystemTime) -> String {
    humantime::format_rfc3339_millis(now).to_string()
}

/// The way to standard output: a bounded buffer and a thread that empties it.
///
/// A full pipe stalls no request, and a busy gateway writes once in 10 ms, not once per
/// request: waking a thread costs more than making the line.
#[derive(Clone)]
pub struct AccessLog {
    buffer: Option<Arc<Buffer>>,
    dropped: IntCounter,
}

#[derive(Default)]
struct Buffer {
    lines: Mutex<Lines>,
    filled: Condvar,
}

#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    closed: bool,
}

impl Buffer {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccessLog {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(dropped: IntCounter) -> io::Result<(Self, Writer)> {
        let buffer = Arc::new(Buffer::default());
        let (finished, wait) = sync_channel(1);
        let lines = Arc::clone(&buffer);
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            write_lines(&lines);
            // Nobody waits unless the process ends.
            let _ = finished.send(());
        })?;
        let writer = Writer { buffer: Arc::clone(&buffer), finished: wait };
        Ok((Self { buffer: Some(buffer), dropped }, writer))
    }

    /// Writes nothing.
    #[must_use]
    pub const fn off(dropped: IntCounter) -> Self {
        Self { buffer: None, dropped }
    }

    /// Whether lines go anywhere.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.buffer.is_some()
    }

    /// Takes a line; drops and counts it where the buffer is full.
    pub fn write(&self, line: &Line<'_>) {
        let Some(buffer) = &self.buffer else { return };
        let mut text = Vec::with_capacity(512);
        if serde_json::to_writer(&mut text, line).is_err() {
            return self.dropped.inc();
        }
        text.push(b'\n');
        let mut lines = buffer.lock();
        if lines.text.len() + text.len() > BUFFER_BYTES_MAX {
            return self.dropped.inc();
        }
        let was_empty = lines.text.is_empty();
        lines.text.extend_from_slice(&text);
        drop(lines);
        if was_empty {
            buffer.filled.notify_one();
        }
    }
}

/// The writing thread, for whoever ends the process.
pub struct Writer {
    buffer: Arc<Buffer>,
    finished: Receiver<()>,
}

impl Writer {
    /// Waits until all lines are written. A standard output that takes nothing is given up after a
    /// second.
    pub fn finish(self) {
        self.buffer.lock().closed = true;
        self.buffer.filled.notify_one();
        let _ = self.finished.recv_timeout(Duration::from_secs(1));
    }
}

/// Writes what gathers, until the log is closed.
fn write_lines(buffer: &Buffer) {
    let mut batch = Vec::new();
    loop {
        let lines = buffer
            .filled
            .wait_while(buffer.lock(), |lines| lines.text.is_empty() && !lines.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut lines, _) = buffer
            .filled
            .wait_timeout_while(lines, GATHERED_FOR, |lines| !lines.closed)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut batch, &mut lines.text);
        let closed = lines.closed;
        drop(lines);
        let mut output = io::stdout().lock();
        // Where nobody reads standard output any more, requests go on and their lines are lost.
        let _ = output.write_all(&batch).and_then(|()| output.flush());
        batch.clear();
        if closed {
            return;
        }
    }
}

/// Microseconds, as logged.
#[must_use]
pub fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
