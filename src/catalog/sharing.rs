//! Who sees which artifact.
//!
//! An artifact is shared if its own document says so. The pointer only tells where that is, so it
//! stays when the artifact is shared no more: whoever removed it could take it from somebody who
//! shares the artifact again.

use std::time::SystemTime;

use super::change::Seen;
use super::document::{ArtifactBody, Live, PointerBody, unreadable};
use super::places::parse_artifact;
use super::{Artifact, ArtifactId, ArtifactRef, Caller, Catalog, Refused};
use crate::bucket::objects::Objects;

/// An artifact that the caller sees.
pub(super) struct Found {
    pub(super) id: ArtifactId,
    pub(super) live: Live,
    pub(super) seen: Seen<ArtifactBody>,
}

impl Found {
    /// Whether the caller may change it, too.
    pub(super) fn may_change(&self, caller: &Caller) -> Result<(), Refused> {
        let is_theirs = caller.is_system || self.live.namespace == caller.namespace;
        is_theirs.then_some(()).ok_or(Refused::Forbidden)
    }
}

impl<O: Objects> Catalog<'_, O> {
    /// One artifact.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn artifact(
        &self,
        caller: &Caller,
        which: &ArtifactRef,
    ) -> Result<Artifact, Refused> {
        let found = self.look_up(caller, which).await?;
        Ok(found.live.artifact(found.id))
    }

    /// Shows an artifact to all namespaces, or to its own only.
    ///
    /// # Errors
    /// See [`Refused`]; only the system does that.
    pub async fn share(
        &self,
        caller: &Caller,
        which: &ArtifactRef,
        is_shared: bool,
        now: SystemTime,
    ) -> Result<Artifact, Refused> {
        let found = self.look_up(caller, which).await?;
        if !caller.is_system {
            return Err(Refused::Forbidden);
        }
        if is_shared {
            // Before the artifact says that it is shared: then it is found from the first moment on.
            let pointer = PointerBody { namespace: found.live.namespace };
            self.overwrite(&self.pointer_key(found.id), &pointer).await?;
        }
        let change = |live: &mut Live| {
            live.is_shared = is_shared;
            Ok(Vec::new())
        };
        self.change_live(caller, &ArtifactRef::Id(found.id), now, change).await
    }

    pub(super) async fn look_up(
        &self,
        caller: &Caller,
        which: &ArtifactRef,
    ) -> Result<Found, Refused> {
        match which {
            ArtifactRef::Id(id) => self.look_up_id(caller, *id).await,
            ArtifactRef::Name(name) => self.look_up_name(caller, name).await,
        }
    }

    async fn look_up_name(&self, caller: &Caller, name: &str) -> Result<Found, Refused> {
        let mut found = None;
        for kind in self.kinds {
            let id = self.artifact_id(&caller.namespace, kind, name);
            if let Some(one) = self.read_live(&caller.namespace, id).await? {
                if found.is_some() {
                    return Err(Refused::Ambiguous);
                }
                found = Some(one);
            }
        }
        found.ok_or(Refused::Unknown)
    }

    async fn look_up_id(&self, caller: &Caller, id: ArtifactId) -> Result<Found, Refused> {
        if let Some(found) = self.read_live(&caller.namespace, id).await? {
            return Ok(found);
        }
        if let Some(found) = self.read_shared(id).await? {
            return Ok(found);
        }
        if !caller.is_system {
            return Err(Refused::Unknown);
        }
        let keys = self.keys(&self.artifacts_prefix(None)).await?;
        let mut places = keys.iter().filter_map(|rest| parse_artifact(rest));
        let place = places.find(|(_, other)| *other == id).ok_or(Refused::Unknown)?;
        self.read_live(&place.0, id).await?.ok_or(Refused::Unknown)
    }

    /// An artifact that is shared.
    pub(super) async fn read_shared(&self, id: ArtifactId) -> Result<Option<Found>, Refused> {
        let pointer = self.read::<PointerBody>(&self.pointer_key(id)).await?.body;
        let Some(PointerBody { namespace }) = pointer else { return Ok(None) };
        let found = self.read_live(&namespace, id).await?;
        Ok(found.filter(|found| found.live.is_shared))
    }

    /// An artifact that is there.
    pub(super) async fn read_live(
        &self,
        namespace: &str,
        id: ArtifactId,
    ) -> Result<Option<Found>, Refused> {
        let seen = self.read::<ArtifactBody>(&self.artifact_key(namespace, id)).await?;
        let live = seen.body.as_ref().and_then(|body| body.live.clone());
        let Some(live) = live else { return Ok(None) };
        // A document that was copied from elsewhere is not what it says.
        let is_here = live.namespace == namespace
            && self.artifact_id(namespace, &live.kind, &live.name) == id;
        if is_here { Ok(Some(Found { id, live, seen })) } else { Err(unreadable().into()) }
    }
}
