//! Ceph's S3 server. A run of `tests/run` has one; alone, a test starts its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;

/// The server. One that was started for it ends with the last test that uses it.
pub(crate) struct Radosgw {
    pub(crate) address: SocketAddr,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    _started: Option<Arc<Started>>,
}

/// A cluster of this process's own.
struct Started {
    folder: PathBuf,
    facts: String,
}

/// Two clusters would be too much for two processors.
static RUNNING: Mutex<Weak<Started>> = Mutex::new(Weak::new());

impl Radosgw {
    /// Blocks until it serves. Without the packages of Ceph this fails, as a store that is not
    /// tested is not known to work.
    pub(crate) fn start() -> Self {
        let given = std::env::var("CASGATE_RADOSGW").ok().filter(|facts| !facts.is_empty());
        let started = given.is_none().then(Started::of_this_process);
        let facts = given.or_else(|| started.as_ref().map(|it| it.facts.clone())).unwrap();
        let facts: Value = serde_json::from_str(&facts).unwrap();
        let text = |name: &str| facts[name].as_str().unwrap().to_owned();
        let address = text("endpoint").strip_prefix("http://").unwrap().parse().unwrap();
        let (access_key, secret_key) = (text("access_key"), text("secret_key"));
        Self { address, access_key, secret_key, _started: started }
    }
}

impl Started {
    fn of_this_process() -> Arc<Self> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(started) = running.upgrade() {
            return started;
        }
        // Short, because paths of Unix sockets below it may have 107 bytes. Numbered, because the one
        // before may be about to end.
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(format!("/tmp/casgate-rgw.{}.{number}", std::process::id()));
        let up = script("up", &folder);
        let mut started = Self { folder, facts: String::new() };
        assert!(up.status.success(), "radosgw did not start: {up:?}");
        started.facts = String::from_utf8(up.stdout).unwrap();
        let started = Arc::new(started);
        *running = Arc::downgrade(&started);
        started
    }
}

fn script(action: &str, folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/radosgw.sh");
    Command::new(script).arg(action).arg(folder).output().unwrap()
}

impl Drop for Started {
    fn drop(&mut self) {
        script("down", &self.folder);
    }
}
