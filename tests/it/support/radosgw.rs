//! Ceph's S3 server. A run of `tests/run` has one; alone, a test starts its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The server. One that was started for it ends when dropped.
pub(crate) struct Radosgw {
    pub(crate) address: SocketAddr,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    folder: Option<PathBuf>,
}

impl Radosgw {
    /// Blocks until it serves. Without the packages of Ceph this fails, as a store that is not
    /// tested is not known to work.
    pub(crate) fn start() -> Self {
        let given = std::env::var("CASGATE_RADOSGW").ok().filter(|facts| !facts.is_empty());
        let mut folder = None;
        let facts = given.unwrap_or_else(|| {
            // Short, because paths of Unix sockets below it may have 107 bytes.
            let own = PathBuf::from(format!("/tmp/casgate-rgw.{}", std::process::id()));
            let up = script("up", &own);
            folder = Some(own);
            assert!(up.status.success(), "radosgw did not start: {up:?}");
            String::from_utf8(up.stdout).unwrap()
        });
        let facts: Value = serde_json::from_str(&facts).unwrap();
        let text = |name: &str| facts[name].as_str().unwrap().to_owned();
        let address = text("endpoint").strip_prefix("http://").unwrap().parse().unwrap();
        let (access_key, secret_key) = (text("access_key"), text("secret_key"));
        Self { address, access_key, secret_key, folder }
    }
}

fn script(action: &str, folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/radosgw.sh");
    Command::new(script).arg(action).arg(folder).output().unwrap()
}

impl Drop for Radosgw {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            script("down", folder);
        }
    }
}
