//! The claims of a JWT (RFC 7519 section 4): those we judge as types, all of them as a value for
//! the rules.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cel::Value;
use cel::common::value::Val;
use cel::objects::Map;

use super::{Grant, json, malformed, refused};
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
    granted: OnceLock<(Arc<str>, Grant)>,
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
        numeric_date(&object, "iat")?;
        let value = Box::<dyn Val>::try_from(Value::Map(object))
            .map_err(|_| malformed("the token's payload cannot be evaluated"))?;
        let (size, granted) = (payload.len(), OnceLock::new());
        Ok(Self { issuer, audience, expires, not_before, value, size, granted })
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
    pub(super) fn granted(&self, rules: &str) -> Option<&Grant> {
        self.granted.get().filter(|(of, _)| **of == *rules).map(|(_, grant)| grant)
    }

    /// Keeps what rules granted. Only the first is kept: a token is mostly used for one thing.
    pub(super) fn set_granted(&self, rules: &Arc<str>, grant: &Grant) {
        let _ = self.granted.set((Arc::clone(rules), grant.clone()));
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
