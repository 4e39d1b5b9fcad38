//! Registers in a file, on a disk that gets full and slow.

mod disk;
mod file;
mod killed;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use casgate::state::embedded::Embedded;
use casgate::state::{Backend, Store, Whereabouts};
use casgate::telemetry::Metrics;
use tempfile::TempDir;

use super::state::{Subject, create_one, promises};
use disk::Disk;

promises!(OnDisk::start());

/// Far longer than a disk takes, and short for a test.
const DEADLINE: Duration = Duration::from_secs(1);

fn store(embedded: Embedded) -> Arc<Store> {
    Arc::new(Store::new(
        Backend::Embedded(embedded),
        Whereabouts::new("embedded".to_owned(), &[]),
        DEADLINE,
        Metrics::new().state(),
    ))
}

struct OnDisk {
    disk: Disk,
    store: Arc<Store>,
    _folder: TempDir,
}

impl OnDisk {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::with(folder.path().join("state.redb"));
        let store = store(Embedded::on(Arc::new(disk.clone())));
        store.start(SystemTime::now).await.unwrap();
        Self { disk, store, _folder: folder }
    }
}

impl Subject for OnDisk {
    type Store = Store;

    fn replicas(&self) -> [Arc<Store>; 2] {
        [Arc::clone(&self.store), Arc::clone(&self.store)]
    }

    async fn later_than(&self, time: SystemTime) -> SystemTime {
        time
    }

    async fn go_away(&self) {
        self.disk.fill();
        // What is in memory is read until a write fails.
        create_one(&*self.store).await.unwrap_err();
    }

    async fn lose_replies(&self) {
        self.disk.stall();
    }

    async fn come_back(&self) {
        self.disk.recover();
    }
}
