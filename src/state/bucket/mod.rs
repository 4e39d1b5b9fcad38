//! Registers in a bucket, by conditional writes. Any number of replicas share them.
//!
//! A register is an object; the picture in [`crate::content::layout`] has its key. What it holds is
//! [`Record::to_bytes`], which no two writes have in common, so that no two of them share an entity
//! tag. An empty register has no object, or a tombstone: a record that has ended. Objects are deleted
//! only long after their registers have ended ([`BucketStore::sweep`]), as a DELETE has no condition
//! everywhere.
//!
//! Nothing is sent twice whose outcome is not known. Everything else depends on storage's word, which
//! is tried out at the start.

mod objects;
mod sweep;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{
    Create, Failure, Nonce, Record, Replace, StateKey, StateStore, Unfit, Version, Versioned,
};
use crate::bucket::Bucket;
use crate::bucket::control::conditional::{Verdict, probe_conditional_writes};
use objects::{Condition, Found, Objects, Put};
pub use sweep::Swept;

/// How long the trial of a bucket may take, but for deleting what it wrote.
const TRIAL_MAX: Duration = Duration::from_secs(30);

/// How often a writer is overtaken before it gives up.
const OVERTAKEN_MAX: usize = 8;

/// Registers in a bucket.
pub struct BucketStore {
    bucket: Arc<Bucket>,
    /// There once the bucket was found fit.
    objects: OnceLock<Objects>,
}

impl BucketStore {
    /// Registers in this bucket. Nobody asks it anything yet.
    #[must_use]
    pub const fn new(bucket: Arc<Bucket>) -> Self {
        Self { bucket, objects: OnceLock::new() }
    }

    /// Whether `other` is the same bucket, reached in the same way.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bucket, &other.bucket)
    }

    /// Sees whether the bucket does conditional writes, unless that is known.
    pub(super) async fn start(&self, now: fn() -> SystemTime) -> Result<(), Unfit> {
        let (bucket, name) = (&self.bucket, &self.bucket.name);
        if bucket.fitness.conditional_writes().is_none() {
            let seen = probe_conditional_writes(bucket, now, TRIAL_MAX).await;
            let unreachable = |error| {
                let message = format!("the bucket {name} cannot be tried out: {error}");
                Unfit::Unreachable(message)
            };
            bucket.fitness.learn(seen.map_err(unreachable)?);
        }
        let seen = bucket.fitness.conditional_writes();
        let seen = seen.ok_or_else(|| Unfit::Unreachable("its trial was forgotten".into()))?;
        for (what, verdict) in [("create", &seen.create), ("replace", &seen.replace)] {
            if let Verdict::NotHonoured(defect) = verdict {
                return Err(Unfit::Unsafe(format!(
                    "the bucket {name} does not {what} an object as conditions demand: {defect}"
                )));
            }
        }
        self.objects.get_or_init(|| Objects::of(bucket, seen.tags, now));
        Ok(())
    }

    /// Deletes registers that have ended for long, and nothing else.
    ///
    /// # Errors
    /// They cannot be listed: says what storage, or the way to it, answered.
    pub async fn sweep(&self, now: SystemTime) -> Result<Swept, String> {
        match self.objects.get() {
            Some(objects) => sweep::run(objects, now.min(self.bucket.clock.at(now))).await,
            None => Ok(Swept::default()),
        }
    }

    fn objects(&self) -> Result<&Objects, Failure> {
        let early = || Failure::NotDone("the bucket was not tried out yet".into());
        self.objects.get().ok_or_else(early)
    }
}

/// What storage has to know to replace a record, as text: its end and its entity tag.
struct Tag<'a> {
    end: SystemTime,
    e_tag: &'a str,
}

impl<'a> Tag<'a> {
    fn version(record: &Record, e_tag: &str) -> Version {
        let end = record.end.duration_since(UNIX_EPOCH).unwrap_or_default();
        Version::tagged(record.nonce, &format!("{} {e_tag}", end.as_millis()))
    }

    /// None: the version is of another store.
    fn of(version: &'a Version) -> Option<Self> {
        let (end, e_tag) = version.tag()?.split_once(' ')?;
        let end = UNIX_EPOCH.checked_add(Duration::from_millis(end.parse().ok()?))?;
        Some(Self { end, e_tag })
    }

    /// That of a version that still counts.
    fn living(version: &'a Version, now: SystemTime) -> Option<Self> {
        Self::of(version).filter(|tag| now < tag.end)
    }
}

impl Found {
    fn version(&self) -> Version {
        Tag::version(&self.record, &self.e_tag)
    }

    fn versioned(self) -> Versioned {
        Versioned { version: self.version(), record: self.record }
    }
}

/// What a register holds that was emptied.
fn tombstone() -> Result<Record, Failure> {
    let mut nonce = [0; 16];
    let no_random = |_| Failure::NotDone("the system has no random bytes".to_owned());
    aws_lc_rs::rand::fill(&mut nonce).map_err(no_random)?;
    Ok(Record { nonce: Nonce::new(nonce), end: UNIX_EPOCH, value: Vec::new() })
}

/// What became of a write.
enum Written {
    /// It is done; the entity tag.
    So(String),
    /// It is not and never will be; this is there instead.
    Instead(Option<Found>),
}

/// Writes, and looks what is there where that was not done.
async fn write(
    objects: &Objects,
    key: &str,
    condition: Condition<'_>,
    record: &Record,
) -> Result<Written, Failure> {
    let failure = match objects.put(key, condition, record).await? {
        Put::Written(e_tag) => return Ok(Written::So(e_tag)),
        Put::Refused => None,
        Put::Failed(failure) => Some(failure),
    };
    let unseen = |failure: Failure| Failure::Unknown(failure.to_string());
    let there = objects.get(key).await.map_err(unseen)?;
    let e_tag = there.as_ref().map(|there| there.e_tag.as_str());
    match (&there, failure) {
        // Storage failed too late, or something on the way to it has sent the write twice.
        (Some(there), _) if there.record.nonce == record.nonce => {
            Ok(Written::So(there.e_tag.clone()))
        }
        // It may be done yet.
        (_, Some(failure)) if condition.holds(e_tag) => Err(failure),
        // Entity tags do not come back, nor do free keys before the sweep.
        _ => Ok(Written::Instead(there)),
    }
}

impl StateStore for BucketStore {
    async fn read(&self, key: &StateKey, now: SystemTime) -> Result<Option<Versioned>, Failure> {
        let there = self.objects()?.get(&objects::key(key)).await?;
        Ok(there.filter(|there| there.record.lives(now)).map(Found::versioned))
    }

    async fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        let (objects, key) = (self.objects()?, objects::key(key));
        let created = |e_tag: &str| Create::Created(Tag::version(record, e_tag));
        // The entity tag of a record that is over.
        let mut over: Option<String> = None;
        for _ in 0..OVERTAKEN_MAX {
            let condition = over.as_deref().map_or(Condition::IsAbsent, Condition::Is);
            match write(objects, &key, condition, record).await? {
                Written::So(e_tag) => return Ok(created(&e_tag)),
                Written::Instead(Some(there)) if there.record.lives(now) => {
                    return Ok(Create::Exists(there.versioned()));
                }
                Written::Instead(there) => over = there.map(|there| there.e_tag),
            }
        }
        Err(Failure::Unknown("others were faster each time".into()))
    }

    async fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        let (objects, key) = (self.objects()?, objects::key(key));
        let Some(tag) = Tag::living(seen, now) else { return Ok(Replace::Conflict) };
        let replaced = |e_tag: &str| Replace::Replaced(Tag::version(record, e_tag));
        Ok(match write(objects, &key, Condition::Is(tag.e_tag), record).await? {
            Written::So(e_tag) => replaced(&e_tag),
            Written::Instead(_) => Replace::Conflict,
        })
    }

    async fn remove(&self, key: &StateKey, seen: &Version, now: SystemTime) -> Result<(), Failure> {
        let (objects, key) = (self.objects()?, objects::key(key));
        let Some(tag) = Tag::living(seen, now) else { return Ok(()) };
        write(objects, &key, Condition::Is(tag.e_tag), &tombstone()?).await.map(|_| ())
    }
}
