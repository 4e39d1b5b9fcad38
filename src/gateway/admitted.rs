//! A call that was granted: what is asked of storage, and what is made of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use http::header;
use http::request::Parts;

use super::work::Work;
use super::{Download, Storage, Upload, Verdict, graph, issue};
use crate::auth::{Grant, Namespace, TICKET, Tenant};
use crate::bucket::object::ObjectHead;
use crate::conditions::{self, Precondition, Range};
use crate::content::ContentId;
use crate::content::layout::Key;
use crate::dialect::{Call, NewUpload, Outcome, TokenOutcome, UploadCall};
use crate::error::Error;
use crate::plan::{Delivery, Route, Tickets};
use crate::reply::{self, Portion, Visibility};
use crate::token::ticket::{self, Ticket};

/// Objects of one call that storage is asked for at the same time.
const STATS_AT_ONCE: usize = 16;

/// A call and the proof that it may be answered.
pub(super) struct Admitted<'a> {
    pub(super) route: &'a Arc<Route>,
    pub(super) head: &'a Parts,
    pub(super) call: Call,
    pub(super) grant: Grant,
    pub(super) delivery: Delivery,
    pub(super) now: SystemTime,
}

impl Admitted<'_> {
    /// Answers the call, or says which bytes to move.
    pub(super) async fn answer(self, storage: &impl Storage) -> Result<Verdict, Error> {
        match &self.call {
            Call::Download(content) | Call::Describe(content) => {
                let content = content.clone();
                self.read(storage, &content).await
            }
            Call::Store(content, _) => {
                let key = self.route.layout.writable_key(&self.grant, content)?;
                // A part in the place of the whole would be served as the whole from then on
                // (RFC 9110 section 14.5).
                if self.head.headers.contains_key(header::CONTENT_RANGE) {
                    return Err(Error::InvalidRequest("an entry is stored as a whole".into()));
                }
                self.route.check_uploads()?;
                let (route, call) = (Arc::clone(self.route), self.call);
                Ok(Verdict::Upload(Box::new(Upload { route, key, call })))
            }
            Call::Find(contents) => {
                let found = Box::pin(self.find(storage, contents)).await?;
                Ok(self.reply(&Outcome::Found(&found)))
            }
            Call::Graph(asked) => {
                let asked = asked.clone();
                graph::read(self, &asked)
            }
            Call::Import(order) => {
                let order = order.clone();
                graph::import(self, &order)
            }
            Call::About(_) => {
                let tenants = &self.route.tenants;
                Ok(self.reply(&Outcome::Granted { grant: &self.grant, tenants }))
            }
            Call::Issue(Some(order)) => {
                let headers = &self.head.headers;
                let (route, grant, now) = (self.route, &self.grant, self.now);
                let issued = issue::issue(route, storage, grant, headers, order, now);
                let issued = Box::pin(issued).await?;
                let (token, expires) = (issued.token.as_str(), issued.expires());
                Ok(self.reply(&Outcome::Token(TokenOutcome::Issued { token, expires })))
            }
            Call::Preflight => Ok(self.reply(&Outcome::Preflight)),
            Call::Upload(asked) => {
                let has_body = matches!(
                    &**asked,
                    UploadCall::Append(..) | UploadCall::Begin(NewUpload { first: Some(_), .. })
                );
                self.route.check_uploads()?;
                self.route.check_documents()?;
                let work = Box::new(self.into_work());
                Ok(if has_body { Verdict::Append(work) } else { Verdict::Work(work) })
            }
            Call::Catalog(_) => {
                self.route.check_uploads()?;
                self.route.check_documents()?;
                Ok(Verdict::Work(Box::new(self.into_work())))
            }
            Call::Issue(None)
            | Call::Token(_)
            | Call::SignIn(_)
            | Call::Challenge(_)
            | Call::Login(_)
            | Call::Greeting => Err(Error::Internal("a call that is not answered here".into())),
        }
    }

    fn into_work(self) -> Work {
        let Self { route, call, grant, .. } = self;
        Work { route: Arc::clone(route), grant, call }
    }

    async fn read(self, storage: &impl Storage, content: &ContentId) -> Result<Verdict, Error> {
        let etag = content.etag();
        if let Some(etag) = &etag {
            match conditions::precondition(&self.head.headers, etag) {
                Precondition::Failed => return Err(Error::PreconditionFailed),
                Precondition::ClientHasIt if !self.route.revalidate => {
                    return Ok(self.not_modified());
                }
                Precondition::ClientHasIt | Precondition::NoneMayExist => {
                    self.object(storage, content).await?;
                    return Ok(self.not_modified());
                }
                Precondition::Proceed => {}
            }
        }
        let redirected_from = match (&self.call, self.delivery) {
            (Call::Describe(_), _) => {
                let (_, object) = self.object(storage, content).await?;
                return Ok(self.describe(&object));
            }
            (_, Delivery::Stream) => return self.download(content, etag.as_deref()),
            (_, Delivery::Redirect | Delivery::Ticket) => 0,
            (_, Delivery::RedirectFrom(size)) => size,
        };
        let (key, object) = self.object(storage, content).await?;
        if object.size < redirected_from || !self.route.dialect.may_redirect(&object) {
            return self.download(content, etag.as_deref());
        }
        match &self.route.tickets {
            // It would end before the client is back with it.
            Some(_) if self.granted_for() < ticket::LIFE_MIN => {
                self.download(content, etag.as_deref())
            }
            Some(tickets) => self.redirect_here(tickets),
            None => self.redirect(content, &key, &object).await,
        }
    }

    /// Sends the client back with a ticket instead of its token.
    fn redirect_here(&self, tickets: &Tickets) -> Result<Verdict, Error> {
        let granted = self.granted_for();
        let path = self.head.uri.path();
        let life = granted.min(ticket::LIFE_MAX);
        let tenant = self.grant.tenant().map(Tenant::as_str);
        let namespace = self.grant.namespace().map(Namespace::as_str);
        let ticket = Ticket::new(path, self.now + life, tenant, namespace);
        let (origin, ticket) = (&tickets.public_origin, ticket.seal(&tickets.keys)?);
        let url = format!("{origin}{path}?{TICKET}={ticket}");
        Ok(self.reply(&Outcome::Redirect { url: &url, life }))
    }

    /// For how long the caller's token is good yet.
    fn granted_for(&self) -> Duration {
        let left = |end: SystemTime| end.duration_since(self.now).unwrap_or_default();
        self.grant.expires().map_or(Duration::MAX, left)
    }

    /// What everybody may have, everybody's caches may keep.
    pub(super) fn visibility(&self) -> Visibility {
        if self.grant.is_open() { Visibility::Public } else { Visibility::Private }
    }

    /// The object and where it is, from memory or from storage.
    async fn object(
        &self,
        storage: &impl Storage,
        content: &ContentId,
    ) -> Result<(Key, Arc<ObjectHead>), Error> {
        let places = self.route.layout.places(&self.grant, content)?;
        let first = self.object_at(storage, content, &places.first).await;
        match (first, places.other) {
            (Ok(object), _) => Ok((places.first, object)),
            (Err(Error::NotFound(_)), Some(other)) => {
                let object = self.object_at(storage, content, &other).await?;
                Ok((other, object))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn object_at(
        &self,
        storage: &impl Storage,
        content: &ContentId,
        key: &Key,
    ) -> Result<Arc<ObjectHead>, Error> {
        let bucket = &self.route.bucket;
        // What a name stands for today says nothing of tomorrow, if it is no digest.
        if content.digest().is_none() {
            let object = match self.route.legacy_tags {
                // In a box, since it is larger than what everybody else needs.
                true => Box::pin(storage.stat_with_tag(bucket, key)).await?,
                false => storage.stat(bucket, key).await?,
            };
            return Ok(Arc::new(object));
        }
        if !self.route.revalidate
            && let Some(object) = bucket.objects.recall(key, self.now)
        {
            return Ok(object);
        }
        let object = Arc::new(storage.stat(bucket, key).await?);
        bucket.objects.remember(key.clone(), Arc::clone(&object), self.now);
        Ok(object)
    }

    /// The objects of several contents. One that is not there is no error.
    async fn find(
        &self,
        storage: &impl Storage,
        contents: &[ContentId],
    ) -> Result<Vec<Option<ObjectHead>>, Error> {
        let mut found = Vec::with_capacity(contents.len());
        for some in contents.chunks(STATS_AT_ONCE) {
            let asked = some.iter().map(|content| self.object(storage, content));
            for answer in join_all(asked).await {
                found.push(match answer {
                    Ok((_, object)) => Some(Arc::unwrap_or_clone(object)),
                    Err(Error::NotFound(_)) => None,
                    Err(error) => return Err(error),
                });
            }
        }
        Ok(found)
    }

    pub(super) fn reply(&self, outcome: &Outcome<'_>) -> Verdict {
        Verdict::Reply(self.route.dialect.answer(self.head, &self.call, outcome))
    }

    fn not_modified(&self) -> Verdict {
        self.reply(&Outcome::NotModified(self.visibility()))
    }

    fn describe(&self, object: &ObjectHead) -> Verdict {
        // A range on HEAD is ignored (RFC 9110 section 14.2 defines it for GET only).
        let portion = Portion::Whole;
        self.reply(&Outcome::Object { object, portion, visibility: self.visibility() })
    }

    fn download(self, content: &ContentId, etag: Option<&str>) -> Result<Verdict, Error> {
        // Parts of what can be other bytes by then would not fit one another.
        let range = etag.map_or(Range::Whole, |etag| conditions::range(&self.head.headers, etag));
        let visibility = self.visibility();
        let places = self.route.layout.places(&self.grant, content)?;
        let (route, call, content) = (Arc::clone(self.route), self.call, None);
        Ok(Verdict::Download(Box::new(Download {
            route,
            places,
            call,
            content,
            range,
            visibility,
        })))
    }

    async fn redirect(
        &self,
        content: &ContentId,
        key: &Key,
        object: &ObjectHead,
    ) -> Result<Verdict, Error> {
        let disposition = reply::disposition(object, content);
        let (bucket, ttl) = (&self.route.bucket, self.route.redirect_ttl);
        let url = bucket.presign_download(key, &disposition, ttl, self.now).await?;
        let life = url.life.min(self.granted_for());
        Ok(self.reply(&Outcome::Redirect { url: &url.url, life }))
    }
}
