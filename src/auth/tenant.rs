use std::fmt;
use std::sync::Arc;

/// The longest name of a tenant, in bytes. S3 keys end at 1,024 and the rest needs room.
const BYTES_MAX: usize = 255;

/// The name of a tenant, safe as one segment of a key: 1 to 255 bytes, no control characters, no
/// `/` or `\`, neither `.` nor `..`. It is never normalized: what a rule yields is what keys hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

/// The text cannot name a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a tenant's name has 1 to 255 bytes, no control characters, no slash or backslash, and is neither `.` nor `..`"
)]
pub struct InvalidTenant;

impl Tenant {
    /// Takes a name that is safe as a key segment.
    ///
    /// # Errors
    /// The name is empty, too long, or could leave its segment.
    pub fn parse(name: &str) -> Result<Self, InvalidTenant> {
        let separates = |c: char| c == '/' || c == '\\' || c.is_control();
        if name.is_empty() || name.len() > BYTES_MAX || name == "." || name == ".." {
            return Err(InvalidTenant);
        }
        if name.contains(separates) {
            return Err(InvalidTenant);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_key_segment() {
        let long = "x".repeat(256);
        let refused =
            ["", ".", "..", "/", "a/b", "../b", "a\\b", "a\0", "a\nb", "\u{7f}", "\u{85}", &long];
        for name in refused {
            assert_eq!(Tenant::parse(name), Err(InvalidTenant), "{name:?}");
        }
        for name in ["a", "...", "t-1", "%2e%2e%2f", "Zoë", " ", &long[1..]] {
            assert_eq!(Tenant::parse(name).map(|tenant| tenant.to_string()), Ok(name.to_owned()));
        }
    }
}
