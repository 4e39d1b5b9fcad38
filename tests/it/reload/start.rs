//! The start, while not everybody answers: signals that come meanwhile, and what is asked after.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::{JWT, STREAM, Settings};
use crate::support::issuer::Issuer;
use crate::support::process::Process;
use crate::support::storage::Storage;
use crate::support::within;

/// A gateway whose issuer takes requests and answers none.
async fn starting(folder: &tempfile::TempDir) -> (Child, Storage, Issuer) {
    let storage = Storage::holding(&Content::sized(10)).await;
    let issuer = Issuer::scripted(|_| Answer::nothing(Then::Stall)).await;
    let yaml =
        Settings { auth: JWT, ..STREAM }.yaml(&format!("http://{}", storage.address), folder);
    let old = yaml.lines().find(|line| line.starts_with("    keys: ")).unwrap();
    let url = issuer.url("/");
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, issuer.authority.pem()).unwrap();
    let new = format!(
        "    keys: {{ jwks_url: {{ url: '{url}', ca_file: {}, allow_private_addresses: true }} }}",
        authority.display()
    );
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, yaml.replace(old, &new)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_casgate"));
    command.args(["run", "--json"]).arg(file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = command.env_clear().spawn().unwrap();
    issuer.answers(1).await;
    (process, storage, issuer)
}

fn signal(process: &Child, name: &str) {
    let kill = format!("kill -{name} {}", process.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_does_not_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, _storage, _issuer) = starting(&folder).await;
    signal(&process, "HUP");
    let output = process.stdout.take().unwrap();
    let line = within(tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        line
    }));
    assert!(line.await.unwrap().contains("http://"), "it serves");
    process.kill().unwrap();
    process.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, _storage, _issuer) = starting(&folder).await;
    let begun = Instant::now();
    signal(&process, "TERM");
    let ended = within(tokio::task::spawn_blocking(move || process.wait()));
    assert!(ended.await.unwrap().unwrap().success());
    // Five seconds are what an issuer gets, and another three load balancers.
    assert!(begun.elapsed().as_secs() < 4, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_answer_keeps_no_other_from_being_looked_at() {
    let hung = Storage::scripted(|_| Answer::nothing(Then::Stall)).await;
    let storage = Storage::scripted(|_| Answer::head_and(&["HTTP/1.1 200 OK"], b"", Then::Close));
    let storage = storage.await;
    let folder = tempfile::tempdir().unwrap();
    let yaml = STREAM.yaml(&format!("http://{}", storage.address), &folder);
    let key = folder.path().join("key");
    let first = format!(
        "buckets:\n  a:\n    bucket: other\n    region: us-east-1\n    endpoint: 'http://{}'\n    \
         credentials: {{ static: {{ access_key_id: {{ file: {key} }}, \
         secret_access_key: {{ file: {key} }} }} }}\n",
        hung.address,
        key = key.display(),
    );
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, yaml.replace("buckets:\n", &first)).unwrap();
    tokio::task::block_in_place(|| {
        let process = Process::start(&file);
        assert_eq!(process.logged("the bucket can be used")["bucket"], "store");
    });
}
