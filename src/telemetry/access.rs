//! One JSON line per request on standard output.
//!
//! A line holds no credential: the query is left out whole, since tokens ride there, and so are
//! the URLs that storage was asked with.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use prometheus::IntCounter;
use serde::Serialize;

/// Lines that may wait for standard output.
const QUEUE_LINES_MAX: usize = 8192;

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
    /// The path without its query.
    pub path: &'a str,
    /// The route's prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// The dialect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<&'a str>,
    /// The tenant, where authorization found one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'a str>,
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

/// The way to standard output: a bounded queue and a thread, so that a full pipe stalls no request.
#[derive(Clone)]
pub struct AccessLog {
    queue: Option<SyncSender<Vec<u8>>>,
    dropped: IntCounter,
}

impl AccessLog {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(dropped: IntCounter) -> io::Result<(Self, Writer)> {
        let (queue, lines) = sync_channel(QUEUE_LINES_MAX);
        let (finished, wait) = sync_channel(1);
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            write_lines(&lines);
            // Nobody waits unless the process ends.
            let _ = finished.send(());
        })?;
        Ok((Self { queue: Some(queue), dropped }, Writer { finished: wait }))
    }

    /// Writes nothing.
    #[must_use]
    pub const fn off(dropped: IntCounter) -> Self {
        Self { queue: None, dropped }
    }

    /// Whether lines go anywhere.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues a line; drops and counts it where the queue is full.
    pub fn write(&self, line: &Line<'_>) {
        let Some(queue) = &self.queue else { return };
        let mut text = Vec::with_capacity(384);
        if serde_json::to_writer(&mut text, line).is_ok() {
            text.push(b'\n');
            if queue.try_send(text).is_err() {
                self.dropped.inc();
            }
        }
    }
}

/// The writing thread, for whoever ends the process.
pub struct Writer {
    finished: Receiver<()>,
}

impl Writer {
    /// Waits until all lines are written. Every [`AccessLog`] must be gone; a standard output that
    /// takes nothing is given up after a second.
    pub fn finish(self) {
        let _ = self.finished.recv_timeout(Duration::from_secs(1));
    }
}

/// Writes until every sender is gone. Lines that wait together go out in one write.
fn write_lines(lines: &Receiver<Vec<u8>>) {
    let mut batch = Vec::new();
    while let Ok(line) = lines.recv() {
        batch.extend_from_slice(&line);
        while batch.len() < 64 * 1024
            && let Ok(line) = lines.try_recv()
        {
            batch.extend_from_slice(&line);
        }
        // Nobody reads standard output any more: requests go on, their lines have no place to go.
        let mut output = io::stdout().lock();
        let _ = output.write_all(&batch).and_then(|()| output.flush());
        batch.clear();
    }
}

/// Microseconds, as logged.
#[must_use]
pub fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
