//! AWS Signature Version 4 for S3: pure functions of the request, the credentials and the time.
//!
//! A request is signed either with headers ([`Signer::sign`]) or with query parameters
//! ([`Signer::presign`]). Unlike other services, S3 neither normalises the path nor encodes it a
//! second time, so what is signed is byte for byte what is sent: [`encode_key_path`] makes the
//! path, [`CanonicalQuery`] the query and [`Request::target`] both together.
//!
//! Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)".

mod canonical;
mod encoding;
mod key;
mod presign;
mod query;
#[cfg(test)]
mod tests;
mod timestamp;

pub use encoding::{encode_key_path, encode_query_component};
pub use presign::{PRESIGNED_SECONDS_MAX, PresignError, Presigned};
pub use query::CanonicalQuery;

use crate::bucket::credentials::Credentials;
use canonical::{SignedHeaderList, canonical_request};
use encoding::push_hex;
use hmac::Mac;
use key::SigningKeyCache;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;
use timestamp::Timestamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SCOPE_END: &str = "aws4_request";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// SHA-256 of no bytes.
const EMPTY_PAYLOAD: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The HTTP method, in upper case.
    pub method: &'a str,
    /// The `Host` header as it will be sent: with the port unless it is the default one.
    pub host: &'a str,
    /// The absolute path, already encoded; see [`encode_key_path`].
    pub path: &'a str,
    /// The query, which is also the query to send.
    pub query: &'a CanonicalQuery,
    /// Further headers to sign, in the order they are sent. The names may be in any case.
    /// `host` and what the signer itself adds are covered without being named here.
    pub headers: &'a [(&'a str, &'a str)],
    /// What is promised about the body.
    pub payload: Payload,
}

impl<'a> Request<'a> {
    /// The request target to send: the path, and the query when there is one.
    pub fn target(&self) -> Cow<'a, str> {
        if self.query.is_empty() {
            return Cow::Borrowed(self.path);
        }
        Cow::Owned([self.path, "?", self.query.as_str()].concat())
    }
}

/// What a header signature says about the request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: the body may be anything. TLS has to protect it.
    Unsigned,
    /// There is no body.
    Empty,
    /// The body has this SHA-256; S3 refuses any other.
    Sha256([u8; 32]),
}

impl Payload {
    fn hash(self) -> Cow<'static, str> {
        match self {
            Self::Unsigned => Cow::Borrowed(UNSIGNED_PAYLOAD),
            Self::Empty => Cow::Borrowed(EMPTY_PAYLOAD),
            Self::Sha256(digest) => {
                let mut text = String::new();
                push_hex(&digest, &mut text);
                Cow::Owned(text)
            }
        }
    }
}

/// The headers that make a request a signed one. All of them must be sent, together with the
/// `host` and the headers of the [`Request`].
///
/// The `Debug` form contains neither the signature nor the session token.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedHeaders<'a> {
    /// `authorization`
    pub authorization: String,
    /// `x-amz-date`
    pub x_amz_date: String,
    /// `x-amz-content-sha256`
    pub x_amz_content_sha256: Cow<'static, str>,
    /// `x-amz-security-token`, when the credentials are temporary.
    pub x_amz_security_token: Option<&'a str>,
}

impl SignedHeaders<'_> {
    /// The headers as lower-case names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let always = [
            ("authorization", self.authorization.as_str()),
            ("x-amz-date", self.x_amz_date.as_str()),
            ("x-amz-content-sha256", self.x_amz_content_sha256.as_ref()),
        ];
        let token = self.x_amz_security_token.map(|it| ("x-amz-security-token", it));
        always.into_iter().chain(token)
    }
}

impl fmt::Debug for SignedHeaders<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SignedHeaders")
            .field("authorization", &"***")
            .field("x_amz_date", &self.x_amz_date)
            .field("x_amz_content_sha256", &self.x_amz_content_sha256)
            .field("x_amz_security_token", &self.x_amz_security_token.map(|_| "***"))
            .finish()
    }
}

/// Signs requests to one service in one region.
///
/// Share one signer between all requests: it keeps the signing key of the day, so that a signature
/// costs one hash of the request and one HMAC. Credentials are given to each call; changing them
/// at any time is correct.
pub struct Signer {
    region: String,
    service: String,
    signing_keys: SigningKeyCache,
}

impl Signer {
    /// A signer for S3 in `region`, e.g. `us-east-1`.
    pub fn new(region: impl Into<String>) -> Self {
        Self::for_service(region, "s3")
    }

    /// A signer for another name of the service, e.g. `s3express`. The rules stay those of S3.
    pub fn for_service(region: impl Into<String>, service: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            service: service.into(),
            signing_keys: SigningKeyCache::default(),
        }
    }

    /// Signs `request` with headers. The bucket accepts them for 15 minutes around `now`.
    pub fn sign<'a>(
        &self,
        credentials: &'a Credentials,
        request: &Request<'_>,
        now: SystemTime,
    ) -> SignedHeaders<'a> {
        let timestamp = Timestamp::new(now);
        let payload_hash = request.payload.hash();
        let token = credentials.session_token.as_deref();
        let required = [
            ("host", request.host),
            ("x-amz-content-sha256", payload_hash.as_ref()),
            ("x-amz-date", timestamp.as_str()),
            ("x-amz-security-token", token.unwrap_or_default()),
        ];
        let required = if token.is_some() { &required[..] } else { &required[..3] };
        let headers = SignedHeaderList::new(required, request.headers);
        let authorization =
            self.authorization(credentials, request, &headers, &payload_hash, &timestamp);
        SignedHeaders {
            authorization,
            x_amz_date: timestamp.into_string(),
            x_amz_content_sha256: payload_hash,
            x_amz_security_token: token,
        }
    }

    /// The value of the `authorization` header.
    fn authorization(
        &self,
        credentials: &Credentials,
        request: &Request<'_>,
        headers: &SignedHeaderList<'_>,
        payload_hash: &str,
        timestamp: &Timestamp,
    ) -> String {
        let canonical = canonical_request(request, request.query.as_str(), headers, payload_hash);
        let signature = self.signature(credentials, timestamp, &canonical);

        // 320 bytes hold the usual value; more headers only cost a second allocation.
        let mut value = String::with_capacity(320);
        value.push_str(ALGORITHM);
        value.push_str(" Credential=");
        value.push_str(&credentials.access_key_id);
        for part in [timestamp.date(), &self.region, &self.service, SCOPE_END] {
            value.push('/');
            value.push_str(part);
        }
        value.push_str(", SignedHeaders=");
        headers.push_names(&mut value);
        value.push_str(", Signature=");
        push_hex(&signature, &mut value);
        value
    }

    /// The HMAC of the string to sign, which is fed to it in pieces instead of being built.
    fn signature(
        &self,
        credentials: &Credentials,
        timestamp: &Timestamp,
        canonical_request: &str,
    ) -> [u8; 32] {
        let mut canonical_hash = String::new();
        push_hex(&Sha256::digest(canonical_request), &mut canonical_hash);

        let keys = &self.signing_keys;
        let mut mac = keys.signing_mac(credentials, timestamp, &self.region, &self.service);
        for piece in [ALGORITHM, "\n", timestamp.as_str(), "\n", timestamp.date()] {
            mac.update(piece.as_bytes());
        }
        for part in [&self.region, &self.service, SCOPE_END] {
            mac.update(b"/");
            mac.update(part.as_bytes());
        }
        mac.update(b"\n");
        mac.update(canonical_hash.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Signer")
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}
