//! Objects named by what their key is made of, for those who know the bucket.

use std::fmt;

/// The path of an object below what a layout puts in front: UTF-8 without control characters, whose
/// segments are neither empty nor `.` or `..`, so that it stays there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectPath(Box<str>);

/// The text cannot be the path of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has segments between single slashes, no dot segments, and no control characters")]
pub struct InvalidPath;

impl ObjectPath {
    /// Takes a path that stays where it is put.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let stays = |segment: &str| !matches!(segment, "" | "." | "..");
        if !text.split('/').all(stays) || text.contains(char::is_control) {
            return Err(InvalidPath);
        }
        Ok(Self(text.into()))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_where_they_are_put() {
        for text in ["a", "a/b c/ü+%2F.pdf", "...", "a/..b"] {
            assert_eq!(ObjectPath::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a\u{0}", "a\nb"] {
            assert_eq!(ObjectPath::parse(text), Err(InvalidPath), "{text:?}");
        }
    }
}
