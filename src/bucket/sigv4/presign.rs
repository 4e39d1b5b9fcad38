//! Presigned URLs: the signature in the query, for whoever holds the URL.

use super::canonical::{SignedHeaderList, canonical_request};
use super::encoding::{encode_query_component, push_hex};
use super::timestamp::Timestamp;
use super::{ALGORITHM, Request, SCOPE_END, Signer, UNSIGNED_PAYLOAD};
use crate::bucket::credentials::Credentials;
use std::fmt;
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// The longest life S3 allows a presigned URL, in whole seconds: seven days.
pub const PRESIGNED_SECONDS_MAX: u64 = 7 * 86_400;

/// A request target that anyone may use until it expires.
///
/// The `Debug` form leaves the query out, since whoever reads the signature there may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Presigned {
    /// Path and query, to be sent to the host that was signed.
    pub target: String,
    /// How long the bucket accepts the target, counted from the moment it was signed at. Never
    /// longer than asked for; shorter when the credentials end or seven days pass before that.
    pub expires_in: Duration,
}

impl fmt::Debug for Presigned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        formatter
            .debug_struct("Presigned")
            .field("target", &format_args!("{path}?***"))
            .field("expires_in", &self.expires_in)
            .finish()
    }
}

/// Why no presigned URL was made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PresignError {
    /// The credentials have ended, or end within the second. New ones help.
    #[error("the credentials have expired")]
    CredentialsExpired,
    /// The lifetime asked for is below one second, which S3 refuses.
    #[error("a presigned URL must be valid for at least one second")]
    LifetimeTooShort,
}

impl Signer {
    /// Makes a URL that carries its own permission to do `request`.
    ///
    /// Signed are the method, the path, the query, `host` and `request.headers`; the user of the
    /// URL must send those headers unchanged. The payload is not signed, whatever
    /// `request.payload` says. The life is the least of `expires_in`, what the credentials have
    /// left and [`PRESIGNED_SECONDS_MAX`], cut to whole seconds.
    ///
    /// Source: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters".
    pub fn presign(
        &self,
        credentials: &Credentials,
        request: &Request<'_>,
        expires_in: Duration,
        now: SystemTime,
    ) -> Result<Presigned, PresignError> {
        let seconds = lifetime_seconds(credentials, expires_in, now)?;
        let timestamp = Timestamp::new(now);
        let target =
            self.presigned_target(credentials, request, seconds, &timestamp, UNSIGNED_PAYLOAD);
        Ok(Presigned { target, expires_in: Duration::from_secs(seconds) })
    }

    /// Path and query with the signature as the last parameter.
    pub(super) fn presigned_target(
        &self,
        credentials: &Credentials,
        request: &Request<'_>,
        seconds: u64,
        timestamp: &Timestamp,
        payload_hash: &str,
    ) -> String {
        let headers = SignedHeaderList::new(&[("host", request.host)], request.headers);
        let token_length = credentials.session_token.as_ref().map_or(0, |it| 3 * it.len());
        let query_length = request.query.as_str().len();
        // 384 bytes hold the parameters of usual length; more only costs a second allocation.
        let mut target =
            String::with_capacity(request.path.len() + query_length + token_length + 384);
        target.push_str(request.path);
        target.push('?');
        let query_start = target.len();
        self.push_presigned_query(credentials, request, seconds, timestamp, &headers, &mut target);

        let canonical = canonical_request(request, &target[query_start..], &headers, payload_hash);
        let signature = self.signature(credentials, timestamp, &canonical);
        target.push_str("&X-Amz-Signature=");
        push_hex(&signature, &mut target);
        target
    }

    /// Appends the request's own parameters and the ones of the signature, in canonical order.
    fn push_presigned_query(
        &self,
        credentials: &Credentials,
        request: &Request<'_>,
        seconds: u64,
        timestamp: &Timestamp,
        headers: &SignedHeaderList<'_>,
        out: &mut String,
    ) {
        let mut own = request.query.pairs().peekable();
        // Both sides are sorted by name, so one pass merges them.
        let mut open = |name: &str, out: &mut String| {
            while let Some((own_name, value)) = own.next_if(|pair| pair.0 < name) {
                push_pair(own_name, value, out);
            }
            push_name(name, out);
        };
        open("X-Amz-Algorithm", out);
        out.push_str(ALGORITHM);
        open("X-Amz-Credential", out);
        encode_query_component(&credentials.access_key_id, out);
        for part in [timestamp.date(), &self.region, &self.service, SCOPE_END] {
            out.push_str("%2F");
            encode_query_component(part, out);
        }
        open("X-Amz-Date", out);
        out.push_str(timestamp.as_str());
        open("X-Amz-Expires", out);
        out.push_str(&seconds.to_string());
        if let Some(token) = &credentials.session_token {
            open("X-Amz-Security-Token", out);
            encode_query_component(token, out);
        }
        open("X-Amz-SignedHeaders", out);
        let mut names = String::new();
        headers.push_names(&mut names);
        encode_query_component(&names, out);
        for (name, value) in own {
            push_pair(name, value, out);
        }
    }
}

fn push_name(name: &str, out: &mut String) {
    if !out.ends_with('?') {
        out.push('&');
    }
    out.push_str(name);
    out.push('=');
}

fn push_pair(name: &str, value: &str, out: &mut String) {
    push_name(name, out);
    out.push_str(value);
}

fn lifetime_seconds(
    credentials: &Credentials,
    expires_in: Duration,
    now: SystemTime,
) -> Result<u64, PresignError> {
    let asked = expires_in.as_secs().min(PRESIGNED_SECONDS_MAX);
    if asked == 0 {
        return Err(PresignError::LifetimeTooShort);
    }
    let Some(expires) = credentials.expires else {
        return Ok(asked);
    };
    // An end in the past is an error of `duration_since`, and means that nothing is left.
    match expires.duration_since(now).unwrap_or_default().as_secs() {
        0 => Err(PresignError::CredentialsExpired),
        left => Ok(asked.min(left)),
    }
}
