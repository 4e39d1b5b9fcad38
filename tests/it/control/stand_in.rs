//! Storage that keeps the conditions of writes, but for one fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use casgate::bucket::Bucket;

use super::bucket_of;
use crate::support::answer::{Answer, Then};
use crate::support::server::{Seen, Server};

/// What is stored.
#[derive(Default)]
pub(crate) struct Store {
    /// Entity tag and content by path.
    pub(crate) objects: BTreeMap<String, (String, String)>,
    /// Content by path and id.
    pub(crate) uploads: BTreeMap<(String, String), String>,
    written: usize,
}

/// A request to it.
pub(crate) struct Request<'a> {
    pub(crate) seen: &'a Seen,
    pub(crate) path: &'a str,
    query: BTreeMap<&'a str, &'a str>,
}

impl Request<'_> {
    /// Whether an object is written at once, under a key that ends with a name like this.
    pub(crate) fn is_put_of(&self, name: &str) -> bool {
        let file = self.path.rsplit('/').next().unwrap();
        self.seen.method == "PUT" && file.starts_with(name) && !self.query.contains_key("uploadId")
    }

    pub(crate) fn is_completion(&self) -> bool {
        self.seen.method == "POST" && self.query.contains_key("uploadId")
    }

    pub(crate) fn is_conditional(&self) -> bool {
        ["if-none-match", "if-match"].iter().any(|name| self.seen.header(name).is_some())
    }

    fn upload(&self) -> Option<(String, String)> {
        self.query.get("uploadId").map(|id| (self.path.to_owned(), (*id).to_owned()))
    }
}

impl Store {
    /// Puts an object in place, whatever is there.
    pub(crate) fn write(&mut self, request: &Request<'_>) -> Answer {
        self.written += 1;
        let e_tag = format!("\"{:032x}\"", self.written);
        let content = match request.upload() {
            Some(upload) => self.uploads.remove(&upload).unwrap(),
            None => request.seen.body.clone(),
        };
        self.objects.insert(request.path.to_owned(), (e_tag.clone(), content));
        let body = match request.upload() {
            Some(_) => format!(
                "<CompleteMultipartUploadResult><ETag>{e_tag}</ETag>\
                 </CompleteMultipartUploadResult>"
            ),
            None => String::new(),
        };
        let (e_tag, length) = (format!("ETag: {e_tag}"), format!("Content-Length: {}", body.len()));
        Answer::head_and(&["HTTP/1.1 200 OK", &e_tag, &length], body.as_bytes(), Then::Keep)
    }

    /// As it should be.
    fn answer(&mut self, request: &Request<'_>) -> Answer {
        let seen = request.seen;
        let current = self.objects.get(request.path);
        match (seen.method.as_str(), request.upload()) {
            ("GET", None) => match current {
                Some((_, content)) => Answer::object(seen, content.as_bytes()),
                None => Answer::error(seen, 404, "NoSuchKey"),
            },
            ("HEAD", None) => Answer::status("200 OK"),
            ("DELETE", None) => {
                self.objects.remove(request.path);
                Answer::status("204 No Content")
            }
            ("DELETE", Some(upload)) => match self.uploads.remove(&upload) {
                Some(_) => Answer::status("204 No Content"),
                None => Answer::error(seen, 404, "NoSuchUpload"),
            },
            ("POST", None) => {
                let id = (self.written + self.uploads.len()).to_string();
                self.uploads.insert((request.path.to_owned(), id.clone()), String::new());
                let begun = format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>"
                );
                Answer::document("200 OK", "application/xml", begun)
            }
            ("PUT", Some(upload)) => {
                *self.uploads.get_mut(&upload).unwrap() = seen.body.clone();
                Answer::head_and(
                    &["HTTP/1.1 200 OK", "ETag: \"part\"", "Content-Length: 0"],
                    b"",
                    Then::Keep,
                )
            }
            _ => {
                let is_taken = seen.header("if-none-match").is_some() && current.is_some();
                let is_another = seen
                    .header("if-match")
                    .is_some_and(|e_tag| current.is_none_or(|(current, _)| current != e_tag));
                match is_taken || is_another {
                    true => Answer::error(seen, 412, "PreconditionFailed"),
                    false => self.write(request),
                }
            }
        }
    }
}

/// The server and what it stores.
pub(crate) struct StandIn {
    pub(crate) server: Server,
    pub(crate) store: Arc<Mutex<Store>>,
    pub(crate) bucket: Arc<Bucket>,
}

/// What answers instead, if it wants to.
pub(crate) type Fault = fn(&Request<'_>, &mut Store) -> Option<Answer>;

impl StandIn {
    pub(crate) async fn start(fault: Fault) -> Self {
        let store = Arc::new(Mutex::new(Store::default()));
        let server = Server::scripted(script(fault, Arc::clone(&store))).await;
        let bucket = bucket_of(&format!("http://{}", server.address));
        Self { server, store, bucket }
    }

    /// Has another fault from now on.
    pub(crate) fn change(&self, fault: Fault) {
        self.server.change(script(fault, Arc::clone(&self.store)));
    }

    /// Whether nothing is stored.
    pub(crate) fn is_empty(&self) -> bool {
        let store = self.store.lock().unwrap();
        store.objects.is_empty() && store.uploads.is_empty()
    }
}

fn script(fault: Fault, store: Arc<Mutex<Store>>) -> impl Fn(&Seen) -> Answer {
    move |seen| {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let request = Request { seen, path, query: pairs.collect() };
        let mut store = store.lock().unwrap();
        fault(&request, &mut store).unwrap_or_else(|| store.answer(&request))
    }
}
