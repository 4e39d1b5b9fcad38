//! Uploads in pieces, and artifacts: what is written down about them, and what is answered.

mod artifacts;
mod uploads;

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;

use super::{Verdict, verdict_or_refusal};
use crate::auth::{Grant, Tenant, Writing};
use crate::bucket::objects::Objects;
use crate::content::ContentId;
use crate::content::layout::WritableKey;
use crate::content::upload::UploadId;
use crate::dialect::{Call, Outcome};
use crate::error::Error;
use crate::plan::{Pieces, Route};
use crate::state::Store;
use crate::token::sixteen_bytes;
use crate::upload::{Engine, Owner, Settings};

pub use artifacts::KINDS;
pub use uploads::Told;

/// A call about an upload in pieces, or about artifacts, that was granted.
pub struct Work {
    /// The route it was granted on.
    pub route: Arc<Route>,
    /// What opens the keys.
    pub grant: Grant,
    /// What the client asked for: a [`Call::Upload`] or a [`Call::Catalog`].
    pub call: Call,
}

/// What carries out the work of one request.
pub struct Desk<'a, O> {
    /// The work.
    pub work: &'a Work,
    /// What the route has for it.
    pub pieces: &'a Pieces,
    /// The route's bucket.
    pub objects: &'a O,
    /// Tells the time.
    pub now: fn() -> SystemTime,
}

/// Answers a call that needs nothing of its body any more.
pub async fn answer<O: Objects>(
    work: &Work,
    objects: &O,
    head: &Parts,
    now: fn() -> SystemTime,
) -> Verdict {
    let answered = match Desk::new(work, objects, now) {
        Ok(desk) => desk.answer(head).await,
        Err(error) => Err(error),
    };
    verdict_or_refusal(answered, &work.route, head)
}

impl<'a, O: Objects> Desk<'a, O> {
    /// Whatever is needed for some work.
    ///
    /// # Errors
    /// The route has nothing for it, which is a defect of ours.
    pub fn new(work: &'a Work, objects: &'a O, now: fn() -> SystemTime) -> Result<Self, Error> {
        let none = || Error::Internal("a route without uploads in pieces".into());
        let pieces = work.route.pieces.as_deref().ok_or_else(none)?;
        Ok(Self { work, pieces, objects, now })
    }

    async fn answer(&self, head: &Parts) -> Result<Verdict, Error> {
        match &self.work.call {
            Call::Upload(asked) => Box::pin(self.about_upload(asked, head)).await,
            Call::Catalog(asked) => Box::pin(self.about_artifacts(asked, head)).await,
            _ => Err(Error::Internal("work on nothing".into())),
        }
    }

    /// What takes uploads.
    #[must_use]
    pub fn engine(&self) -> Engine<'a, O, Store> {
        let route = &self.work.route;
        Engine {
            objects: self.objects,
            store: &self.pieces.store,
            settings: Settings {
                segment_bytes: self.pieces.segment_bytes,
                size_max: route.upload_size,
                idle: route.bucket.abandoned_uploads_after,
            },
            now: self.now,
            random: &sixteen_bytes,
        }
    }

    /// Whose the caller's uploads are.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner::new(&self.work.route.path, self.work.grant.tenant().map(Tenant::as_str))
    }

    /// Where the object of an upload goes.
    fn key(&self, id: UploadId) -> Result<WritableKey, Error> {
        let Work { route, grant, .. } = self.work;
        route.layout.writable_key(grant, &ContentId::Upload(id, None))
    }

    /// Whoever may only read changes nothing.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn check_writing(&self) -> Result<(), Error> {
        match self.work.grant.writing() {
            Writing::Shared => Ok(()),
            Writing::Refused | Writing::Isolated(_) => {
                Err(Error::Forbidden("the write rule does not permit it".into()))
            }
        }
    }

    fn reply(&self, head: &Parts, outcome: &Outcome<'_>) -> Verdict {
        let Work { route, call, .. } = self.work;
        Verdict::Reply(route.dialect.answer(head, call, outcome))
    }
}
