//! Storage in memory that does as S3 does, but for what a test has it do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::support::answer::{Answer, Then};
use crate::support::server::Seen;
use crate::support::storage::Storage;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Read,
    List,
    Put,
    /// Of a document.
    PutIf,
    Create,
    Part,
    Copy,
    Complete,
    Delete,
    Abort,
}

/// What happens at a step, instead of it or before it.
enum Event {
    Failure,
    Call(Box<dyn Fn() + Send>),
}

#[derive(Clone)]
struct Object {
    bytes: Vec<u8>,
    tag: String,
    stored: String,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// Parts by number, of uploads by name.
    uploads: BTreeMap<String, BTreeMap<usize, Vec<u8>>>,
    events: Vec<(Step, &'static str, Event)>,
    names: usize,
}

/// The server. It ends when dropped.
pub(super) struct Bucket {
    server: Storage,
    state: Arc<Mutex<State>>,
}

impl Bucket {
    pub(super) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let answers = Arc::clone(&state);
        let server = Storage::scripted(move |seen| answers.lock().unwrap().answer(seen)).await;
        Self { server, state }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// From now on, a step fails where the key has this in it.
    pub(super) fn fail(&self, step: Step, key: &'static str) {
        self.state.lock().unwrap().events.push((step, key, Event::Failure));
    }

    /// From now on, this happens before a step where the key has this in it.
    pub(super) fn call(&self, step: Step, key: &'static str, call: impl Fn() + Send + 'static) {
        self.state.lock().unwrap().events.push((step, key, Event::Call(Box::new(call))));
    }

    /// Nothing fails any more.
    pub(super) fn heal(&self) {
        self.state.lock().unwrap().events.clear();
    }

    /// The keys of all objects that begin so.
    pub(super) fn keys(&self, prefix: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}

impl State {
    fn answer(&mut self, seen: &Seen) -> Answer {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let key = decoded(path.strip_prefix("/artifacts").unwrap());
        let key = key.trim_start_matches('/');
        let query: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), decoded(value)))
            .collect();
        let step = step(seen, &query);
        for (at, part, event) in &self.events {
            if *at != step || !key.contains(part) {
                continue;
            }
            match event {
                Event::Failure => return Answer::error(seen, 503, "SlowDown"),
                Event::Call(call) => call(),
            }
        }
        match step {
            Step::Read => match self.objects.get(key) {
                Some(object) => object.answer(seen),
                None => Answer::error(seen, 404, "NoSuchKey"),
            },
            Step::List => self.list(&query),
            Step::Put => self.put(key, seen.bytes.clone()),
            Step::PutIf => self.put_if(key, seen),
            Step::Create => {
                self.names += 1;
                let name = format!("upload-{}", self.names);
                self.uploads.insert(name.clone(), BTreeMap::new());
                xml(&format!(
                    "<InitiateMultipartUploadResult><UploadId>{name}</UploadId>\
                     </InitiateMultipartUploadResult>"
                ))
            }
            Step::Part | Step::Copy => self.part(seen, &query),
            Step::Complete => self.complete(key, seen, &query),
            Step::Delete => {
                self.objects.remove(key);
                Answer::status("204 No Content")
            }
            Step::Abort => {
                self.uploads.remove(&query["uploadId"]);
                Answer::status("204 No Content")
            }
        }
    }

    fn put(&mut self, key: &str, bytes: Vec<u8>) -> Answer {
        self.names += 1;
        let tag = format!("\"tag-{}\"", self.names);
        let stored = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let line = format!("ETag: {tag}");
        self.objects.insert(key.to_owned(), Object { bytes, tag, stored });
        Answer::head_and(&["HTTP/1.1 200 OK", "Content-Length: 0", &line], b"", Then::Keep)
    }

    fn put_if(&mut self, key: &str, seen: &Seen) -> Answer {
        let there = self.objects.get(key).map(|object| object.tag.as_str());
        let holds = match seen.header("if-match") {
            Some(tag) => there == Some(tag),
            None => there.is_none(),
        };
        match holds {
            true => self.put(key, seen.bytes.clone()),
            false => Answer::error(seen, 412, "PreconditionFailed"),
        }
    }

    fn part(&mut self, seen: &Seen, query: &BTreeMap<String, String>) -> Answer {
        let number: usize = query["partNumber"].parse().unwrap();
        let source = seen.header("x-amz-copy-source").map(decoded);
        let bytes = match &source {
            None => seen.bytes.clone(),
            Some(source) => {
                let key = source.trim_start_matches('/').strip_prefix("artifacts/").unwrap();
                let Some(object) = self.objects.get(key) else {
                    return Answer::error(seen, 404, "NoSuchKey");
                };
                let range = seen.header("x-amz-copy-source-range").unwrap();
                let (first, last) = bounds(range);
                object.bytes[first..=last].to_vec()
            }
        };
        let tag = format!("part-{number}");
        let Some(parts) = self.uploads.get_mut(&query["uploadId"]) else {
            return Answer::error(seen, 404, "NoSuchUpload");
        };
        parts.insert(number, bytes);
        match source {
            Some(_) => {
                xml(&format!("<CopyPartResult><ETag>&quot;{tag}&quot;</ETag></CopyPartResult>"))
            }
            None => {
                let tag = format!("ETag: \"{tag}\"");
                Answer::head_and(&["HTTP/1.1 200 OK", "Content-Length: 0", &tag], b"", Then::Keep)
            }
        }
    }

    fn complete(&mut self, key: &str, seen: &Seen, query: &BTreeMap<String, String>) -> Answer {
        let Some(parts) = self.uploads.remove(&query["uploadId"]) else {
            return Answer::error(seen, 404, "NoSuchUpload");
        };
        self.put(key, parts.into_values().flatten().collect());
        xml("<CompleteMultipartUploadResult><ETag>\"all\"</ETag></CompleteMultipartUploadResult>")
    }

    /// All there are: tests have fewer than storage lists at once.
    fn list(&self, query: &BTreeMap<String, String>) -> Answer {
        let prefix = query["prefix"].as_str();
        let after = query.get("start-after").map_or("", String::as_str);
        let found = self.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        let entries: String = found
            .filter(|(key, _)| key.as_str() > after)
            .map(|(key, object)| {
                let stored = &object.stored;
                format!(
                    "<Contents><Key>{key}</Key><LastModified>{stored}</LastModified></Contents>"
                )
            })
            .collect();
        xml(&format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        ))
    }
}

impl Object {
    fn answer(&self, seen: &Seen) -> Answer {
        let (size, tag) = (self.bytes.len(), format!("ETag: {}", self.tag));
        let range = seen.header("range").map(bounds).filter(|_| !seen.is_head());
        if range.is_some_and(|(first, _)| first >= size) {
            return Answer::error(seen, 416, "InvalidRange");
        }
        let (status, body, range) = match range {
            None => ("HTTP/1.1 200 OK", self.bytes.as_slice(), None),
            Some((first, last)) => {
                let last = last.min(size - 1);
                let line = format!("Content-Range: bytes {first}-{last}/{size}");
                ("HTTP/1.1 206 Partial Content", &self.bytes[first..=last], Some(line))
            }
        };
        let length = format!("Content-Length: {}", body.len());
        let mut head = vec![status, length.as_str(), tag.as_str()];
        head.extend(range.as_deref());
        Answer::head_and(&head, if seen.is_head() { b"" } else { body }, Then::Keep)
    }
}

fn step(seen: &Seen, query: &BTreeMap<String, String>) -> Step {
    let has = |name: &str| query.contains_key(name);
    match seen.method.as_str() {
        "GET" if has("list-type") => Step::List,
        "GET" | "HEAD" => Step::Read,
        "PUT" if has("partNumber") && seen.header("x-amz-copy-source").is_some() => Step::Copy,
        "PUT" if has("partNumber") => Step::Part,
        "PUT" if seen.header("if-match").or_else(|| seen.header("if-none-match")).is_some() => {
            Step::PutIf
        }
        "PUT" => Step::Put,
        "POST" if has("uploads") => Step::Create,
        "POST" => Step::Complete,
        "DELETE" if has("uploadId") => Step::Abort,
        "DELETE" => Step::Delete,
        other => panic!("{other} {}", seen.target),
    }
}

/// The first and the last byte of `bytes=<first>-<last>`.
fn bounds(range: &str) -> (usize, usize) {
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().unwrap_or(usize::MAX))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
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

/// A 200 with this document.
fn xml(document: &str) -> Answer {
    Answer::document("200 OK", "application/xml", format!("<?xml version=\"1.0\"?>\n{document}"))
}
