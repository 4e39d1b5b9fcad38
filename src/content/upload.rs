//! Names of uploads, and of the objects that are made of them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

/// The name of an upload, and of the object that is made of it: a UUID of version 7 (RFC 9562), which
/// says when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(Uuid);

/// The text names no upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no upload has such a name")]
pub struct InvalidUploadId;

impl UploadId {
    /// The name of an upload that begins now. `random` has to be bytes that nobody can guess.
    #[must_use]
    pub fn new(random: [u8; 16], now: SystemTime) -> Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let [bytes @ .., _, _, _, _, _, _] = random;
        Self(Builder::from_unix_timestamp_millis(milliseconds, &bytes).into_uuid())
    }

    /// Reads the one form in which names are given: 36 characters in lower case.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidUploadId> {
        let uuid = Uuid::try_parse(text).map_err(|_| InvalidUploadId)?;
        let id = Self(uuid);
        let is_ours = uuid.get_version_num() == 7 && id.to_string() == text;
        is_ours.then_some(id).ok_or(InvalidUploadId)
    }

    /// When it began, in whole milliseconds.
    #[must_use]
    pub fn began(&self) -> SystemTime {
        let [a, b, c, d, e, f, ..] = *self.0.as_bytes();
        let milliseconds = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        UNIX_EPOCH + Duration::from_millis(milliseconds)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_when_they_began() {
        let now = UNIX_EPOCH + Duration::from_millis(1_790_000_000_123);
        let id = UploadId::new([0xab; 16], now);
        assert_eq!(id.began(), now);
        assert_eq!(UploadId::parse(&id.to_string()), Ok(id));
        assert_ne!(id, UploadId::new([0xac; 16], now));
    }

    #[test]
    fn there_is_one_form() {
        let id = UploadId::new([0xab; 16], UNIX_EPOCH).to_string();
        for text in [
            id.to_uppercase(),
            id.replace('-', ""),
            format!("{{{id}}}"),
            "00000000-0000-4000-8000-000000000000".to_owned(),
            String::new(),
            "x".repeat(36),
        ] {
            assert_eq!(UploadId::parse(&text), Err(InvalidUploadId), "{text}");
        }
    }
}
