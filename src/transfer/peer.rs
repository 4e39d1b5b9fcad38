//! A storage server as Pingora's connector wants to see it.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net;
use std::sync::Arc;

use pingora::protocols::l4::socket::SocketAddr;
use pingora::upstreams::peer::{Peer, PeerOptions};

use crate::bucket::endpoint::Endpoint;

/// One address of an endpoint. Unlike Pingora's `HttpPeer` it shares its options and never looks
/// up a name.
#[derive(Clone, Debug)]
pub struct StoragePeer {
    address: SocketAddr,
    endpoint: Arc<Endpoint>,
    options: Arc<PeerOptions>,
}

impl StoragePeer {
    /// The peer at `address`.
    #[must_use]
    pub fn new(
        address: net::SocketAddr,
        endpoint: Arc<Endpoint>,
        options: Arc<PeerOptions>,
    ) -> Self {
        Self { address: SocketAddr::Inet(address), endpoint, options }
    }
}

impl fmt::Display for StoragePeer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}", self.endpoint.origin, self.address)
    }
}

impl Peer for StoragePeer {
    fn address(&self) -> &SocketAddr {
        &self.address
    }

    fn tls(&self) -> bool {
        self.endpoint.origin.tls
    }

    fn sni(&self) -> &str {
        self.endpoint.origin.bare_host()
    }

    fn reuse_hash(&self) -> u64 {
        // Connections are shared where address and the name in TLS agree; plain ones carry no
        // name, so all buckets behind one address share them.
        let mut hasher = DefaultHasher::new();
        self.address.hash(&mut hasher);
        self.tls().then(|| self.sni()).hash(&mut hasher);
        hasher.finish()
    }

    fn get_peer_options(&self) -> Option<&PeerOptions> {
        Some(&self.options)
    }
}
