//! What the gateway proves its identity to the bucket with.
//!
//! [`Credentials`] are one set of keys. A [`Source`](source::Source) has the current ones and gets
//! the next: ahead of their end, once for all who ask, and never an error in their place.

pub mod chain;
mod schedule;
pub mod source;

use std::fmt;
use std::time::{Duration, SystemTime};

use thiserror::Error;

/// The longest life that is believed. No service gives temporary credentials for more than a year,
/// and an end beyond it is another unit, such as milliseconds read as seconds.
const LIFE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// What is assumed instead: the shortest session STS gives (AWS, "AssumeRole", `DurationSeconds`).
const LIFE_ASSUMED: Duration = Duration::from_secs(15 * 60);

/// One set of S3 credentials, long-lived or temporary.
///
/// The `Debug` form never contains the secret or the session token, so it may be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Public half; appears in every signature and in presigned URLs.
    pub access_key_id: String,
    /// Secret half; never leaves the process.
    pub secret_access_key: String,
    /// Present for temporary credentials only; sent with every request they sign.
    pub session_token: Option<String>,
    /// When the bucket stops accepting these credentials; `None` for long-lived ones.
    pub expires: Option<SystemTime>,
}

/// Why something that came in the form of credentials is not taken for them.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unusable {
    /// A part is empty, or holds what no HTTP header can carry.
    #[error("the {0} is empty, or not text of one line")]
    Malformed(&'static str),
    /// They ended before they came, or the clock is wrong.
    #[error("they ended at {end}, and it is {now} by the clock of storage", end = time(.0), now = time(.1))]
    Expired(SystemTime, SystemTime),
}

fn time(time: &SystemTime) -> impl fmt::Display {
    humantime::format_rfc3339_seconds(*time)
}

impl Credentials {
    /// Takes credentials as they came at `now`.
    ///
    /// An end more than a year away is no end anybody set: then a life of 15 minutes is assumed, so
    /// that they are asked for again soon and no presigned URL relies on them for long.
    ///
    /// # Errors
    /// They cannot be used, and why.
    pub fn accept(
        provided: &aws_credential_types::Credentials,
        now: SystemTime,
    ) -> Result<Self, Unusable> {
        for (part, text) in [
            ("access key id", Some(provided.access_key_id())),
            ("secret access key", Some(provided.secret_access_key())),
            ("session token", provided.session_token()),
        ] {
            let usable =
                |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            if !text.is_none_or(usable) {
                return Err(Unusable::Malformed(part));
            }
        }
        let expires = match provided.expiry() {
            Some(end) if end <= now => return Err(Unusable::Expired(end, now)),
            Some(end) if end.duration_since(now).is_ok_and(|life| life > LIFE_MAX) => {
                Some(now + LIFE_ASSUMED)
            }
            end => end,
        };
        Ok(Self {
            access_key_id: provided.access_key_id().to_owned(),
            secret_access_key: provided.secret_access_key().to_owned(),
            session_token: provided.session_token().map(str::to_owned),
            expires,
        })
    }

    /// How long they are accepted from `now` on: None where they never end.
    #[must_use]
    pub fn life(&self, now: SystemTime) -> Option<Duration> {
        self.expires.map(|end| end.duration_since(now).unwrap_or_default())
    }

    /// Whether they prove the same as `other`, whatever their end is said to be.
    #[must_use]
    pub fn are_keys_of(&self, other: &Self) -> bool {
        self.access_key_id == other.access_key_id
            && self.secret_access_key == other.secret_access_key
            && self.session_token == other.session_token
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"***")
            .field("session_token", &self.session_token.as_ref().map(|_| "***"))
            .field("expires", &self.expires)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials as Provided;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn accept(id: &str, token: Option<&str>, end: Option<u64>) -> Result<Credentials, Unusable> {
        let end = end.map(|end| SystemTime::UNIX_EPOCH + Duration::from_secs(end));
        let token = token.map(str::to_owned);
        let provided = Provided::new(id, "secret/+=", token, end, "test");
        Credentials::accept(&provided, SystemTime::UNIX_EPOCH + NOW)
    }

    /// The seconds of life that are believed, where the end is said to be at `end`.
    fn life(end: Option<u64>) -> Option<Option<u64>> {
        let credentials = accept("AKIA", None, end).ok()?;
        Some(credentials.life(SystemTime::UNIX_EPOCH + NOW).map(|life| life.as_secs()))
    }

    #[test]
    fn ends_that_are_none_are_not_believed() {
        let now = NOW.as_secs();
        for (end, expected) in [
            (None, Some(None)),
            (Some(now + 1), Some(Some(1))),
            (Some(now + 366 * 86_400), Some(Some(366 * 86_400))),
            (Some(now + 366 * 86_400 + 1), Some(Some(900))),
            // Milliseconds, read as seconds; and the other way round, which is long ago.
            (Some(now * 1000), Some(Some(900))),
            (Some(now / 1000), None),
            (Some(now), None),
            (Some(0), None),
        ] {
            assert_eq!(life(end), expected, "{end:?}");
        }
    }

    #[test]
    fn what_cannot_be_signed_or_sent_is_refused() {
        for (id, token) in [("", None), ("AK IA", None), ("AKIA", Some("")), ("AKIA", Some("a\nb"))]
        {
            assert!(matches!(accept(id, token, None), Err(Unusable::Malformed(_))), "{id:?}");
        }
        assert!(accept("AKIA", Some("token/+="), None).is_ok());
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", accept("AKIA", Some("token"), None).unwrap());
        assert!(!shown.contains("secret/") && !shown.contains("token\""), "{shown}");
    }
}
