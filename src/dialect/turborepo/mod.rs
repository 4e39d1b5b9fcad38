//! The Vercel Remote Cache, as Turborepo uses it: `/v8/artifacts` and the few companions that
//! `turbo link`, `login` and `logout` ask.
//!
//! The requests follow Vercel's OpenAPI document; what answers must have beyond that is what `turbo`
//! parses (`turborepo-api-client`, `turborepo-vercel-api`).
//!
//! | module | what it does |
//! |---|---|
//! | `request` | paths, query, headers and small bodies to calls |
//! | `answer` | outcomes of calls about artifacts to answers |
//! | `companions` | what is told of the caller, the teams and the token |
//! | `refusal` | kinds of errors to statuses and bodies |

mod answer;
mod companions;
mod refusal;
mod request;
#[cfg(test)]
mod tests;

use http::request::Parts;

use super::{Body, Call, Dialect, Outcome, Topic, UploadHead, unasked};
use crate::auth::{AskedTenant, Carriage};
use crate::bucket::object::ObjectHead;
use crate::error::{Error, Kind};
use crate::reply::Reply;

/// The longest body that is part of a question, in bytes: all the hashes that may be asked for at
/// once fit in, and events of some thousand tasks.
const QUESTION_BYTES_MAX: usize = 1024 * 1024;

/// The Turborepo dialect.
#[derive(Debug)]
pub struct Turborepo;

impl Dialect for Turborepo {
    fn name(&self) -> &'static str {
        "turborepo"
    }

    fn carriage(&self) -> Carriage {
        Carriage::Bearer
    }

    fn parse(&self, head: &Parts, rest: &str) -> Result<Call, Error> {
        request::parse(head, rest)
    }

    fn redacted(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn tenant<'r>(&self, head: &'r Parts) -> Result<Vec<AskedTenant<'r>>, Error> {
        request::teams(head)
    }

    fn stores(&self, name: &str) -> bool {
        request::content(name).is_ok()
    }

    fn body(&self, call: &Call) -> Body {
        match call {
            Call::Store(..) => Body::Content,
            Call::Find(_) | Call::About(Topic::Report) => Body::Small(QUESTION_BYTES_MAX),
            Call::Download(_)
            | Call::Describe(_)
            | Call::About(_)
            | Call::Graph(_)
            | Call::Import(_)
            | Call::Issue(_)
            | Call::Challenge(_)
            | Call::Upload(_)
            | Call::Catalog(_)
            | Call::Login(_)
            | Call::Greeting
            | Call::Preflight
            | Call::SignIn(_)
            | Call::Token(_) => Body::None,
        }
    }

    fn complete(&self, call: Call, body: &[u8]) -> Result<Call, Error> {
        match call {
            Call::Find(_) => request::hashes(body).map(Call::Find),
            Call::About(Topic::Report) => request::check_events(body).map(|()| call),
            Call::Download(_)
            | Call::Describe(_)
            | Call::Store(..)
            | Call::About(_)
            | Call::Graph(_)
            | Call::Import(_)
            | Call::Issue(_)
            | Call::Challenge(_)
            | Call::Upload(_)
            | Call::Catalog(_)
            | Call::Login(_)
            | Call::Greeting
            | Call::Preflight
            | Call::SignIn(_)
            | Call::Token(_) => Ok(call),
        }
    }

    /// Storage cannot name a tag as clients expect it, and those that sign their artifacts take one
    /// without for a miss.
    fn may_redirect(&self, object: &ObjectHead) -> bool {
        object.annotations.tag.is_none()
    }

    fn link(&self, _: &str) -> Option<String> {
        None
    }

    fn interim(&self, _: &UploadHead<'_>) -> Option<Reply> {
        None
    }

    fn answer(&self, head: &Parts, call: &Call, outcome: &Outcome<'_>) -> Reply {
        match (call, *outcome) {
            (Call::Preflight, Outcome::Preflight) => answer::preflight(),
            (Call::Download(_), Outcome::Redirect { url, .. }) => answer::redirect(url),
            (
                Call::Download(content) | Call::Describe(content),
                Outcome::Object { object, portion, visibility },
            ) => answer::object(content, object, portion, visibility),
            (Call::Store(content, _), Outcome::Stored) => answer::stored(head, content),
            (Call::Store(content, _), Outcome::AlreadyThere) => {
                answer::already_there(head, content)
            }
            (Call::Find(contents), Outcome::Found(objects)) => answer::found(contents, objects),
            (Call::About(topic), Outcome::Granted { grant, tenants }) => {
                match companions::tell(topic, grant, tenants) {
                    Ok(reply) => reply,
                    Err(kind) => self.refuse(head, kind, ""),
                }
            }
            _ => unasked(self, head),
        }
    }

    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply {
        refusal::refuse(head, kind, message)
    }
}
