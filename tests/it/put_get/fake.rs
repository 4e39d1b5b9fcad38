//! A gateway in memory, that misbehaves on request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::support::answer::{Answer, Then};
use crate::support::server::{Early, Seen, Server};

pub(crate) const NAMESPACE: &str = "team";
pub(crate) const KEY: &str = "a key";

/// What is asked of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    LogIn,
    Search,
    Begin,
    Append,
    /// An empty one, which tells how many bytes there are.
    Size,
    Truncate,
    Publish,
    Blob,
    Versions,
    DeleteVersion,
    Data,
    Unknown,
}

/// What goes wrong with one request.
pub(crate) enum Fault {
    /// It is not done, but answered with this status.
    Status(&'static str),
    /// The connection breaks after so many bytes of the body. It is not done.
    Cut(usize),
    /// It is done, and the connection breaks before the answer.
    Lost,
    /// It is done twice, and answered once.
    Twice,
    /// It is done, and no answer comes.
    Stall,
    /// Neither is it done, nor does an answer come.
    Ignored,
    /// Only so many bytes of the answer's body come.
    Short(usize),
    /// This happens before it is done.
    Before(Box<dyn FnOnce(&mut State) + Send>),
}

/// What the gateway knows.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) uploads: BTreeMap<String, Vec<u8>>,
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    /// Versions by the names of artifacts: numbers and blobs.
    pub(crate) artifacts: BTreeMap<String, Vec<(u64, String)>>,
    pub(crate) types: Vec<Value>,
    faults: Vec<(Ask, Fault)>,
    asked: BTreeMap<Ask, usize>,
    appended: Vec<usize>,
    logins: usize,
    names: u64,
}

/// The gateway. It ends when dropped.
pub(crate) struct Fake {
    pub(crate) server: Server,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let answers = Arc::clone(&state);
        let server = Server::scripted(move |seen| answers.lock().unwrap().answer(seen)).await;
        let cuts = Arc::clone(&state);
        server.hurry(move |seen| {
            let fault =
                cuts.lock().unwrap().fault(ask(seen), |fault| matches!(fault, Fault::Cut(_)));
            let Some(Fault::Cut(after)) = fault else { return None };
            Some(Early { after, answer: Answer::nothing(Then::Reset) })
        });
        Self { server, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/sf/", self.server.address)
    }

    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next request of this kind goes wrong, or the one after those that do already.
    pub(crate) fn fault(&self, ask: Ask, fault: Fault) {
        self.state().faults.push((ask, fault));
    }

    /// The next but so many.
    pub(crate) fn fault_after(&self, count: usize, ask: Ask, fault: Fault) {
        for _ in 0..count {
            self.fault(ask, Fault::Before(Box::new(|_| ())));
        }
        self.fault(ask, fault);
    }

    /// How many requests of a kind were answered.
    pub(crate) fn count(&self, ask: Ask) -> usize {
        self.state().asked.get(&ask).copied().unwrap_or(0)
    }

    /// The sizes of the pieces that came whole.
    pub(crate) fn appended(&self) -> Vec<usize> {
        self.state().appended.clone()
    }

    /// The content of the newest version.
    pub(crate) fn newest(&self, artifact: &str) -> Vec<u8> {
        let state = self.state();
        let (_, blob) = state.artifacts[artifact].last().unwrap();
        state.blobs[blob].clone()
    }

    /// Publishes content.
    pub(crate) fn holds(&self, artifact: &str, bytes: &[u8]) {
        let mut state = self.state();
        let blob = state.store(bytes.to_vec());
        state.add(artifact, blob);
    }
}

impl State {
    fn name(&mut self) -> String {
        self.names += 1;
        format!("01900000-0000-7000-8000-{:012}", self.names)
    }

    fn store(&mut self, bytes: Vec<u8>) -> String {
        let name = self.name();
        self.blobs.insert(name.clone(), bytes);
        name
    }

    fn add(&mut self, artifact: &str, blob: String) {
        let versions = self.artifacts.entry(artifact.to_owned()).or_default();
        let index = versions.last().map_or(1, |(index, _)| index + 1);
        match versions.last() {
            Some((_, newest)) if *newest == blob => {}
            _ => versions.push((index, blob)),
        }
    }

    fn fault(&mut self, ask: Ask, is_wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.faults.iter().position(|(wanted, _)| *wanted == ask)?;
        is_wanted(&self.faults[at].1).then(|| self.faults.remove(at).1)
    }

    fn answer(&mut self, seen: &Seen) -> Answer {
        let ask = ask(seen);
        *self.asked.entry(ask).or_default() += 1;
        match self.fault(ask, |_| true) {
            None => self.act(ask, seen),
            Some(Fault::Status(status)) => {
                Answer::document(status, "application/json", r#"{"error":"as told","status":0}"#)
            }
            Some(Fault::Cut(_) | Fault::Ignored) => Answer::nothing(Then::Stall),
            Some(Fault::Lost) => {
                self.act(ask, seen);
                Answer::nothing(Then::Close)
            }
            Some(Fault::Twice) => {
                self.act(ask, seen);
                self.act(ask, seen)
            }
            Some(Fault::Stall) => {
                self.act(ask, seen);
                Answer::nothing(Then::Stall)
            }
            Some(Fault::Short(length)) => {
                let mut answer = self.act(ask, seen);
                let head = answer.bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
                answer.bytes.truncate(head + 4 + length);
                Answer { then: Then::Close, ..answer }
            }
            Some(Fault::Before(happens)) => {
                happens(self);
                self.act(ask, seen)
            }
        }
    }

    fn act(&mut self, ask: Ask, seen: &Seen) -> Answer {
        if ask != Ask::LogIn && seen.header("authorization") != Some(&self.bearer()) {
            return error("401 Unauthorized", "no such token");
        }
        let path = segments(seen);
        let found = match ask {
            Ask::LogIn => return self.log_in(seen),
            Ask::Search => Some(self.search(&path[1], &path[2])),
            Ask::Begin => Some(self.begin()),
            Ask::Append | Ask::Size => self.append(&path[1], &seen.bytes),
            Ask::Truncate => self.truncate(&path[1], path[3].parse().unwrap()),
            Ask::Publish => self.publish(&path[2], &serde_json::from_str(&seen.body).unwrap()),
            Ask::Blob => self.blobs.contains_key(&path[1]).then(|| self.blob(&path[1])),
            Ask::Versions => self.versions(&path[1]),
            Ask::DeleteVersion => self.delete_version(&path[1], path[3].parse().unwrap()),
            Ask::Data => return self.data(&path[1], &seen.target),
            Ask::Unknown => None,
        };
        found.map_or_else(
            || error("404 Not Found", "not found"),
            |json| Answer::json(json.to_string()),
        )
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.bearer_token())
    }

    /// A token that is good.
    pub(crate) fn bearer_token(&self) -> String {
        format!("token {}", self.logins)
    }

    /// Ends all tokens.
    pub(crate) fn log_out(&mut self) {
        self.logins += 1000;
    }

    fn log_in(&mut self, seen: &Seen) -> Answer {
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        if body != json!({ "namespace": NAMESPACE, "key": KEY }) {
            return error("401 Unauthorized", "unauthorized");
        }
        self.logins += 1;
        let token = self.bearer_token();
        Answer::json(json!({ "access_token": token, "token_type": "Bearer" }).to_string())
    }

    fn search(&self, algorithm: &str, digits: &str) -> Value {
        let is_it = |bytes: &Vec<u8>| match algorithm {
            "sha256" => hex(&Sha256::digest(bytes)) == digits,
            _ => hex(&Sha512::digest(bytes)) == digits,
        };
        let found = self.blobs.iter().find(|(_, bytes)| is_it(bytes));
        found.map_or(Value::Null, |(name, _)| self.blob(name))
    }

    fn begin(&mut self) -> Value {
        let name = self.name();
        self.uploads.insert(name.clone(), Vec::new());
        json!({ "uuid": name, "node": "fake", "created_at": 1.5 })
    }

    fn append(&mut self, upload: &str, bytes: &[u8]) -> Option<Value> {
        let upload = self.uploads.get_mut(upload)?;
        upload.extend_from_slice(bytes);
        self.appended.extend(Some(bytes.len()).filter(|length| *length > 0));
        Some(json!(upload.len()))
    }

    fn truncate(&mut self, upload: &str, size: usize) -> Option<Value> {
        let upload = self.uploads.get_mut(upload)?;
        assert!(size <= upload.len(), "{size} of {}", upload.len());
        upload.truncate(size);
        Some(Value::Null)
    }

    fn publish(&mut self, name: &str, body: &Value) -> Option<Value> {
        let blob = match body["upload_uuid"].as_str() {
            Some(upload) => {
                let bytes = self.uploads.remove(upload)?;
                self.store(bytes)
            }
            None => body["blob_uuid"].as_str().unwrap().to_owned(),
        };
        self.blobs.get(&blob)?;
        self.types.push(body["artifact_type"].clone());
        self.add(name, blob);
        let (index, blob) = self.artifacts[name].last().unwrap();
        Some(json!({ "uuid": format!("of {name}"), "index": index, "blob_uuid": blob }))
    }

    fn blob(&self, name: &str) -> Value {
        let bytes = &self.blobs[name];
        json!({ "uuid": name, "size": bytes.len(), "sha512": hex(&Sha512::digest(bytes)) })
    }

    fn versions(&self, artifact: &str) -> Option<Value> {
        let name = artifact.strip_prefix("of ").unwrap_or(artifact);
        let versions = self.artifacts.get(name)?.iter().map(|(index, blob)| {
            let mut version = self.blob(blob);
            version["index"] = json!(index);
            version
        });
        Some(versions.collect())
    }

    fn delete_version(&mut self, artifact: &str, index: u64) -> Option<Value> {
        let versions = self.artifacts.get_mut(artifact.strip_prefix("of ")?)?;
        versions.retain(|(number, _)| *number != index);
        Some(json!({}))
    }

    fn data(&self, blob: &str, target: &str) -> Answer {
        let (_, offset) = target.split_once("?offset=").unwrap();
        match self.blobs.get(blob) {
            None => error("404 Not Found", "blob not found"),
            Some(bytes) => {
                let offset: usize = offset.parse().unwrap();
                Answer::document("200 OK", "application/octet-stream", &bytes[offset..])
            }
        }
    }
}

fn error(status: &str, text: &str) -> Answer {
    let body = json!({ "error": text, "status": 0 }).to_string();
    Answer::document(status, "application/json", body)
}

fn ask(seen: &Seen) -> Ask {
    let path = segments(seen);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match (seen.method.as_str(), path.as_slice()) {
        ("POST", ["auth"]) => Ask::LogIn,
        ("GET", ["blob_checksums", _, _]) => Ask::Search,
        ("POST", ["upload"]) => Ask::Begin,
        ("POST", ["upload", _]) if seen.header("content-length") == Some("0") => Ask::Size,
        ("POST", ["upload", _]) => Ask::Append,
        ("POST", ["upload", _, "truncate", _]) => Ask::Truncate,
        ("POST", ["artifacts", "upload", _]) => Ask::Publish,
        ("GET", ["blobs", _]) => Ask::Blob,
        ("GET", ["blobs", _, "data"]) => Ask::Data,
        ("GET", ["artifacts", _, "versions"]) => Ask::Versions,
        ("DELETE", ["artifacts", _, "versions", _]) => Ask::DeleteVersion,
        _ => Ask::Unknown,
    }
}

/// The path below the gateway's, decoded.
fn segments(seen: &Seen) -> Vec<String> {
    let path = seen.target.split('?').next().unwrap();
    let path = path.strip_prefix("/sf/").unwrap_or_default();
    path.split('/').map(decoded).collect()
}

fn decoded(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        (bytes, rest) = match first {
            b'%' => {
                let digits = std::str::from_utf8(&tail[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                (bytes, &tail[2..])
            }
            other => {
                bytes.push(*other);
                (bytes, tail)
            }
        };
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
