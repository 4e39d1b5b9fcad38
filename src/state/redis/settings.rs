use std::fmt;
use std::time::Duration;

use rustls::pki_types::TrustAnchor;

/// What a Redis or Valkey store is made of. Everything in it was read and checked before.
pub struct RedisSettings {
    /// Where the servers are, and what they are.
    pub topology: Topology,
    /// Who vouches for the servers: these authorities, or the system's if there are none. None: no TLS.
    pub authorities: Option<Vec<TrustAnchor<'static>>>,
    /// Who the gateway is there.
    pub login: Option<Login>,
    /// The database; in a cluster 0.
    pub database: u8,
    /// What all keys begin with.
    pub prefix: String,
    /// What must have a write before it counts, beside the primary's memory.
    pub wait: Option<Wait>,
    /// Whether a server may throw keys away to make room.
    pub allow_eviction: bool,
    /// The longest time of one operation: the store's deadline.
    pub patience: Duration,
}

/// What the servers are.
pub enum Topology {
    /// One server, or one address that always leads to the primary.
    Single(Address),
    /// Servers whose primary Sentinel chooses.
    Sentinel {
        /// Where sentinels are; the first one that answers is believed.
        sentinels: Vec<Address>,
        /// What they call the primary.
        primary: String,
        /// Who the gateway is to them.
        login: Option<Login>,
    },
    /// Some nodes of a cluster, which know the others.
    Cluster(Vec<Address>),
}

/// A user and a password. Neither is ever logged.
#[derive(Clone)]
pub struct Login {
    /// None: the default user.
    pub username: Option<String>,
    /// The password.
    pub password: String,
}

/// What must have a write before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// This many replicas.
    pub replicas: u8,
    /// Within this time.
    pub timeout: Duration,
    /// On the disks of the primary and of these replicas, not only in their memory.
    pub fsync: bool,
}

/// A host, by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Without the brackets of an IPv6 address.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

impl Address {
    /// Reads `host:port`, where an IPv6 address is in brackets.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not host:port");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let legal = match inner {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(is_host_byte),
        };
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse::<u16>() {
            Ok(port) if port > 0 && digits && legal => {
                Ok(Self { host: inner.unwrap_or(host).to_owned(), port })
            }
            _ => Err(wrong()),
        }
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_".contains(&byte)
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(formatter, "[{}]:{}", self.host, self.port),
            false => write!(formatter, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for text in ["redis:6379", "10.0.0.1:1", "[::1]:65535", "a_b.example-1.com:7000"] {
            assert_eq!(
                Address::parse(text).map(|address| address.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "",
            "redis",
            "redis:",
            ":6379",
            "redis:0",
            "redis:65536",
            "redis:+1",
            "::1:6379",
            "[::1]",
            "[::1:6379",
            "redis://a:1",
            "a b:1",
            "user@a:1",
            "[redis]:1",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
