//! The requests of a probe, and the traces they leave.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::PROBE_PREFIX;
use crate::bucket::Bucket;
use crate::bucket::control::{Now, code, config, explain, status};

/// How long deleting may take.
const CLEAN_UP_MAX: Duration = Duration::from_secs(10);

/// Why a trial ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// With a verdict: this was seen, which must not be.
    Seen(String),
    /// Without one: storage could not be asked.
    Unknown(String),
}

impl Stop {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Seen(text) | Self::Unknown(text) => text,
        }
    }
}

/// What a write demands of the key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition<'a> {
    /// Nothing is there.
    IsAbsent,
    /// The object there has this entity tag.
    Is(&'a str),
}

impl<'a> Condition<'a> {
    pub(super) fn e_tag(self) -> Option<&'a str> {
        match self {
            Self::IsAbsent => None,
            Self::Is(e_tag) => Some(e_tag),
        }
    }

    fn if_none_match(self) -> Option<String> {
        matches!(self, Self::IsAbsent).then(|| "*".to_owned())
    }

    fn if_match(self) -> Option<String> {
        self.e_tag().map(str::to_owned)
    }
}

/// What storage said to a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is done; the new entity tag.
    Written(Option<String>),
    /// The condition does not hold, or another write was in the way.
    Refused,
}

/// Whoever writes for one probe.
#[derive(Debug)]
pub(super) struct Writer {
    /// Sends every request once: a write whose answer was lost is not the next one's rival.
    once: Client,
    /// For deleting, which may be repeated.
    patient: Client,
    bucket: String,
    name: String,
    prefix: String,
    traces: Mutex<Traces>,
}

#[derive(Debug, Default)]
struct Traces {
    keys: BTreeSet<String>,
    /// Keys and ids.
    uploads: BTreeSet<(String, String)>,
}

impl Writer {
    pub(super) fn new(bucket: &Arc<Bucket>, now: Now) -> Self {
        let patient = Client::from_conf(config(bucket, now).build());
        let once = patient.config().to_builder().retry_config(RetryConfig::disabled());
        // Bodies that come bit by bit have no checksum in front, and not every server knows
        // trailers.
        let once = once.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        // The standard library's hash keys are random, and two probes must not meet.
        let random = RandomState::new();
        let prefix =
            format!("{PROBE_PREFIX}{:016x}{:016x}/", random.hash_one(0), random.hash_one(1));
        Self {
            once: Client::from_conf(once.build()),
            patient,
            bucket: bucket.bucket.clone(),
            name: bucket.name.clone(),
            prefix,
            traces: Mutex::default(),
        }
    }

    /// A key of this probe.
    pub(super) fn key(&self, name: &str) -> String {
        [&self.prefix, name].concat()
    }

    /// Writes whatever is there, and returns the entity tag.
    pub(super) async fn put_any(&self, key: &str, body: Bytes) -> Result<Option<String>, Stop> {
        self.leave(|traces| _ = traces.keys.insert(key.to_owned()));
        let put = self.once.put_object().bucket(&self.bucket).key(key).body(body.into());
        let put = put.send().await.map_err(|error| Stop::Unknown(explain(&error)))?;
        Ok(put.e_tag)
    }

    pub(super) async fn put(
        &self,
        key: &str,
        condition: Condition<'_>,
        body: ByteStream,
    ) -> Result<Answer, Stop> {
        self.leave(|traces| _ = traces.keys.insert(key.to_owned()));
        let put = self.once.put_object().bucket(&self.bucket).key(key).body(body);
        let put = put.set_if_none_match(condition.if_none_match());
        let put = put.set_if_match(condition.if_match()).send().await;
        read(put.map(|done| done.e_tag))
    }

    /// Whether exactly this is the object.
    pub(super) async fn holds(&self, key: &str, expected: &[u8]) -> Result<bool, Stop> {
        let object = match self.once.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => object,
            Err(error) if status(&error) == Some(404) => return Ok(false),
            Err(error) => return Err(Stop::Unknown(explain(&error))),
        };
        if object.content_length().is_some_and(|length| length != expected.len() as i64) {
            return Ok(false);
        }
        let body = object.body.collect().await;
        let body = body.map_err(|error| Stop::Unknown(crate::error::with_causes(&error)))?;
        Ok(body.into_bytes() == expected)
    }

    /// Deletes what was written. What stays is only reported.
    pub(super) async fn clean_up(&self) {
        let mut traces = Traces::default();
        self.leave(|left| std::mem::swap(left, &mut traces));
        let mut deletions = JoinSet::new();
        for (key, id) in traces.uploads {
            let abort = self.patient.abort_multipart_upload().bucket(&self.bucket).key(key);
            let abort = abort.upload_id(id).send();
            deletions.spawn(async move {
                match abort.await {
                    // Some servers forget an upload whose completion they refuse.
                    Err(error) if status(&error) != Some(404) => Some(explain(&error)),
                    _ => None,
                }
            });
        }
        for key in traces.keys {
            let delete = self.patient.delete_object().bucket(&self.bucket).key(key).send();
            deletions.spawn(async move { delete.await.err().map(|error| explain(&error)) });
        }
        let deleted = timeout(CLEAN_UP_MAX, deletions.join_all()).await;
        let error = match deleted {
            Ok(errors) => errors.into_iter().flatten().next(),
            Err(_) => Some("no answer in time".to_owned()),
        };
        if let Some(error) = error {
            let (bucket, prefix) = (&self.name, &self.prefix);
            tracing::warn!(bucket, prefix, error, "a probe's objects cannot be deleted");
        }
    }

    fn leave(&self, change: impl FnOnce(&mut Traces)) {
        change(&mut self.traces.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A multipart upload of one part, which is complete but for saying so.
#[derive(Debug)]
pub(super) struct Upload {
    key: String,
    id: String,
    part: CompletedPart,
}

impl Upload {
    pub(super) async fn begin(writer: &Writer, key: &str, body: Bytes) -> Result<Self, Stop> {
        let create = writer.once.create_multipart_upload().bucket(&writer.bucket).key(key);
        let created = create.send().await.map_err(|error| refusal(&error))?;
        let no_id = || Stop::Unknown("storage began an upload without an id".to_owned());
        let id = created.upload_id.ok_or_else(no_id)?;
        writer.leave(|traces| {
            traces.keys.insert(key.to_owned());
            traces.uploads.insert((key.to_owned(), id.clone()));
        });
        let part = writer.once.upload_part().bucket(&writer.bucket).key(key).upload_id(&id);
        let part = part.part_number(1).body(body.into()).send().await;
        let part = part.map_err(|error| refusal(&error))?;
        let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
        Ok(Self { key: key.to_owned(), id, part })
    }

    pub(super) async fn complete(
        self,
        writer: &Writer,
        condition: Condition<'_>,
    ) -> Result<Answer, Stop> {
        let Self { key, id, part } = self;
        let parts = CompletedMultipartUpload::builder().parts(part).build();
        let complete = writer.once.complete_multipart_upload().bucket(&writer.bucket).key(&key);
        let complete = complete.upload_id(&id).multipart_upload(parts);
        let complete = complete.set_if_none_match(condition.if_none_match());
        let complete = complete.set_if_match(condition.if_match()).send().await;
        let answer = read(complete.map(|done| done.e_tag))?;
        if let Answer::Written(_) = answer {
            writer.leave(|traces| _ = traces.uploads.remove(&(key, id)));
        }
        Ok(answer)
    }
}

/// This many bytes that begin with a label, which is shorter.
pub(super) fn body(label: &str, bytes: usize) -> Bytes {
    label.bytes().chain([b'\n']).cycle().take(bytes).collect()
}

fn read<E>(answer: Result<Option<String>, SdkError<E>>) -> Result<Answer, Stop>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(e_tag) => Ok(Answer::Written(e_tag)),
        // AWS answers 409 where it cannot tell yet who of two writers is the first.
        Err(error) if matches!(status(&error), Some(409 | 412)) => Ok(Answer::Refused),
        // Ceph 16 says so to a writer with `If-Match` that another one overtook.
        Err(error) if status(&error) == Some(500) && code(&error) == Some("UnknownError") => {
            Ok(Answer::Refused)
        }
        Err(error) => Err(refusal(&error)),
    }
}

/// An error that may mean that storage cannot do what it was asked for, ever.
fn refusal<E>(error: &SdkError<E>) -> Stop
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match (status(error), code(error)) {
        (Some(501), _) => Stop::Seen("not implemented (501)".to_owned()),
        // Other codes with this status concern the credentials, the clock or the connection.
        (Some(400), Some(code @ ("InvalidArgument" | "InvalidRequest" | "NotImplemented"))) => {
            Stop::Seen(format!("not accepted (400 {code})"))
        }
        _ => Stop::Unknown(explain(error)),
    }
}
