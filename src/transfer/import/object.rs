//! A file that is stored as one object, with a note how a graph is made of it.

use http::HeaderValue;

use super::Destination;
use super::puts::is_there;
use super::staged::Staged;
use crate::bucket::object::Annotations;
use crate::bucket::write::{Step, Write, Written};
use crate::content::cid::Cid;
use crate::content::layout::WritableKey;
use crate::error::Error;
use crate::graph::import::{Imported, RootHasher};
use crate::graph::profile::Profile;
use crate::transfer::download::BUFFERED_BYTES_MAX;
use crate::transfer::upload::judge;

/// A file on its way to storage. Dropped before its end, nothing is left of it.
pub(super) struct Object {
    profile: Profile,
    hasher: RootHasher,
    /// Bytes that storage does not have yet; at most a part.
    part: Vec<u8>,
    /// Where the others are.
    staged: Option<Staged>,
}

impl Object {
    /// For one file.
    pub(super) fn new(profile: Profile) -> Self {
        Self { profile, hasher: RootHasher::new(profile), part: Vec::new(), staged: None }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Storage refused a part, or failed.
    pub(super) async fn add(&mut self, bytes: &[u8], to: &Destination<'_>) -> Result<(), Error> {
        self.hasher.update(bytes);
        let mut bytes = bytes;
        while !bytes.is_empty() {
            // Not before there is more: what is one part is one request.
            if self.part.len() == to.part_size {
                self.stage(to).await?;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(to.part_size - self.part.len()));
            let length = self.part.len() + taken.len();
            if length as u64 > BUFFERED_BYTES_MAX && length > self.part.capacity() {
                // Grown on the way it would be in memory twice at times. Pages that are not written
                // to are not there.
                self.part.reserve_exact(to.part_size - self.part.len());
            }
            self.part.extend_from_slice(taken);
            bytes = rest;
        }
        Ok(())
    }

    /// Stores a part in a place that has nothing to do with what is in it.
    async fn stage(&mut self, to: &Destination<'_>) -> Result<(), Error> {
        if self.staged.is_none() {
            self.staged = Some(Staged::create(to).await?);
        }
        if let Some(staged) = &mut self.staged {
            staged.add(&self.part).await?;
        }
        self.part.clear();
        Ok(())
    }

    /// Stores the file under the name it turns out to have.
    ///
    /// # Errors
    /// Storage refused it, or failed; or the grant opens no key for it.
    pub(super) async fn finish(self, to: &Destination<'_>) -> Result<Imported, Error> {
        let Self { profile, hasher, part, staged } = self;
        let made = hasher.finish();
        let route = &to.import.route;
        let key = route.writable_file_key(&to.import.grant, &made.root)?;
        let annotations = annotations(profile, &made.root)?;
        let written = match staged {
            None => put(to, &key, &made.root, &annotations, &part).await?,
            Some(staged) => staged.finish(part, &key, &annotations, made.size).await?,
        };
        if written == Written::Stored {
            route.bucket.objects.forget(key.key());
        }
        Ok(made)
    }
}

/// The name of bytes says how they are read; that of a graph does not say how it is made of bytes.
fn annotations(profile: Profile, root: &Cid) -> Result<Annotations, Error> {
    if root.digest().is_some() {
        return Ok(Annotations::default());
    }
    let text = HeaderValue::try_from(profile.to_string());
    let text = text.map_err(|_| Error::Internal("a profile that no header holds".into()))?;
    Ok(Annotations { unixfs: Some(text), ..Annotations::default() })
}

async fn put(
    to: &Destination<'_>,
    key: &WritableKey,
    root: &Cid,
    annotations: &Annotations,
    bytes: &[u8],
) -> Result<Written, Error> {
    let route = &to.import.route;
    let (length, once) = (bytes.len() as u64, route.write_once);
    if is_there(to.storage, route, key, root, length).await? {
        return Ok(Written::AlreadyThere);
    }
    let step = Step::Put { length, annotations, digest: root.digest(), once };
    let answer = to.storage.send_write(&route.bucket, &Write { key, step }, bytes).await?;
    judge(&step, answer).await
}
