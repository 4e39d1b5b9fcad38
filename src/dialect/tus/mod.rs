//! tus 1.0 (`tus.io/protocols/resumable-upload`), with creation, creation-with-upload,
//! creation-defer-length, termination, checksum and expiration.
//!
//! | module | what it does |
//! |---|---|
//! | `request` | requests to calls |
//! | `metadata` | what a client says of an upload, and the file's name in it |
//! | `answer` | outcomes to answers |
//! | `refusal` | kinds of errors to statuses that make clients try again where that helps |

mod answer;
mod metadata;
mod refusal;
mod request;
#[cfg(test)]
mod tests;

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;

use super::{Body, Call, Dialect, Origins, Outcome, UploadHead, unasked, upload};
use crate::auth::{AskedTenant, Carriage};
use crate::bucket::object::ObjectHead;
use crate::content::upload::UploadId;
use crate::error::{Error, Kind};
use crate::reply::Reply;

const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// The one version that is spoken.
const VERSION: &str = "1.0.0";

/// The dialect.
#[derive(Debug)]
pub struct Tus {
    /// What the URL of an upload begins with: origin, where it is known, and path of the route.
    pub base: String,
    /// Whose pages may ask.
    pub origins: Origins,
    /// The most bytes that an upload may have.
    pub size_max: u64,
}

impl Tus {
    /// What every answer has.
    fn sign(&self, head: &Parts, reply: &mut Reply) {
        reply.headers_mut().insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
        self.origins.share(head, reply, answer::HEADERS);
    }
}

impl Dialect for Tus {
    fn name(&self) -> &'static str {
        "tus"
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

    /// The protocol has no such answers, and some of its clients take them for the last.
    fn interim(&self, _: &UploadHead<'_>) -> Option<Reply> {
        None
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
        self.sign(head, &mut reply);
        reply
    }

    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply {
        let mut reply = refusal::refuse(head, kind, message);
        self.sign(head, &mut reply);
        reply
    }
}
