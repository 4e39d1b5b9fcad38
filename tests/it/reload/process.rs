//! Files that change under a running program, and SIGHUP.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::content::Content;
use crate::support::gateway::{JWT, STREAM, Settings};
use crate::support::process::Process;
use crate::support::storage::Storage;
use crate::support::token;

/// A configuration file, and a gateway that uses it.
struct Running {
    process: Process,
    file: PathBuf,
    folder: TempDir,
    content: Content,
    storage: Storage,
}

const OFTEN: &str = "reload_interval: 10ms";
const NEVER: &str = "reload_interval: 1h";

impl Running {
    async fn start(settings: Settings<'_>) -> Self {
        let content = Content::sized(1000);
        let storage = Storage::holding(&content).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.yaml");
        fs::write(&file, yaml(&settings, &storage, &folder)).unwrap();
        let process = tokio::task::block_in_place(|| Process::start(&file));
        Self { process, file, folder, content, storage }
    }

    fn write(&self, settings: &Settings<'_>, change: impl Fn(String) -> String) {
        // In one step, so that nobody reads half of it.
        let new = self.folder.path().join("new");
        fs::write(&new, change(yaml(settings, &self.storage, &self.folder))).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    /// The status of a GET of the content below this path.
    fn status(&self, route: &str, lines: &str) -> String {
        let path = self.content.path().replace("/download/", route);
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
        let answer = self.process.exchange(&request);
        answer.split(' ').nth(1).expect("a status").to_owned()
    }
}

fn yaml(settings: &Settings<'_>, storage: &Storage, folder: &TempDir) -> String {
    let settings = Settings { file: "admin: 127.0.0.1:0", ..*settings };
    settings.yaml(&format!("http://{}", storage.address), folder)
}

fn moved(yaml: String) -> String {
    yaml.replace("path: /download/", "path: /moved/")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_taken_up() {
    let settings = Settings { timeouts: OFTEN, ..STREAM };
    let running = Running::start(settings).await;
    assert_eq!(running.status("/download/", ""), "200");
    running.write(&settings, moved);
    running.process.logged("was reloaded");
    assert_eq!(running.status("/moved/", ""), "200");
    assert_eq!(running.status("/download/", ""), "404");
    assert_eq!(running.process.metric("casgate_reloads_total", &["applied"]), 1.0);
    assert_eq!(running.process.metric("casgate_configuration_up_to_date", &[]), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_problems_changes_nothing_and_is_complained_about_once() {
    let settings = Settings { timeouts: OFTEN, ..STREAM };
    let running = Running::start(settings).await;
    running.write(&settings, |yaml| moved(yaml).replace("bucket: store", "bucket: stoer"));
    let line = running.process.logged("not reloaded");
    assert_eq!(line["place"], "routes[0].bucket");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(running.status("/download/", ""), "200");
    assert_eq!(running.process.metric("casgate_configuration_up_to_date", &[]), 0.0);
    // It is looked at every 10 ms, and half a file is another problem.
    running.write(&settings, |yaml| yaml[..yaml.len() / 2].to_owned());
    running.process.logged("not reloaded");
    assert_eq!(running.process.metric("casgate_reloads_total", &["refused"]), 2.0);
    assert_eq!(running.status("/download/", ""), "200");

    running.write(&settings, moved);
    running.process.logged("was reloaded");
    assert_eq!(running.status("/moved/", ""), "200");
    assert_eq!(running.process.metric("casgate_configuration_up_to_date", &[]), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_restart_is_refused() {
    let settings = Settings { timeouts: OFTEN, ..STREAM };
    let running = Running::start(settings).await;
    for (from, to, place) in [
        ("'127.0.0.1:0'", "'127.0.0.2:0'", "listen"),
        ("admin: 127.0.0.1:0", "admin: 127.0.0.2:0", "admin"),
        ("limits: {", "limits: { connections: 7,", "limits.connections"),
        ("log: {", "log: { level: warn,", "log"),
    ] {
        running.write(&settings, |yaml| {
            assert!(yaml.contains(from), "{from}");
            moved(yaml).replace(from, to)
        });
        let line = running.process.logged("which takes a restart");
        assert_eq!(line["place"], place);
        assert_eq!(running.status("/download/", ""), "200", "all of the old one is in use");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reloads_at_once_and_answers_every_time() {
    let settings = Settings { timeouts: NEVER, ..STREAM };
    let running = Running::start(settings).await;
    running.write(&settings, |_| "nonsense".to_owned());
    for _ in 0..3 {
        running.process.hang_up();
        running.process.logged("not reloaded");
    }
    running.write(&settings, moved);
    running.process.hang_up();
    running.process.logged("was reloaded");
    assert_eq!(running.status("/moved/", ""), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_changes_is_read_again() {
    let settings = Settings { timeouts: OFTEN, auth: JWT, ..STREAM };
    let running = Running::start(settings).await;
    let bearer = |secret: &str| {
        let token = token::mint_with(secret, serde_json::json!({}));
        format!("Authorization: Bearer {token}\r\n")
    };
    let (old, new) = (bearer(token::SECRET), bearer("another secret that only the tests share"));
    assert_eq!(
        (running.status("/download/", &old), running.status("/download/", &new)),
        ("200".to_owned(), "401".to_owned())
    );
    fs::write(running.folder.path().join("jwt"), "another secret that only the tests share")
        .unwrap();
    running.process.logged("was reloaded");
    // Verdicts of the old key are not believed any more.
    assert_eq!(
        (running.status("/download/", &old), running.status("/download/", &new)),
        ("401".to_owned(), "200".to_owned())
    );
}

/// Reading a pipe would wait for whoever writes to it, and no reload would ever follow.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_any_more_is_complained_about() {
    let settings = Settings { timeouts: OFTEN, ..STREAM };
    let running = Running::start(settings).await;
    let key = running.folder.path().join("key");
    let long = std::fs::File::create(running.folder.path().join("long")).unwrap();
    long.set_len(1024 * 1024 * 1024).unwrap();
    for (make, complaint) in [
        ("mkfifo", "it is no regular file"),
        ("ln -s long", "file too large"),
        ("ln -s nowhere", "No such file"),
    ] {
        fs::remove_file(&key).unwrap();
        let command = format!("cd '{}' && {make} key", running.folder.path().display());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
        let line = running.process.logged(complaint);
        assert_eq!(line["place"], "buckets.store.credentials.static.secret_access_key");
        assert_eq!(running.status("/download/", ""), "200");
    }
    fs::remove_file(&key).unwrap();
    fs::write(&key, "storage secret").unwrap();
    running.process.logged("was reloaded");
    assert!(running.process.resident_bytes() < 512 * 1024 * 1024);
}
