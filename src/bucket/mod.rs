//! One bucket: how to reach it, how to sign for it, what its answers mean.
//!
//! A request to storage is built here from nothing, out of a method, a [`Key`], a range, and what a
//! dialect says is to be kept beside an object. No header, path byte or framing of a client's request
//! is an input.

pub mod answer;
pub mod clock;
pub mod control;
pub mod credentials;
pub mod endpoint;
pub mod fitness;
pub mod list;
pub mod memory;
pub mod object;
pub mod objects;
pub mod sigv4;
pub mod write;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::config::{self, ForbiddenMeans};
use crate::content::layout::Key;
use crate::error::{Error, Kind};
use crate::telemetry::credentials::BucketCredentialsMetrics;
use crate::telemetry::storage::BucketMetrics;
use clock::StorageClock;
use credentials::Credentials;
use credentials::source::Source;
use endpoint::{Endpoint, Origin};
use fitness::Fitness;
use memory::ObjectMemory;
use object::ObjectHead;
use sigv4::{CanonicalQuery, Payload, PresignError, Request, Signer};

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
    pub addressing: config::Addressing,
    /// The server as configured, without a bucket name in front of its host.
    pub server: Origin,
    /// Where our own requests go.
    pub endpoint: Arc<Endpoint>,
    /// Where presigned URLs point to.
    pub public: Origin,
    /// `/` or `/bucket/`, already percent-encoded.
    pub path_prefix: String,
    /// Where the credentials come from, as configured.
    pub credentials_setting: config::Credentials,
    /// Who signs.
    pub credentials: Arc<Source>,
    /// What time it is in storage.
    pub clock: Arc<StorageClock>,
    /// The meaning of a 403 to our own signature.
    pub forbidden_means: ForbiddenMeans,
    /// The age at which a multipart upload counts as abandoned.
    pub abandoned_uploads_after: Duration,
    /// What it was seen to be fit for.
    pub fitness: Arc<Fitness>,
    /// Objects known to exist.
    pub objects: ObjectMemory,
    /// Keeps the signing key of the day.
    pub signer: Signer,
    /// This bucket's counters.
    pub metrics: BucketMetrics,
    /// The counters of its credentials and its clock.
    pub credentials_metrics: BucketCredentialsMetrics,
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
    /// When, by the clock of storage.
    pub time: SystemTime,
}

/// A URL anyone may use for a while.
#[derive(Debug)]
pub struct PresignedUrl {
    /// The URL.
    pub url: String,
    /// For how long, from the time it was made.
    pub life: Duration,
}

/// A read of one object, not yet signed. Only a grant opens a [`Key`].
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// Whether the bytes are wanted too: GET instead of HEAD.
    pub with_body: bool,
    /// The object.
    pub key: &'a Key,
    /// The value of `Range`.
    pub range: Option<&'a str>,
    /// The value of `If-Match`: the entity tag that the object must have.
    pub if_match: Option<&'a str>,
    /// Ask for the stored checksum (`x-amz-checksum-mode`).
    pub checksum: bool,
}

impl<'a> Read<'a> {
    /// A GET of the whole object, whatever it is now.
    #[must_use]
    pub const fn get(key: &'a Key) -> Self {
        Self { with_body: true, key, range: None, if_match: None, checksum: false }
    }

    /// A HEAD of the object.
    #[must_use]
    pub const fn head(key: &'a Key) -> Self {
        Self { with_body: false, ..Self::get(key) }
    }
}

/// What is signed, whatever it is about.
struct Ask<'a> {
    method: Method,
    /// Percent-encoded.
    path: String,
    query: &'a CanonicalQuery,
    headers: &'a [(&'static str, &'a str)],
    payload: Payload,
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
            && self.credentials_setting == other.credentials_setting
            && self.credentials.fixed_credentials() == other.credentials.fixed_credentials()
            && self.forbidden_means == other.forbidden_means
            && self.abandoned_uploads_after == other.abandoned_uploads_after
            && self.objects.capacity() == other.objects.capacity()
    }

    /// Takes from an earlier bucket of the same name what is still true of this one. Neither DNS nor
    /// whoever has the credentials need answer just now.
    pub fn inherit(&mut self, earlier: &Self) {
        if self.endpoint.is_same(&earlier.endpoint) {
            self.endpoint = Arc::clone(&earlier.endpoint);
        }
        if self.server == earlier.server {
            self.clock = Arc::clone(&earlier.clock);
            if self.bucket == earlier.bucket {
                self.fitness = Arc::clone(&earlier.fitness);
            }
        }
        // Those of a chain; fixed ones were read again.
        if self.credentials_setting == earlier.credentials_setting
            && self.region == earlier.region
            && self.credentials.fixed_credentials().is_none()
            && earlier.credentials.fixed_credentials().is_none()
        {
            self.credentials = Arc::clone(&earlier.credentials);
        }
    }

    /// Signs a GET or HEAD of one object, for the clock of storage when ours is at `now`.
    ///
    /// # Errors
    /// A header value cannot be carried by HTTP, which is a defect of the configured credentials.
    pub fn sign_read(
        &self,
        read: &Read<'_>,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Signed, Error> {
        let method = if read.with_body { Method::GET } else { Method::HEAD };
        let mut extra: [(&'static str, &str); 3] = [("", ""); 3];
        let mut count = 0;
        for (name, value) in [
            ("if-match", read.if_match),
            ("range", read.range),
            ("x-amz-checksum-mode", read.checksum.then_some("ENABLED")),
        ] {
            if let Some(value) = value {
                extra[count] = (name, value);
                count += 1;
            }
        }
        let ask = Ask {
            method,
            path: self.path(read.key),
            query: &CanonicalQuery::default(),
            headers: &extra[..count],
            payload: Payload::Empty,
        };
        self.sign(ask, credentials, now)
    }

    fn sign(
        &self,
        ask: Ask<'_>,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Signed, Error> {
        let Ask { method, path, query, headers: extra, payload } = ask;
        let time = self.clock.at(now);
        let host = self.endpoint.authority.as_str();
        let request =
            Request { method: method.as_str(), host, path: &path, query, headers: extra, payload };
        let signature = self.signer.sign(credentials, &request, time);

        let mut headers = HeaderMap::with_capacity(8 + extra.len());
        let own = [("host", host)].into_iter().chain(extra.iter().copied());
        for (name, value) in own.chain(signature.iter()) {
            headers.insert(HeaderName::from_static(name), header_value(value)?);
        }
        let target = match query.is_empty() {
            true => path,
            false => request.target().into_owned(),
        };
        Ok(Signed { method, target, headers, endpoint: Arc::clone(&self.endpoint), time })
    }

    /// A URL for a GET of one object, saved under the object's own name. It lives no longer than
    /// what it is signed with.
    ///
    /// # Errors
    /// There are no credentials that have not ended.
    pub async fn presign_download(
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
        let time = self.clock.at(now);
        let credentials = self.credentials.lasting(life, time).await?;
        let presigned =
            self.signer.presign(&credentials, &request, life, time).map_err(|error| {
                let kind = match error {
                    PresignError::CredentialsExpired => Kind::StorageUnavailable,
                    PresignError::LifetimeTooShort => Kind::StorageFailed,
                };
                let source = Some(Box::new(error).into());
                Error::Storage { kind, detail: "cannot presign".into(), source }
            })?;
        let scheme = if self.public.tls { "https://" } else { "http://" };
        let url = [scheme, &host, &presigned.target].concat();
        Ok(PresignedUrl { url, life: presigned.expires_in })
    }

    /// Keeps the credentials fresh until dropped; `clock` is ours.
    pub async fn keep_fresh(&self, clock: impl Fn() -> SystemTime) {
        self.credentials.keep_fresh(|| self.clock.at(clock())).await;
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
