//! Artifacts: what is made of uploads, and what there is.

use std::sync::Arc;

use http::request::Parts;

use super::uploads::{annotations, error_of};
use super::{Desk, Work};
use crate::auth::Tenant;
use crate::bucket::objects::Objects;
use crate::catalog::{Artifact, ArtifactRef, Blob, Caller, Catalog, NewVersion, Refused};
use crate::conditions::{ByteRange, Range};
use crate::content::ContentId;
use crate::content::layout::{Key, Places};
use crate::content::upload::UploadId;
use crate::dialect::{AllOf, CatalogCall, CatalogOutcome, Outcome, Publication, PublicationSource};
use crate::error::{Error, Kind};
use crate::gateway::{Download, Verdict};
use crate::plan::ArtifactCatalog;
use crate::reply::Visibility;
use crate::token::sixteen_bytes;

/// The types that an artifact of an upload can have.
pub const KINDS: &[&str] = &["image", "other"];

impl<O: Objects> Desk<'_, O> {
    pub(super) async fn about_artifacts(
        &self,
        asked: &CatalogCall,
        head: &Parts,
    ) -> Result<Verdict, Error> {
        if changes(asked) {
            self.check_writing()?;
        }
        let (catalog, caller) = (self.catalog()?, self.caller()?);
        let say = |outcome: CatalogOutcome<'_>| self.reply(head, &Outcome::Catalog(outcome));
        let now = (self.now)();
        Ok(match asked {
            CatalogCall::Publish(name, Some(publication)) => {
                let artifact = Box::pin(self.publish(name, publication)).await?;
                self.show(&catalog, &artifact, head).await?
            }
            CatalogCall::Artifacts => {
                let artifacts = catalog.artifacts(&caller).await.map_err(of_catalog)?;
                say(CatalogOutcome::Artifacts(&artifacts))
            }
            CatalogCall::Artifact(which) => {
                let artifact = catalog.artifact(&caller, which).await.map_err(of_catalog)?;
                self.show(&catalog, &artifact, head).await?
            }
            CatalogCall::Versions(which) => {
                let artifact = catalog.artifact(&caller, which).await.map_err(of_catalog)?;
                let blobs = catalog.blobs_of(&artifact).await.map_err(of_catalog)?;
                say(CatalogOutcome::Versions(&blobs))
            }
            CatalogCall::KeepVersions(which, Some(count)) => {
                let kept = catalog.keep_versions(&caller, which, *count, now).await;
                kept.map_err(of_catalog)?;
                say(CatalogOutcome::Done)
            }
            CatalogCall::RemoveVersion(which, index) => {
                let left = catalog.remove_version(&caller, which, *index, now).await;
                let artifact = left.map_err(of_catalog)?;
                self.show(&catalog, &artifact, head).await?
            }
            CatalogCall::Remove(which) => {
                let removed = catalog.remove(&caller, which, now).await.map_err(of_catalog)?;
                say(CatalogOutcome::Artifact { artifact: &removed, blobs: &[] })
            }
            CatalogCall::RemoveAll(Some(all)) => self.remove_all(&catalog, all, head).await?,
            CatalogCall::Share(which, is_shared) => {
                let shared = catalog.share(&caller, which, *is_shared, now).await;
                let artifact = shared.map_err(of_catalog)?;
                self.show(&catalog, &artifact, head).await?
            }
            CatalogCall::Blobs => {
                let blobs = catalog.blobs(&caller).await.map_err(of_catalog)?;
                say(CatalogOutcome::Blobs(&blobs))
            }
            CatalogCall::Blob(id) => {
                let blob = catalog.blob(&caller, *id).await.map_err(of_catalog)?;
                say(CatalogOutcome::Blob(Some(&blob)))
            }
            CatalogCall::BlobData { blob, offset, limit } => {
                let blob = catalog.blob(&caller, *blob).await.map_err(of_catalog)?;
                self.data(&blob, *offset, *limit, head)?
            }
            CatalogCall::Find(digest) => {
                let found = catalog.find(&caller, digest).await.map_err(of_catalog)?;
                say(CatalogOutcome::Blob(found.as_ref()))
            }
            CatalogCall::ArtifactEvents(which) => {
                catalog.artifact(&caller, which).await.map_err(of_catalog)?;
                say(CatalogOutcome::NoEvents)
            }
            CatalogCall::BlobEvents(id) => {
                catalog.blob(&caller, *id).await.map_err(of_catalog)?;
                say(CatalogOutcome::NoEvents)
            }
            CatalogCall::Publish(_, None)
            | CatalogCall::KeepVersions(_, None)
            | CatalogCall::RemoveAll(None) => {
                return Err(Error::Internal("a question whose body was not read".into()));
            }
        })
    }

    fn settings(&self) -> Result<&ArtifactCatalog, Error> {
        let none = || Error::Internal("a route without a catalog".into());
        self.pieces.catalog.as_ref().ok_or_else(none)
    }

    fn catalog(&self) -> Result<Catalog<'_, O>, Error> {
        let settings = self.settings()?;
        Ok(Catalog {
            objects: self.objects,
            name: &settings.name,
            kinds: KINDS,
            isolated: settings.isolated,
            max_versions: settings.max_versions,
            random: &sixteen_bytes,
        })
    }

    fn caller(&self) -> Result<Caller, Error> {
        let none = || Error::Forbidden("the catalog needs a tenant".into());
        let namespace = self.work.grant.tenant().map(Tenant::as_str).ok_or_else(none)?;
        let is_system = self.settings()?.system.as_deref() == Some(namespace);
        Ok(Caller { namespace: namespace.to_owned(), is_system })
    }

    /// The caller, in the place of the namespace that it names.
    fn caller_for(&self, namespace: Option<&str>) -> Result<Caller, Error> {
        let caller = self.caller()?;
        let Some(namespace) = namespace.filter(|it| *it != caller.namespace) else {
            return Ok(caller);
        };
        // To others a namespace is as good as none.
        if !caller.is_system || Tenant::parse(namespace).is_err() {
            return Err(Error::NotFound("no such namespace".into()));
        }
        Ok(Caller { namespace: namespace.to_owned(), ..caller })
    }

    async fn show(
        &self,
        catalog: &Catalog<'_, O>,
        artifact: &Artifact,
        head: &Parts,
    ) -> Result<Verdict, Error> {
        let blobs = catalog.blobs_of(artifact).await.map_err(of_catalog)?;
        let outcome = CatalogOutcome::Artifact { artifact, blobs: &blobs };
        Ok(self.reply(head, &Outcome::Catalog(outcome)))
    }

    async fn publish(&self, name: &str, publication: &Publication) -> Result<Artifact, Error> {
        let Publication { of, kind, source_url, share, namespace } = publication;
        let caller = self.caller_for(namespace.as_deref())?;
        if *share && !caller.is_system {
            return Err(Error::Forbidden("only the system namespace shares".into()));
        }
        let version = NewVersion {
            name: name.to_owned(),
            kind: kind.clone(),
            source_url: source_url.clone(),
            share: *share,
        };
        match of {
            PublicationSource::Upload(id) => self.publish_upload(&caller, &version, *id).await,
            PublicationSource::Blob(id) => {
                let now = (self.now)();
                let catalog = self.catalog()?;
                let published = catalog.publish_again(&caller, &version, *id, now).await;
                published.map_err(of_catalog)
            }
        }
    }

    /// Makes an upload a blob, and that a version. Whatever it breaks off at, it can be done again.
    async fn publish_upload(
        &self,
        caller: &Caller,
        version: &NewVersion,
        id: UploadId,
    ) -> Result<Artifact, Error> {
        let (engine, owner, catalog) = (self.engine(), self.owner(), self.catalog()?);
        let key = self.key(id)?;
        let _turn = self.pieces.turns.take(id).await;
        let commit = engine.close(id, &owner, &key).await.map_err(error_of)?;
        // So that the object is found if it comes to no version.
        catalog.announce(caller, id, &key, (self.now)()).await.map_err(of_catalog)?;
        if !commit.is_done {
            let annotations = annotations(&commit)?;
            engine.assemble(&commit, &key, &annotations).await.map_err(error_of)?;
            // Before anything names the object: what is not known to be one is swept.
            engine.end(&commit, &owner).await.map_err(error_of)?;
        }
        let blob = (id, commit.size, &commit.digests);
        let artifact = catalog.publish(caller, version, blob, (self.now)()).await;
        let artifact = artifact.map_err(of_catalog)?;
        self.work.route.metrics.stored.inc();
        Ok(artifact)
    }

    async fn remove_all(
        &self,
        catalog: &Catalog<'_, O>,
        all: &AllOf,
        head: &Parts,
    ) -> Result<Verdict, Error> {
        let caller = self.caller_for(all.namespace.as_deref())?;
        let own = Caller { is_system: false, ..caller };
        let mut removed = Vec::new();
        for artifact in catalog.artifacts(&own).await.map_err(of_catalog)? {
            if artifact.namespace != own.namespace {
                continue;
            }
            match catalog.remove(&own, &ArtifactRef::Id(artifact.id), (self.now)()).await {
                Ok(artifact) => removed.push(artifact.id),
                // Somebody else was faster.
                Err(Refused::Unknown) => {}
                Err(refused) => return Err(of_catalog(refused)),
            }
        }
        Ok(self.reply(head, &Outcome::Catalog(CatalogOutcome::Removed(&removed))))
    }

    fn data(
        &self,
        blob: &Blob,
        offset: u64,
        limit: Option<u64>,
        head: &Parts,
    ) -> Result<Verdict, Error> {
        let length = blob.size.saturating_sub(offset).min(limit.unwrap_or(u64::MAX));
        // Of these, storage would refuse the range.
        if length == 0 {
            return Ok(self.reply(head, &Outcome::Catalog(CatalogOutcome::NoBytes)));
        }
        let range = match length == blob.size {
            true => Range::Whole,
            false => Range::Part(ByteRange::Bounded { first: offset, last: offset + length - 1 }),
        };
        let Work { route, call, .. } = self.work;
        let unreadable = || Error::Internal("a blob without a key".into());
        let first = Key::of_sealed(blob.key.clone()).ok_or_else(unreadable)?;
        Ok(Verdict::Download(Box::new(Download {
            route: Arc::clone(route),
            places: Places { first, other: None },
            call: call.clone(),
            content: Some(ContentId::Upload(blob.id, Some(blob.digests.sha256))),
            range,
            visibility: Visibility::Private,
        })))
    }
}

/// Whether a call needs the permission to write.
const fn changes(asked: &CatalogCall) -> bool {
    match asked {
        CatalogCall::Publish(..)
        | CatalogCall::KeepVersions(..)
        | CatalogCall::RemoveVersion(..)
        | CatalogCall::Remove(_)
        | CatalogCall::RemoveAll(_)
        | CatalogCall::Share(..) => true,
        CatalogCall::Artifacts
        | CatalogCall::Artifact(_)
        | CatalogCall::Versions(_)
        | CatalogCall::Blobs
        | CatalogCall::Blob(_)
        | CatalogCall::BlobData { .. }
        | CatalogCall::Find(_)
        | CatalogCall::ArtifactEvents(_)
        | CatalogCall::BlobEvents(_) => false,
    }
}

fn of_catalog(refused: Refused) -> Error {
    match refused {
        Refused::Unknown => Error::NotFound("no such artifact, version or blob".into()),
        Refused::Ambiguous => {
            Error::InvalidRequest("several artifacts have that name; use the UUID".into())
        }
        Refused::Forbidden => Error::Forbidden("it is another namespace's".into()),
        Refused::Name(message) => Error::InvalidRequest(message.into()),
        Refused::Contended => {
            Error::storage(Kind::StorageBusy, "others change a document again and again")
        }
        Refused::TooMany => Error::InvalidRequest("there are too many".into()),
        Refused::Failed(error) => error,
    }
}
