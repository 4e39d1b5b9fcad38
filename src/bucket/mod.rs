//! One bucket: how to reach it, how to sign for it, what its answers mean.
//!
//! A request to storage is built here from nothing, out of a method, a [`Key`] and a range. No
//! header, path byte or framing of a client's request is an input.

pub mod answer;
pub mod control;
pub mod credentials;
pub mod endpoint;
pub mod memory;
pub mod object;
pub mod sigv4;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::config::ForbiddenMeans;
use crate::content::layout::Key;
use crate::error::{Error, Kind};
use crate::telemetry::BucketMetrics;
use credentials::Credentials;
use endpoint::{Endpoint, Origin};
use memory::ObjectMemory;
use object::ObjectHead;
use sigv4::{CanonicalQuery, Payload, Request, Signer};

/// A bucket, ready to be used.
#[derive(Debug)]
pub struct Bucket {
    /// The name in the configuration, for logs and metrics.
    pub name: String,
    /// The bucket's name in storage.
    pub bucket: String,
    /// The region requests are signed for.
    pub region: String,
    /// Path style or virtual-host style.
    pub addressing: crate::config::Addressing,
    /// The server as configured, without a bucket name in front of its host.
    pub server: Origin,
    /// Where our own requests go.
    pub endpoint: Arc<Endpoint>,
    /// Where presigned URLs point to.
    pub public: Origin,
    /// `/` or `/bucket/`, already percent-encoded.
    pub path_prefix: String,
    /// Who signs.
    pub credentials: Credentials,
    /// The meaning of a 403 to our own signature.
    pub forbidden_means: ForbiddenMeans,
    /// Objects known to exist.
    pub objects: ObjectMemory,
    /// Keeps the signing key of the day.
    pub signer: Signer,
    /// This bucket's counters.
    pub metrics: BucketMetrics,
}

/// A signed request, ready to be sent to `endpoint`.
#[derive(Debug)]
pub struct Signed {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Every header, `Host` included.
    pub headers: HeaderMap,
    /// Where to.
    pub endpoint: Arc<Endpoint>,
}

/// A URL anyone may use for a while.
#[derive(Debug)]
pub struct PresignedUrl {
    /// The URL.
    pub url: String,
    /// For how long, from the time it was made.
    pub life: Duration,
}

/// What to ask storage for besides the object itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions<'a> {
    /// The value of `Range`.
    pub range: Option<&'a str>,
    /// Ask for the stored checksum (`x-amz-checksum-mode`).
    pub checksum: bool,
}

impl Bucket {
    /// Whether `other` is the same bucket, reached and signed for in the same way: what is known
    /// about the one then holds for the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.bucket == other.bucket
            && self.region == other.region
            && self.addressing == other.addressing
            && self.server == other.server
            && self.public == other.public
            && self.credentials == other.credentials
            && self.forbidden_means == other.forbidden_means
            && self.objects.capacity() == other.objects.capacity()
    }

    /// Signs a GET or HEAD of one object.
    ///
    /// # Errors
    /// A header value cannot be carried by HTTP, which is a defect of the configured credentials.
    pub fn sign_read(
        &self,
        method: Method,
        key: &Key,
        options: ReadOptions<'_>,
        now: SystemTime,
    ) -> Result<Signed, Error> {
        let host = self.endpoint.authority.as_str();
        let path = self.path(key);
        let mut extra: [(&'static str, &str); 2] = [("", ""); 2];
        let mut count = 0;
        for (name, value) in [
            ("range", options.range),
            ("x-amz-checksum-mode", options.checksum.then_some("ENABLED")),
        ] {
            if let Some(value) = value {
                extra[count] = (name, value);
                count += 1;
            }
        }
        let request = Request {
            method: method.as_str(),
            host,
            path: &path,
            query: &CanonicalQuery::default(),
            headers: &extra[..count],
            payload: Payload::Empty,
        };
        let signature = self.signer.sign(&self.credentials, &request, now);

        let mut headers = HeaderMap::with_capacity(8);
        let own = [("host", host)].into_iter().chain(extra[..count].iter().copied());
        for (name, value) in own.chain(signature.iter()) {
            headers.insert(HeaderName::from_static(name), header_value(value)?);
        }
        Ok(Signed { method, target: path, headers, endpoint: Arc::clone(&self.endpoint) })
    }

    /// A URL for a GET of one object, saved under the object's own name.
    ///
    /// # Errors
    /// The credentials have ended.
    pub fn presign_download(
        &self,
        key: &Key,
        content_disposition: &str,
        life: Duration,
        now: SystemTime,
    ) -> Result<PresignedUrl, Error> {
        let host = self.public.authority();
        let path = self.path(key);
        let query = CanonicalQuery::new(&[("response-content-disposition", content_disposition)]);
        let request = Request {
            method: "GET",
            host: &host,
            path: &path,
            query: &query,
            headers: &[],
            payload: Payload::Unsigned,
        };
        let presigned =
            self.signer.presign(&self.credentials, &request, life, now).map_err(|error| {
                Error::Storage {
                    kind: Kind::StorageFailed,
                    detail: "cannot presign".into(),
                    source: Some(Box::new(error)),
                }
            })?;
        let scheme = if self.public.tls { "https://" } else { "http://" };
        let url = [scheme, &host, &presigned.target].concat();
        Ok(PresignedUrl { url, life: presigned.expires_in })
    }

    fn path(&self, key: &Key) -> String {
        let mut path = String::with_capacity(self.path_prefix.len() + key.as_str().len() + 16);
        path.push_str(&self.path_prefix);
        sigv4::encode_key_path(key.as_str(), &mut path);
        path
    }

    /// Reads the head of an answer to a HEAD.
    ///
    /// # Errors
    /// Storage refused or failed, or the answer has no length.
    pub fn read_stat(&self, status: StatusCode, headers: &HeaderMap) -> Result<ObjectHead, Error> {
        if status != StatusCode::OK {
            return Err(answer::error(status, headers, b"", self.forbidden_means));
        }
        let size = object::content_length(headers).ok_or_else(|| {
            Error::storage(Kind::StorageFailed, "storage answered HEAD without a length")
        })?;
        Ok(ObjectHead::read(headers, size).detached())
    }
}

fn header_value(value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value)
        .map_err(|_| Error::Internal("a signed header has a value that HTTP cannot carry".into()))
}
