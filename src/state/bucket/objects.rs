//! The objects of registers, and what storage's answers mean.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use hyper_util::client::legacy;
use tokio::time::sleep;

use super::super::{Failure, Record, StateKey, VALUE_BYTES_MAX};
use crate::backoff::{self, Spread};
use crate::bucket::Bucket;
use crate::bucket::control::conditional::TagForm;
use crate::bucket::control::{code, config, explain, status};

/// All registers are below this.
pub(super) const PREFIX: &str = ".casgate/state/";

/// How long a connection may take. Whatever comes after it, the store's deadline ends.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// How often a read is sent.
const READS_MAX: u32 = 3;

/// How often a write is sent that storage did not judge, and the pauses in between.
const CONFLICTS_MAX: u32 = 6;
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// The longest object that may be a record.
const OBJECT_BYTES_MAX: usize = VALUE_BYTES_MAX + 64;

/// The object of a register: hours have as many digits as they will for ever, so that storage
/// lists those first that end first.
pub(super) fn key(key: &StateKey) -> String {
    format!("{PREFIX}{:08}/{}", key.end_hour(), key.as_str())
}

/// What a write demands of the key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition<'a> {
    /// Nothing is there.
    IsAbsent,
    /// The object there has this entity tag.
    Is(&'a str),
}

impl Condition<'_> {
    /// Whether it holds where this is the entity tag of what is there.
    pub(super) fn holds(self, e_tag: Option<&str>) -> bool {
        match self {
            Self::IsAbsent => e_tag.is_none(),
            Self::Is(demanded) => e_tag == Some(demanded),
        }
    }
}

/// What became of a write.
pub(super) enum Put {
    /// It is done; the new entity tag.
    Written(String),
    /// The condition does not hold.
    Refused,
    /// Storage failed at it, and may have done it.
    Failed(Failure),
}

/// An object.
pub(super) struct Found {
    pub(super) record: Record,
    pub(super) e_tag: String,
}

pub(super) struct Objects {
    /// Sends every request once.
    pub(super) once: Client,
    /// For reads, which may be repeated.
    patient: Client,
    pub(super) bucket: String,
    tags: TagForm,
}

impl Objects {
    pub(super) fn of(bucket: &Arc<Bucket>, tags: TagForm, now: fn() -> SystemTime) -> Self {
        let times = TimeoutConfig::builder().connect_timeout(CONNECT_MAX).build();
        let once = config(bucket, now)
            .timeout_config(times)
            .retry_config(RetryConfig::disabled())
            // Not every server knows checksums, and the signature covers the body.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build();
        let retries = RetryConfig::standard().with_max_attempts(READS_MAX);
        let retries = retries.with_initial_backoff(PAUSE_FIRST);
        let patient = once.to_builder().retry_config(retries).build();
        Self {
            once: Client::from_conf(once),
            patient: Client::from_conf(patient),
            bucket: bucket.bucket.clone(),
            tags,
        }
    }

    /// # Errors
    /// Always [`Failure::NotDone`].
    pub(super) async fn get(&self, key: &str) -> Result<Option<Found>, Failure> {
        let get = self.patient.get_object().bucket(&self.bucket).key(key);
        let mut object = match get.send().await {
            Ok(object) => object,
            Err(error) if status(&error) == Some(404) && !is_without_bucket(&error) => {
                return Ok(None);
            }
            Err(error) => return Err(Failure::NotDone(explain(&error))),
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = object.body.next().await {
            let chunk = chunk.map_err(|error| Failure::NotDone(error.to_string()))?;
            if bytes.len() + chunk.len() > OBJECT_BYTES_MAX {
                return Err(Failure::NotDone(format!("{key} is too long for a record")));
            }
            bytes.extend_from_slice(&chunk);
        }
        let record = Record::from_bytes(&bytes);
        let record = record.map_err(|foreign| Failure::NotDone(format!("{foreign}: {key}")))?;
        let nameless = || Failure::NotDone(format!("{key} has no entity tag"));
        Ok(Some(Found { record, e_tag: object.e_tag.ok_or_else(nameless)? }))
    }

    pub(super) async fn put(
        &self,
        key: &str,
        condition: Condition<'_>,
        record: &Record,
    ) -> Result<Put, Failure> {
        let body = bytes::Bytes::from(record.to_bytes());
        let mut conflicts = 0;
        loop {
            let body = ByteStream::from(body.clone());
            let put = self.once.put_object().bucket(&self.bucket).key(key).body(body);
            let put = match condition {
                Condition::IsAbsent => put.if_none_match("*"),
                Condition::Is(e_tag) => put.if_match(self.tags.of(e_tag)),
            };
            let error = match put.send().await {
                Ok(done) => return written(done.e_tag),
                Err(error) => error,
            };
            match status(&error) {
                Some(412) => return Ok(Put::Refused),
                // Of an object that is to be replaced, and is not there.
                Some(404) if !is_without_bucket(&error) => return Ok(Put::Refused),
                // AWS: another write was in the way, this one was not judged and may be sent again.
                Some(409) if conflicts < CONFLICTS_MAX => conflicts += 1,
                // Ceph 16 fails so at a write that another one overtook.
                Some(500) if code(&error).is_some() => return Ok(Put::Failed(failure(&error))),
                _ => return Err(failure(&error)),
            }
            let pause = backoff::doubled(conflicts, PAUSE_FIRST, PAUSE_MAX);
            sleep(Spread::random().over(pause)).await;
        }
    }
}

fn written(e_tag: Option<String>) -> Result<Put, Failure> {
    let nameless = || Failure::Unknown("storage did not say what it has written".into());
    e_tag.map(Put::Written).ok_or_else(nameless)
}

fn is_without_bucket<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    code(error) == Some("NoSuchBucket")
}

/// Whether a write that failed may have been done all the same.
fn failure<E>(error: &SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let is_certain = match error {
        // No request was made, as without credentials.
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(_) => was_without_connection(error),
        _ => match status(error) {
            // It was refused.
            Some(300..=499 | 501) => true,
            // Storage says so itself, and not something in front of it that has asked it.
            Some(503) => matches!(code(error), Some("SlowDown" | "ServiceUnavailable")),
            _ => false,
        },
    };
    match is_certain {
        true => Failure::NotDone(explain(error)),
        false => Failure::Unknown(explain(error)),
    }
}

/// Whether nothing can have been sent: the name was not found, or nobody was there.
fn was_without_connection(error: &(dyn Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.filter_map(|cause| cause.downcast_ref()).any(legacy::Error::is_connect)
}
