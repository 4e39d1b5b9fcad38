//! Requests that change a bucket: whole objects, and objects in parts.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, header};
use memchr::memmem;

use super::control::conditional::TagForm;
use super::credentials::Credentials;
use super::object::Annotations;
use super::objects::Expected;
use super::sigv4::{self, CanonicalQuery, Payload};
use super::{Ask, Bucket, Signed, answer};
use crate::config::ForbiddenMeans;
use crate::content::digest::Sha256Digest;
use crate::content::layout::{Key, WritableKey};
use crate::error::{Error, Kind};

/// What entries are stored as, whatever a client calls them.
const CONTENT_TYPE: &str = "application/octet-stream";

/// The largest object that one PUT may make, in bytes (AWS, "Amazon S3 multipart upload limits").
pub const PUT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// The most parts of one object (the same).
pub const PARTS_MAX: u64 = 10_000;

/// The least size of a part that is not the last (the same).
pub const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

/// The name of a multipart upload, as storage chose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadId(Box<str>);

/// A part that storage has.
#[derive(Clone, Debug)]
pub struct Part {
    /// From 1 on.
    pub number: u64,
    etag: HeaderValue,
}

/// A write of one object, not yet signed. Only a grant opens a [`WritableKey`].
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The object.
    pub key: &'a WritableKey,
    /// What is done.
    pub step: Step<'a>,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// PutObject: the body is the object.
    Put {
        /// The length of the body in bytes.
        length: u64,
        /// What is kept beside it.
        annotations: &'a Annotations,
        /// The digest of the body, for storage to check and keep.
        digest: Option<&'a Sha256Digest>,
        /// Whether an object that is there stays.
        once: bool,
    },
    /// PutObject of a document, if what is there is as expected. Not to be sent a second time once
    /// storage may have its body: what was written the first time would be in the way.
    PutIf {
        /// The length of the body in bytes.
        length: u64,
        /// What has to be there.
        expected: Expected<'a>,
        /// How the bucket wants entity tags.
        tags: TagForm,
    },
    /// CreateMultipartUpload.
    Create {
        /// What is kept beside the object.
        annotations: &'a Annotations,
    },
    /// UploadPart: the body is the part.
    Part {
        /// The upload.
        upload: &'a UploadId,
        /// From 1 to [`PARTS_MAX`].
        number: u64,
        /// The length of the body in bytes.
        length: u64,
    },
    /// CompleteMultipartUpload: the body is the list of parts.
    Complete {
        /// The upload.
        upload: &'a UploadId,
        /// The length of the body in bytes.
        length: u64,
        /// Whether an object that is there stays.
        once: bool,
    },
    /// AbortMultipartUpload.
    Abort {
        /// The upload.
        upload: &'a UploadId,
    },
    /// CopyObject: another object of the bucket, of at most [`PUT_BYTES_MAX`], is the object.
    Copy {
        /// The other object.
        source: &'a Key,
        /// What is kept beside it, in place of what is kept beside the other.
        annotations: &'a Annotations,
    },
    /// UploadPartCopy: bytes of another object of the bucket are the part.
    CopyPart {
        /// The upload.
        upload: &'a UploadId,
        /// From 1 to [`PARTS_MAX`].
        number: u64,
        /// The other object.
        source: &'a Key,
        /// Its bytes, the first and the last.
        range: (u64, u64),
    },
    /// DeleteObject.
    Delete,
}

impl Step<'_> {
    /// Whether storage may say how it went long after it began to answer.
    #[must_use]
    pub const fn answers_late(&self) -> bool {
        self.result().is_some()
    }

    /// The element that an answer has if it went well, where its head comes before that is known, and
    /// so says nothing (AWS, "CompleteMultipartUpload", "CopyObject").
    const fn result(&self) -> Option<&'static str> {
        match self {
            Step::Complete { .. } => Some("CompleteMultipartUploadResult"),
            Step::Copy { .. } => Some("CopyObjectResult"),
            Step::CopyPart { .. } => Some("CopyPartResult"),
            Step::Put { .. }
            | Step::PutIf { .. }
            | Step::Create { .. }
            | Step::Part { .. }
            | Step::Abort { .. }
            | Step::Delete => None,
        }
    }
}

/// How a write ended that storage did not refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was done.
    Stored,
    /// Something else was there than was to be, and stays.
    AlreadyThere,
}

impl UploadId {
    /// Reads the answer to CreateMultipartUpload.
    ///
    /// # Errors
    /// It names no upload.
    pub fn read(document: &[u8]) -> Result<Self, Error> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte);
        answer::element_of(document, "UploadId", legal)
            .filter(|id| !id.is_empty())
            .map(|id| Self(id.into()))
            .ok_or_else(|| Error::storage(Kind::StorageFailed, "an upload began without a name"))
    }
}

impl Part {
    /// Reads the head of the answer to UploadPart.
    ///
    /// # Errors
    /// It has no entity tag.
    pub fn read(number: u64, headers: &HeaderMap) -> Result<Self, Error> {
        let etag = headers.get(header::ETAG).cloned();
        etag.map(|etag| Self { number, etag })
            .ok_or_else(|| Error::storage(Kind::StorageFailed, "a part was stored without a tag"))
    }

    /// Reads the body of the answer to UploadPartCopy.
    ///
    /// # Errors
    /// It has no entity tag.
    pub fn read_copy(number: u64, document: &[u8]) -> Result<Self, Error> {
        let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>');
        let etag = answer::element_of(document, "ETag", legal);
        etag.map(|etag| etag.replace("&quot;", "\"").replace("&#34;", "\"").replace("&amp;", "&"))
            .and_then(|etag| HeaderValue::try_from(etag).ok())
            .map(|etag| Self { number, etag })
            .ok_or_else(|| Error::storage(Kind::StorageFailed, "a part was copied without a tag"))
    }
}

/// The body of CompleteMultipartUpload.
#[must_use]
pub fn part_list(parts: &[Part]) -> String {
    let mut list = String::with_capacity(128 + parts.len() * 96);
    list.push_str("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for part in parts {
        let etag = part.etag.to_str().unwrap_or_default();
        let etag = etag.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let number = part.number;
        list.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        ));
    }
    list.push_str("</CompleteMultipartUpload>");
    list
}

/// What storage's answer to a write means. `document` is the beginning of its body: an answer to
/// CompleteMultipartUpload and to copies can begin as a success and be a failure (AWS,
/// "CompleteMultipartUpload", "CopyObject").
///
/// # Errors
/// Storage refused or failed. That a key or an upload is not there is a failure too: nobody asked
/// for it.
pub fn judge(step: &Step<'_>, status: StatusCode, document: &[u8]) -> Result<Written, Error> {
    let code = answer::code(document);
    let is_conditional = matches!(
        step,
        Step::Put { once: true, .. } | Step::PutIf { .. } | Step::Complete { once: true, .. }
    );
    if is_conditional && (status == StatusCode::PRECONDITION_FAILED || code == "PreconditionFailed")
    {
        return Ok(Written::AlreadyThere);
    }
    // What was to be replaced is gone (AWS, "Conditional writes").
    let replaces = matches!(step, Step::PutIf { expected: Expected::As(_), .. });
    if replaces && status == StatusCode::NOT_FOUND && code != "NoSuchBucket" {
        return Ok(Written::AlreadyThere);
    }
    if status.is_success() && code.is_empty() {
        return match step.result() {
            Some(result) if memmem::find(document, result.as_bytes()).is_none() => {
                let detail = format!("storage answered without {result}");
                Err(Error::storage(Kind::StorageFailed, detail))
            }
            _ => Ok(Written::Stored),
        };
    }
    // A success that is none says so by its code only.
    let status = match (status.is_success(), code) {
        (false, _) => status,
        (true, "SlowDown" | "ServiceUnavailable") => StatusCode::SERVICE_UNAVAILABLE,
        (true, _) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Err(match answer::error(status, &HeaderMap::new(), document, ForbiddenMeans::Denied) {
        // Two writes at the same time, one of which is to be repeated (AWS, "PutObject").
        Error::Storage { detail, .. } if status == StatusCode::CONFLICT => {
            Error::storage(Kind::StorageBusy, detail)
        }
        Error::NotFound(detail) => Error::storage(Kind::StorageFailed, detail),
        // The source of a copy is shorter than that.
        Error::RangeNotSatisfiable { .. } => {
            Error::storage(Kind::StorageFailed, format!("storage answered 416 {code}"))
        }
        error => error,
    })
}

impl Bucket {
    /// Signs a write, for the clock of storage when ours is at `now`. What its body is, the
    /// signature does not say; TLS protects it.
    ///
    /// # Errors
    /// A header value cannot be carried by HTTP, which is a defect of the configured credentials.
    pub fn sign_write(
        &self,
        write: &Write<'_>,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Signed, Error> {
        let step = &write.step;
        let (checksum, number, copied, bytes);
        let mut headers: Vec<(&'static str, &str)> = Vec::new();
        let (method, query, length) = match step {
            Step::Put { length, annotations, digest, once } => {
                headers.push(("content-type", CONTENT_TYPE));
                headers.extend(annotations.metadata());
                if let Some(digest) = digest {
                    checksum = STANDARD.encode(digest.as_bytes());
                    headers.push(("x-amz-checksum-sha256", &checksum));
                }
                headers.extend(once.then_some(("if-none-match", "*")));
                (Method::PUT, CanonicalQuery::default(), Some(*length))
            }
            Step::PutIf { length, expected, tags } => {
                headers.push(("content-type", CONTENT_TYPE));
                headers.push(match expected {
                    Expected::Absent => ("if-none-match", "*"),
                    Expected::As(tag) => ("if-match", tags.of(tag.as_str()?)),
                });
                (Method::PUT, CanonicalQuery::default(), Some(*length))
            }
            Step::Create { annotations } => {
                headers.push(("content-type", CONTENT_TYPE));
                headers.extend(annotations.metadata());
                (Method::POST, CanonicalQuery::new(&[("uploads", "")]), Some(0))
            }
            Step::Part { upload, number: part, length } => {
                number = part.to_string();
                let query = [("partNumber", number.as_str()), ("uploadId", &upload.0)];
                (Method::PUT, CanonicalQuery::new(&query), Some(*length))
            }
            Step::Complete { upload, length, once } => {
                headers.push(("content-type", "application/xml"));
                headers.extend(once.then_some(("if-none-match", "*")));
                (Method::POST, CanonicalQuery::new(&[("uploadId", &upload.0)]), Some(*length))
            }
            Step::Abort { upload } => {
                (Method::DELETE, CanonicalQuery::new(&[("uploadId", &upload.0)]), None)
            }
            Step::Copy { source, annotations } => {
                copied = self.copy_source(source);
                headers.push(("content-type", CONTENT_TYPE));
                headers.extend(annotations.metadata());
                headers.push(("x-amz-copy-source", &copied));
                headers.push(("x-amz-metadata-directive", "REPLACE"));
                (Method::PUT, CanonicalQuery::default(), Some(0))
            }
            Step::CopyPart { upload, number: part, source, range: (first, last) } => {
                (copied, bytes) = (self.copy_source(source), format!("bytes={first}-{last}"));
                headers.push(("x-amz-copy-source", &copied));
                headers.push(("x-amz-copy-source-range", &bytes));
                number = part.to_string();
                let query = [("partNumber", number.as_str()), ("uploadId", &upload.0)];
                (Method::PUT, CanonicalQuery::new(&query), Some(0))
            }
            Step::Delete => (Method::DELETE, CanonicalQuery::default(), None),
        };
        let payload = match length {
            None | Some(0) => Payload::Empty,
            Some(_) => Payload::Unsigned,
        };
        let path = self.path(write.key.key());
        let ask = Ask { method, path, query: &query, headers: &headers, payload };
        let mut signed = self.sign(ask, credentials, now)?;
        if let Some(length) = length {
            signed.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        Ok(signed)
    }
}

impl Bucket {
    /// Another object of the bucket, as copies name it, whatever form URLs have.
    fn copy_source(&self, key: &Key) -> String {
        let mut source = format!("/{}/", self.bucket);
        sigv4::encode_key_path(key.as_str(), &mut source);
        source
    }
}

impl Signed {
    /// Asks storage to say whether it wants the body before it is sent (RFC 9110 section 10.1.1).
    pub fn expect_continue(&mut self) {
        const EXPECT: HeaderName = header::EXPECT;
        self.headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
    }
}

#[cfg(test)]
mod tests;
