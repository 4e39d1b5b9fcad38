//! One request, top to bottom: route, parse, authorize, key, deliver.
//!
//! [`decide`] is the only place where an [`Error`] of this line becomes an answer, and [`refusal`]
//! the only way to make one. Nothing below `admit`'s call of `authorize` can be reached without the
//! [`Grant`] it returns.

mod admitted;
mod graph;
mod issue;
pub mod nonces;
mod sign_in;
mod single_use;
pub mod work;

use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use http::request::Parts;

use crate::auth::{self, Grant, Tenant};
use crate::bucket::Bucket;
use crate::bucket::object::ObjectHead;
use crate::conditions::{ByteRange, Range};
use crate::content::ContentId;
use crate::content::layout::{Key, Places, WritableKey};
use crate::dialect::{Body, Call, Outcome, Topic};
use crate::error::Error;
use crate::plan::{Delivery, Plan, Route};
use crate::reply::{self, Reply, Visibility};
use crate::token::ledger::ResumeTag;
use crate::token::{DownloadToken, TokenId};
use admitted::Admitted;
use work::Work;

pub use issue::mint;
pub use single_use::check_unchanged;

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
    /// Who asks, as far as that was found out.
    pub asker: Asker,
    /// The answer, or the way to it.
    pub verdict: Verdict,
}

/// Who asks, for the log, which wants it of refusals too.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    /// The tenant, where authorization found one.
    pub tenant: Option<Tenant>,
    /// What a single-use token is called.
    pub token_id: Option<TokenId>,
}

/// The answer, or the way to it.
pub enum Verdict {
    /// An answer made here.
    Reply(Reply),
    /// A refusal, with its cause for the log.
    Refuse(Reply, Error),
    /// Bytes from storage.
    Download(Box<Download>),
    /// The same, which takes a use of a single-use token, or goes on with one.
    Redemption(Box<Redemption>),
    /// Bytes to storage.
    Upload(Box<Upload>),
    /// What was asked of a graph of blocks.
    Graph(Box<GraphRead>),
    /// The files of a form, to storage.
    Import(Box<Import>),
    /// A piece of an upload, to storage.
    Append(Box<Work>),
    /// Something that is written down in the bucket and in the state store; see [`work::answer`].
    Work(Box<Work>),
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
    /// The content, where the call does not name it.
    pub content: Option<ContentId>,
    /// The part of it.
    pub range: Range,
    /// Who may cache it.
    pub visibility: Visibility,
}

/// A download by a single-use token.
pub struct Redemption {
    /// The route that made the token.
    pub route: Arc<Route>,
    /// What the client asked for.
    pub call: Call,
    /// The proof that it may have the object.
    pub token: DownloadToken,
    /// What it goes on with. None: it begins.
    pub resume: Option<Resume>,
}

/// What a client goes on with after a cut.
pub struct Resume {
    /// The tag that the first answer had.
    pub tag: ResumeTag,
    /// What is still wanted.
    pub range: ByteRange,
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

/// A part of a graph of blocks that was granted.
pub struct GraphRead {
    /// The route it was granted on.
    pub route: Arc<Route>,
    /// What opens the keys of its blocks.
    pub grant: Grant,
    /// What the client asked for: a [`Call::Graph`].
    pub call: Call,
    /// Who may cache it.
    pub visibility: Visibility,
}

/// An upload of a form that was granted.
pub struct Import {
    /// The route it was granted on.
    pub route: Arc<Route>,
    /// What opens the keys of what is stored.
    pub grant: Grant,
    /// What the client asked for: a [`Call::Import`].
    pub call: Call,
}

/// A call that was granted, or that everybody may ask, a part of which is in the request's body.
pub struct Question {
    /// The route it was granted on.
    pub route: Arc<Route>,
    /// The longest body, in bytes.
    pub body_max: usize,
    call: Call,
    /// None: everybody may ask.
    grant: Option<Grant>,
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
        return Decision { asker: Asker::default(), verdict: Verdict::Refuse(reply, error) };
    };
    let mut asker = Asker::default();
    let admitted = admit(route, storage, head, rest, now, &mut asker).await;
    Decision { asker, verdict: verdict_or_refusal(admitted, route, head) }
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
    let answered = match (route.dialect.complete(call, body), grant) {
        (Ok(call), Some(grant)) => {
            let delivery = route.delivery;
            Admitted { route: &route, head, call, grant, delivery, now }.answer(storage).await
        }
        (Ok(call), None) => sign_in::by_key(&route, head, &call, now),
        (Err(error), _) => Err(error),
    };
    verdict_or_refusal(answered, &route, head)
}

fn verdict_or_refusal(result: Result<Verdict, Error>, route: &Route, head: &Parts) -> Verdict {
    result.unwrap_or_else(|error| Verdict::Refuse(refusal(route, head, &error), error))
}

/// The whole product, in order.
async fn admit(
    route: &Arc<Route>,
    storage: &impl Storage,
    head: &Parts,
    rest: &str,
    now: SystemTime,
    asker: &mut Asker,
) -> Result<Verdict, Error> {
    let dialect = &route.dialect;
    let call = dialect.parse(head, rest)?;
    if call == Call::Preflight {
        return Ok(Verdict::Reply(dialect.answer(head, &call, &Outcome::Preflight)));
    }
    if call == Call::Greeting {
        return Ok(Verdict::Reply(dialect.answer(head, &call, &Outcome::Greeting)));
    }
    if let (Call::Login(None), Body::Small(body_max)) = (&call, dialect.body(&call)) {
        let (route, grant) = (Arc::clone(route), None);
        return Ok(Verdict::Question(Box::new(Question { route, body_max, call, grant })));
    }
    if let Call::Token(asked) = &call {
        let request = single_use::Asked { route, head, call: &call, now };
        // In a box, since it is larger than what everybody else needs.
        return Box::pin(request.answer(storage, asked, asker)).await;
    }
    if let Call::SignIn(_) | Call::Challenge(_) = &call {
        return Box::pin(sign_in::answer(route, head, &call, now)).await;
    }
    let asked = dialect.tenant(head)?;
    let (grant, delivery) = match by_ticket(route, head, &call, now)? {
        Some(grant) => (grant, Delivery::Stream),
        None => {
            let carriage = dialect.carriage();
            let grant = auth::authorize(&route.policy, head, carriage, now).await?;
            (grant, route.delivery)
        }
    };
    let grant = match call {
        // Of which tenants there are a client can only ask without naming one.
        Call::About(_) if asked.is_empty() => {
            grant.clone().within(&asked, &route.tenants).unwrap_or(grant)
        }
        _ => grant.within(&asked, &route.tenants)?,
    };
    asker.tenant = grant.tenant().cloned();
    if concerns_content(&call) {
        route.tenants.check(grant.tenant())?;
    }
    if let Body::Small(body_max) = dialect.body(&call) {
        let (route, grant) = (Arc::clone(route), Some(grant));
        return Ok(Verdict::Question(Box::new(Question { route, body_max, call, grant })));
    }
    Admitted { route, head, call, grant, delivery, now }.answer(storage).await
}

/// The grant of whoever was redirected here.
fn by_ticket(
    route: &Route,
    head: &Parts,
    call: &Call,
    now: SystemTime,
) -> Result<Option<Grant>, Error> {
    match (&route.tickets, call) {
        (Some(tickets), Call::Download(_) | Call::Describe(_)) => {
            auth::authorize_by_ticket(&tickets.keys, head, now)
        }
        _ => Ok(None),
    }
}

/// What a tenant that is suspended may not do.
const fn concerns_content(call: &Call) -> bool {
    match call {
        Call::Download(_)
        | Call::Describe(_)
        | Call::Store(..)
        | Call::Find(_)
        | Call::Graph(_)
        | Call::Import(_)
        | Call::Issue(_)
        | Call::Upload(_)
        | Call::Catalog(_)
        | Call::Token(_) => true,
        Call::About(topic) => matches!(topic, Topic::Folder | Topic::NewFolder | Topic::Report),
        Call::Preflight
        | Call::Greeting
        | Call::Login(_)
        | Call::SignIn(_)
        | Call::Challenge(_) => false,
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
