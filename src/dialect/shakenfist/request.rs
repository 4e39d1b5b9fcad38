//! What is asked for: methods and paths.
//!
//! Flask knows a path with a slash at its end as another one, which there is not; and it takes two
//! slashes for one, which is why `https://host/sf/` is as good for clients as `https://host/sf`.

use http::Method;
use http::request::Parts;

use super::invalid;
use crate::auth::percent_decoded;
use crate::catalog::{ArtifactId, ArtifactRef};
use crate::content::digests::{Algorithm, AnyDigest};
use crate::content::upload::UploadId;
use crate::dialect::{Call, CatalogCall, NewUpload, PieceOrder, UploadCall, form_decoded};
use crate::error::Error;

/// The longest name of an artifact, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// More segments than any path has.
const SEGMENTS_MAX: usize = 6;

/// The segments of a path below that of the route. What is too long for any path is in the last.
pub(super) fn segments(rest: &str) -> Vec<&str> {
    rest.strip_prefix('/').unwrap_or(rest).splitn(SEGMENTS_MAX, '/').collect()
}

/// Reads a request.
///
/// # Errors
/// [`Error::InvalidRequest`], [`Error::MethodNotAllowed`] and [`Error::NotFound`].
pub(super) fn parse(has_login: bool, head: &Parts, rest: &str) -> Result<Call, Error> {
    let method = &head.method;
    match segments(rest)[..] {
        [""] => read(method, Call::Greeting),
        ["auth"] if has_login => post(method, Call::Login(None)),
        ["upload"] => post(method, upload(UploadCall::Begin(NewUpload::default()))),
        ["upload", id] => {
            let id = upload_id(id)?;
            post(method, upload(UploadCall::Append(id, PieceOrder::default())))
        }
        ["upload", id, "truncate", size] => {
            let size = digits(size).ok_or_else(|| invalid("the size is not an integer"))?;
            post(method, upload(UploadCall::Truncate(upload_id(id)?, size)))
        }
        ["artifacts", ref below @ ..] => artifacts(method, below),
        ["blobs", ref below @ ..] => blobs(head, below),
        ["blob_checksums", algorithm, digits] => {
            read(method, catalog(CatalogCall::Find(digest(algorithm, digits)?)))
        }
        _ => Err(nothing()),
    }
}

fn artifacts(method: &Method, below: &[&str]) -> Result<Call, Error> {
    let call = match (below, method) {
        ([], &Method::GET | &Method::HEAD) => CatalogCall::Artifacts,
        ([], &Method::DELETE) => CatalogCall::RemoveAll(None),
        ([], &Method::POST) => {
            return Err(invalid("artifacts are not fetched from elsewhere here; upload them"));
        }
        // Of an artifact that is called `upload`, the number of versions cannot be set by its name,
        // and it cannot be shared by it; with Shaken Fist's own server neither.
        (["upload", name], &Method::POST) => CatalogCall::Publish(new_name(name)?, None),
        ([artifact], &Method::GET | &Method::HEAD) => CatalogCall::Artifact(reference(artifact)?),
        ([artifact], &Method::DELETE) => CatalogCall::Remove(reference(artifact)?),
        ([artifact, "versions"], &Method::GET | &Method::HEAD) => {
            CatalogCall::Versions(reference(artifact)?)
        }
        ([artifact, "versions"], &Method::POST) => {
            CatalogCall::KeepVersions(reference(artifact)?, None)
        }
        ([artifact, "versions", index], &Method::DELETE) => {
            let index = digits(index).ok_or_else(|| invalid("version index is not an integer"))?;
            CatalogCall::RemoveVersion(reference(artifact)?, index)
        }
        ([artifact, "share"], &Method::POST) => CatalogCall::Share(reference(artifact)?, true),
        ([artifact, "unshare"], &Method::POST) => CatalogCall::Share(reference(artifact)?, false),
        ([artifact, "events"], &Method::GET | &Method::HEAD) => {
            CatalogCall::ArtifactEvents(reference(artifact)?)
        }
        ([] | [_], _) => return not_allowed("DELETE, GET, HEAD"),
        ([_, "versions"], _) => return not_allowed("GET, HEAD, POST"),
        ([_, "versions", _], _) => return not_allowed("DELETE"),
        ([_, "share" | "unshare"] | ["upload", _], _) => return not_allowed("POST"),
        ([_, "events"], _) => return not_allowed("GET, HEAD"),
        _ => return Err(nothing()),
    };
    Ok(catalog(call))
}

fn blobs(head: &Parts, below: &[&str]) -> Result<Call, Error> {
    let method = &head.method;
    match *below {
        [] => read(method, catalog(CatalogCall::Blobs)),
        [id] => read(method, catalog(CatalogCall::Blob(upload_id(id)?))),
        [id, "data"] => {
            if method != Method::GET {
                return not_allowed("GET");
            }
            let blob = upload_id(id)?;
            let offset = number(head, "offset")?.unwrap_or_default();
            let limit = number(head, "limit")?.filter(|limit| *limit > 0);
            Ok(catalog(CatalogCall::BlobData { blob, offset, limit }))
        }
        [id, "events"] => read(method, catalog(CatalogCall::BlobEvents(upload_id(id)?))),
        _ => Err(nothing()),
    }
}

fn upload(call: UploadCall) -> Call {
    Call::Upload(Box::new(call))
}

fn catalog(call: CatalogCall) -> Call {
    Call::Catalog(Box::new(call))
}

/// Flask answers HEAD wherever it answers GET.
fn read(method: &Method, call: Call) -> Result<Call, Error> {
    match *method {
        Method::GET | Method::HEAD => Ok(call),
        _ => not_allowed("GET, HEAD"),
    }
}

fn post(method: &Method, call: Call) -> Result<Call, Error> {
    if method == Method::POST { Ok(call) } else { not_allowed("POST") }
}

const fn not_allowed(allow: &'static str) -> Result<Call, Error> {
    Err(Error::MethodNotAllowed { allow })
}

fn nothing() -> Error {
    Error::NotFound("the dialect has no such path".into())
}

/// The name of an upload, or of a blob, which is that of the upload it was. No other was ever
/// given.
pub(super) fn upload_id(text: &str) -> Result<UploadId, Error> {
    UploadId::parse(text).map_err(|_| Error::NotFound("no upload has such a name".into()))
}

/// What a client calls an artifact. Whatever can be a UUID is one, as with Shaken Fist's own
/// server, so that an artifact with such a name is found by its UUID only.
fn reference(text: &str) -> Result<ArtifactRef, Error> {
    let text = percent_decoded(text).ok_or_else(malformed)?;
    if let Some(id) = ArtifactId::parse(&text) {
        return Ok(ArtifactRef::Id(id));
    }
    match check_name(&text) {
        Ok(()) => Ok(ArtifactRef::Name(text.into_owned())),
        Err(_) => Err(Error::NotFound("no artifact has such a name".into())),
    }
}

fn new_name(text: &str) -> Result<String, Error> {
    let name = percent_decoded(text).ok_or_else(malformed)?;
    check_name(&name).map_err(invalid)?;
    Ok(name.into_owned())
}

/// # Errors
/// Nothing can be called so; the text says why.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err("the name of an artifact has 1 to 255 bytes");
    }
    if name.contains('/') || name.contains(char::is_control) {
        return Err("the name of an artifact has no slashes and no control characters");
    }
    if name == "." || name == ".." {
        return Err("an artifact cannot be called . or ..");
    }
    Ok(())
}

fn malformed() -> Error {
    invalid("the path is not percent-encoded correctly")
}

fn digest(algorithm: &str, digits: &str) -> Result<AnyDigest, Error> {
    let algorithm = Algorithm::ALL.into_iter().find(|known| known.name() == algorithm);
    let algorithm = algorithm.ok_or_else(|| invalid("unknown hash algorithm"))?;
    AnyDigest::parse_hex(algorithm, digits)
        .map_err(|error| Error::InvalidRequest(error.to_string().into()))
}

/// The number in the one parameter of the query that is called so.
fn number(head: &Parts, name: &str) -> Result<Option<u64>, Error> {
    let not_one = || Error::InvalidRequest(format!("{name} is not one whole number").into());
    let mut found = None;
    for pair in head.uri.query().unwrap_or_default().split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if form_decoded(key).is_none_or(|key| key != name) {
            continue;
        }
        let value = form_decoded(value).and_then(|value| digits(&value));
        if found.replace(value.ok_or_else(not_one)?).is_some() {
            return Err(not_one());
        }
    }
    Ok(found)
}

/// A number of digits alone: in Rust it may have a sign as well.
fn digits(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
