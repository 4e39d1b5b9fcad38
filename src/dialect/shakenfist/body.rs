//! What bodies say. Members that nobody here knows are ignored, so that newer clients can say more.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::{invalid, request};
use crate::catalog::ArtifactRef;
use crate::dialect::{
    AllOf, Call, CatalogCall, KeyLogin, Publication, PublicationSource, UploadCall,
};
use crate::error::Error;

/// The most versions that a client may have kept. As many may the operator.
const VERSIONS_MAX: u64 = 1000;

/// The longest URL that an artifact is said to come from, in bytes.
const SOURCE_BYTES_MAX: usize = 2048;

/// Adds what a body says to a call.
///
/// # Errors
/// [`Error::InvalidRequest`]; [`Error::NotFound`]: there can be no such upload.
pub(super) fn complete(call: Call, body: &[u8]) -> Result<Call, Error> {
    match call {
        Call::Login(_) => Ok(Call::Login(Some(Box::new(login(body)?)))),
        Call::Catalog(call) => Ok(Call::Catalog(Box::new(catalog(*call, body)?))),
        Call::Upload(call) => {
            if let UploadCall::Begin(_) = &*call {
                nothing(body)?;
            }
            Ok(Call::Upload(call))
        }
        Call::About(_)
        | Call::Challenge(_)
        | Call::Describe(_)
        | Call::Download(_)
        | Call::Find(_)
        | Call::Graph(_)
        | Call::Greeting
        | Call::Import(_)
        | Call::Issue(_)
        | Call::Preflight
        | Call::SignIn(_)
        | Call::Store(..)
        | Call::Token(_) => Ok(call),
    }
}

fn catalog(call: CatalogCall, body: &[u8]) -> Result<CatalogCall, Error> {
    match call {
        CatalogCall::Publish(name, _) => {
            Ok(CatalogCall::Publish(name, Some(Box::new(publication(body)?))))
        }
        CatalogCall::KeepVersions(artifact, _) => keep_versions(artifact, body),
        CatalogCall::RemoveAll(_) => Ok(CatalogCall::RemoveAll(Some(all_of(body)?))),
        // There is one node, and nothing that happened is written down: what is asked for in
        // particular makes no difference.
        CatalogCall::Artifacts
        | CatalogCall::ArtifactEvents(_)
        | CatalogCall::BlobEvents(_)
        | CatalogCall::Blobs => nothing(body).map(|()| call),
        CatalogCall::Artifact(_)
        | CatalogCall::Blob(_)
        | CatalogCall::BlobData { .. }
        | CatalogCall::Find(_)
        | CatalogCall::Remove(_)
        | CatalogCall::RemoveVersion(..)
        | CatalogCall::Share(..)
        | CatalogCall::Versions(_) => Ok(call),
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct LoginBody {
    namespace: Option<Value>,
    key: Option<Value>,
}

fn login(body: &[u8]) -> Result<KeyLogin, Error> {
    let LoginBody { namespace, key } = object(body)?;
    let namespace = namespace.ok_or_else(|| invalid("missing namespace in request"))?;
    let Value::String(namespace) = namespace else {
        return Err(invalid("namespace is not a string"));
    };
    let key = key.ok_or_else(|| invalid("missing key in request"))?;
    let Value::String(key) = key else { return Err(invalid("key is not a string")) };
    Ok(KeyLogin { namespace, key })
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct PublicationBody {
    upload_uuid: Option<String>,
    blob_uuid: Option<String>,
    source_url: Option<String>,
    shared: Option<bool>,
    namespace: Option<String>,
    artifact_type: Option<String>,
}

fn publication(body: &[u8]) -> Result<Publication, Error> {
    let body: PublicationBody = object(body)?;
    // To Python, an empty text is as good as none.
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let of = match (said(body.upload_uuid), said(body.blob_uuid)) {
        (Some(upload), None) => PublicationSource::Upload(request::upload_id(&upload)?),
        (None, Some(blob)) => PublicationSource::Blob(request::upload_id(&blob)?),
        (Some(_), Some(_)) => {
            return Err(invalid("only specify one of upload_uuid and blob_uuid"));
        }
        (None, None) => return Err(invalid("specify one of upload_uuid and blob_uuid")),
    };
    let kind = said(body.artifact_type).unwrap_or_else(|| "image".to_owned());
    if !matches!(kind.as_str(), "image" | "other") {
        return Err(invalid("invalid artifact type specified"));
    }
    let source_url = said(body.source_url);
    let is_long = |url: &String| url.len() > SOURCE_BYTES_MAX || url.contains(char::is_control);
    if source_url.as_ref().is_some_and(is_long) {
        return Err(invalid("source_url has more than 2048 bytes, or control characters"));
    }
    let (share, namespace) = (body.shared.unwrap_or_default(), said(body.namespace));
    Ok(Publication { of, kind, source_url, share, namespace })
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct VersionsBody {
    max_versions: Option<Value>,
}

fn keep_versions(artifact: ArtifactRef, body: &[u8]) -> Result<CatalogCall, Error> {
    let VersionsBody { max_versions } = object(body)?;
    let number = match max_versions {
        None => return Err(invalid("max_versions is missing")),
        Some(Value::Number(number)) => number.as_u64().or_else(|| {
            // Fewer than none is not a number of versions either.
            number.is_i64().then_some(0)
        }),
        Some(_) => None,
    };
    let number = number.ok_or_else(|| invalid("max version is not an integer"))?;
    if !(1..=VERSIONS_MAX).contains(&number) {
        return Err(invalid("1 to 1000 versions can be kept"));
    }
    Ok(CatalogCall::KeepVersions(artifact, u32::try_from(number).ok()))
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct AllOfBody {
    confirm: Option<Value>,
    namespace: Option<String>,
}

fn all_of(body: &[u8]) -> Result<AllOf, Error> {
    let body: AllOfBody = object(body)?;
    if body.confirm != Some(Value::Bool(true)) {
        return Err(invalid("parameter confirm is not set true"));
    }
    Ok(AllOf { namespace: body.namespace.filter(|namespace| !namespace.is_empty()) })
}

/// Passes for the body of a call of which nothing in it matters.
fn nothing(body: &[u8]) -> Result<(), Error> {
    object::<BTreeMap<String, IgnoredAny>>(body).map(drop)
}

/// An object; one without members, where there is no body. What is wrong with one is not told in
/// detail: the text would quote what may be a key.
fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let body = if body.is_empty() { b"{}" } else { body };
    // The array of its members would do for an object otherwise.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(invalid("the body is not a JSON object"));
    }
    serde_json::from_slice(body).map_err(|_| {
        invalid("the body is not a JSON object, or a member of it is not what it should be")
    })
}
