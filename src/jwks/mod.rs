//! Keys that issuers publish: fetched over TLS when the process starts, again in the background,
//! and when a request has a token whose key is unknown.
//!
//! ```text
//! issuer --https--> discovery --https--> key set --> RemoteKeys <-- requests look keys up,
//!    ^                                                   |          and ask for a fetch
//!    └────── keep_fresh: every `refresh`, sooner after a failure, or because a request asked
//! ```
//!
//! What is promised:
//!
//! - A key that is published works at once: the first token that names it makes its request wait
//!   for a fetch. Requests have at most one such fetch made in each `cooldown`, whatever they ask
//!   for. A key that is published within it works at its end, and gets a 503 until then, not a 401.
//! - A key that is no longer published is refused `refresh` and a minute later at most, the minute
//!   being how long verified tokens are remembered.
//! - While an issuer cannot be reached, or answers nonsense, the last good keys stay in use for
//!   `max_age`. After that, and for keys nobody could ask about, requests are answered 503: a 401
//!   would tell clients to throw away tokens that may be good.
//! - Answers are bounded in size, time and redirects, and come from public addresses, unless the
//!   configuration says otherwise.

mod address;
mod discovery;
mod fetch;
mod https;
mod problem;
mod refresh;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::TrustAnchor;
use url::Url;

use crate::auth::RemoteKeys;
use crate::telemetry::issuers::IssuerMetrics;
use address::Permitted;
use https::Client;

pub use discovery::well_known;
pub use https::secure_url;
pub(crate) use https::tls_config;
pub use problem::FetchError;
pub use refresh::keep_fresh;

/// Everything that decides where keys come from and how long they live. Two equal ones can share
/// their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specification {
    /// What is fetched.
    pub location: Location,
    /// The longest time between two fetches.
    pub refresh: Duration,
    /// The least time between two fetches that requests ask for.
    pub cooldown: Duration,
    /// How long keys are used after they were fetched.
    pub age_max: Duration,
    /// How long one fetch may take, with everything that belongs to it.
    pub timeout: Duration,
    /// Whether addresses of this machine and of private networks may be asked.
    pub allow_private_addresses: bool,
    /// Certificate authorities that are trusted besides those of the system.
    pub authorities: Vec<TrustAnchor<'static>>,
}

impl Specification {
    /// Whether keys come from the same place, and are trusted for the same reasons.
    fn is_same_place(&self, other: &Self) -> bool {
        self.location == other.location
            && self.allow_private_addresses == other.allow_private_addresses
            && self.authorities == other.authorities
    }

    /// The address in the configured URL, if it has one that must not be connected to. Names are
    /// judged when they are looked up.
    #[must_use]
    pub fn forbidden_address(&self) -> Option<IpAddr> {
        let reach = Permitted { private: self.allow_private_addresses };
        https::ip(self.location.url()).filter(|address| !reach.permits(*address))
    }
}

/// Where keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A JSON Web Key Set.
    KeySet(Url),
    /// A discovery document that says where the key set is.
    Discovery {
        /// What the document must call its issuer.
        iss: String,
        /// Where it is.
        document: Url,
    },
}

impl Location {
    /// What is fetched first.
    fn url(&self) -> &Url {
        match self {
            Self::KeySet(url) | Self::Discovery { document: url, .. } => url,
        }
    }
}

/// The source of one issuer's keys. It outlives the plan that made it where the next one has an
/// equal [`Specification`], and with it all that was fetched.
pub struct Source {
    issuer: String,
    specification: Specification,
    keys: Arc<RemoteKeys>,
    client: Client,
    schedule: tokio::sync::Mutex<refresh::Schedule>,
    metrics: IssuerMetrics,
}

impl Source {
    /// A source that has fetched nothing. `issuer` is its name in the log.
    #[must_use]
    pub fn new(issuer: &str, specification: Specification, metrics: IssuerMetrics) -> Self {
        let authorities = specification.authorities.clone();
        let permitted = Permitted { private: specification.allow_private_addresses };
        Self {
            issuer: issuer.to_owned(),
            keys: Arc::new(RemoteKeys::new(specification.age_max)),
            client: Client::new(authorities, permitted),
            schedule: tokio::sync::Mutex::default(),
            specification,
            metrics,
        }
    }

    /// The same with other settings. The keys of `earlier` are taken over where they were fetched
    /// from the same place by the same rules: then they are no worse for a change of schedule.
    #[must_use]
    pub fn succeeding(
        specification: Specification,
        earlier: &Self,
        metrics: IssuerMetrics,
    ) -> Self {
        let is_same_place = specification.is_same_place(&earlier.specification);
        let source = Self::new(&earlier.issuer, specification, metrics);
        if is_same_place {
            source.keys.take_over(&earlier.keys);
        }
        source
    }

    /// The issuer's name in the configuration.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What it was made from.
    #[must_use]
    pub fn specification(&self) -> &Specification {
        &self.specification
    }

    /// The keys, as they are fetched.
    #[must_use]
    pub fn keys(&self) -> &Arc<RemoteKeys> {
        &self.keys
    }
}
