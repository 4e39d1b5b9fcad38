//! Requests that change a bucket: whole objects, and objects in parts.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, header};
use memchr::memmem;

use super::credentials::Credentials;
use super::object::Annotations;
use super::sigv4::{CanonicalQuery, Payload};
use super::{Ask, Bucket, Signed, answer};
use crate::config::ForbiddenMeans;
use crate::content::digest::Sha256Digest;
use crate::content::layout::WritableKey;
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
}

/// How a write ended that storage did not refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was done.
    Stored,
    /// An object was there, and stays.
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
/// CompleteMultipartUpload can begin as a success and be a failure (AWS, "CompleteMultipartUpload").
///
/// # Errors
/// Storage refused or failed. That a key or an upload is not there is a failure too: nobody asked
/// for it.
pub fn judge(step: &Step<'_>, status: StatusCode, document: &[u8]) -> Result<Written, Error> {
    let code = answer::code(document);
    let once = matches!(step, Step::Put { once: true, .. } | Step::Complete { once: true, .. });
    if once && (status == StatusCode::PRECONDITION_FAILED || code == "PreconditionFailed") {
        return Ok(Written::AlreadyThere);
    }
    if status.is_success() && code.is_empty() {
        return match step {
            // The head of this answer comes before the work is done, so it says nothing.
            Step::Complete { .. } if !is_completed(document) => {
                let detail = "storage did not say that an upload is complete";
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
        error => error,
    })
}

fn is_completed(document: &[u8]) -> bool {
    memmem::find(document, b"CompleteMultipartUploadResult").is_some()
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
        let (checksum, number);
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
        };
        let payload = match length {
            None | Some(0) => Payload::Empty,
            Some(_) => Payload::Unsigned,
        };
        let key = write.key.key();
        let ask = Ask { method, key, query: &query, headers: &headers, payload };
        let mut signed = self.sign(ask, credentials, now)?;
        if let Some(length) = length {
            signed.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        Ok(signed)
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
mod tests {
    use super::*;

    #[test]
    fn an_upload_has_the_name_that_storage_gave_it() {
        let document = |id: &str| format!("<R><Bucket>b</Bucket><UploadId>{id}</UploadId></R>");
        for id in ["2~a-b_c.d", "abc+/=", "VXBsb2Fk.x--"] {
            assert_eq!(UploadId::read(document(id).as_bytes()).unwrap().0.as_ref(), id);
        }
        for id in ["", "a b", "a&amp;b", "a\"b"] {
            assert!(UploadId::read(document(id).as_bytes()).is_err(), "{id}");
        }
        assert!(UploadId::read(b"<R></R>").is_err());
    }

    #[test]
    fn parts_are_listed_with_the_tags_that_storage_gave() {
        let part = |number, etag| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ETAG, HeaderValue::from_static(etag));
            Part::read(number, &headers).unwrap()
        };
        let list = part_list(&[part(1, "\"a\""), part(2, "<&>")]);
        assert!(
            list.contains("<Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part>"),
            "{list}"
        );
        assert!(list.contains("<PartNumber>2</PartNumber><ETag>&lt;&amp;&gt;</ETag>"), "{list}");
        assert!(Part::read(1, &HeaderMap::new()).is_err());
    }

    #[test]
    fn answers_to_writes() {
        let upload = &UploadId("u".into());
        let put = |once| Step::Put {
            length: 1,
            annotations: const {
                &Annotations { tag: None, duration: None, sha: None, dirty_hash: None }
            },
            digest: None,
            once,
        };
        let complete = |once| Step::Complete { upload, length: 1, once };
        for (step, status, code, expected) in [
            (put(false), 200, "", Ok(Written::Stored)),
            (put(true), 200, "", Ok(Written::Stored)),
            (put(true), 412, "PreconditionFailed", Ok(Written::AlreadyThere)),
            (put(true), 412, "", Ok(Written::AlreadyThere)),
            (put(false), 412, "PreconditionFailed", Err(Kind::StorageFailed)),
            (put(true), 409, "ConditionalRequestConflict", Err(Kind::StorageBusy)),
            (put(false), 403, "AccessDenied", Err(Kind::StorageFailed)),
            (put(false), 404, "NoSuchBucket", Err(Kind::StorageFailed)),
            (put(false), 503, "SlowDown", Err(Kind::StorageBusy)),
            (put(false), 408, "RequestTimeout", Err(Kind::StorageTimeout)),
            (complete(false), 200, "InternalError", Err(Kind::StorageFailed)),
            (complete(false), 200, "SlowDown", Err(Kind::StorageBusy)),
            (complete(true), 200, "PreconditionFailed", Ok(Written::AlreadyThere)),
            (complete(false), 404, "NoSuchUpload", Err(Kind::StorageFailed)),
            (complete(false), 200, "", Err(Kind::StorageFailed)),
            (Step::Abort { upload }, 204, "", Ok(Written::Stored)),
        ] {
            let document = match code {
                "" => "<Result/>".to_owned(),
                code => format!("<Error><Code>{code}</Code></Error>"),
            };
            let status = StatusCode::from_u16(status).unwrap();
            let judged = judge(&step, status, document.as_bytes()).map_err(|error| error.kind());
            assert_eq!(judged, expected, "{status} {code}");
        }
        let document = b"<CompleteMultipartUploadResult xmlns=\"x\"><Key/>";
        let judged = judge(&complete(false), StatusCode::OK, document);
        assert_eq!(judged.ok(), Some(Written::Stored));
    }
}
