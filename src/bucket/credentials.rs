//! What the gateway proves its identity to the bucket with.

use std::fmt;
use std::time::SystemTime;

/// One set of S3 credentials, long-lived or temporary.
///
/// The `Debug` form never contains the secret or the session token, so it may be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Public half; appears in every signature and in presigned URLs.
    pub access_key_id: String,
    /// Secret half; never leaves the process.
    pub secret_access_key: String,
    /// Present for temporary credentials only; sent with every request they sign.
    pub session_token: Option<String>,
    /// When the bucket stops accepting these credentials; `None` for long-lived ones.
    pub expires: Option<SystemTime>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"***")
            .field("session_token", &self.session_token.as_ref().map(|_| "***"))
            .field("expires", &self.expires)
            .finish()
    }
}
