//! The claims of a JWT (RFC 7519 section 4): those we judge as types, all of them as a value for
//! the rules.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cel::Value;
use cel::common::value::Val;
use cel::objects::Map;

use super::grant::Permissions;
use super::{json, malformed, refused};
use crate::error::Error;

/// 9999-01-01T00:00:00Z. Later dates are mistakes, milliseconds taken for seconds above all.
const NUMERIC_DATE_END: Duration = Duration::from_secs(253_370_764_800);

/// The payload of a token. Nothing in it is true before the signature is verified.
pub(super) struct Claims {
    issuer: String,
    audience: Vec<String>,
    expires: SystemTime,
    not_before: Option<SystemTime>,
    value: Box<dyn Val>,
    size: usize,
    profile: Arc<Profile>,
    granted: OnceLock<(Arc<str>, Arc<Permissions>)>,
}

/// What a token says of its holder and of itself, for protocols whose clients ask. It decides
/// nothing.
#[derive(Debug, Default)]
pub struct Profile {
    /// `iss` (RFC 7519 section 4.1.1), without which `sub` says nothing
    pub issuer: Option<Box<str>>,
    /// `sub` (RFC 7519 section 4.1.2)
    pub subject: Option<Box<str>>,
    /// `name` (OpenID Connect Core section 5.1)
    pub name: Option<Box<str>>,
    /// `preferred_username` (the same)
    pub username: Option<Box<str>>,
    /// `email` (the same)
    pub email: Option<Box<str>>,
    /// `jti` (RFC 7519 section 4.1.7)
    pub token_id: Option<Box<str>>,
    /// `iat` (RFC 7519 section 4.1.6)
    pub issued: Option<SystemTime>,
}

impl Claims {
    /// Reads the JSON of a payload. `iss`, `aud` and `exp` must be there; they, `nbf` and `iat`
    /// must have the form of RFC 7519.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Error> {
        let object = json::parse_object(payload)
            .map_err(|_| malformed("the token's payload is not a strict JSON object"))?;
        let issuer = match json::member(&object, "iss") {
            Some(Value::String(issuer)) => issuer.to_string(),
            Some(_) => return Err(malformed("the token's iss is not a string")),
            None => return Err(refused("the token has no iss")),
        };
        let audience = audience(&object)?;
        let expires =
            numeric_date(&object, "exp")?.ok_or_else(|| refused("the token has no exp"))?;
        let not_before = numeric_date(&object, "nbf")?;
        let issued = numeric_date(&object, "iat")?;
        let profile = Arc::new(Profile::read(&object, issued));
        let value = Box::<dyn Val>::try_from(Value::Map(object))
            .map_err(|_| malformed("the token's payload cannot be evaluated"))?;
        let (size, granted) = (payload.len(), OnceLock::new());
        Ok(Self { issuer, audience, expires, not_before, value, size, profile, granted })
    }

    /// `iss`
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `aud`, one element where it is a string.
    pub(super) fn audience(&self) -> &[String] {
        &self.audience
    }

    /// `exp`
    pub(super) fn expires(&self) -> SystemTime {
        self.expires
    }

    /// `nbf`
    pub(super) fn not_before(&self) -> Option<SystemTime> {
        self.not_before
    }

    /// What these rules granted before. Rules see nothing but claims, so they would again.
    pub(super) fn granted(&self, rules: &str) -> Option<&Arc<Permissions>> {
        self.granted.get().filter(|(of, _)| **of == *rules).map(|(_, granted)| granted)
    }

    /// Keeps what rules granted. Only the first is kept: a token is mostly used for one thing.
    pub(super) fn set_granted(&self, rules: &Arc<str>, granted: &Arc<Permissions>) {
        let _ = self.granted.set((Arc::clone(rules), Arc::clone(granted)));
    }

    /// What the token says of its holder.
    pub(super) fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// The length of their JSON in bytes, to which the memory they take is in proportion.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// All claims, ready for rules.
    pub(super) fn value(&self) -> &dyn Val {
        &*self.value
    }
}

impl Profile {
    fn read(object: &Map, issued: Option<SystemTime>) -> Self {
        let text = |name| match json::member(object, name) {
            Some(Value::String(text)) => Some(text.as_str().into()),
            _ => None,
        };
        Self {
            issuer: text("iss"),
            subject: text("sub"),
            name: text("name"),
            username: text("preferred_username"),
            email: text("email"),
            token_id: text("jti"),
            issued,
        }
    }
}

fn audience(object: &Map) -> Result<Vec<String>, Error> {
    let wrong = || malformed("the token's aud is neither a string nor an array of strings");
    match json::member(object, "aud") {
        Some(Value::String(audience)) => Ok(vec![audience.to_string()]),
        Some(Value::List(elements)) => elements
            .iter()
            .map(|element| match element {
                Value::String(audience) => Ok(audience.to_string()),
                _ => Err(wrong()),
            })
            .collect(),
        Some(_) => Err(wrong()),
        None => Err(refused("the token has no aud")),
    }
}

/// A NumericDate (RFC 7519 section 2), which may have a fraction.
fn numeric_date(object: &Map, name: &str) -> Result<Option<SystemTime>, Error> {
    let since_epoch = match json::member(object, name) {
        None => return Ok(None),
        Some(Value::Int(seconds)) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Some(Value::Float(seconds)) => Duration::try_from_secs_f64(*seconds).ok(),
        Some(_) => None,
    };
    since_epoch
        .filter(|since_epoch| *since_epoch < NUMERIC_DATE_END)
        .and_then(|since_epoch| UNIX_EPOCH.checked_add(since_epoch))
        .map(Some)
        .ok_or_else(|| malformed("a date of the token is not a number of seconds below year 9999"))
}
