//! The built program.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{PATIENCE, metrics};

/// Runs `casgate check` on a file, with only these variables.
pub(crate) fn check(file: &Path, variables: &BTreeMap<String, String>) -> Output {
    casgate(variables).arg("check").arg(file).output().unwrap()
}

/// Runs `casgate run` on a file that it refuses, with only these variables.
pub(crate) fn run(file: &Path, variables: &BTreeMap<String, String>) -> Output {
    casgate(variables).args(["run", "--json"]).arg(file).output().unwrap()
}

fn casgate(variables: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casgate"));
    command.env_clear().envs(variables);
    command
}

/// A running `casgate run`. It ends when dropped.
pub(crate) struct Process {
    child: Child,
    output: Lines,
    log: Lines,
    pub(crate) address: SocketAddr,
    admin: Option<SocketAddr>,
}

/// Lines of output, read in the background so that the process never waits for us.
struct Lines {
    next: Mutex<Receiver<String>>,
    all: Arc<Mutex<String>>,
}

impl Lines {
    fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, next) = channel();
        let all = Arc::new(Mutex::new(String::new()));
        let read = Arc::clone(&all);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let mut read = read.lock().unwrap();
                read.push_str(&line);
                read.push('\n');
                // Whoever waits for no more lines may still ask for all of them.
                let _ = sender.send(line);
            }
        });
        Self { next: Mutex::new(next), all }
    }

    fn next(&self) -> Value {
        let next = self.next.lock().unwrap();
        serde_json::from_str(&next.recv_timeout(PATIENCE).expect("a line of output")).unwrap()
    }
}

impl Process {
    /// Starts it, and waits until it serves.
    pub(crate) fn start(file: &Path) -> Self {
        Self::start_with(file, &BTreeMap::new())
    }

    /// The same with these variables, and no others.
    pub(crate) fn start_with(file: &Path, variables: &BTreeMap<String, String>) -> Self {
        let mut command = casgate(variables);
        command.args(["run", "--json"]).arg(file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = Lines::of(child.stdout.take().unwrap());
        let log = Lines::of(child.stderr.take().unwrap());
        let ready = output.next();
        let address = |name: &str| {
            let (_, address) = ready[name].as_str()?.split_once("://")?;
            Some(address.parse().unwrap())
        };
        let (address, admin) = (address("url").expect("a URL"), address("admin_url"));
        Self { child, output, log, address, admin }
    }

    /// Where its metrics are.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.expect("an admin listener")
    }

    /// What it said on standard error so far.
    pub(crate) fn errors(&self) -> String {
        self.log.all.lock().unwrap().clone()
    }

    /// What it said on standard output so far.
    pub(crate) fn printed(&self) -> String {
        self.output.all.lock().unwrap().clone()
    }

    /// Its metrics, as a scrape gets them.
    pub(crate) fn metrics(&self) -> String {
        exchange(self.admin(), "GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
    }

    /// Sends a request over TCP and reads until the connection closes.
    pub(crate) fn exchange(&self, request: &str) -> String {
        exchange(self.address, request)
    }

    /// The memory it really uses.
    pub(crate) fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes * 1024
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> Value {
        self.output.next()
    }

    /// Waits for a line of the log with this text in its message; returns it.
    pub(crate) fn logged(&self, text: &str) -> Value {
        loop {
            let line = self.log.next();
            if line["message"].as_str().is_some_and(|message| message.contains(text)) {
                return line;
            }
        }
    }

    /// The sum of the samples of a metric whose line holds all of these labels.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        metrics::sum(&self.metrics(), name, labels)
    }

    /// Asks it to load its configuration again.
    pub(crate) fn hang_up(&self) {
        let kill = format!("kill -HUP {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
