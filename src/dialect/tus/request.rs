//! Requests to calls.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::HeaderName;
use http::request::Parts;

use super::{
    TUS_RESUMABLE, UPLOAD_CHECKSUM, UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_LENGTH,
    UPLOAD_OFFSET, VERSION, metadata,
};
use crate::content::digests::{Algorithm, AnyDigest};
use crate::content::upload::UploadId;
use crate::dialect::{Call, Completes, NewUpload, PieceOrder, UploadCall, field};
use crate::error::Error;

/// The type of a body that is a piece of an upload.
const PIECE: &str = "application/offset+octet-stream";

const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The methods of the place where uploads begin, and of an upload.
const OF_ALL: &str = "OPTIONS, POST";
const OF_ONE: &str = "DELETE, GET, HEAD, OPTIONS, PATCH";

/// Reads a request.
///
/// # Errors
/// [`Error::InvalidRequest`], [`Error::MethodNotAllowed`], [`Error::NotFound`];
/// [`Error::PreconditionFailed`]: it is of another version.
pub(super) fn parse(head: &Parts, rest: &str) -> Result<Call, Error> {
    let method = method(head);
    if method == Method::OPTIONS {
        return Ok(Call::Preflight);
    }
    if method != Method::GET && !has_version(head) {
        return Err(Error::PreconditionFailed);
    }
    let call = if rest.is_empty() {
        if method != Method::POST {
            return Err(Error::MethodNotAllowed { allow: OF_ALL });
        }
        UploadCall::Begin(begin(head)?)
    } else {
        let unknown = |_| Error::NotFound("no upload has such a name".into());
        let id = UploadId::parse(rest).map_err(unknown)?;
        match method {
            Method::PATCH => UploadCall::Append(id, append(head)?),
            Method::HEAD => UploadCall::Look(id),
            Method::DELETE => UploadCall::Abort(id),
            Method::GET => UploadCall::Fetch(id),
            _ => return Err(Error::MethodNotAllowed { allow: OF_ONE }),
        }
    };
    Ok(Call::Upload(Box::new(call)))
}

/// The method that is meant: some clients, and what is between, know no more than POST.
pub(super) fn method(head: &Parts) -> Method {
    if head.method == Method::POST
        && let Ok(Some(meant)) = field::only(head, &METHOD_OVERRIDE)
    {
        for method in [Method::PATCH, Method::DELETE, Method::HEAD] {
            if meant.eq_ignore_ascii_case(method.as_str()) {
                return method;
            }
        }
    }
    head.method.clone()
}

/// Whether the request is of the version that is spoken.
pub(super) fn has_version(head: &Parts) -> bool {
    field::only(head, &TUS_RESUMABLE).is_ok_and(|version| version == Some(VERSION))
}

/// Whether the body is of a type that cannot be appended.
pub(super) fn is_of_other_type(head: &Parts) -> bool {
    method(head) == Method::PATCH && !field::has_type(head, PIECE)
}

fn begin(head: &Parts) -> Result<NewUpload, Error> {
    // What its parts would become are objects that nobody asked for.
    if head.headers.contains_key(UPLOAD_CONCAT) {
        return Err(Error::InvalidRequest("uploads are not put together of others here".into()));
    }
    let defer = field::only(head, &UPLOAD_DEFER_LENGTH)?;
    let length = match (field::number(head, &UPLOAD_LENGTH)?, defer) {
        (Some(length), None) => Some(length),
        (None, Some("1")) => None,
        _ => {
            let message = "there is to be one of Upload-Length and Upload-Defer-Length: 1";
            return Err(Error::InvalidRequest(message.into()));
        }
    };
    let (metadata, filename) = metadata::read(head)?;
    let has_piece = field::has_type(head, PIECE);
    let digest = if has_piece { checksum(head)? } else { None };
    // Who began an upload and hears no answer does not know where it is: nothing is kept for them of
    // a piece that did not come whole. Without bytes an upload is complete as it begins.
    let first = (has_piece || length == Some(0)).then_some(PieceOrder {
        offset: Some(0),
        length: None,
        keeps_part: false,
        digest,
        completes: Completes::AtLength,
    });
    Ok(NewUpload { length, metadata, filename, first, hears_interim: false })
}

fn append(head: &Parts) -> Result<PieceOrder, Error> {
    if is_of_other_type(head) {
        return Err(Error::InvalidRequest("a piece is application/offset+octet-stream".into()));
    }
    let offset = field::number(head, &UPLOAD_OFFSET)?;
    if offset.is_none() {
        return Err(field::missing(&UPLOAD_OFFSET));
    }
    let digest = checksum(head)?;
    Ok(PieceOrder {
        offset,
        length: field::number(head, &UPLOAD_LENGTH)?,
        // What cannot be checked does not count.
        keeps_part: digest.is_none(),
        digest,
        completes: Completes::AtLength,
    })
}

/// What the body has to hash to.
fn checksum(head: &Parts) -> Result<Option<AnyDigest>, Error> {
    let Some(value) = field::only(head, &UPLOAD_CHECKSUM)? else { return Ok(None) };
    let malformed = || field::malformed(&UPLOAD_CHECKSUM);
    let (name, value) = value.split_once(' ').ok_or_else(malformed)?;
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
    let unknown = || Error::InvalidRequest("this checksum algorithm is not known here".into());
    let algorithm = algorithm.ok_or_else(unknown)?;
    let bytes = STANDARD.decode(value).map_err(|_| malformed())?;
    AnyDigest::of_bytes(algorithm, &bytes).map(Some).map_err(|_| malformed())
}
