//! Requests to calls.

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Version};

use super::{
    CONTENT_DIGEST, INTEROP_VERSION, UPLOAD_COMPLETE, UPLOAD_LENGTH, UPLOAD_OFFSET, VERSION,
    disposition, structured,
};
use crate::content::upload::UploadId;
use crate::dialect::{
    Call, Completes, LENGTH_DIFFERS, NewUpload, Origins, PieceOrder, UploadCall, field,
};
use crate::error::Error;

/// The type of a body that is a piece of an upload.
const PIECE: &str = "application/partial-upload";

/// The oldest version whose clients say of every upload when it is complete.
const COMPLETING_VERSION: u64 = 8;

/// The first version whose clients give pieces a type.
const TYPED_VERSION: u64 = 6;

/// The methods of the place where uploads begin, and of an upload.
const OF_ALL: &str = "OPTIONS, POST";
const OF_ONE: &str = "DELETE, GET, HEAD, OPTIONS, PATCH";

/// Reads a request.
///
/// # Errors
/// [`Error::InvalidRequest`], [`Error::MethodNotAllowed`], [`Error::NotFound`];
/// [`Error::Forbidden`]: it may be one that a page of somebody else makes a browser send.
pub(super) fn parse(origins: &Origins, head: &Parts, rest: &str) -> Result<Call, Error> {
    if head.method == Method::OPTIONS {
        return Ok(Call::Preflight);
    }
    let call = if rest.is_empty() {
        if head.method != Method::POST {
            return Err(Error::MethodNotAllowed { allow: OF_ALL });
        }
        UploadCall::Begin(begin(origins, head)?)
    } else {
        let unknown = |_| Error::NotFound("no upload has such a name".into());
        let id = UploadId::parse(rest).map_err(unknown)?;
        match head.method {
            Method::PATCH => UploadCall::Append(id, append(head)?),
            Method::HEAD => UploadCall::Look(id),
            Method::DELETE => UploadCall::Abort(id),
            Method::GET => UploadCall::Fetch(id),
            _ => return Err(Error::MethodNotAllowed { allow: OF_ONE }),
        }
    };
    Ok(Call::Upload(Box::new(call)))
}

/// Whether the body is of a type that cannot be appended.
pub(super) fn is_of_other_type(head: &Parts) -> bool {
    // An older client says nothing of it.
    let is_untyped = !head.headers.contains_key(header::CONTENT_TYPE)
        && version(head).is_some_and(|version| version < TYPED_VERSION);
    head.method == Method::PATCH && !is_untyped && !field::has_type(head, PIECE)
}

/// The version that a client says it speaks.
fn version(head: &Parts) -> Option<u64> {
    structured::integer(head, &INTEROP_VERSION).ok().flatten()
}

fn begin(origins: &Origins, head: &Parts) -> Result<NewUpload, Error> {
    let complete = structured::boolean(head, &UPLOAD_COMPLETE)?;
    if complete.is_none() {
        guard(origins, head)?;
    }
    // A request that says nothing of it is an upload too, which is complete or is not at all.
    let is_last = complete.unwrap_or(true);
    let said = structured::integer(head, &UPLOAD_LENGTH)?;
    let length = length(head, 0, is_last, said)?;
    let digest = structured::digest(head, &CONTENT_DIGEST)?;
    let hears_interim =
        complete.is_some() && version(head) == Some(VERSION) && head.version >= Version::HTTP_11;
    let first = PieceOrder {
        offset: Some(0),
        length: None,
        // Nobody goes on with what they cannot find.
        keeps_part: complete.is_some() && digest.is_none(),
        digest,
        completes: completes(head, is_last),
    };
    let filename = disposition::filename(head);
    Ok(NewUpload { length, metadata: String::new(), filename, first: Some(first), hears_interim })
}

fn append(head: &Parts) -> Result<PieceOrder, Error> {
    if is_of_other_type(head) {
        return Err(Error::InvalidRequest("a piece is application/partial-upload".into()));
    }
    let offset = structured::integer(head, &UPLOAD_OFFSET)?;
    let offset = offset.ok_or_else(|| field::missing(&UPLOAD_OFFSET))?;
    let is_last = structured::boolean(head, &UPLOAD_COMPLETE)?;
    let is_last = is_last.ok_or_else(|| field::missing(&UPLOAD_COMPLETE))?;
    let said = structured::integer(head, &UPLOAD_LENGTH)?;
    let digest = structured::digest(head, &CONTENT_DIGEST)?;
    Ok(PieceOrder {
        offset: Some(offset),
        length: length(head, offset, is_last, said)?,
        // What cannot be checked does not count.
        keeps_part: digest.is_none(),
        digest,
        completes: completes(head, is_last),
    })
}

/// When a piece completes an upload.
fn completes(head: &Parts, is_last: bool) -> Completes {
    match is_last {
        true => Completes::Always,
        // Some send the last bytes like all others, and never say that these were the last.
        false if version(head).is_some_and(|version| version < COMPLETING_VERSION) => {
            Completes::AtLength
        }
        false => Completes::Never,
    }
}

/// How many bytes an upload will have, as far as a request says so.
fn length(
    head: &Parts,
    offset: u64,
    is_last: bool,
    said: Option<u64>,
) -> Result<Option<u64>, Error> {
    let Some(end) = field::body_bytes(head).and_then(|bytes| offset.checked_add(bytes)) else {
        return Ok(said);
    };
    let fits = |said: u64| if is_last { said == end } else { said >= end };
    match said {
        Some(said) if !fits(said) => Err(Error::InvalidRequest(LENGTH_DIFFERS.into())),
        Some(said) => Ok(Some(said)),
        None => Ok(is_last.then_some(end)),
    }
}

/// Refuses an upload that somebody's page may have made a browser send. Browsers ask before they send
/// any other of the requests here.
fn guard(origins: &Origins, head: &Parts) -> Result<(), Error> {
    let is_admitted = |origin: &HeaderValue| origin.to_str().is_ok_and(|text| origins.admits(text));
    match head.headers.get_all(header::ORIGIN).iter().all(is_admitted) {
        true => Ok(()),
        false => Err(Error::Forbidden("a page of another origin asks".into())),
    }
}
