use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Facts, TokenId};
use crate::auth::Tenant;
use crate::content::digest::Sha256Digest;
use crate::content::filename::Filename;
use crate::content::layout::Key;
use crate::error::Error;

/// The sealed JSON of a download token. Members are as short as can be, since links are sent in mails,
/// whose lines end at 998 bytes (RFC 5322 section 2.1.1).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    #[serde(rename = "i")]
    id: String,
    #[serde(rename = "r")]
    route: String,
    #[serde(rename = "t", skip_serializing_if = "Option::is_none", default)]
    tenant: Option<String>,
    #[serde(rename = "b")]
    bucket: String,
    #[serde(rename = "k")]
    key: String,
    #[serde(rename = "e", skip_serializing_if = "Option::is_none", default)]
    etag: Option<String>,
    /// In base64.
    #[serde(rename = "d", skip_serializing_if = "Option::is_none", default)]
    digest: Option<String>,
    #[serde(rename = "f", skip_serializing_if = "Option::is_none", default)]
    filename: Option<String>,
    #[serde(rename = "c", skip_serializing_if = "Option::is_none", default)]
    content_type: Option<String>,
    /// Seconds since 1970.
    #[serde(rename = "s")]
    issued: u64,
    /// The same.
    #[serde(rename = "x")]
    expires: u64,
    #[serde(rename = "n")]
    uses: u32,
    #[serde(rename = "w")]
    resume_seconds: u64,
    #[serde(rename = "p", skip_serializing_if = "std::ops::Not::not", default)]
    confirm: bool,
}

impl Claims {
    pub(super) fn of(id: TokenId, facts: &Facts) -> Self {
        let time = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self {
            id: id.to_string(),
            route: facts.route.clone(),
            issued: time(facts.issued),
            expires: time(facts.expires),
            tenant: facts.tenant.as_ref().map(ToString::to_string),
            bucket: facts.bucket.clone(),
            key: facts.key.to_string(),
            etag: facts.etag.clone(),
            digest: facts.digest.as_ref().map(|digest| URL_SAFE_NO_PAD.encode(digest.as_bytes())),
            filename: facts.filename.as_ref().map(|name| name.as_str().to_owned()),
            content_type: facts.content_type.clone(),
            uses: facts.uses,
            resume_seconds: facts.resume_window.as_secs(),
            confirm: facts.confirm,
        }
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|_| Error::Internal("a token has no JSON form".into()))
    }

    pub(super) fn from_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// None: it was sealed by another version, which knew more or less than this one.
    pub(super) fn into_facts(self) -> Option<(TokenId, Facts)> {
        let time = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let digest = |text: String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            <[u8; 32]>::try_from(bytes).ok().map(Sha256Digest::from)
        };
        let facts = Facts {
            route: self.route,
            tenant: optional(self.tenant, |name| Tenant::parse(&name).ok())?,
            bucket: self.bucket,
            key: Key::of_sealed(self.key)?,
            etag: self.etag,
            digest: optional(self.digest, digest)?,
            filename: optional(self.filename, |name| Filename::sanitize(&name))?,
            content_type: self.content_type,
            issued: time(self.issued)?,
            expires: time(self.expires)?,
            uses: self.uses,
            resume_window: Duration::from_secs(self.resume_seconds),
            confirm: self.confirm,
        };
        Some((TokenId::parse(&self.id)?, facts))
    }
}

/// What is there is read, or all of it is nothing.
fn optional<T>(text: Option<String>, read: impl Fn(String) -> Option<T>) -> Option<Option<T>> {
    match text {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}
