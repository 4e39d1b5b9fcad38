//! Object keys, and the file names they are stored under.
//!
//! S3 keys are flat strings: `a`, `a/b`, `a//b`, `../a` and `a/` are five
//! unrelated objects. A file system sees directories, special names, a limit of
//! 255 bytes per name and, on some machines, no difference between `A` and `a`.
//! A key is therefore escaped to a small alphabet first and then cut into pieces
//! by position, never at its slashes.

use std::path::{Component, Path, PathBuf};

/// Bytes a key may have in UTF-8.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const LONGEST_KEY: usize = 1024;

/// Escaped bytes per path component, leaving room for the marker below 255.
const PIECE: usize = 240;

/// Ends the name of a directory: more of the key follows inside it.
const CONTINUED: char = '+';

/// Ends the name of a file: the key is complete. Since it differs from
/// [`CONTINUED`], one key's file can never be where another key needs a directory,
/// and no name can be `.` or `..`.
const COMPLETE: char = '=';

/// A key S3 would accept: 1 to 1,024 bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectKey(String);

/// Why a string is no object key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    /// S3 has no object without a name.
    #[error("an object key cannot be empty")]
    Empty,
    /// The key has more than 1,024 bytes.
    #[error("an object key cannot have more than 1024 bytes")]
    TooLong,
}

impl ObjectKey {
    /// Accepts every key S3 accepts, byte for byte.
    pub(super) fn parse(key: impl Into<String>) -> Result<Self, KeyError> {
        let key = key.into();
        match key.len() {
            0 => Err(KeyError::Empty),
            1..=LONGEST_KEY => Ok(Self(key)),
            _ => Err(KeyError::TooLong),
        }
    }

    /// The key as the client wrote it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The key without its wrapper.
    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Where the key lives below its bucket's folder. Different keys have
    /// different paths, no path is a prefix of another, and every component is
    /// at most 241 bytes of lower-case ASCII.
    pub(super) fn to_path(&self) -> PathBuf {
        let escaped = escape(&self.0);
        let mut path = PathBuf::new();
        let mut rest = escaped.as_str();
        while rest.len() > PIECE {
            // The escaped text is ASCII, so every index is a character boundary.
            let (piece, following) = rest.split_at(PIECE);
            path.push(format!("{piece}{CONTINUED}"));
            rest = following;
        }
        path.push(format!("{rest}{COMPLETE}"));
        path
    }

    /// Reads back what [`to_path`](Self::to_path) wrote; `None` for any other path.
    pub(super) fn from_path(path: &Path) -> Option<Self> {
        let mut escaped = String::new();
        let mut complete = false;
        for component in path.components() {
            let Component::Normal(name) = component else {
                return None;
            };
            let name = name.to_str()?;
            if complete {
                return None;
            }
            if let Some(piece) = name.strip_suffix(CONTINUED) {
                escaped.push_str(piece);
            } else {
                escaped.push_str(name.strip_suffix(COMPLETE)?);
                complete = true;
            }
        }
        let key = Self::parse(unescape(&escaped)?).ok()?;
        // Only the one canonical spelling counts, or two files could claim a key.
        (complete && key.to_path() == path).then_some(key)
    }
}

/// Upper case is escaped too: some file systems fold case.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
}

fn escape(key: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut escaped = String::with_capacity(key.len() + key.len() / 4);
    for byte in key.bytes() {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push(char::from(DIGITS[usize::from(byte >> 4)]));
            escaped.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    escaped
}

fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((&first, following)) = rest.split_first() {
        if first == b'%' {
            let (digits, after) = following.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after;
        } else {
            bytes.push(first);
            rest = following;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
