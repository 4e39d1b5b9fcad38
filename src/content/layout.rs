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
//! With `layout: "{team}/{hash}"` a cache looks like this, the first two entries as
//! turborepo-remote-cache writes them:
//!
//! ```text
//! bucket
//! ├── acme
//! │   ├── 0a1b2c3d4e5f6071              an entry
//! │   ├── 0a1b2c3d4e5f6071.tag          its tag, where it is not in the entry's metadata
//! │   ├── bafybeicg2rebjoofv4kb...      with `{cid}`: a file
//! │   └── bafybeicg2rebjoofv4kb....block  a node, which the bytes of no file have the key of
//! └── .casgate
//!     ├── untrusted/<namespace>/acme/0a1b2c3d4e5f6071
//!     │                                 the same entry, by a writer who is not trusted
//!     ├── staging/<random>              a file that came so far, until it has a name
//!     ├── uploads/<upload>/...          what came of an upload so far, until it is an object
//!     ├── catalog/<catalog>/...         documents: which artifacts and versions there are
//!     ├── probe/...                     what a bucket is tried out with, for seconds
//!     └── state/<hour>/<kind>/<name>    a register of the state store, until some time after its hour
//! ```
//!
//! A tenant is one segment of the key, never a path: a [`Tenant`] cannot hold
//! a slash, so no tenant reaches into the subtree of another
//! ([`Layout::keeps_tenants_apart`]). What is below `.casgate/` is reached with a [`Namespace`]
//! only, whatever layouts, tenants and names make.

use std::fmt;

use super::ContentId;
use crate::auth::{Grant, Namespace, Tenant, Writing};
use crate::error::Error;

/// The longest key S3 accepts, in bytes (AWS, "Creating object key names").
pub const KEY_BYTES_MAX: usize = 1024;

/// What is below this is ours: no tenant, name or template leads there.
pub const RESERVED: &str = ".casgate/";

/// The entries of untrusted writers.
const UNTRUSTED: &str = ".casgate/untrusted/";

/// Objects whose name is not known yet, since it is that of their last byte too.
pub const STAGING: &str = ".casgate/staging/";

/// What came of uploads that are not complete.
pub const UPLOADS: &str = ".casgate/uploads/";

/// The documents of catalogs.
pub const CATALOG: &str = ".casgate/catalog/";

/// The key of an object: 1 to 1,024 bytes of UTF-8, not yet percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key in a token that was sealed for somebody with a grant to it. None: it is not one
    /// for content, so that no defect of whoever sealed it leads to what is ours.
    pub(crate) fn of_sealed(text: String) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= KEY_BYTES_MAX;
        (fits && !is_reserved(&text)).then_some(Self(text))
    }

    /// The key of what stands beside an object: its own key with `suffix` at the end. None: it
    /// would be too long.
    #[must_use]
    pub fn beside(&self, suffix: &str) -> Option<Self> {
        (self.0.len() + suffix.len() <= KEY_BYTES_MAX).then(|| Self([&self.0, suffix].concat()))
    }
}

/// Where a content is looked for: in the first place, and if it is not there, in the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The first.
    pub first: Key,
    /// The other, if there is one.
    pub other: Option<Key>,
}

impl Places {
    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.other)
    }
}

/// A key that a grant lets its holder write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WritableKey(Key);

impl WritableKey {
    /// A key for an object that has no name yet. Nobody reads it, so that it is the same for all who
    /// may write; `random` has to be bytes that nobody can guess.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the grant is not one to write.
    pub fn staging(grant: &Grant, random: [u8; 16]) -> Result<Self, Error> {
        match grant.writing() {
            Writing::Refused => Err(not_permitted()),
            Writing::Shared | Writing::Isolated(_) => {
                let name = format!("{STAGING}{:032x}", u128::from_be_bytes(random));
                Ok(Self(Key(name)))
            }
        }
    }

    /// A key for the gateway's own books, in a folder of its own. No content is there, and no name
    /// that a client gives leads there: `name` is made of what was parsed.
    #[must_use]
    pub(crate) fn of_books(folder: &'static str, name: &str) -> Self {
        debug_assert!(folder == UPLOADS || folder == CATALOG);
        Self(Key([folder, name].concat()))
    }

    /// A key that a grant to write opened earlier, as the state store has kept it. None: it is not
    /// one for content.
    pub(crate) fn of_record(text: String) -> Option<Self> {
        Key::of_sealed(text).map(Self)
    }

    /// The key of what stands beside an object, as [`Key::beside`].
    #[must_use]
    pub fn beside(&self, suffix: &str) -> Option<Self> {
        self.0.beside(suffix).map(Self)
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &Key {
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
    Name,
    Tenant,
}

impl Layout {
    /// Compiles a template of literal text, the content's name (`{hex}`, `{hash}`, `{cid}` or
    /// `{key}`, whichever reads best) and the tenant's (`{tenant}` or `{team}`).
    ///
    /// # Errors
    /// Says what is wrong: an unknown or unclosed placeholder, no name, or keys that are ours.
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
                "cid" | "hash" | "hex" | "key" => Piece::Name,
                "tenant" | "team" => Piece::Tenant,
                other => {
                    return Err(format!(
                        "no placeholder is called {{{other}}}; there are {{hex}}, {{hash}}, \
                         {{cid}} or {{key}}, and {{tenant}} or {{team}}"
                    ));
                }
            });
            rest = &tail[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        if !pieces.iter().any(|piece| matches!(piece, Piece::Name)) {
            let message =
                "a layout needs {hex}, {hash}, {cid} or {key}, or all content would have one key";
            return Err(message.to_owned());
        }
        if template.starts_with(RESERVED) {
            return Err(format!("keys that begin with {RESERVED} are not for content"));
        }
        Ok(Self { pieces })
    }

    /// Whether keys depend on the tenant.
    #[must_use]
    pub fn needs_tenant(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Tenant))
    }

    /// Whether no key can be that of two tenants, however long the names of their contents are: each
    /// tenant is a whole segment. With `{tenant}{hash}`, `ac` could name what `acme` has.
    #[must_use]
    pub fn keeps_tenants_apart(&self) -> bool {
        let before = |index: usize| match index.checked_sub(1).map(|index| &self.pieces[index]) {
            None => true,
            Some(Piece::Literal(text)) => text.ends_with('/'),
            Some(Piece::Name | Piece::Tenant) => false,
        };
        let after = |index: usize| match self.pieces.get(index + 1) {
            None => true,
            Some(Piece::Literal(text)) => text.starts_with('/'),
            Some(Piece::Name | Piece::Tenant) => false,
        };
        let mut pieces = self.pieces.iter().enumerate();
        pieces.all(|(index, piece)| {
            !matches!(piece, Piece::Tenant) || (before(index) && after(index))
        })
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
                Piece::Name | Piece::Tenant => "name",
            })
            .collect();
        text.split('/').any(|segment| matches!(segment, "." | ".."))
    }

    /// Where a content is, which only a grant opens: the caller's namespace comes before what
    /// everybody reads.
    ///
    /// # Errors
    /// The layout needs a tenant and there is none (refused, not guessed), or the key is longer
    /// than S3 allows.
    pub fn places(&self, grant: &Grant, content: &ContentId) -> Result<Places, Error> {
        let shared = self.shared_key(grant, content)?;
        Ok(match grant.namespace() {
            None => Places { first: shared, other: None },
            Some(namespace) => {
                Places { first: isolated_key(namespace, &shared)?, other: Some(shared) }
            }
        })
    }

    /// Where the caller may write a content.
    ///
    /// # Errors
    /// As [`Layout::places`]; [`Error::Forbidden`] where the grant is not one to write.
    pub fn writable_key(&self, grant: &Grant, content: &ContentId) -> Result<WritableKey, Error> {
        let shared = self.shared_key(grant, content)?;
        match grant.writing() {
            Writing::Refused => Err(not_permitted()),
            Writing::Shared => Ok(WritableKey(shared)),
            Writing::Isolated(namespace) => isolated_key(namespace, &shared).map(WritableKey),
        }
    }

    /// Whether a key is one that this layout makes for some content, of whomever; `is_name` says what
    /// names the content can have.
    #[must_use]
    pub fn makes(&self, key: &str, is_name: impl Fn(&str) -> bool) -> bool {
        let shared = match key.strip_prefix(UNTRUSTED) {
            Some(rest) => rest.split_once('/').map_or("", |(_, shared)| shared),
            None => key,
        };
        !is_reserved(shared) && makes(&self.pieces, shared, &is_name)
    }

    fn shared_key(&self, grant: &Grant, content: &ContentId) -> Result<Key, Error> {
        let mut key = String::with_capacity(128);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => key.push_str(text),
                Piece::Name => content.push_name(&mut key),
                Piece::Tenant => {
                    let tenant = grant.tenant();
                    let none = || Error::Forbidden("the layout needs a tenant".into());
                    key.push_str(tenant.ok_or_else(none)?.as_str());
                }
            }
        }
        if is_reserved(&key) {
            return Err(Error::Forbidden("the key is not one for content".into()));
        }
        checked(key)
    }
}

fn not_permitted() -> Error {
    Error::Forbidden("the write rule does not permit it".into())
}

/// Whether a key is ours. So is the one of the folder itself: on storage that keeps files, an object
/// called like it would leave no room for what is below.
fn is_reserved(key: &str) -> bool {
    key.starts_with(RESERVED) || RESERVED.strip_suffix('/') == Some(key)
}

fn isolated_key(namespace: &Namespace, shared: &Key) -> Result<Key, Error> {
    checked([UNTRUSTED, namespace.as_str(), "/", shared.as_str()].concat())
}

fn checked(key: String) -> Result<Key, Error> {
    if key.len() > KEY_BYTES_MAX {
        return Err(Error::NotFound("its key would be longer than 1024 bytes".into()));
    }
    Ok(Key(key))
}

/// Whether `text` is the pieces with names and tenants in their places. A tenant is one segment; a
/// name can be several.
fn makes(pieces: &[Piece], text: &str, is_name: &dyn Fn(&str) -> bool) -> bool {
    match pieces {
        [] => text.is_empty(),
        [Piece::Literal(literal), rest @ ..] => {
            text.strip_prefix(literal.as_str()).is_some_and(|text| makes(rest, text, is_name))
        }
        [piece @ (Piece::Name | Piece::Tenant), rest @ ..] => {
            let (end, fits): (_, &dyn Fn(&str) -> bool) = match piece {
                Piece::Tenant => {
                    let end = text.find('/').unwrap_or(text.len());
                    (end, &|text| Tenant::parse(text).is_ok())
                }
                _ => (text.len(), is_name),
            };
            let mut ends = (1..=end).filter(|end| text.is_char_boundary(*end));
            ends.any(|end| makes(rest, &text[end..], is_name) && fits(&text[..end]))
        }
    }
}

#[cfg(test)]
mod tests;
