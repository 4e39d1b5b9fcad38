//! What storage says of an object in the head of an answer.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::content::filename::Filename;

const FILENAME: HeaderName = HeaderName::from_static("x-amz-meta-filename");
const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");
const CHECKSUM_TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");

/// The metadata of [`Annotations`], in the order of its fields.
const ANNOTATIONS: [&str; 6] = [
    "x-amz-meta-artifact-tag",
    "x-amz-meta-artifact-duration",
    "x-amz-meta-artifact-sha",
    "x-amz-meta-artifact-dirty-hash",
    "x-amz-meta-unixfs",
    "x-amz-meta-filename",
];

/// What is kept beside an object. What a build cache says of an entry means nothing here: what comes
/// back is what was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// A signature of the client over the entry.
    pub tag: Option<HeaderValue>,
    /// How long it took to make the entry.
    pub duration: Option<HeaderValue>,
    /// The commit it was made of.
    pub sha: Option<HeaderValue>,
    /// What was not committed then.
    pub dirty_hash: Option<HeaderValue>,
    /// How a graph is made of a file, as text.
    pub unixfs: Option<HeaderValue>,
    /// The name to save it under, in the form of [`Filename::to_metadata`]. What is read of it is
    /// [`ObjectHead::filename`].
    pub filename: Option<HeaderValue>,
}

impl Annotations {
    fn read(headers: &HeaderMap) -> Self {
        let [tag, duration, sha, dirty_hash, unixfs, _] =
            ANNOTATIONS.map(|name| headers.get(name).cloned());
        Self { tag, duration, sha, dirty_hash, unixfs, filename: None }
    }

    /// As the metadata of an object: names and values.
    pub fn metadata(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { tag, duration, sha, dirty_hash, unixfs, filename } = self;
        let values = [tag, duration, sha, dirty_hash, unixfs, filename];
        let texts = values.map(|value| value.as_ref().and_then(|value| value.to_str().ok()));
        ANNOTATIONS.into_iter().zip(texts).filter_map(|(name, text)| Some((name, text?)))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The facts of an object that concern a client.
#[derive(Clone, Debug, Default)]
pub struct ObjectHead {
    /// Size of the whole object in bytes.
    pub size: u64,
    /// `Content-Type`, as stored.
    pub content_type: Option<HeaderValue>,
    /// `ETag`: which bytes these are, as far as storage tells. No digest of them.
    pub etag: Option<HeaderValue>,
    /// `Last-Modified`, as stored.
    pub last_modified: Option<HeaderValue>,
    /// The name to save it under, from `x-amz-meta-filename`.
    pub filename: Option<Filename>,
    /// Base64 of the SHA-256 of the whole object, where storage keeps one.
    pub checksum_sha256: Option<HeaderValue>,
    /// What is kept beside it.
    pub annotations: Annotations,
}

impl ObjectHead {
    /// Reads the headers of an answer to HEAD or GET. `size` is the size of the whole object,
    /// which a partial answer gives in `Content-Range` only.
    #[must_use]
    pub fn read(headers: &HeaderMap, size: u64) -> Self {
        // A checksum of checksums of parts says nothing about the whole (AWS, "Checking object
        // integrity"); it is marked by its type, or by a dash and the number of parts.
        let composite = headers.get(CHECKSUM_TYPE).is_some_and(|kind| kind != "FULL_OBJECT");
        Self {
            size,
            content_type: headers.get(header::CONTENT_TYPE).cloned(),
            etag: headers.get(header::ETAG).cloned(),
            last_modified: headers.get(header::LAST_MODIFIED).cloned(),
            filename: headers
                .get(FILENAME)
                .and_then(|value| Filename::from_metadata(value.as_bytes())),
            checksum_sha256: headers.get(CHECKSUM).filter(|_| !composite).cloned(),
            annotations: Annotations::read(headers),
        }
    }

    /// The same facts in memory of their own. Values as they were read share the buffer of the
    /// whole answer's head, which would live as long as they are remembered.
    #[must_use]
    pub fn detached(self) -> Self {
        let copy = |value: HeaderValue| HeaderValue::from_bytes(value.as_bytes()).ok();
        Self {
            content_type: self.content_type.and_then(copy),
            etag: self.etag.and_then(copy),
            last_modified: self.last_modified.and_then(copy),
            checksum_sha256: self.checksum_sha256.and_then(copy),
            annotations: Annotations {
                tag: self.annotations.tag.and_then(copy),
                duration: self.annotations.duration.and_then(copy),
                sha: self.annotations.sha.and_then(copy),
                dirty_hash: self.annotations.dirty_hash.and_then(copy),
                unixfs: self.annotations.unixfs.and_then(copy),
                filename: self.annotations.filename.and_then(copy),
            },
            ..self
        }
    }
}

/// `Content-Length` of an answer: None where it is absent or no number.
#[must_use]
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `Content-Range` of a 206: first offset, length and size of the whole.
#[must_use]
pub fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, size) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size) =
        (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first, last - first + 1, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        for (value, expected) in [
            ("bytes 0-9/10", Some((0, 10, 10))),
            ("bytes 5-5/10", Some((5, 1, 10))),
            ("bytes 5-4/10", None),
            ("bytes 5-10/10", None),
            ("bytes 5-9/*", None),
            ("bytes */10", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_RANGE, HeaderValue::from_static(value));
            assert_eq!(content_range(&headers), expected, "{value}");
        }
    }

    #[test]
    fn a_checksum_of_parts_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert(CHECKSUM, HeaderValue::from_static("abc="));
        assert!(ObjectHead::read(&headers, 1).checksum_sha256.is_some());
        headers.insert(CHECKSUM_TYPE, HeaderValue::from_static("COMPOSITE"));
        assert!(ObjectHead::read(&headers, 1).checksum_sha256.is_none());
    }
}
