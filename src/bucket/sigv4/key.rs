//! The signing key: four HMACs that change once a day, kept between requests.

use super::timestamp::Timestamp;
use crate::bucket::credentials::Credentials;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::{PoisonError, RwLock};

/// HMAC-SHA256, keyed and ready for a message.
pub(super) type HmacSha256 = Hmac<Sha256>;

/// The most recently derived signing key of one region and service.
///
/// One entry is enough: a gateway signs with one set of credentials on one day. When either
/// changes, the first request that brings the new one replaces the entry.
#[derive(Default)]
pub(super) struct SigningKeyCache(RwLock<Option<CachedKey>>);

struct CachedKey {
    date: String,
    access_key_id: String,
    /// Part of the comparison because self-hosted stores let an operator change the secret behind
    /// an access key id.
    secret_access_key: String,
    /// Already keyed, which saves the two compressions of the padded key on every request.
    mac: HmacSha256,
}

impl CachedKey {
    fn is_for(&self, credentials: &Credentials, timestamp: &Timestamp) -> bool {
        self.date == timestamp.date()
            && self.access_key_id == credentials.access_key_id
            && self.secret_access_key == credentials.secret_access_key
    }
}

impl SigningKeyCache {
    /// The HMAC to sign with on the day of `timestamp`.
    pub(super) fn signing_mac(
        &self,
        credentials: &Credentials,
        timestamp: &Timestamp,
        region: &str,
        service: &str,
    ) -> HmacSha256 {
        // An entry is replaced as a whole, so a poisoned lock cannot hold half of one.
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = current.as_ref()
            && cached.is_for(credentials, timestamp)
        {
            return cached.mac.clone();
        }
        drop(current);

        let mac = derive(&credentials.secret_access_key, timestamp.date(), region, service);
        let derived = CachedKey {
            date: timestamp.date().to_owned(),
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
            mac: mac.clone(),
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(derived);
        mac
    }
}

/// `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")`, keyed.
///
/// Source: AWS General Reference, "Create a signed AWS API request", step 3.
fn derive(secret_access_key: &str, date: &str, region: &str, service: &str) -> HmacSha256 {
    let mut secret = String::with_capacity(4 + secret_access_key.len());
    secret.push_str("AWS4");
    secret.push_str(secret_access_key);

    let mut mac = keyed(secret.as_bytes());
    for message in [date, region, service, "aws4_request"] {
        mac.update(message.as_bytes());
        mac = keyed(&mac.finalize().into_bytes());
    }
    mac
}

#[expect(clippy::expect_used, reason = "RFC 2104 takes keys of every length")]
fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC is defined for keys of every length")
}
