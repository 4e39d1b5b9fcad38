//! Kubo's RPC, as PollinationX and BTFS offer it too, and the trustless gateway of IPFS.
//!
//! Commands and their options follow Kubo (`core/commands`, `go-ipfs-cmds`); the gateway follows the
//! IPFS specification of that name. Clients of Kubo find its RPC below `api/v0`, those of BTFS below
//! `api/v1`; here both are the same.
//!
//! | module | what it does |
//! |---|---|
//! | `request` | paths to commands, and what they are asked of |
//! | `add` | what is to be made of a form |
//! | `gateway`, `accept` | what is below `ipfs/`: requests and their answers |
//! | `login` | sign-in by wallet: requests, answers and refusals |
//! | `query`, `path` | options and arguments |
//! | `origins` | whose pages may ask |
//! | `answer` | outcomes of commands to answers |
//! | `refusal` | kinds of errors to statuses and bodies |

mod accept;
mod add;
mod answer;
mod gateway;
mod login;
mod origins;
mod path;
mod query;
mod refusal;
mod request;
mod settings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use http::request::Parts;

use super::{Body, Call, Dialect, Outcome, Topic, UploadHead, unasked};
use crate::auth::{AskedTenant, Carriage};
use crate::bucket::object::ObjectHead;
use crate::content::cid::Cid;
use crate::error::{Error, Kind};
use crate::reply::Reply;

pub use settings::Settings;

/// The Kubo dialect.
#[derive(Debug)]
pub struct Kubo {
    settings: Settings,
}

impl Kubo {
    /// A dialect with these settings.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl Dialect for Kubo {
    fn name(&self) -> &'static str {
        "kubo"
    }

    fn carriage(&self) -> Carriage {
        Carriage::Bearer
    }

    fn parse(&self, head: &Parts, rest: &str) -> Result<Call, Error> {
        request::parse(&self.settings, head, rest)
    }

    fn redacted(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn tenant<'r>(&self, _: &'r Parts) -> Result<Vec<AskedTenant<'r>>, Error> {
        Ok(Vec::new())
    }

    fn stores(&self, name: &str) -> bool {
        Cid::parse(name).is_ok_and(|cid| cid.as_str() == name)
    }

    fn body(&self, call: &Call) -> Body {
        match call {
            Call::Import(_) => Body::Content,
            Call::About(_)
            | Call::Describe(_)
            | Call::Download(_)
            | Call::Find(_)
            | Call::Graph(_)
            | Call::Issue(_)
            | Call::Challenge(_)
            | Call::Upload(_)
            | Call::Catalog(_)
            | Call::Login(_)
            | Call::Greeting
            | Call::Preflight
            | Call::SignIn(_)
            | Call::Store(..)
            | Call::Token(_) => Body::None,
        }
    }

    fn complete(&self, call: Call, _: &[u8]) -> Result<Call, Error> {
        Ok(call)
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
        let origins = &self.settings.origins;
        let mut reply = match (call, *outcome) {
            (Call::Preflight, Outcome::Preflight) => origins::preflight(origins, head),
            // Only what the gateway sends has a tag.
            (Call::Graph(call), Outcome::Graph(graph)) if call.etag.is_some() => {
                gateway::answer(head, call, &graph)
            }
            (Call::Graph(call), Outcome::Graph(graph)) => answer::graph(call, &graph),
            (Call::Graph(call), Outcome::NotModified(visibility)) => {
                gateway::not_modified(head, call, visibility)
            }
            (Call::Import(order), Outcome::Imported(files)) => answer::imported(head, order, files),
            (Call::About(Topic::Version), Outcome::Granted { .. }) => answer::version(),
            (Call::About(Topic::Caller), Outcome::Granted { .. }) => answer::id(),
            (Call::SignIn(_), Outcome::SignedIn { tokens, endpoint }) => {
                return login::tokens(tokens, endpoint);
            }
            (Call::SignIn(_), Outcome::ChainNotSupported) => return login::chain_not_supported(),
            (Call::Challenge(_), Outcome::Challenge(challenge)) => {
                return login::challenge(challenge);
            }
            _ => return unasked(self, head),
        };
        origins::share(origins, head, &mut reply);
        reply
    }

    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply {
        if self.settings.signs_in && login::is_meant(head) {
            return login::refuse(kind);
        }
        let mut reply = refusal::refuse(&self.settings, head, kind, message);
        origins::share(&self.settings.origins, head, &mut reply);
        reply
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::InvalidRequest(message.into())
}
