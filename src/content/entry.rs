//! Entries of a cache: bytes under a name that a client chose.

use std::fmt;

use super::digest::Sha256Digest;

/// The longest name, in bytes. Keys end at 1,024, and the tenant needs room.
const NAME_BYTES_MAX: usize = 512;

/// An entry of a cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    name: EntryName,
    digest: Option<Sha256Digest>,
}

impl Entry {
    /// An entry that may be any bytes.
    #[must_use]
    pub const fn opaque(name: EntryName) -> Self {
        Self { name, digest: None }
    }

    /// An entry whose bytes have this digest.
    #[must_use]
    pub const fn of_digest(name: EntryName, digest: Sha256Digest) -> Self {
        Self { name, digest: Some(digest) }
    }

    /// The name, as it is in keys.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name.0
    }

    /// The digest the bytes must have, where the protocol says so.
    #[must_use]
    pub const fn digest(&self) -> Option<&Sha256Digest> {
        self.digest.as_ref()
    }
}

/// The name of an entry: segments of ASCII letters, digits, `.`, `_` and `-` with a `/` between
/// them. No segment is empty, `.` or `..`, so that a name stays where a layout puts it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryName(Box<str>);

/// The text cannot name an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 512 letters, digits, '.', '_', '-' or '/', and no dot segments")]
pub struct InvalidName;

impl EntryName {
    /// Takes a name that is safe in a key. Which names a protocol knows is its dialect's to say.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_segment =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(legal);
        if text.len() > NAME_BYTES_MAX || !text.split('/').all(is_segment) {
            return Err(InvalidName);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_where_they_are_put() {
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for name in [
            "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "./a", "a b", "a%2fb", "é", "a\\b",
            &long,
        ] {
            assert_eq!(EntryName::parse(name), Err(InvalidName), "{name}");
        }
        for name in ["a", "0123abcDEF", "a/b/c/abc", ".check", "...", "a.tag", &long[1..]] {
            assert_eq!(EntryName::parse(name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
    }
}
