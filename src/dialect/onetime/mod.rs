//! Single-use download links: `GET /artifact-downloads/{token}`.
//!
//! Downloads follow plangrep's page "Get artifact by download token". How tokens are made and what
//! refusals look like is not published there; that is ours.
//!
//! | request | answer |
//! |---|---|
//! | `POST` | a token for a content (`order`), for holders of a JWT |
//! | `HEAD {token}` | what it gives, without taking a use |
//! | `GET {token}` | the bytes, which takes a use; or a page whose button asks for them (`page`) |
//! | `POST {token}` | the button: sends back to `GET` with a proof that it was pressed |
//! | `GET {token}/status`, `DELETE {token}` | for holders of a JWT |

mod answer;
mod order;
mod page;
mod refusal;
#[cfg(test)]
mod tests;

use http::Method;
use http::request::Parts;

use super::{
    Body, Call, Dialect, Outcome, TokenAction, TokenCall, TokenOutcome, UploadHead, unasked,
};
use crate::auth::{AskedTenant, Carriage};
use crate::bucket::object::ObjectHead;
use crate::error::{Error, Kind};
use crate::reply::Reply;
use crate::token::SealedText;

/// The longest order, in bytes.
const ORDER_BYTES_MAX: usize = 16 * 1024;

/// The name of the proof in the query.
const CONFIRMATION: &str = "confirmation";

/// The dialect of single-use links.
#[derive(Debug)]
pub struct Onetime {
    /// What links begin with, up to the token.
    base_url: String,
    /// Whether tokens that are used up, expired or taken back look like those that never were.
    uniform_404: bool,
}

impl Onetime {
    /// Links begin with `base_url`, which ends in `/`.
    #[must_use]
    pub const fn new(base_url: String, uniform_404: bool) -> Self {
        Self { base_url, uniform_404 }
    }

    fn url(&self, token: &str) -> String {
        [&self.base_url, token].concat()
    }
}

impl Dialect for Onetime {
    fn name(&self) -> &'static str {
        "onetime"
    }

    /// That of issuers; a token rides in the path, and then nothing else is looked at.
    fn carriage(&self) -> Carriage {
        Carriage::Bearer
    }

    fn parse(&self, head: &Parts, rest: &str) -> Result<Call, Error> {
        if rest.is_empty() {
            return match head.method {
                Method::POST => Ok(Call::Issue(None)),
                _ => Err(Error::MethodNotAllowed { allow: "POST" }),
            };
        }
        let (token, below) = rest.split_once('/').map_or((rest, None), |(a, b)| (a, Some(b)));
        let action = match (below, &head.method) {
            (None, &Method::GET) => TokenAction::Redeem(confirmation(head)),
            (None, &Method::HEAD) => TokenAction::Inspect,
            (None, &Method::POST) => TokenAction::Confirm,
            (None, &Method::DELETE) => TokenAction::Revoke,
            (None, _) => return Err(Error::MethodNotAllowed { allow: "GET, HEAD, POST, DELETE" }),
            (Some("status"), &Method::GET) => TokenAction::Status,
            (Some("status"), _) => return Err(Error::MethodNotAllowed { allow: "GET" }),
            (Some(_), _) => return Err(Error::NotFound("there is nothing below a token".into())),
        };
        Ok(Call::Token(TokenCall { token: SealedText::new(token), action }))
    }

    fn redacted(&self, rest: &str) -> Option<&'static str> {
        match rest.split_once('/') {
            None if rest.is_empty() => None,
            Some((_, "status")) => Some("***/status"),
            _ => Some("***"),
        }
    }

    fn tenant<'r>(&self, _: &'r Parts) -> Result<Vec<AskedTenant<'r>>, Error> {
        Ok(Vec::new())
    }

    fn stores(&self, _: &str) -> bool {
        false
    }

    fn body(&self, call: &Call) -> Body {
        match call {
            Call::Issue(_) => Body::Small(ORDER_BYTES_MAX),
            Call::About(_)
            | Call::Describe(_)
            | Call::Download(_)
            | Call::Find(_)
            | Call::Graph(_)
            | Call::Import(_)
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

    fn complete(&self, call: Call, body: &[u8]) -> Result<Call, Error> {
        match call {
            Call::Issue(_) => Ok(Call::Issue(Some(Box::new(order::parse(body)?)))),
            Call::About(_)
            | Call::Describe(_)
            | Call::Download(_)
            | Call::Find(_)
            | Call::Graph(_)
            | Call::Import(_)
            | Call::Challenge(_)
            | Call::Upload(_)
            | Call::Catalog(_)
            | Call::Login(_)
            | Call::Greeting
            | Call::Preflight
            | Call::SignIn(_)
            | Call::Store(..)
            | Call::Token(_) => Ok(call),
        }
    }

    fn may_redirect(&self, _: &ObjectHead) -> bool {
        false
    }

    fn link(&self, token: &str) -> Option<String> {
        Some(self.url(token))
    }

    fn interim(&self, _: &UploadHead<'_>) -> Option<Reply> {
        None
    }

    fn answer(&self, head: &Parts, _: &Call, outcome: &Outcome<'_>) -> Reply {
        let Outcome::Token(outcome) = outcome else { return unasked(self, head) };
        match *outcome {
            TokenOutcome::Issued { token, expires } => {
                answer::issued(self.url(token), token, expires)
            }
            TokenOutcome::Offered(offer) => answer::offered(&offer),
            TokenOutcome::ToConfirm(offer) => page::ask(&offer),
            TokenOutcome::Confirmed(proof) => answer::confirmed(CONFIRMATION, proof),
            TokenOutcome::Revoked => answer::revoked(),
            TokenOutcome::Status(status) => answer::status(&status),
        }
    }

    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply {
        // Whoever may issue is told the truth; a holder of a link need not be.
        let is_holder = matches!(head.method, Method::GET | Method::HEAD | Method::POST)
            && !head.uri.path().ends_with("/status");
        refusal::refuse(kind, message, self.uniform_404 && is_holder)
    }
}

/// The proof that the button was pressed. What it says is the gateway's to judge.
fn confirmation(head: &Parts) -> Option<SealedText> {
    let query = head.uri.query()?;
    let values = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut proofs = values.filter(|(name, _)| *name == CONFIRMATION);
    proofs.next().map(|(_, proof)| SealedText::new(proof))
}
