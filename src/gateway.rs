//! One request, top to bottom: route, parse, authorize, key, deliver.
//!
//! [`decide`] is the only place where an [`Error`] of this line becomes an answer, and [`refusal`]
//! the only way to make one. Nothing below `admit`'s call of `authorize` can be reached without the
//! [`Grant`] it returns.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::request::Parts;

use crate::auth::{self, Grant, Tenant};
use crate::bucket::Bucket;
use crate::bucket::object::ObjectHead;
use crate::conditions::{self, Precondition, Range};
use crate::content::layout::Key;
use crate::dialect::{Call, Outcome};
use crate::error::Error;
use crate::plan::{Delivery, Plan, Route};
use crate::reply::{self, Portion, Reply, Visibility};

/// The one question of the control plane that requests wait for.
pub trait Storage: Sync {
    /// Sends a HEAD of the object and reads the answer.
    fn stat(
        &self,
        bucket: &Bucket,
        key: &Key,
    ) -> impl Future<Output = Result<ObjectHead, Error>> + Send;
}

/// What is to be done about a request, and what is to be said of it in the log.
pub struct Decision {
    /// The tenant, where authorization found one.
    pub tenant: Option<Tenant>,
    /// The answer, or the way to it.
    pub verdict: Verdict,
}

/// The answer, or the way to it.
pub enum Verdict {
    /// An answer made here.
    Reply(Reply),
    /// A refusal, with its cause for the log.
    Refuse(Reply, Error),
    /// Bytes from storage.
    Download(Box<Download>),
}

/// A download that was granted.
pub struct Download {
    /// The route it was granted on.
    pub route: Arc<Route>,
    /// The object.
    pub key: Key,
    /// What the client asked for.
    pub call: Call,
    /// The part of it.
    pub range: Range,
    /// Who may cache it.
    pub visibility: Visibility,
}

/// Answers a request, or says which bytes to send. Never fails: a failure is a refusal in the
/// dialect of the route.
pub async fn decide(
    plan: &Plan,
    storage: &impl Storage,
    head: &Parts,
    now: SystemTime,
) -> Decision {
    let Some((route, rest)) = plan.route(head.uri.path()) else {
        let error = Error::NotFound("no route".into());
        let reply = reply::plain(StatusCode::NOT_FOUND, "not found");
        return Decision { tenant: None, verdict: Verdict::Refuse(reply, error) };
    };
    let mut tenant = None;
    let verdict = match admit(route, storage, head, rest, now, &mut tenant).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Refuse(refusal(route, head, &error), error),
    };
    Decision { tenant, verdict }
}

/// The whole product, in order. `tenant` is for the log, which wants it for refusals too.
async fn admit(
    route: &Arc<Route>,
    storage: &impl Storage,
    head: &Parts,
    rest: &str,
    now: SystemTime,
    tenant: &mut Option<Tenant>,
) -> Result<Verdict, Error> {
    let call = route.dialect.parse(head, rest)?;
    let parameter = route.dialect.credential_parameter();
    let grant = auth::authorize(&route.policy, head, parameter, now).await?;
    *tenant = grant.tenant().cloned();
    let key = route.layout.key(&grant, call.content())?;
    let admitted = Admitted { route, head, call, grant, key, now };

    let etag = call.content().etag();
    match conditions::precondition(&head.headers, &etag) {
        Precondition::Failed => return Err(Error::PreconditionFailed),
        Precondition::ClientHasIt if !route.revalidate => return Ok(admitted.not_modified()),
        Precondition::ClientHasIt | Precondition::NoneMayExist => {
            admitted.object(storage).await?;
            return Ok(admitted.not_modified());
        }
        Precondition::Proceed => {}
    }
    let redirected_from = match (call, route.delivery) {
        (Call::Describe(_), _) => {
            let object = admitted.object(storage).await?;
            return Ok(admitted.describe(&object));
        }
        (Call::Download(_), Delivery::Stream) => return Ok(admitted.download(&etag)),
        (Call::Download(_), Delivery::Redirect) => 0,
        (Call::Download(_), Delivery::RedirectFrom(size)) => size,
    };
    let object = admitted.object(storage).await?;
    if object.size < redirected_from {
        return Ok(admitted.download(&etag));
    }
    admitted.redirect(&object).await
}

/// The refusal of a request, in the route's dialect.
#[must_use]
pub fn refusal(route: &Route, head: &Parts, error: &Error) -> Reply {
    let mut reply = route.dialect.refuse(head, error.kind(), error.message());
    // A dialect may send the caller elsewhere instead, and what refusals carry has no place there.
    if !reply.status().is_redirection() {
        reply.headers_mut().extend(error.headers());
    }
    reply
}

/// A call that was granted, and the key it leads to.
struct Admitted<'a> {
    route: &'a Arc<Route>,
    head: &'a Parts,
    call: Call,
    grant: Grant,
    key: Key,
    now: SystemTime,
}

impl Admitted<'_> {
    /// What everybody may have, everybody's caches may keep.
    fn visibility(&self) -> Visibility {
        if self.grant.is_open() { Visibility::Public } else { Visibility::Private }
    }

    /// The object, from memory or from storage.
    async fn object(&self, storage: &impl Storage) -> Result<Arc<ObjectHead>, Error> {
        let (bucket, key) = (&self.route.bucket, &self.key);
        if !self.route.revalidate
            && let Some(object) = bucket.objects.recall(key, self.now)
        {
            return Ok(object);
        }
        let object = Arc::new(storage.stat(bucket, key).await?);
        bucket.objects.remember(key.clone(), Arc::clone(&object), self.now);
        Ok(object)
    }

    fn answer(&self, outcome: &Outcome<'_>) -> Verdict {
        Verdict::Reply(self.route.dialect.answer(self.head, &self.call, outcome))
    }

    fn not_modified(&self) -> Verdict {
        self.answer(&Outcome::NotModified(self.visibility()))
    }

    fn describe(&self, object: &ObjectHead) -> Verdict {
        // A range on HEAD is ignored (RFC 9110 section 14.2 defines it for GET only).
        let portion = Portion::Whole;
        self.answer(&Outcome::Object { object, portion, visibility: self.visibility() })
    }

    fn download(self, etag: &str) -> Verdict {
        let range = conditions::range(&self.head.headers, etag);
        let visibility = self.visibility();
        let Self { route, call, key, .. } = self;
        let route = Arc::clone(route);
        Verdict::Download(Box::new(Download { route, key, call, range, visibility }))
    }

    async fn redirect(&self, object: &ObjectHead) -> Result<Verdict, Error> {
        let disposition = reply::disposition(object, self.call.content());
        let (bucket, ttl) = (&self.route.bucket, self.route.redirect_ttl);
        let url = bucket.presign_download(&self.key, &disposition, ttl, self.now).await?;
        let granted = self
            .grant
            .expires()
            .map_or(Duration::MAX, |end| end.duration_since(self.now).unwrap_or_default());
        Ok(self.answer(&Outcome::Redirect { url: &url.url, life: url.life.min(granted) }))
    }
}
