//! The store that a configuration names: started before anything is served, kept over reloads, and
//! never moved by one.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::block_in_place;

use crate::control::stand_in::StandIn;
use crate::support::embedded::Embedded;
use crate::support::gateway::{STREAM, Settings, compile};
use crate::support::process::{self, Process};
use crate::support::redis;
use casgate::telemetry::Metrics;

const IN_BUCKET: &str = "state: { bucket: { bucket: store } }";

/// What a gateway in front of this storage is told, with these lines.
struct Configured {
    folder: TempDir,
    storage: SocketAddr,
}

impl Configured {
    fn before(storage: SocketAddr) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), storage }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines that keep registers in this file.
    fn in_file(&self, name: &str) -> String {
        format!("state: {{ embedded: {{ path: {} }} }}", self.path(name).display())
    }

    fn write(&self, settings: &Settings<'_>) -> PathBuf {
        let (new, file) = (self.path("new"), self.path("gateway.yaml"));
        fs::write(&new, settings.yaml(&format!("http://{}", self.storage), &self.folder)).unwrap();
        // In one step, so that nobody reads half of it.
        fs::rename(new, &file).unwrap();
        file
    }

    fn start(&self, state: &str) -> Process {
        let file = self.write(&Settings { file: state, ..STREAM });
        block_in_place(|| Process::start(&file))
    }
}

fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

/// What a process says that does not get as far as its ports.
fn refusal(file: &Path) -> String {
    let output = block_in_place(|| process::run(file, &BTreeMap::new()));
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(64), &b""[..]));
    String::from_utf8(output.stderr).unwrap()
}

#[track_caller]
fn assert_checked(file: &Path) {
    let output = block_in_place(|| process::check(file, &BTreeMap::new()));
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_bucket_has_to_be_one_of_those_there_are() {
    let configured = Configured::before(nobody());
    let file = "state: { bucket: { bucket: elsewhere } }";
    let file = configured.write(&Settings { file, ..STREAM });
    let problems = compile(&fs::read_to_string(file).unwrap(), &Metrics::new()).err().unwrap();
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let expected = "state.bucket.bucket: no bucket is called \"elsewhere\" (there is store)";
    assert_eq!(problems, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsafe_bucket_is_refused_before_a_port_is_bound() {
    let storage =
        StandIn::start(|request, store| request.is_put_of("").then(|| store.write(request))).await;
    let configured = Configured::before(storage.server.address);
    // A gateway that got as far as its ports would complain about this one.
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = format!("'{}'", taken.local_addr().unwrap());
    let file = configured.write(&Settings { file: IN_BUCKET, listen: &listen, ..STREAM });
    let said = refusal(&file);
    let expected = format!(
        "{}: state: the bucket store does not create an object as conditions demand: the condition \
         is ignored: an existing object was overwritten",
        file.display()
    );
    assert!(said.lines().any(|line| line == expected), "{said}");
    // Whoever only checks the file asks nobody.
    let before = storage.server.seen().len();
    assert_checked(&file);
    assert_eq!(storage.server.seen().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_does_not_get_the_file() {
    let configured = Configured::before(nobody());
    let state = configured.in_file("state.redb");
    let process = configured.start(&state);
    let file = configured.path("gateway.yaml");
    let said = refusal(&file);
    let place = configured.path("state.redb");
    assert!(
        said.contains(&format!("state: the state file {} is in use", place.display())),
        "{said}"
    );
    assert!(said.contains("no rolling restarts"), "{said}");
    assert_checked(&file);
    drop(process);
    configured.start(&state);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_may_come_up_later() {
    // The port is taken, and nobody listens to it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let configured = Configured::before(socket.local_addr().unwrap());
    let process = configured.start(IN_BUCKET);
    block_in_place(|| process.logged("the state store cannot be asked"));
    let storage = Embedded::start_on(socket.listen(64).unwrap()).await;
    block_in_place(|| process.logged("the state store is in use"));
    assert_eq!(storage.keys().await, [] as [String; 0], "nothing is left of the trial");
}

#[tokio::test(flavor = "multi_thread")]
async fn registers_that_ended_are_deleted_in_the_background() {
    let storage = Embedded::start().await;
    for key in [".casgate/state/00000001/use/a/0", ".casgate/state/99999999/use/b/0", "content"] {
        storage.put(key, b"a record").await;
    }
    let process = Configured::before(storage.address).start(IN_BUCKET);
    let line = block_in_place(|| process.logged("registers of the state store ended"));
    assert_eq!(line["deleted"], 1);
    assert_eq!(storage.keys().await, [".casgate/state/99999999/use/b/0", "content"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_the_file_and_does_not_move_it() {
    let configured = Configured::before(nobody());
    let state = configured.in_file("state.redb");
    let process = configured.start(&state);
    let reload = |settings: Settings<'_>, expected: &str| {
        configured.write(&settings);
        process.hang_up();
        block_in_place(|| process.logged(expected))
    };
    // The file is open, and stays it with another deadline.
    for timeouts in ["state: 1s", "state: 3s", "state: 3s"] {
        reload(Settings { file: &state, timeouts, ..STREAM }, "the configuration was reloaded");
    }
    for moved in [configured.in_file("other.redb"), IN_BUCKET.to_owned(), String::new()] {
        let line = reload(Settings { file: &moved, ..STREAM }, "not reloaded");
        assert_eq!(line["place"], "state", "{line}");
    }
    assert!(!configured.path("other.redb").exists());
    reload(Settings { file: &state, ..STREAM }, "the configuration was reloaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_works_is_not_given_up_for_one_that_cannot_be_asked() {
    let server = redis::Server::start(&[]).await;
    let configured = Configured::before(nobody());
    let state =
        |more: &str| format!("state: {{ redis: {{ servers: ['{}'] {more} }} }}", server.address());
    let works = state("");
    let process = configured.start(&works);
    let password = configured.path("password");
    fs::write(&password, "one that nobody set").unwrap();
    let refused = state(&format!(", password: {{ file: {} }}", password.display()));
    configured.write(&Settings { file: &refused, ..STREAM });
    process.hang_up();
    let line = block_in_place(|| process.logged("not reloaded"));
    assert_eq!(line["place"], "state", "{line}");
    configured.write(&Settings { file: &works, ..STREAM });
    process.hang_up();
    block_in_place(|| process.logged("the configuration was reloaded"));
}
