//! Where storage is: a host name from the configuration, its addresses from DNS.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use http::Uri;
use http::uri::Scheme;

/// Scheme, host and port of an S3 server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whether to speak TLS.
    pub tls: bool,
    /// The host name, or an address; IPv6 with brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Origin {
    /// Reads `http://host[:port]` or `https://host[:port]`; a slash at the end is allowed.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("`{text}` is no URL: {error}"))?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(format!("`{text}` must begin with http:// or https://")),
        };
        let plain = uri.path_and_query().is_none_or(|path| path == "/");
        let authority = uri.authority().ok_or_else(|| format!("`{text}` has no host"))?;
        if !plain || authority.as_str().contains('@') || text.contains('#') {
            return Err(format!("`{text}` must be scheme, host and port only"));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(format!("`{text}` has no host"));
        }
        let port = match authority.as_str()[host.len()..].strip_prefix(':') {
            None => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|&port| port != 0)
                .ok_or_else(|| format!("`{text}` has no valid port"))?,
        };
        Ok(Self { tls, host: host.to_ascii_lowercase(), port })
    }

    /// The same server under a name in front of the host, for virtual-host style.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        Self { host: format!("{prefix}.{}", self.host), ..self.clone() }
    }

    /// The `Host` header: the port is left out where it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    /// The host without the brackets that an IPv6 address has in a URL.
    #[must_use]
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The address, where the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.bare_host().parse().ok()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.authority())
    }
}

/// An origin and the addresses it has now.
///
/// S3 answers a DNS question with several addresses of many; requests go round over those of the
/// last answer. Resolving happens in the background ([`Endpoint::resolve`]), never in a request.
#[derive(Debug)]
pub struct Endpoint {
    /// What is signed and sent as `Host` and as the name in TLS.
    pub origin: Origin,
    /// [`Origin::authority`] of the origin, which every signature needs.
    pub authority: String,
    /// What is looked up, where it differs from the origin's host.
    lookup: String,
    addresses: RwLock<Arc<[SocketAddr]>>,
    next: AtomicUsize,
}

impl Endpoint {
    /// An endpoint that connects to wherever `lookup` is. It has no address before the first
    /// [`Endpoint::resolve`], unless `lookup` is an address itself.
    #[must_use]
    pub fn new(origin: Origin, lookup: &Origin) -> Self {
        let addresses: Arc<[SocketAddr]> =
            lookup.ip().map(|ip| SocketAddr::new(ip, origin.port)).into_iter().collect();
        Self {
            authority: origin.authority(),
            origin,
            lookup: lookup.bare_host().to_owned(),
            addresses: RwLock::new(addresses),
            next: AtomicUsize::new(0),
        }
    }

    /// Whether `other` is the same server, found in the same way.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.origin == other.origin && self.lookup == other.lookup
    }

    /// The next address in turn. None: DNS has not answered yet.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let addresses = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        addresses.get(turn.checked_rem(addresses.len())?).copied()
    }

    /// Whether there is more than one address, so that trying the next makes sense.
    #[must_use]
    pub fn has_alternatives(&self) -> bool {
        self.addresses.read().unwrap_or_else(PoisonError::into_inner).len() > 1
    }

    /// Asks DNS again.
    ///
    /// # Errors
    /// There was no answer, or an empty one. The addresses of the last good answer stay in use: an
    /// outage of DNS is no outage of storage.
    pub async fn resolve(&self) -> io::Result<()> {
        let name = (self.lookup.as_str(), self.origin.port);
        let found: Vec<_> = tokio::net::lookup_host(name).await?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        *self.addresses.write().unwrap_or_else(PoisonError::into_inner) = found.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for (text, authority) in [
            ("https://s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"),
            ("https://S3.example.com:443/", "s3.example.com"),
            ("http://127.0.0.1:9000", "127.0.0.1:9000"),
            ("http://[::1]:9000", "[::1]:9000"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().authority(), authority);
        }
        for text in [
            "s3.example.com",
            "ftp://s3",
            "https://u:p@s3",
            "https://s3/path",
            "https://s3?query",
            "https://s3#fragment",
            "http://",
            "http://:9000",
            "http://s3:",
            "http://s3:0",
            "http://s3:99999",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn requests_go_round_over_all_addresses() {
        let origin = Origin::parse("http://storage.test:9000").unwrap();
        let endpoint = Endpoint::new(origin.clone(), &origin);
        assert_eq!(endpoint.address(), None);
        let all: Vec<SocketAddr> =
            vec!["127.0.0.1:9000".parse().unwrap(), "127.0.0.2:9000".parse().unwrap()];
        *endpoint.addresses.write().unwrap() = all.clone().into();
        let mut seen: Vec<_> = (0..4).filter_map(|_| endpoint.address()).collect();
        seen.sort_unstable();
        assert_eq!(seen, [all[0], all[0], all[1], all[1]]);
    }

    #[tokio::test]
    async fn a_failed_look_up_keeps_the_addresses() {
        let origin = Origin::parse("http://name.invalid:9000").unwrap();
        let endpoint = Endpoint::new(origin.clone(), &origin);
        let known: SocketAddr = "127.0.0.1:9000".parse().unwrap();
        *endpoint.addresses.write().unwrap() = vec![known].into();
        assert!(endpoint.resolve().await.is_err());
        assert_eq!(endpoint.address(), Some(known));
    }
}
