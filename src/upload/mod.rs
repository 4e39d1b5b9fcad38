//! Uploads that come in pieces, on any replica.
//!
//! An upload is a register in the state store, and immutable segments in the bucket:
//!
//! ```text
//! upload/<id>                                 open, 21 MiB: 2 sealed segments, 3 in the tail
//! .casgate/uploads/<id>/<offset>-<random>     bytes from there on, and after them what all bytes up
//!                                             to their end hash to so far
//! .casgate/uploads/<id>/<offset>-<random>.list   which sealed segments there are before that
//! ```
//!
//! What the register does not name does not exist: whoever appends stores segments first, and names
//! them by compare-and-set. A writer that loses, or dies, leaves segments that nobody reads.
//!
//! Losing the state store loses uploads that are not complete, and no object.

mod append;
mod commit;
mod hashes;
mod record;
mod register;
mod segments;
mod sweep;
#[cfg(test)]
mod tests;
mod truncate;
mod turns;

use std::time::{Duration, SystemTime};

use crate::bucket::objects::Objects;
use crate::content::digests::{AnyDigest, Digests};
use crate::content::upload::UploadId;
use crate::error::Error;
use crate::state::{StateStore, Version};
use record::{Life, Upload};

pub use append::Appending;
pub use register::LIFE_MAX;
pub use sweep::Swept;
pub use turns::Turns;

/// How uploads are taken.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The size of sealed segments of new uploads in bytes, and so of the parts of objects. At least
    /// [`PART_BYTES_MIN`](crate::bucket::write::PART_BYTES_MIN) outside of tests.
    pub segment_bytes: u64,
    /// The most bytes of an upload.
    pub size_max: u64,
    /// How long nobody has to append for an upload to be over.
    pub idle: Duration,
}

/// What the engine does with the world: all of it can be had by an argument, for tests.
pub struct Engine<'a, O, S> {
    /// The bucket.
    pub objects: &'a O,
    /// The state store.
    pub store: &'a S,
    /// How uploads are taken.
    pub settings: Settings,
    /// Tells the time.
    pub now: fn() -> SystemTime,
    /// Sixteen bytes that nobody can guess, and others each time.
    pub random: &'a (dyn Fn() -> Result<[u8; 16], Error> + Send + Sync),
}

/// Whose an upload is: nobody else gets to know that it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// A tenant on a route.
    #[must_use]
    pub fn new(route: &str, tenant: Option<&str>) -> Self {
        Self(format!("{:?}", (route, tenant)))
    }
}

/// What is known of an upload when it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beginning {
    /// How many bytes it will have, where the client says so.
    pub length: Option<u64>,
    /// What the client says of it, to be told again: at most [`METADATA_BYTES_MAX`] bytes.
    pub metadata: String,
}

/// The longest metadata, in bytes.
pub const METADATA_BYTES_MAX: usize = 2048;

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its name.
    pub id: UploadId,
    /// How many bytes it has.
    pub size: u64,
    /// How many it will have, as far as that was said.
    pub length: Option<u64>,
    /// What was said of it.
    pub metadata: String,
    /// Whether it can still be appended to.
    pub stage: Stage,
    /// From when on it is over, if nobody appends.
    pub expires: SystemTime,
}

/// What can be done with an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Anything.
    Open,
    /// It is being made an object; that may be begun again.
    Committing,
    /// It is an object.
    Done,
}

/// Why something cannot be done with an upload.
#[derive(Debug)]
pub enum Refused {
    /// There is none, or it is somebody else's, or over.
    Unknown,
    /// It is not as the client takes it to be: another offset, or not open any more. This is how it
    /// is.
    Elsewhere(Progress),
    /// Others changed it meanwhile: what was asked was not done.
    Raced,
    /// Its length is another, or it would be longer than that.
    Length,
    /// The bytes do not hash to what the client said. None of them counts.
    Mismatch,
    /// It would be larger than it may: so many bytes.
    TooLarge(u64),
    /// Storage or the state store failed. Of the latter, the outcome may be unknown.
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What is known of bytes to be appended before they come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Piece {
    /// Where they belong. None: at the end, wherever that is.
    pub offset: Option<u64>,
    /// How many, where that is known.
    pub bytes: Option<u64>,
    /// How many the upload will have with all pieces, where the client says so now.
    pub length: Option<u64>,
    /// Whether those count that came before the rest did not ([`Appending::finish_part`]). Then they
    /// are named now and then, and not only at the end.
    pub keeps_part: bool,
    /// What they hash to, by themselves. It rules out `keeps_part`.
    pub digest: Option<AnyDigest>,
}

/// An upload that is being made an object. Nothing is appended to it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: UploadId,
    /// How many bytes it has.
    pub size: u64,
    /// What they hash to.
    pub digests: Digests,
    /// What was said of it at its beginning.
    pub metadata: String,
    /// Whether it is an object already: there is nothing to assemble.
    pub is_done: bool,
}

impl<O: Objects, S: StateStore> Engine<'_, O, S> {
    /// Begins an upload.
    ///
    /// # Errors
    /// [`Refused::TooLarge`], [`Refused::Failed`].
    pub async fn begin(&self, owner: &Owner, beginning: Beginning) -> Result<Progress, Refused> {
        let Beginning { length, metadata } = beginning;
        let size_max = self.size_max(self.settings.segment_bytes);
        if length.is_some_and(|length| length > size_max) {
            return Err(Refused::TooLarge(size_max));
        }
        if metadata.len() > METADATA_BYTES_MAX {
            return Err(Error::InvalidRequest("the metadata is too long".into()).into());
        }
        let now = self.time();
        let id = UploadId::new((self.random)()?, now);
        let mut upload = Upload::new(owner.hash(), self.settings.segment_bytes, now);
        upload.length = length;
        upload.metadata = metadata;
        self.create(id, &upload).await?;
        Ok(self.progress(id, &upload))
    }

    /// How far an upload is.
    ///
    /// # Errors
    /// [`Refused::Unknown`], [`Refused::Failed`].
    pub async fn look(&self, id: UploadId, owner: &Owner) -> Result<Progress, Refused> {
        let seen = self.find(id, owner).await?;
        Ok(self.progress(id, &seen.upload))
    }

    /// Why a segment is not there that the register named when it was seen: it may be over, or have
    /// been changed, since then.
    async fn lost(&self, id: UploadId, seen: &Version) -> Refused {
        self.lost_or(id, seen, segments::missing()).await
    }

    /// As [`Engine::lost`], after some other failure to read it.
    async fn lost_or(&self, id: UploadId, seen: &Version, error: Error) -> Refused {
        match self.read(id).await {
            Ok(None) => Refused::Unknown,
            Ok(Some(there)) if there.upload.life == Life::Dead => Refused::Unknown,
            Ok(Some(there)) if there.version.nonce() != seen.nonce() => Refused::Raced,
            Ok(Some(_)) | Err(_) => Refused::Failed(error),
        }
    }
}
