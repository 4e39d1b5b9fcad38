//! Where the documents are, and how artifacts are called.

use std::fmt;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{ArtifactId, Catalog};
use crate::content::digests::AnyDigest;
use crate::content::layout::{CATALOG, WritableKey};
use crate::content::upload::UploadId;

/// Where the hints are of catalogs that do not keep namespaces apart: no namespace is written so.
const TOGETHER: &str = "_";

impl ArtifactId {
    /// The artifact of this type and name in a namespace of a catalog: a UUID of version 8 (RFC 9562
    /// section 5.8), made of what those four hash to.
    #[must_use]
    pub fn of(catalog: &str, namespace: &str, kind: &str, name: &str) -> Self {
        let mut hash = Sha256::new();
        for text in [catalog, namespace, kind, name] {
            // Lengths come first, so that no two lists of texts are hashed alike.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let [bytes @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// Reads a UUID in any of its forms: with dashes or without, in either case, in braces, as a URN.
    /// None: the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

/// 36 characters in lower case.
impl fmt::Display for ArtifactId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(formatter)
    }
}

impl<O> Catalog<'_, O> {
    /// Where bytes come from that were uploaded, unless the client says something else.
    #[must_use]
    pub fn default_source(namespace: &str, name: &str) -> String {
        format!("sf://upload/{namespace}/{name}")
    }

    pub(super) fn artifact_id(&self, namespace: &str, kind: &str, name: &str) -> ArtifactId {
        ArtifactId::of(self.name, namespace, kind, name)
    }

    pub(super) fn artifact_key(&self, namespace: &str, id: ArtifactId) -> WritableKey {
        self.key(&format!("artifacts/{}/{id}", segment(namespace)))
    }

    pub(super) fn pointer_key(&self, id: ArtifactId) -> WritableKey {
        self.key(&format!("shared/{id}"))
    }

    pub(super) fn blob_key(&self, id: UploadId) -> WritableKey {
        self.key(&format!("blobs/{id}"))
    }

    /// Where the hint is for a digest of a blob of this namespace.
    pub(super) fn hint_key(&self, namespace: &str, digest: &AnyDigest) -> WritableKey {
        let [apart, together] = self.hint_keys(namespace, digest);
        if self.isolated { apart } else { together }
    }

    /// Where it is if namespaces are kept apart, and where if they are not.
    pub(super) fn hint_keys(&self, namespace: &str, digest: &AnyDigest) -> [WritableKey; 2] {
        let algorithm = digest.algorithm().name();
        [segment(namespace).as_str(), TOGETHER]
            .map(|place| self.key(&format!("digests/{place}/{algorithm}/{digest}")))
    }

    /// What the keys of all artifacts begin with, or of those of one namespace.
    pub(super) fn artifacts_prefix(&self, namespace: Option<&str>) -> String {
        let folder = namespace.map(|name| segment(name) + "/").unwrap_or_default();
        format!("{CATALOG}{}/artifacts/{folder}", self.name)
    }

    pub(super) fn pointers_prefix(&self) -> String {
        format!("{CATALOG}{}/shared/", self.name)
    }

    pub(super) fn blobs_prefix(&self) -> String {
        format!("{CATALOG}{}/blobs/", self.name)
    }

    fn key(&self, rest: &str) -> WritableKey {
        WritableKey::of_books(CATALOG, &[self.name, "/", rest].concat())
    }
}

/// The namespace and the name in what comes after `artifacts/` in a key.
pub(super) fn parse_artifact(rest: &str) -> Option<(String, ArtifactId)> {
    let (folder, id) = rest.split_once('/')?;
    let namespace = namespace_of(folder)?;
    ArtifactId::parse(id).filter(|parsed| parsed.to_string() == id).map(|id| (namespace, id))
}

/// A namespace as one segment of a key, which no other namespace has: letters, digits, `-`, and `.`
/// but in the first place, stand for themselves, and other bytes are `_` and two digits.
fn segment(namespace: &str) -> String {
    let mut segment = String::with_capacity(namespace.len() + 8);
    for (place, byte) in namespace.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || (byte == b'.' && place > 0) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("_{byte:02x}"));
        }
    }
    segment
}

/// The namespace whose segment this is.
fn namespace_of(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'_' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    let namespace = String::from_utf8(bytes).ok()?;
    (segment(&namespace) == text).then_some(namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_namespaces_have_one_segment() {
        let names =
            ["a", "A", "a.b", ".", "..", "a_2e", "a_", "_", "%2e", "Zoë", " ", "a b", "sha1"];
        for name in names {
            let text = segment(name);
            let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            assert!(text.bytes().all(is_safe) && !text.starts_with('.'), "{text}");
            assert_eq!(namespace_of(&text).as_deref(), Some(name));
            assert_ne!(text, TOGETHER);
        }
        for text in ["_", "_6", "_61", "_2E", "_2f_", ".a", "_ff", "a/b", "_+1", "Zoë"] {
            assert_eq!(namespace_of(text), None, "{text}");
        }
        assert!(segment(&"é".repeat(127)).len() <= 765);
    }

    #[test]
    fn ids_are_of_whole_texts() {
        let id = ArtifactId::of("c", "acme", "image", "disk");
        for other in [
            ArtifactId::of("ca", "cme", "image", "disk"),
            ArtifactId::of("c", "acmei", "mage", "disk"),
            ArtifactId::of("c", "acme", "imagedisk", ""),
            ArtifactId::of("c", "acme", "other", "disk"),
        ] {
            assert_ne!(id, other);
        }
        let text = id.to_string();
        assert_eq!((text.len(), &text[14..15]), (36, "8"));
        for form in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}")] {
            assert_eq!(ArtifactId::parse(&form), Some(id));
        }
        assert_eq!(ArtifactId::parse("disk"), None);
        assert_eq!(parse_artifact(&format!("acme/{text}")), Some(("acme".to_owned(), id)));
        assert_eq!(parse_artifact(&format!("acme/{}", text.to_uppercase())), None);
    }
}
