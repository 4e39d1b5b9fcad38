//! TLS with clients.

mod certificates;
mod handshakes;
mod reloads;
mod sdk;

use tempfile::TempDir;

use crate::support::certificates::{Authority, listener};
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::storage::Storage;

/// A gateway with a certificate for `localhost`.
struct Served {
    gateway: Gateway,
    authority: Authority,
    folder: TempDir,
    endpoint: String,
}

impl Served {
    /// `more` are keys of `tls` beside the certificate.
    fn before(storage: &Storage, more: &str) -> Self {
        let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
        authority.write(folder.path(), "tls", &["localhost"]);
        let endpoint = format!("http://{}", storage.address);
        let gateway = Gateway::of(&yaml(&endpoint, &folder, &listener(folder.path(), more)));
        Self { gateway, authority, folder, endpoint }
    }

    /// Reads the same files again.
    fn reload(&self) {
        self.gateway.reload(&yaml(&self.endpoint, &self.folder, &listener(self.folder.path(), "")));
    }
}

fn yaml(endpoint: &str, folder: &TempDir, listen: &str) -> String {
    Settings { listen, timeouts: "header: 2s", ..STREAM }.yaml(endpoint, folder)
}
