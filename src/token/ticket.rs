//! What a redirect to the gateway itself carries instead of the caller's token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Keys, Purpose};
use crate::error::Error;

/// How long a ticket is good for: long enough to follow a redirect. A download that has begun goes on.
pub const LIFE_MAX: Duration = Duration::from_secs(30);

/// Shorter ones are not made: a browser is told to follow after a second, and then needs a connection.
pub const LIFE_MIN: Duration = Duration::from_secs(5);

/// A grant for one path, as often as one likes until its end. Whoever has the URL has the content,
/// as with a presigned one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// The path of the request, as the client sent it.
    pub path: String,
    /// The last second, since 1970.
    exp: u64,
    /// Whose content it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// Where the caller's own entries are.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
}

impl Ticket {
    /// A ticket for a path that ends at `expires`.
    #[must_use]
    pub fn new(
        path: &str,
        expires: SystemTime,
        tenant: Option<&str>,
        namespace: Option<&str>,
    ) -> Self {
        let [tenant, namespace] = [tenant, namespace].map(|text| text.map(ToOwned::to_owned));
        Self { path: path.to_owned(), exp: seconds(expires), tenant, namespace }
    }

    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.exp)
    }

    /// The text for the URL.
    ///
    /// # Errors
    /// As [`Keys::seal`].
    pub fn seal(&self, keys: &Keys) -> Result<String, Error> {
        let message = serde_json::to_vec(self)
            .map_err(|_| Error::Internal("a ticket has no JSON form".into()))?;
        keys.seal(Purpose::Ticket, &message)
    }

    /// Opens what a client sent. None: it is none of ours. Its end is for the caller to judge.
    #[must_use]
    pub fn open(keys: &Keys, text: &str) -> Option<Self> {
        serde_json::from_slice(&keys.open(Purpose::Ticket, text)?).ok()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
