//! One request, top to bottom: route, parse, authorize, key, deliver.
//!
//! [`decide`] is the only place where an [`Error`] of this line becomes an answer, and [`refusal`]
//! the only way to make one. Nothing below `admit`'s call of `authorize` can be reached without the
//! [`Grant`] it returns.

mod admitted;

use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use http::request::Parts;

use crate::auth::{self, Grant, Tenant};
use crate::bucket::Bucket;
use crate::bucket::object::ObjectHead;
use crate::conditions::Range;
use crate::content::layout::{Key, Places, WritableKey};
use crate::dialect::{Body, Call, Outcome, Topic};
use crate::error::Error;
use crate::plan::{Plan, Route};
use crate::reply::{self, Reply, Visibility};
use admitted::Admitted;

/// What requests ask of storage before there is an answer.
pub trait Storage: Sync {
    /// Sends a HEAD of the object and reads the answer.
    fn stat(
        &self,
        bucket: &Bucket,
        key: &Key,
    ) -> impl Future<Output = Result<ObjectHead, Error>> + Send;

    /// The same, and where the object has no annotations, the tag that may be in another object
    /// beside it.
    fn stat_with_tag(
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
    /// Bytes to storage.
    Upload(Box<Upload>),
    /// First the body is to be read; see [`answer_question`].
    Question(Box<Question>),
}

/// A download that was granted.
pub struct Download {
    /// The route it was granted on.
    pub route: Arc<Route>,
    /// Where the object is looked for.
    pub places: Places,
    /// What the client asked for.
    pub call: Call,
    /// The part of it.
    pub range: Range,
    /// Who may cache it.
    pub visibility: Visibility,
}

/// An upload that was granted.
pub struct Upload {
    /// The route it was granted on.
    pub route: Arc<Route>,
    /// Where it goes.
    pub key: WritableKey,
    /// What the client asked for: a [`Call::Store`].
    pub call: Call,
}

/// A call that was granted, a part of which is in the request's body.
pub struct Question {
    /// The route it was granted on.
    pub route: Arc<Route>,
    /// The longest body, in bytes.
    pub body_max: usize,
    call: Call,
    grant: Grant,
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
    let admitted = admit(route, storage, head, rest, now, &mut tenant).await;
    Decision { tenant, verdict: verdict_or_refusal(admitted, route, head) }
}

/// Answers a question whose body was read.
pub async fn answer_question(
    question: Question,
    storage: &impl Storage,
    head: &Parts,
    body: &[u8],
    now: SystemTime,
) -> Verdict {
    let Question { route, call, grant, .. } = question;
    let answered = match route.dialect.complete(call, body) {
        Ok(call) => Admitted { route: &route, head, call, grant, now }.answer(storage).await,
        Err(error) => Err(error),
    };
    verdict_or_refusal(answered, &route, head)
}

fn verdict_or_refusal(result: Result<Verdict, Error>, route: &Route, head: &Parts) -> Verdict {
    result.unwrap_or_else(|error| Verdict::Refuse(refusal(route, head, &error), error))
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
    let dialect = &route.dialect;
    let call = dialect.parse(head, rest)?;
    if call == Call::Preflight {
        return Ok(Verdict::Reply(dialect.answer(head, &call, &Outcome::Preflight)));
    }
    let asked = dialect.tenant(head)?;
    let grant = auth::authorize(&route.policy, head, dialect.carriage(), now).await?;
    let grant = match call {
        // Of which tenants there are a client can only ask without naming one.
        Call::About(_) if asked.is_empty() => {
            grant.clone().within(&asked, &route.tenants).unwrap_or(grant)
        }
        _ => grant.within(&asked, &route.tenants)?,
    };
    *tenant = grant.tenant().cloned();
    if concerns_content(&call) {
        route.tenants.check(grant.tenant())?;
    }
    if let Body::Small(body_max) = dialect.body(&call) {
        let route = Arc::clone(route);
        return Ok(Verdict::Question(Box::new(Question { route, body_max, call, grant })));
    }
    Admitted { route, head, call, grant, now }.answer(storage).await
}

/// What a tenant that is suspended may not do.
const fn concerns_content(call: &Call) -> bool {
    match call {
        Call::Download(_) | Call::Describe(_) | Call::Store(..) | Call::Find(_) => true,
        Call::About(topic) => matches!(topic, Topic::Folder | Topic::NewFolder | Topic::Report),
        Call::Preflight => false,
    }
}

/// The refusal of a request, in the route's dialect.
#[must_use]
pub fn refusal(route: &Route, head: &Parts, error: &Error) -> Reply {
    let mut reply = route.dialect.refuse(head, error.kind(), error.message());
    // A dialect may send the caller elsewhere instead, and what refusals carry has no place there.
    if !reply.status().is_redirection() {
        reply.headers_mut().extend(error.headers(route.dialect.carriage()));
    }
    reply
}
