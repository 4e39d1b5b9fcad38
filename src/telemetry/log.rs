//! The process's own log: JSON lines on standard error, ours and those of the libraries.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::config::LogLevel;

/// Lines that may wait for standard error.
const QUEUE_LINES_MAX: usize = 1024;

/// Starts logging. A second call changes nothing.
pub fn start(level: LogLevel) -> Log {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    // Libraries speak of every connection at `info`; what they warn of is about us.
    let targets = Targets::new()
        .with_target("casgate", level)
        // It tells what it could not read of an answer, which may be a secret in the wrong place.
        // What came of it is told by the bucket that asked.
        .with_target("aws_config", LevelFilter::OFF)
        .with_default(level.min(Level::WARN));
    let (queue, waiting) = sync_channel(QUEUE_LINES_MAX);
    let thread = std::thread::Builder::new().name("log".to_owned());
    if thread.spawn(move || write_lines(&waiting)).is_err() {
        return Log { queue };
    }
    let writer = queue.clone();
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(move || Line { queue: writer.clone() });
    let _ = tracing_subscriber::registry().with(lines.with_filter(targets)).try_init();
    Log { queue }
}

/// The running log, for whoever ends the process.
#[derive(Debug)]
pub struct Log {
    queue: SyncSender<Message>,
}

impl Log {
    /// Waits until what was logged so far is written; a standard error that takes nothing is given
    /// up after a second.
    pub fn finish(self) {
        let (written, wait) = sync_channel(1);
        if self.queue.try_send(Message::Flush(written)).is_ok() {
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Queues what is written to it, or drops it where the queue is full: a reader of standard error
/// that stops must never stop requests.
struct Line {
    queue: SyncSender<Message>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.queue.try_send(Message::Line(bytes.to_vec()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(waiting: &Receiver<Message>) {
    while let Ok(message) = waiting.recv() {
        match message {
            // Nobody reads standard error any more: there is no place left to say so.
            Message::Line(line) => drop(io::stderr().write_all(&line)),
            Message::Flush(written) => drop(written.send(())),
        }
    }
}
