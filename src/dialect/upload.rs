//! Uploads that come in pieces, in words no protocol owns.

use std::time::SystemTime;

use super::{Body, Call, Outcome};
use crate::content::ContentId;
use crate::content::digests::AnyDigest;
use crate::content::filename::Filename;
use crate::content::upload::UploadId;
use crate::reply::{self, Reply};

/// The refusal of what does not fit the length of an upload that was said before, as an invalid
/// request. Protocols that have a word for that know it by this text.
pub const LENGTH_DIFFERS: &str = "this does not fit the length that was said of the upload";

/// The longest metadata of an upload, in bytes: of what can be kept, a file's name takes the rest.
pub(super) const METADATA_BYTES_MAX: usize = crate::upload::METADATA_BYTES_MAX - 256;

/// What is asked about an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadCall {
    /// To begin one.
    Begin(NewUpload),
    /// To put the request's body at its end.
    Append(UploadId, PieceOrder),
    /// To drop what comes after so many bytes.
    Truncate(UploadId, u64),
    /// How far it is.
    Look(UploadId),
    /// To drop it.
    Abort(UploadId),
    /// The bytes of the object that it became (GET).
    Fetch(UploadId),
}

/// An upload that is to begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewUpload {
    /// How many bytes it will have, where the client says so.
    pub length: Option<u64>,
    /// What the client says of it, to be told again.
    pub metadata: String,
    /// The name to save it under.
    pub filename: Option<Filename>,
    /// The request's body is its first piece. None: the request has no body that counts.
    pub first: Option<PieceOrder>,
    /// Whether the client can be told where the upload is before its body has come
    /// ([`Dialect::interim`](super::Dialect::interim)).
    pub hears_interim: bool,
}

/// A piece of an upload: the body of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PieceOrder {
    /// Where it belongs. None: at the end, wherever that is.
    pub offset: Option<u64>,
    /// How many bytes the upload will have with all pieces, where the client says so now.
    pub length: Option<u64>,
    /// Whether those bytes of it count that came, if the rest does not.
    pub keeps_part: bool,
    /// What it has to hash to.
    pub digest: Option<AnyDigest>,
    /// Whether it is the last.
    pub completes: Completes,
}

/// Whether an upload becomes an object after a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completes {
    /// No: somebody will say so.
    #[default]
    Never,
    /// If it has its length then.
    AtLength,
    /// Yes.
    Always,
}

/// What became of an [`UploadCall`].
#[derive(Clone, Copy, Debug)]
pub enum UploadOutcome<'a> {
    /// It has begun, and may have its first piece.
    Begun(UploadHead<'a>),
    /// It has one piece more.
    Grown(UploadHead<'a>),
    /// It is as short as was asked for.
    Truncated(UploadHead<'a>),
    /// This is how far it is.
    Is(UploadHead<'a>),
    /// It is no more.
    Dropped,
    /// It is not as the client takes it to be, so nothing was done: this is how far it is.
    Elsewhere(UploadHead<'a>),
    /// The bytes do not hash to what was said, and do not count.
    Mismatch,
}

/// How far an upload is.
#[derive(Clone, Copy, Debug)]
pub struct UploadHead<'a> {
    /// Its name.
    pub id: UploadId,
    /// How many bytes it has.
    pub size: u64,
    /// How many it will have, as far as that was said.
    pub length: Option<u64>,
    /// What was said of it.
    pub metadata: &'a str,
    /// Whether it is an object, or is being made one.
    pub is_complete: bool,
    /// From when on it is over, if nobody appends. None: it is an object.
    pub expires: Option<SystemTime>,
    /// When it is now.
    pub now: SystemTime,
    /// The most bytes that it may have.
    pub size_max: u64,
}

/// What the body of a request is for, in protocols whose only calls with a body are about uploads.
pub(super) fn body(call: &Call) -> Body {
    let is_piece = match call {
        Call::Upload(call) => match call.as_ref() {
            UploadCall::Begin(upload) => upload.first.is_some(),
            UploadCall::Append(..) => true,
            UploadCall::Truncate(..)
            | UploadCall::Look(_)
            | UploadCall::Abort(_)
            | UploadCall::Fetch(_) => false,
        },
        Call::About(_)
        | Call::Catalog(_)
        | Call::Challenge(_)
        | Call::Describe(_)
        | Call::Download(_)
        | Call::Find(_)
        | Call::Graph(_)
        | Call::Greeting
        | Call::Import(_)
        | Call::Issue(_)
        | Call::Login(_)
        | Call::Preflight
        | Call::SignIn(_)
        | Call::Store(..)
        | Call::Token(_) => false,
    };
    if is_piece { Body::Content } else { Body::None }
}

/// The answer with the object that an upload became. None: that is not the outcome, or the call.
pub(super) fn object(call: &Call, outcome: &Outcome<'_>) -> Option<Reply> {
    let content = match call {
        Call::Upload(call) => match **call {
            UploadCall::Fetch(id) => &ContentId::Upload(id, None),
            UploadCall::Begin(_)
            | UploadCall::Append(..)
            | UploadCall::Truncate(..)
            | UploadCall::Look(_)
            | UploadCall::Abort(_) => return None,
        },
        // What is known of its bytes may be in the name by now.
        Call::Download(content) | Call::Describe(content) => content,
        Call::About(_)
        | Call::Catalog(_)
        | Call::Challenge(_)
        | Call::Find(_)
        | Call::Graph(_)
        | Call::Greeting
        | Call::Import(_)
        | Call::Issue(_)
        | Call::Login(_)
        | Call::Preflight
        | Call::SignIn(_)
        | Call::Store(..)
        | Call::Token(_) => return None,
    };
    if let Outcome::Object { object, portion, visibility } = *outcome {
        return Some(reply::object(content, object, portion, visibility));
    }
    if let Outcome::NotModified(visibility) = *outcome {
        return Some(reply::not_modified(content, visibility));
    }
    None
}
