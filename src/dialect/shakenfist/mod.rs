//! Shaken Fist's REST API, as far as artifacts and blobs go.
//!
//! What is not in the API's own documentation follows its server (`shakenfist/external_api`) and
//! its client (`shakenfist_client`), which is strict: it takes 200 and 202 for success and nothing
//! else, and reads every answer as JSON.
//!
//! | module | what it does |
//! |---|---|
//! | `request` | methods and paths to calls |
//! | `body` | JSON bodies, which are part of a call |
//! | `greeting` | what clients are told is offered |
//! | `answer` | outcomes to JSON, and to the bytes of blobs |
//! | `refusal` | kinds of errors to those statuses that clients know |

mod answer;
mod body;
mod greeting;
mod refusal;
mod request;
#[cfg(test)]
mod tests;

use http::request::Parts;

use super::{Body, Call, CatalogCall, Dialect, Outcome, UploadCall, UploadHead, unasked};
use crate::auth::{AskedTenant, Carriage};
use crate::bucket::object::ObjectHead;
use crate::content::upload::UploadId;
use crate::error::{Error, Kind};
use crate::reply::Reply;

/// The longest body that says who asks, or which of all things are to be listed, in bytes.
const QUESTION_BYTES_MAX: usize = 4096;

/// The longest body that says what is to be changed, in bytes.
const ORDER_BYTES_MAX: usize = 64 * 1024;

/// The dialect.
#[derive(Debug)]
pub struct Shakenfist {
    /// What the URL of an upload begins with: origin, where it is known, and path of the route.
    pub base: String,
    /// Whether there are tokens for keys.
    pub has_login: bool,
}

impl Shakenfist {
    /// The path of a request below that of the route.
    fn rest<'p>(&self, head: &'p Parts) -> &'p str {
        let after_scheme = self.base.split_once("://").map_or(&*self.base, |(_, rest)| rest);
        let mount = after_scheme.find('/').map_or("/", |start| &after_scheme[start..]);
        head.uri.path().strip_prefix(mount).unwrap_or_default()
    }
}

impl Dialect for Shakenfist {
    fn name(&self) -> &'static str {
        "shakenfist"
    }

    fn carriage(&self) -> Carriage {
        Carriage::Bearer
    }

    fn parse(&self, head: &Parts, rest: &str) -> Result<Call, Error> {
        request::parse(self.has_login, head, rest)
    }

    fn redacted(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn tenant<'r>(&self, _: &'r Parts) -> Result<Vec<AskedTenant<'r>>, Error> {
        Ok(Vec::new())
    }

    fn stores(&self, name: &str) -> bool {
        UploadId::parse(name).is_ok()
    }

    fn body(&self, call: &Call) -> Body {
        match call {
            Call::Upload(call) => match **call {
                UploadCall::Begin(_) => Body::Small(QUESTION_BYTES_MAX),
                UploadCall::Append(..) => Body::Content,
                UploadCall::Truncate(..)
                | UploadCall::Look(_)
                | UploadCall::Abort(_)
                | UploadCall::Fetch(_) => Body::None,
            },
            Call::Catalog(call) => body_of_catalog(call),
            Call::Login(_) => Body::Small(QUESTION_BYTES_MAX),
            Call::About(_)
            | Call::Challenge(_)
            | Call::Describe(_)
            | Call::Download(_)
            | Call::Find(_)
            | Call::Graph(_)
            | Call::Greeting
            | Call::Import(_)
            | Call::Issue(_)
            | Call::Preflight
            | Call::SignIn(_)
            | Call::Store(..)
            | Call::Token(_) => Body::None,
        }
    }

    fn complete(&self, call: Call, body: &[u8]) -> Result<Call, Error> {
        body::complete(call, body)
    }

    fn may_redirect(&self, _: &ObjectHead) -> bool {
        false
    }

    fn link(&self, _: &str) -> Option<String> {
        None
    }

    fn interim(&self, _: &UploadHead<'_>) -> Option<Reply> {
        None
    }

    fn answer(&self, head: &Parts, call: &Call, outcome: &Outcome<'_>) -> Reply {
        let reply = match (call, *outcome) {
            (Call::Greeting, Outcome::Greeting) => Some(greeting::page()),
            (Call::Login(_), Outcome::LoggedIn { token, life }) => {
                Some(answer::logged_in(token, life))
            }
            (Call::Upload(_), Outcome::Upload(outcome)) => answer::upload(&outcome),
            (Call::Catalog(call), Outcome::Catalog(outcome)) => answer::catalog(call, &outcome),
            (Call::Catalog(call), Outcome::Object { object, portion, .. }) => {
                answer::data(call, object, portion)
            }
            _ => None,
        };
        reply.unwrap_or_else(|| unasked(self, head))
    }

    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply {
        refusal::refuse(&head.method, self.rest(head), kind, message)
    }
}

/// Clients send JSON with some of the GETs, too.
const fn body_of_catalog(call: &CatalogCall) -> Body {
    match call {
        CatalogCall::Publish(..) | CatalogCall::KeepVersions(..) | CatalogCall::RemoveAll(_) => {
            Body::Small(ORDER_BYTES_MAX)
        }
        CatalogCall::Artifacts
        | CatalogCall::ArtifactEvents(_)
        | CatalogCall::BlobEvents(_)
        | CatalogCall::Blobs => Body::Small(QUESTION_BYTES_MAX),
        CatalogCall::Artifact(_)
        | CatalogCall::Blob(_)
        | CatalogCall::BlobData { .. }
        | CatalogCall::Find(_)
        | CatalogCall::Remove(_)
        | CatalogCall::RemoveVersion(..)
        | CatalogCall::Share(..)
        | CatalogCall::Versions(_) => Body::None,
    }
}

fn invalid(message: &'static str) -> Error {
    Error::InvalidRequest(message.into())
}
