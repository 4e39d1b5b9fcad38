//! Caches of build tools that are little more than GET and PUT of a name: Bazel, Gradle, Nx and
//! sccache.
//!
//! | module | question |
//! | --- | --- |
//! | `preset` | Which names does a tool use, and what does it call things? |
//! | `refusal` | What does a tool make of a status, and so which one does it get? |
//! | `webdav` | What is a folder, to a tool that insists on them? |

mod preset;
mod refusal;
mod webdav;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};

use super::{Body, Call, Dialect, Outcome, Topic, UploadHead, unasked};
use crate::auth::{AskedTenant, Carriage};
use crate::bucket::object::ObjectHead;
use crate::content::ContentId;
use crate::error::{Error, Kind};
use crate::reply::{self, Reply};

pub use preset::Preset;

/// The type of all entries. What is in them concerns their tools only.
const ENTRY_TYPE: &str = "application/octet-stream";

/// Exactly this, without a charset: Nx shows its users no text of another type.
const TEXT_TYPE: &str = "text/plain";

/// The cache of one build tool.
#[derive(Debug)]
pub struct BuildCache {
    preset: Preset,
}

impl BuildCache {
    /// The cache as this tool wants it.
    #[must_use]
    pub const fn new(preset: Preset) -> Self {
        Self { preset }
    }

    /// The answer to a call for an entry.
    fn entry(&self, head: &Parts, content: &ContentId, outcome: &Outcome<'_>) -> Reply {
        match *outcome {
            Outcome::Redirect { url, .. } => {
                let mut reply = reply::empty(StatusCode::FOUND);
                reply::insert(reply.headers_mut(), header::LOCATION, url);
                // An entry that is evicted is a miss from then on, and not an error of storage.
                with_no_store(reply)
            }
            Outcome::Object { object, portion, visibility } => {
                let mut reply = reply::object(content, object, portion, visibility);
                let value = HeaderValue::from_static(ENTRY_TYPE);
                reply.headers_mut().insert(header::CONTENT_TYPE, value);
                reply
            }
            Outcome::NotModified(visibility) => reply::not_modified(content, visibility),
            Outcome::AlreadyThere
            | Outcome::Found(_)
            | Outcome::Granted { .. }
            | Outcome::Graph(_)
            | Outcome::Imported(_)
            | Outcome::Challenge(_)
            | Outcome::ChainNotSupported
            | Outcome::SignedIn { .. }
            | Outcome::Upload(_)
            | Outcome::Catalog(_)
            | Outcome::LoggedIn { .. }
            | Outcome::Greeting
            | Outcome::Preflight
            | Outcome::Stored
            | Outcome::Token(_) => unasked(self, head),
        }
    }

    /// The answer to an upload.
    fn upload(&self, head: &Parts, outcome: &Outcome<'_>) -> Reply {
        match outcome {
            // Not 201: nobody knows whether there was another, and Nx takes it for a failure.
            Outcome::Stored => with_no_store(reply::empty(StatusCode::OK)),
            Outcome::AlreadyThere => text(
                self.preset.already_there(),
                "not stored: there is such an entry, and it stays",
            ),
            Outcome::Found(_)
            | Outcome::Granted { .. }
            | Outcome::Graph(_)
            | Outcome::Imported(_)
            | Outcome::Challenge(_)
            | Outcome::ChainNotSupported
            | Outcome::SignedIn { .. }
            | Outcome::NotModified(_)
            | Outcome::Object { .. }
            | Outcome::Upload(_)
            | Outcome::Catalog(_)
            | Outcome::LoggedIn { .. }
            | Outcome::Greeting
            | Outcome::Preflight
            | Outcome::Redirect { .. }
            | Outcome::Token(_) => unasked(self, head),
        }
    }

    /// The answer to what is asked about folders.
    fn folder(&self, head: &Parts, topic: &Topic) -> Reply {
        match topic {
            Topic::Folder => webdav::properties(head),
            Topic::NewFolder => with_no_store(reply::empty(StatusCode::CREATED)),
            Topic::Availability
            | Topic::Caller
            | Topic::Goodbye
            | Topic::Report
            | Topic::Tenant(_)
            | Topic::Tenants
            | Topic::Token
            | Topic::Version => unasked(self, head),
        }
    }
}

impl Dialect for BuildCache {
    fn name(&self) -> &'static str {
        self.preset.name()
    }

    fn carriage(&self) -> Carriage {
        self.preset.carriage()
    }

    fn parse(&self, head: &Parts, rest: &str) -> Result<Call, Error> {
        if self.preset == Preset::Sccache
            && let Some(topic) = webdav::topic(&head.method)
        {
            webdav::check_folder(rest)?;
            return Ok(Call::About(topic));
        }
        let call = match head.method {
            Method::GET => Call::Download,
            Method::HEAD => Call::Describe,
            Method::PUT => |content| Call::Store(content, Box::default()),
            _ => return Err(Error::MethodNotAllowed { allow: self.preset.methods() }),
        };
        Ok(call(ContentId::Entry(self.preset.entry(rest)?)))
    }

    fn redacted(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn tenant<'r>(&self, _: &'r Parts) -> Result<Vec<AskedTenant<'r>>, Error> {
        Ok(Vec::new())
    }

    fn stores(&self, name: &str) -> bool {
        self.preset.stores(name)
    }

    fn body(&self, call: &Call) -> Body {
        match call {
            Call::Store(..) => Body::Content,
            Call::About(Topic::Folder) => Body::Small(webdav::QUESTION_BYTES_MAX),
            Call::About(_)
            | Call::Describe(_)
            | Call::Download(_)
            | Call::Find(_)
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

    /// Which properties a client wants to know makes no difference to what it gets.
    fn complete(&self, call: Call, _: &[u8]) -> Result<Call, Error> {
        Ok(call)
    }

    fn may_redirect(&self, _: &ObjectHead) -> bool {
        true
    }

    fn link(&self, _: &str) -> Option<String> {
        None
    }

    fn interim(&self, _: &UploadHead<'_>) -> Option<Reply> {
        None
    }

    fn answer(&self, head: &Parts, call: &Call, outcome: &Outcome<'_>) -> Reply {
        match call {
            Call::Download(content) | Call::Describe(content) => self.entry(head, content, outcome),
            Call::Store(..) => self.upload(head, outcome),
            Call::About(topic) => self.folder(head, topic),
            Call::Find(_)
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
            | Call::Token(_) => unasked(self, head),
        }
    }

    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply {
        refusal::of(self.preset, head, kind, message)
    }
}

/// A line of text.
fn text(status: StatusCode, line: &str) -> Reply {
    with_no_store(reply::with_body(status, TEXT_TYPE, format!("{line}\n")))
}

fn with_no_store(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

#[cfg(test)]
mod tests;
