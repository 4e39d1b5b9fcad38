//! What concerns the whole process: bounds, its end, its logs.

use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, SizeText};

/// Bounds on size and number.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// A request's header, request line included.
    #[schemars(with = "SizeText")]
    pub header_size: ByteSize,
    /// Client connections open at once; more wait to be accepted.
    pub connections: usize,
    /// HTTP/2 requests answered at once on one connection.
    pub http2_streams_per_connection: u32,
    /// HTTP/2 requests answered at once; more are refused so that clients may repeat them.
    pub http2_streams: usize,
    /// Unread body bytes taken after an early answer before the connection is cut.
    #[schemars(with = "SizeText")]
    pub drain_size: ByteSize,
    /// Bytes per second below which a reading client is cut off.
    #[schemars(with = "SizeText")]
    pub send_rate_min: ByteSize,
    /// Bytes per second below which an uploading client is cut off.
    #[schemars(with = "SizeText")]
    pub receive_rate_min: ByteSize,
    /// Size of the parts of a multipart upload.
    #[schemars(with = "SizeText")]
    pub upload_part_size: ByteSize,
    /// Memory for the parts of all uploads of unknown length; others wait.
    #[schemars(with = "SizeText")]
    pub upload_memory: ByteSize,
    /// JWT verdicts remembered; one with more than 1 KiB of claims counts as several.
    pub remembered_verdicts: usize,
    /// Storage objects remembered as existing.
    pub remembered_objects: usize,
    /// Idle storage connections kept.
    pub idle_storage_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_size: ByteSize::kib(16),
            connections: 10_000,
            http2_streams_per_connection: 100,
            http2_streams: 10_000,
            drain_size: ByteSize::kib(64),
            send_rate_min: ByteSize::kib(1),
            receive_rate_min: ByteSize::kib(1),
            upload_part_size: ByteSize::mib(8),
            upload_memory: ByteSize::mib(512),
            remembered_verdicts: 10_000,
            remembered_objects: 10_000,
            idle_storage_connections: 128,
        }
    }
}

/// Bounds on time.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// From the first wait for a request, keep-alive idle included, to the end of its header.
    #[serde(with = "DurationText")]
    pub header: Duration,
    /// Draining an unread request body after an early answer.
    #[serde(with = "DurationText")]
    pub drain: Duration,
    /// Connecting to storage, TLS included.
    #[serde(with = "DurationText")]
    pub storage_connect: Duration,
    /// From a request to storage to the head of its answer.
    #[serde(with = "DurationText")]
    pub storage_first_byte: Duration,
    /// Between two reads of an answer's body.
    #[serde(with = "DurationText")]
    pub storage_read: Duration,
    /// One operation of the state store.
    #[serde(with = "DurationText")]
    pub state: Duration,
    /// A whole upload.
    #[serde(with = "DurationText")]
    pub upload: Duration,
    /// Idle life of a pooled storage connection.
    #[serde(with = "DurationText")]
    pub storage_idle: Duration,
    /// How often storage host names are resolved again.
    #[serde(with = "DurationText")]
    pub resolve_interval: Duration,
    /// How often the configuration and the files it names are looked at for changes.
    #[serde(with = "DurationText")]
    pub reload_interval: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(30),
            drain: Duration::from_secs(2),
            storage_connect: Duration::from_secs(3),
            storage_first_byte: Duration::from_secs(15),
            storage_read: Duration::from_secs(15),
            state: Duration::from_secs(2),
            upload: Duration::from_secs(6 * 3600),
            storage_idle: Duration::from_secs(30),
            resolve_interval: Duration::from_secs(10),
            reload_interval: Duration::from_secs(5),
        }
    }
}

/// How the process ends after SIGTERM.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// Time for load balancers to see `/readyz` fail, before listeners close.
    #[serde(with = "DurationText")]
    pub delay: Duration,
    /// The longest time transfers get to finish after that.
    #[serde(with = "DurationText")]
    pub drain: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { delay: Duration::from_secs(3), drain: Duration::from_secs(20) }
    }
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// One JSON line per request on standard output.
    pub access: bool,
    /// Least severe level of the other lines, on standard error.
    pub level: LogLevel,
}

impl Default for Log {
    fn default() -> Self {
        Self { access: true, level: LogLevel::Info }
    }
}

/// Severity.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Failures that need somebody.
    Error,
    /// Failures that were handled.
    Warn,
    /// Starts, stops, reloads.
    Info,
    /// Details for debugging.
    Debug,
}
