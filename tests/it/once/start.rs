//! The bucket is tried out before anybody is served, by a process of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::block_in_place;

use super::{TURBO, head_of_put, main_branch, yaml};
use crate::control::stand_in::StandIn;
use crate::support::answer::{Answer, Then};
use crate::support::embedded::Embedded;
use crate::support::gateway::{STREAM, Settings};
use crate::support::process::{self, Process};
use crate::support::server::{Seen, Server};

/// A gateway in front of the storage there, with its configuration in this folder.
pub(super) fn start(storage: SocketAddr, folder: &TempDir) -> Process {
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, yaml(&format!("http://{storage}"), folder, STREAM)).unwrap();
    block_in_place(|| Process::start(&file))
}

/// The answer to an upload.
pub(super) fn put(process: &Process, path: &str, body: &str) -> String {
    let length = format!("Content-Length: {}\r\n", body.len());
    let head = head_of_put(path, &[main_branch(), length].concat());
    block_in_place(|| process.exchange(&[&head, body].concat()))
}

/// The answer to a GET.
pub(super) fn get(process: &Process, path: &str) -> String {
    let lines = main_branch();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n{lines}\r\n");
    block_in_place(|| process.exchange(&request))
}

#[track_caller]
pub(super) fn assert_status(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "not {status}: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfit_bucket_is_refused_before_a_port_is_bound() {
    let storage =
        StandIn::start(|request, store| request.is_put_of("").then(|| store.write(request))).await;
    let folder = tempfile::tempdir().unwrap();
    // A gateway that got as far as its ports would complain about this one.
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = format!("'{}'", taken.local_addr().unwrap());
    let settings = Settings { listen: &listen, ..STREAM };
    let file = folder.path().join("gateway.yaml");
    let endpoint = format!("http://{}", storage.server.address);
    std::fs::write(&file, yaml(&endpoint, &folder, settings)).unwrap();
    let output = block_in_place(|| process::run(&file, &BTreeMap::new()));
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(output.stdout, b"", "nothing was announced");
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = said.lines().filter(|line| line.contains("write_once: ")).collect();
    let expected = ["bazel", "gradle", "nx", "sccache", "turborepo"].map(|dialect| {
        format!(
            "{}: routes: /{dialect}/: write_once: the bucket store does not keep what was written \
             first: the condition is ignored: an existing object was overwritten",
            file.display()
        )
    });
    assert_eq!(lines, expected, "{said}");
    assert!(storage.is_empty(), "nothing is left of the trial");
    // Several routes, one trial.
    let seen = storage.server.seen();
    assert_eq!(seen.iter().filter(|seen| begins_trial(seen)).count(), 1);
}

/// Whether it is the request that every trial begins with.
pub(super) fn begins_trial(seen: &Seen) -> bool {
    let path = seen.target.split('?').next().unwrap_or_default();
    seen.method == "PUT" && path.ends_with("/existing") && seen.header("if-none-match").is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_bucket_is_used() {
    let storage = Embedded::start().await;
    let folder = tempfile::tempdir().unwrap();
    let process = start(storage.address, &folder);
    assert_status(&put(&process, TURBO, "the first"), 202);
    assert_status(&put(&process, TURBO, "the second"), 200);
    assert!(get(&process, TURBO).ends_with("the first"));
    assert_eq!(storage.keys().await, ["turborepo/acme/0123456789abcdef"]);
    assert!(!process.errors().contains("write_once"), "{}", process.errors());
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_may_come_up_later() {
    // The port is taken, and nobody listens to it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let process = start(socket.local_addr().unwrap(), &folder);
    block_in_place(|| process.logged("write_once cannot be tried out"));
    let answer = put(&process, TURBO, "too early");
    assert_status(&answer, 503);
    assert!(answer.contains("service_unavailable"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nretry-after: 1\r\n"), "{answer}");
    let answer = get(&process, TURBO);
    assert!(answer.starts_with("HTTP/1.1 50"), "no miss: {answer}");

    let storage = Embedded::start_on(socket.listen(64).unwrap()).await;
    let line = block_in_place(|| process.logged("keeps what was written first"));
    assert_eq!(line["bucket"], "store");
    assert_status(&put(&process, TURBO, "the first"), 202);
    assert_status(&put(&process, TURBO, "the second"), 200);
    assert!(get(&process, TURBO).ends_with("the first"));
    assert_eq!(storage.keys().await, ["turborepo/acme/0123456789abcdef"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_is_read_meanwhile() {
    let storage = Server::scripted(|seen| match seen.method.as_str() {
        "GET" if seen.target.contains("turborepo") => Answer::object(seen, b"from long ago"),
        _ => Answer::error(seen, 403, "AccessDenied"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let process = start(storage.address, &folder);
    let line = block_in_place(|| process.logged("write_once cannot be tried out"));
    assert!(line["error"].as_str().unwrap().contains("AccessDenied"), "{line}");
    let answer = get(&process, TURBO);
    assert_status(&answer, 200);
    assert!(answer.ends_with("from long ago"), "{answer}");
    assert_status(&put(&process, TURBO, "a new one"), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_hangs_does_not_hang_the_start() {
    let storage = Server::scripted(|_| Answer::nothing(Then::Stall)).await;
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let process = start(storage.address, &folder);
    // Ten seconds are what a bucket gets.
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    block_in_place(|| process.logged("write_once takes long to try out"));
    assert_status(&put(&process, TURBO, "too early"), 503);
}

/// It is known too late for a start without it.
#[tokio::test(flavor = "multi_thread")]
async fn an_unfit_bucket_that_came_up_later_takes_no_uploads() {
    let storage =
        StandIn::start(|request, _| Some(Answer::error(request.seen, 503, "ServiceUnavailable")))
            .await;
    let folder = tempfile::tempdir().unwrap();
    let process = start(storage.server.address, &folder);
    storage.change(|request, store| request.is_put_of("").then(|| store.write(request)));
    let line = block_in_place(|| process.logged("write_once is impossible"));
    assert!(line["seen"].as_str().unwrap().starts_with("the condition is ignored"), "{line}");
    assert_status(&put(&process, TURBO, "the first"), 503);
    assert_status(&get(&process, TURBO), 404);
}
