//! Resumable uploads of the IETF (draft-ietf-httpbis-resumable-upload-15).
//!
//! | module | what it does |
//! |---|---|
//! | `request` | requests to calls |
//! | `structured` | fields that are booleans, integers or digests |
//! | `disposition` | the file's name |
//! | `answer` | outcomes to answers, and what is said before the last |
//! | `refusal` | kinds of errors to problems (RFC 9457) |

mod answer;
mod disposition;
mod refusal;
mod request;
mod structured;
#[cfg(test)]
mod tests;

use http::header::HeaderName;
use http::request::Parts;

use super::{Body, Call, Dialect, Origins, Outcome, UploadHead, unasked, upload};
use crate::auth::{AskedTenant, Carriage};
use crate::bucket::object::ObjectHead;
use crate::content::upload::UploadId;
use crate::error::{Error, Kind};
use crate::reply::Reply;

const UPLOAD_COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_LIMIT: HeaderName = HeaderName::from_static("upload-limit");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const INTEROP_VERSION: HeaderName = HeaderName::from_static("upload-draft-interop-version");

/// The version of what is on the wire, until there is an RFC. It is that of the draft since -12.
const VERSION: u64 = 9;

/// The dialect.
#[derive(Debug)]
pub struct Resumable {
    /// What the URL of an upload begins with: origin, where it is known, and path of the route.
    pub base: String,
    /// Whose pages may ask.
    pub origins: Origins,
    /// The most bytes that an upload may have.
    pub size_max: u64,
}

impl Dialect for Resumable {
    fn name(&self) -> &'static str {
        "resumable"
    }

    fn carriage(&self) -> Carriage {
        Carriage::Bearer
    }

    fn parse(&self, head: &Parts, rest: &str) -> Result<Call, Error> {
        request::parse(&self.origins, head, rest)
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
        upload::body(call)
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

    fn interim(&self, upload: &UploadHead<'_>) -> Option<Reply> {
        answer::interim(&self.base, upload)
    }

    fn answer(&self, head: &Parts, call: &Call, outcome: &Outcome<'_>) -> Reply {
        let mut reply = match (call, outcome) {
            (Call::Preflight, Outcome::Preflight) => answer::preflight(self, head),
            (Call::Upload(call), Outcome::Upload(outcome)) => {
                match answer::upload(&self.base, head, call, outcome) {
                    Ok(reply) => reply,
                    Err(kind) => return self.refuse(head, kind, ""),
                }
            }
            _ => match upload::object(call, outcome) {
                Some(reply) => reply,
                None => return unasked(self, head),
            },
        };
        self.origins.share(head, &mut reply, answer::HEADERS);
        reply
    }

    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply {
        let mut reply = refusal::refuse(self.size_max, head, kind, message);
        self.origins.share(head, &mut reply, answer::HEADERS);
        reply
    }
}
