//! What a killed process leaves behind: all it had answered for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use casgate::state::StateKey;
use casgate::state::StateStore as _;

use super::super::state::{assert_created, now, record};
use super::file::reopened;
use super::*;
use crate::support::{PATIENCE, is_full, within};

/// Where the killed process has its file.
const FOLDER: &str = "CASGATE_TESTS_KILLED";

fn key(number: usize, end: SystemTime) -> StateKey {
    StateKey::new("tests", &format!("{number}"), end)
}

/// Creates registers, several at the same time, and says which were answered for.
async fn create_in(path: &Path, end: SystemTime, registers: usize) {
    let store = reopened(path).await;
    let tasks = (0..4).map(|task| {
        let store = Arc::clone(&store);
        async move {
            for number in (task..registers).step_by(4) {
                let value = format!("{number} ").repeat(number % 400);
                assert_created(&*store, &key(number, end), &record(value)).await;
                println!("created {number}");
                std::io::stdout().flush().unwrap();
            }
        }
    });
    futures_util::future::join_all(tasks).await;
}

/// How many of the first registers there are.
async fn count_in(path: &Path, end: SystemTime, registers: usize) -> usize {
    let store = reopened(path).await;
    let reads = (0..registers).map(async |number| store.read(&key(number, end), now()).await);
    let reads = futures_util::future::join_all(reads).await;
    reads.into_iter().filter(|there| there.as_ref().unwrap().is_some()).count()
}

/// Alone it creates some and finds them. As a process of the next test it goes on until it is
/// killed.
#[tokio::test]
async fn what_is_created_is_found() {
    let end = std::time::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    if let Some(folder) = std::env::var_os(FOLDER) {
        create_in(&Path::new(&folder).join("state.redb"), end, usize::MAX).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    within(create_in(&path, end, 40)).await;
    assert_eq!(within(count_in(&path, end, 50)).await, 40);
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let end = std::time::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    for round in 0..if is_full() { 200 } else { 12 } {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let answered = tokio::task::spawn_blocking(move || kill_after(&path, 1 + round * 7 % 97));
        let answered = answered.await.unwrap();
        let store = reopened(&folder.path().join("state.redb")).await;
        for number in answered {
            let there = store.read(&key(number, end), now()).await.unwrap();
            assert!(there.is_some(), "{number} of round {round} is lost");
        }
        // It is as good as any other.
        assert_created(&*store, &key(usize::MAX, end), &record("after it")).await;
    }
}

/// Kills a process that creates registers, once it has answered for so many; which these are.
fn kill_after(folder: &Path, registers: usize) -> Vec<usize> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["conformance::embedded::killed::what_is_created_is_found", "--exact"]);
    command.args(["--nocapture", "--test-threads=1"]).env(FOLDER, folder);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let began = std::time::Instant::now();
    let mut answered = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        // The first line begins with the name of the test.
        let number: Option<usize> =
            line.rsplit_once("created ").and_then(|(_, number)| number.parse().ok());
        answered.extend(number);
        if number.is_some() && answered.len() == registers || began.elapsed() > PATIENCE {
            // What it has answered for meanwhile counts too, and is read until the end.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(answered.len() >= registers, "{answered:?}");
    answered
}
