//! What conditional writes are worth in a bucket.
//!
//! A write may demand that its key is free (`If-None-Match: *`) or holds a certain object
//! (`If-Match`), see "Conditional writes" in AWS's user guide. Servers differ: some ignore the
//! header, some refuse it, and some look before the body comes and write after it, which lets many
//! writers be the first. None of them says so, therefore it is tried.

mod race;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Now;
use crate::bucket::Bucket;
use writer::{Answer, Condition, Stop, Upload, Writer, body};

/// Every key of a probe begins with this. What a probe could not delete is found here, unfinished
/// multipart uploads included.
pub const PROBE_PREFIX: &str = ".casgate/probe/";

/// The bodies of the racing writers of each round, in bytes: servers may keep small objects in
/// another way than large ones.
const ROUNDS: [usize; 4] = [160 * 1024, 1024, 160 * 1024, 1024];

/// Rounds of racing completions.
const COMPLETION_ROUNDS: usize = 2;

/// What a bucket's conditional writes are worth, as far as it was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionalWrites {
    /// `PutObject` with `If-None-Match: *`.
    pub create: Verdict,
    /// `PutObject` with `If-Match`.
    pub replace: Verdict,
    /// `CompleteMultipartUpload` with `If-None-Match: *`.
    pub complete: Verdict,
    /// How `If-Match` has to be written.
    pub tags: TagForm,
}

/// How an entity tag is written in `If-Match`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagForm {
    /// As storage gave it: in quotes (RFC 9110, section 8.8.3).
    #[default]
    Quoted,
    /// Without quotes. Ceph 16 takes a quoted one for another object's.
    Bare,
}

impl TagForm {
    /// What to send of an entity tag that storage gave.
    #[must_use]
    pub fn of(self, e_tag: &str) -> &str {
        match self {
            Self::Quoted => e_tag,
            Self::Bare => e_tag.trim_matches('"'),
        }
    }
}

/// Whether a condition did what it promises each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Of racing writers exactly one succeeded, its object was kept, and an object that the
    /// condition protects stayed as it was.
    Honoured,
    /// Not so; this was seen.
    NotHonoured(String),
}

impl Verdict {
    /// What was seen that must not be.
    #[must_use]
    pub fn defect(&self) -> Option<&str> {
        match self {
            Self::Honoured => None,
            Self::NotHonoured(seen) => Some(seen),
        }
    }
}

/// Tries conditional writes below [`PROBE_PREFIX`], with bodies of 8 MB in all, and deletes what it
/// wrote. This takes `limit` at most, and deleting some seconds more; it goes on to its end even if
/// nobody waits for it. In a bucket that keeps versions, what is deleted stays as old versions.
///
/// A verdict is about what was tried: a server that fails once in a thousand races may pass.
///
/// # Errors
/// There is no verdict: storage is away or too slow, refuses writes of any kind, or one of the
/// requests failed for a reason that has nothing to do with conditions.
pub async fn probe_conditional_writes(
    bucket: &Arc<Bucket>,
    now: Now,
    limit: Duration,
) -> Result<ConditionalWrites, String> {
    let writer = Arc::new(Writer::new(bucket, now));
    let probing = tokio::spawn(async move {
        let tried = timeout(limit, try_all(&writer)).await;
        writer.clean_up().await;
        tried.unwrap_or_else(|_| Err(format!("no answer to all questions within {limit:?}")))
    });
    probing.await.unwrap_or_else(|error| Err(error.to_string()))
}

async fn try_all(writer: &Arc<Writer>) -> Result<ConditionalWrites, String> {
    // Whoever may not write at all is told so, rather than that conditions do not work.
    let existing = writer.key("existing");
    let original = body(&existing, 1024);
    writer.put_any(&existing, original.clone()).await.map_err(Stop::into_text)?;
    let mut tags = TagForm::default();
    Ok(ConditionalWrites {
        create: verdict(try_create(writer, &existing, &original).await)?,
        replace: verdict(try_replace(writer, &mut tags).await)?,
        complete: verdict(try_complete(writer).await)?,
        tags,
    })
}

fn verdict(tried: Result<(), Stop>) -> Result<Verdict, String> {
    match tried {
        Ok(()) => Ok(Verdict::Honoured),
        Err(Stop::Seen(seen)) => Ok(Verdict::NotHonoured(seen)),
        Err(Stop::Unknown(error)) => Err(error),
    }
}

async fn try_create(writer: &Arc<Writer>, existing: &str, original: &[u8]) -> Result<(), Stop> {
    let other = body("another object", 1024);
    let answer = writer.put(existing, Condition::IsAbsent, other.into()).await?;
    require_untouched(writer, existing, original, &answer).await?;
    for (round, body_bytes) in ROUNDS.into_iter().enumerate() {
        let key = writer.key(&format!("created-{round}"));
        race::puts(writer, &key, Condition::IsAbsent, body_bytes).await?;
    }
    Ok(())
}

/// Finds out the form of entity tags on the way.
async fn try_replace(writer: &Arc<Writer>, tags: &mut TagForm) -> Result<(), Stop> {
    const OTHER: &str = "\"00000000000000000000000000000000\"";
    let key = writer.key("replaced");
    let original = body(&key, 1024);
    let first = require_e_tag(writer.put_any(&key, original.clone()).await?)?;
    let second = body("the next object", 1024);
    let mut e_tag = None;
    for form in [TagForm::Quoted, TagForm::Bare] {
        *tags = form;
        let other = Condition::Is(form.of(OTHER));
        let answer = writer.put(&key, other, body("another object", 1024).into()).await?;
        require_untouched(writer, &key, &original, &answer).await?;
        let right = Condition::Is(form.of(&first));
        match writer.put(&key, right, second.clone().into()).await? {
            Answer::Written(written) => {
                e_tag = Some(written);
                break;
            }
            Answer::Refused => {
                require_untouched(writer, &key, &original, &Answer::Refused).await?;
            }
        }
    }
    let refused = || Stop::Seen("the right entity tag is refused".to_owned());
    let mut e_tag = e_tag.ok_or_else(refused)?;
    if !writer.holds(&key, &second).await? {
        return Err(Stop::Seen("a write was said to be done, and was not".to_owned()));
    }
    for body_bytes in ROUNDS {
        let current = require_e_tag(e_tag)?;
        let condition = Condition::Is(tags.of(&current));
        e_tag = race::puts(writer, &key, condition, body_bytes).await?;
    }
    Ok(())
}

fn require_e_tag(e_tag: Option<String>) -> Result<String, Stop> {
    let none = || Stop::Seen("storage does not say the entity tag of what it wrote".to_owned());
    e_tag.ok_or_else(none)
}

async fn try_complete(writer: &Arc<Writer>) -> Result<(), Stop> {
    let existing = writer.key("existing-completed");
    let original = body(&existing, 1024);
    writer.put_any(&existing, original.clone()).await?;
    let upload = Upload::begin(writer, &existing, body("another object", 1024)).await?;
    let answer = upload.complete(writer, Condition::IsAbsent).await?;
    require_untouched(writer, &existing, &original, &answer).await?;

    let free = writer.key("completed");
    let content = body(&free, 1024);
    let upload = Upload::begin(writer, &free, content.clone()).await?;
    let answer = upload.complete(writer, Condition::IsAbsent).await?;
    if answer == Answer::Refused || !writer.holds(&free, &content).await? {
        return Err(Stop::Seen("a new object was not written".into()));
    }
    for round in 0..COMPLETION_ROUNDS {
        race::completions(writer, &writer.key(&format!("completed-{round}"))).await?;
    }
    Ok(())
}

/// Whether the object a condition protects survived the answer to it, and the answer says so.
async fn require_untouched(
    writer: &Writer,
    key: &str,
    original: &[u8],
    answer: &Answer,
) -> Result<(), Stop> {
    let seen = match (answer, writer.holds(key, original).await?) {
        (Answer::Refused, true) => return Ok(()),
        (Answer::Refused, false) => {
            "a write was refused, and the existing object was overwritten all the same"
        }
        (Answer::Written(_), true) => {
            "a write was said to be done, and the existing object stayed as it was"
        }
        (Answer::Written(_), false) => {
            "the condition is ignored: an existing object was overwritten"
        }
    };
    Err(Stop::Seen(seen.to_owned()))
}
