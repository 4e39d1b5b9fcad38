//! From the name of content to the key of an object.
//!
//! A layout is a template of the whole key. With `layout: "sha256:{hex}"` and with
//! `layout: "{tenant}/sha256:{hex}"` a bucket looks like this (the two that Chainloop writes):
//!
//! ```text
//! bucket
//! ├── sha256:e3b0c442...b855            one tenant, or one bucket each
//! └── acme
//!     └── sha256:e3b0c442...b855        many tenants, one subtree each
//! ```
//!
//! A tenant is one segment of the key, never a path: a [`Tenant`](crate::auth::Tenant) cannot hold
//! a slash, so no tenant reaches into the subtree of another.

use std::fmt;

use super::ContentId;
use crate::auth::Grant;
use crate::error::Error;

/// The longest key S3 accepts, in bytes (AWS, "Creating object key names").
pub const KEY_BYTES_MAX: usize = 1024;

/// The key of an object: 1 to 1,024 bytes of UTF-8, not yet percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A compiled template.
#[derive(Debug)]
pub struct Layout {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Literal(String),
    Hex,
    Tenant,
}

impl Layout {
    /// Compiles a template of literal text, `{hex}` and `{tenant}`.
    ///
    /// # Errors
    /// Says what is wrong: an unknown or unclosed placeholder, or no `{hex}`.
    pub fn parse(template: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some(open) = rest.find(['{', '}']) {
            let (literal, tail) = rest.split_at(open);
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            let close = tail.find('}').filter(|_| tail.starts_with('{'));
            let close = close.ok_or_else(|| format!("unbalanced brace in \"{template}\""))?;
            pieces.push(match &tail[1..close] {
                "hex" => Piece::Hex,
                "tenant" => Piece::Tenant,
                other => {
                    return Err(format!(
                        "no placeholder is called {{{other}}}; there are {{hex}} and {{tenant}}"
                    ));
                }
            });
            rest = &tail[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        if !pieces.iter().any(|piece| matches!(piece, Piece::Hex)) {
            return Err("a layout needs {hex}, or all content would have one key".to_owned());
        }
        Ok(Self { pieces })
    }

    /// Whether keys depend on the tenant.
    #[must_use]
    pub fn needs_tenant(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Tenant))
    }

    /// Whether keys have segments `.` or `..`. Storage takes them, but clients resolve them in a
    /// URL before they send it (RFC 3986 section 5.2.4), and then its signature is wrong.
    #[must_use]
    pub fn has_dot_segments(&self) -> bool {
        let text: String = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.as_str(),
                Piece::Hex | Piece::Tenant => "name",
            })
            .collect();
        text.split('/').any(|segment| matches!(segment, "." | ".."))
    }

    /// The key of a content, which only a grant opens.
    ///
    /// # Errors
    /// The layout needs a tenant and there is none (refused, not guessed), or the key is longer
    /// than S3 allows.
    pub fn key(&self, grant: &Grant, content: &ContentId) -> Result<Key, Error> {
        use std::fmt::Write as _;

        let mut key = String::with_capacity(128);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => key.push_str(text),
                Piece::Hex => {
                    let _ = write!(key, "{}", content.sha256());
                }
                Piece::Tenant => {
                    let tenant = grant.tenant();
                    let none = || Error::Forbidden("the layout needs a tenant".into());
                    key.push_str(tenant.ok_or_else(none)?.as_str());
                }
            }
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(Error::NotFound("its key would be longer than 1024 bytes".into()));
        }
        Ok(Key(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Tenant;
    use crate::content::digest::Sha256Digest;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn key(template: &str, tenant: Option<&str>) -> Result<String, Error> {
        let grant = Grant::for_test(tenant.map(|name| Tenant::parse(name).unwrap()), None);
        let content = ContentId::Sha256(Sha256Digest::parse_hex(HEX).unwrap());
        Layout::parse(template).unwrap().key(&grant, &content).map(|key| key.to_string())
    }

    #[test]
    fn the_two_layouts_of_chainloop() {
        assert_eq!(key("sha256:{hex}", None).unwrap(), format!("sha256:{HEX}"));
        assert_eq!(key("{tenant}/sha256:{hex}", Some("o-1")).unwrap(), format!("o-1/sha256:{HEX}"));
    }

    #[test]
    fn no_tenant_is_a_refusal() {
        assert!(matches!(key("{tenant}/{hex}", None), Err(Error::Forbidden(_))));
    }

    #[test]
    fn mistakes_are_named() {
        for (template, expected) in [
            ("plain", "needs {hex}"),
            ("{hxe}", "{hxe}"),
            ("{hex", "unbalanced"),
            ("a}{hex}", "unbalanced"),
        ] {
            let problem = Layout::parse(template).unwrap_err();
            assert!(problem.contains(expected), "{template}: {problem}");
        }
    }

    #[test]
    fn dot_segments_are_found() {
        for (template, expected) in
            [("../{hex}", true), ("a/./{hex}", true), ("a/..{hex}", false), ("{hex}.x", false)]
        {
            assert_eq!(Layout::parse(template).unwrap().has_dot_segments(), expected, "{template}");
        }
    }

    #[test]
    fn keys_end_at_1024_bytes() {
        let fits = format!("{}{{hex}}", "a".repeat(KEY_BYTES_MAX - 64));
        assert_eq!(key(&fits, None).unwrap().len(), KEY_BYTES_MAX);
        assert!(key(&format!("a{fits}"), None).is_err());
    }
}
