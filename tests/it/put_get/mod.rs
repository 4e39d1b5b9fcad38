//! `casgate put` and `casgate get`, as processes.
//!
//! | module | question |
//! | --- | --- |
//! | [`fake`] | A gateway in memory that misbehaves on request. |
//! | [`get`] | Do files appear whole or not at all, and does nothing come twice? |
//! | [`put`] | Is what is published what the file has, and is nothing sent twice? |

mod fake;
mod get;
mod put;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use fake::Fake;
use tempfile::TempDir;

/// The size of the client's pieces.
pub(crate) const PIECE: usize = 8 * 1024 * 1024;

/// A gateway, and a folder for files and what the client remembers.
pub(crate) struct Desk {
    pub(crate) fake: Fake,
    pub(crate) folder: TempDir,
}

/// What a process printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self { fake: Fake::start().await, folder: tempfile::tempdir().unwrap() }
    }

    /// Makes a file.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    /// The names of the files that there are, without what the client remembers.
    pub(crate) fn files(&self) -> Vec<String> {
        names(self.folder.path()).into_iter().filter(|name| name != "state").collect()
    }

    /// How many uploads the client remembers.
    pub(crate) fn remembered(&self) -> usize {
        names(&self.folder.path().join("state/casgate/uploads")).len()
    }

    /// The client, in the folder, with a key.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_casgate"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("CASGATE_URL", self.fake.url())
            .env("CASGATE_NAMESPACE", fake::NAMESPACE)
            .env("CASGATE_KEY", fake::KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Done {
        run(self.command(arguments)).await
    }

    /// Runs a command that has to succeed; returns what it printed.
    pub(crate) async fn succeed(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments).await;
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        String::from_utf8(done.stdout).unwrap()
    }

    /// Runs a command that has to fail with status 1; returns what it said.
    pub(crate) async fn fail(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments).await;
        assert_eq!(done.code, Some(1), "{done:?}");
        done.stderr
    }
}

pub(crate) async fn run(mut command: Command) -> Done {
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    Done { code: status.code(), stdout, stderr }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Bytes that differ wherever pieces could be mixed up.
pub(crate) fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index % 251) as u8 ^ (index / PIECE) as u8).collect()
}
