//! The built program.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::PATIENCE;

/// Runs `casgate check` on a file, with only these variables.
pub(crate) fn check(file: &Path, variables: &BTreeMap<String, String>) -> Output {
    casgate(variables).arg("check").arg(file).output().unwrap()
}

fn casgate(variables: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casgate"));
    command.env_clear().envs(variables);
    command
}

/// A running `casgate run`. It ends when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    address: String,
}

impl Process {
    /// Starts it, and waits until it serves.
    pub(crate) fn start(file: &Path) -> Self {
        let mut command = casgate(&BTreeMap::new());
        command.args(["run", "--json"]).arg(file).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut process = Self { child, lines, address: String::new() };
        let ready = process.line();
        let url = ready["url"].as_str().expect("a URL");
        process.address = url.trim_start_matches("http://").to_owned();
        process
    }

    /// Sends a request over TCP and reads until the connection closes.
    pub(crate) fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> serde_json::Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line on standard output");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
