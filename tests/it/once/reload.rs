//! `write_once` is turned on while it serves.

use std::fs;

use tempfile::TempDir;
use tokio::task::block_in_place;

use super::start::{assert_status, begins_trial, get, put};
use super::{TURBO, yaml};
use crate::control::stand_in::StandIn;
use crate::support::embedded::Embedded;
use crate::support::gateway::{STREAM, Settings};
use crate::support::process::Process;

const OFTEN: Settings<'static> = Settings { timeouts: "reload_interval: 10ms", ..STREAM };

struct Running {
    process: Process,
    folder: TempDir,
    endpoint: String,
}

impl Running {
    /// Whatever was stored first may be replaced.
    fn start(endpoint: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.yaml");
        let yaml = yaml(&endpoint, &folder, OFTEN).replace("write_once: true", "write_once: false");
        fs::write(&file, yaml).unwrap();
        let process = block_in_place(|| Process::start(&file));
        Self { process, folder, endpoint }
    }

    /// From now on it stays, unless the change says something else.
    fn turn_on(&self, change: impl Fn(String) -> String) {
        // In one step, so that nobody reads half of it.
        let new = self.folder.path().join("new");
        fs::write(&new, change(yaml(&self.endpoint, &self.folder, OFTEN))).unwrap();
        fs::rename(new, self.folder.path().join("gateway.yaml")).unwrap();
    }

    fn logged(&self, text: &str) -> serde_json::Value {
        block_in_place(|| self.process.logged(text))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_fit_bucket_it_is_applied() {
    let storage = Embedded::start().await;
    let running = Running::start(storage.endpoint.clone());
    assert_status(&put(&running.process, TURBO, "the first"), 202);
    assert_status(&put(&running.process, TURBO, "the second"), 202);
    running.turn_on(|yaml| yaml);
    running.logged("was reloaded");
    assert_status(&put(&running.process, TURBO, "the third"), 200);
    assert!(get(&running.process, TURBO).ends_with("the second"));
}

/// Storage that ignores conditions.
async fn unfit() -> StandIn {
    StandIn::start(|request, store| request.is_put_of("").then(|| store.write(request))).await
}

/// How often a bucket in it was tried out.
fn trials(storage: &StandIn) -> usize {
    storage.server.seen().iter().filter(|seen| begins_trial(seen)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn for_an_unfit_one_it_is_refused_as_a_whole() {
    let storage = unfit().await;
    let running = Running::start(format!("http://{}", storage.server.address));
    assert_eq!(trials(&storage), 0, "nobody asked for it");
    running.turn_on(|yaml| yaml.replace("path: /turborepo/", "path: /elsewhere/"));
    let line = running.logged("not reloaded");
    assert_eq!(line["place"], "routes: /bazel/: write_once");
    let message = line["message"].as_str().unwrap();
    assert!(message.contains("the bucket store does not keep"), "{message}");
    for body in ["the first", "the second"] {
        assert_status(&put(&running.process, TURBO, body), 202);
        assert!(get(&running.process, TURBO).ends_with(body));
    }
    let elsewhere = TURBO.replace("turborepo", "elsewhere");
    assert_status(&get(&running.process, &elsewhere), 404);
    assert_eq!(running.process.metric("casgate_configuration_up_to_date", &[]), 0.0);

    // Whoever asks once more may have mended it.
    running.turn_on(|yaml| yaml);
    storage.change(|_, _| None);
    running.process.hang_up();
    running.logged("was reloaded");
    assert_eq!(trials(&storage), 2);
    assert_status(&put(&running.process, TURBO, "the third"), 200);
    assert!(get(&running.process, TURBO).ends_with("the second"));
}

/// A file that was refused is looked at all the time, and a trial is some megabytes of writes.
#[tokio::test(flavor = "multi_thread")]
async fn an_unfit_bucket_is_not_tried_out_all_the_time() {
    let storage = unfit().await;
    let running = Running::start(format!("http://{}", storage.server.address));
    let elsewhere = |yaml: String| yaml.replace("bucket: artifacts", "bucket: other-artifacts");
    running.turn_on(elsewhere);
    running.logged("not reloaded");
    // Other problems come and go.
    running.turn_on(|yaml| yaml.replace("bucket: store", "bucket: stoer"));
    running.logged("no bucket is called");
    running.turn_on(|yaml| elsewhere(yaml).replace("path: /bazel/", "path: /a/"));
    while running.logged("not reloaded")["place"] != "routes: /a/: write_once" {}
    assert_eq!(trials(&storage), 1, "what was seen is remembered");
}
