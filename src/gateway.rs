//! One request, top to bottom: route, parse, authorize, key, deliver.
//!
//! [`decide`] is the only place where an [`Error`] of this line becomes an answer, and [`refusal`]
//! the only way to make one. Nothing below `admit`'s call of `authorize` can be reached without the
//! [`Grant`] it returns.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::request::Parts;
use http::{Method, StatusCode};

use crate::auth::{self, Grant, Tenant};
use crate::bucket::object::ObjectHead;
use crate::bucket::{Bucket, ReadOptions, Signed};
use crate::conditions::{self, Precondition, Range};
use crate::content::layout::Key;
use crate::dialect::{Call, Outcome};
use crate::error::Error;
use crate::plan::{Delivery, Plan, Route};
use crate::reply::{self, Portion, Reply};

/// The one question of the control plane that requests wait for.
pub trait Storage: Sync {
    /// Sends a signed HEAD and reads the answer.
    fn stat(
        &self,
        bucket: &Bucket,
        request: Signed,
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

/// A download that was granted and signed.
pub struct Download {
    /// The route it was granted on.
    pub route: Arc<Route>,
    /// The request to storage.
    pub signed: Signed,
    /// Key of the object, to forget it when storage no longer has it.
    pub key: Key,
    /// What the client asked for.
    pub call: Call,
    /// The part of it.
    pub range: Range,
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

    let content = call.content();
    let key = route.layout.key(grant.tenant(), content)?;
    let etag = content.etag();
    match conditions::precondition(&head.headers, &etag) {
        Precondition::Failed => return Err(Error::PreconditionFailed),
        Precondition::ClientHasIt if !route.revalidate => {
            return Ok(not_modified(route, head, &call));
        }
        Precondition::ClientHasIt | Precondition::NoneMayExist => {
            exists(route, storage, &key, now).await?;
            return Ok(not_modified(route, head, &call));
        }
        Precondition::Proceed => {}
    }
    match call {
        Call::Describe(_) => {
            let object = exists(route, storage, &key, now).await?;
            Ok(Verdict::Reply(described(route, head, &call, &object)))
        }
        Call::Download(_) => match route.delivery {
            Delivery::Stream => download(route, call, key, &etag, head, now),
            Delivery::Redirect => {
                let object = exists(route, storage, &key, now).await?;
                redirect(route, &grant, head, &call, &key, &object, now)
            }
            Delivery::RedirectFrom(size) => {
                let object = exists(route, storage, &key, now).await?;
                if object.size < size {
                    return download(route, call, key, &etag, head, now);
                }
                redirect(route, &grant, head, &call, &key, &object, now)
            }
        },
    }
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

/// The object, from memory or from storage.
async fn exists(
    route: &Route,
    storage: &impl Storage,
    key: &Key,
    now: SystemTime,
) -> Result<Arc<ObjectHead>, Error> {
    let bucket = &route.bucket;
    if !route.revalidate
        && let Some(object) = bucket.objects.recall(key, now)
    {
        return Ok(object);
    }
    let request = bucket.sign_read(Method::HEAD, key, ReadOptions::default(), now)?;
    let object = Arc::new(storage.stat(bucket, request).await?);
    bucket.objects.remember(key.clone(), Arc::clone(&object), now);
    Ok(object)
}

fn not_modified(route: &Route, head: &Parts, call: &Call) -> Verdict {
    Verdict::Reply(route.dialect.answer(head, call, &Outcome::NotModified(route.visibility)))
}

fn described(route: &Route, head: &Parts, call: &Call, object: &ObjectHead) -> Reply {
    let visibility = route.visibility;
    // A range on HEAD is ignored (RFC 9110 section 14.2 defines it for GET only).
    let outcome = Outcome::Object { object, portion: Portion::Whole, visibility };
    route.dialect.answer(head, call, &outcome)
}

fn download(
    route: &Arc<Route>,
    call: Call,
    key: Key,
    etag: &str,
    head: &Parts,
    now: SystemTime,
) -> Result<Verdict, Error> {
    let range = conditions::range(&head.headers, etag);
    let asked = match range {
        Range::Part(part) => Some(part.to_header()),
        Range::Whole | Range::FromStart => None,
    };
    let options = ReadOptions { range: asked.as_deref(), checksum: route.trust_storage_checksum };
    let signed = route.bucket.sign_read(Method::GET, &key, options, now)?;
    Ok(Verdict::Download(Box::new(Download { route: Arc::clone(route), signed, key, call, range })))
}

fn redirect(
    route: &Route,
    grant: &Grant,
    head: &Parts,
    call: &Call,
    key: &Key,
    object: &ObjectHead,
    now: SystemTime,
) -> Result<Verdict, Error> {
    let disposition = reply::disposition(object, call.content());
    let url = route.bucket.presign_download(key, &disposition, route.redirect_ttl, now)?;
    let granted =
        grant.expires().map_or(Duration::MAX, |end| end.duration_since(now).unwrap_or_default());
    let outcome = Outcome::Redirect { url: &url.url, life: url.life.min(granted) };
    Ok(Verdict::Reply(route.dialect.answer(head, call, &outcome)))
}
