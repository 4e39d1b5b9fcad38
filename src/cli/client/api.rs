//! What is asked of a gateway, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::{Position, Url};

use super::Failure;
use super::body::Outgoing;
use super::connection::{Connection, document};
use super::patience::Patience;
use super::progress::Progress;
use super::settings::Settings;
use crate::content::digests::AnyDigest;

/// How long an answer may take. A large upload is made an object in one.
const ANSWER_MAX: Duration = Duration::from_secs(600);

/// The same for what a gateway does at once.
const QUICK_MAX: Duration = Duration::from_secs(60);

/// A client of one gateway.
pub(in crate::cli) struct Client {
    settings: Settings,
    connection: Connection,
    token: Option<String>,
    /// Whether anybody ever answered: until then an address where nobody listens is a mistake.
    was_heard: bool,
}

/// Content, as a gateway knows it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::cli) struct Blob {
    /// Its name.
    pub(in crate::cli) uuid: String,
    /// Its size in bytes.
    pub(in crate::cli) size: u64,
    /// What it hashes to, in hexadecimal.
    pub(in crate::cli) sha512: Option<String>,
    /// The number of the version that it is, where it is asked for as one.
    pub(in crate::cli) index: Option<u64>,
}

/// An artifact.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::cli) struct Artifact {
    /// Its name that never changes.
    pub(in crate::cli) uuid: String,
    /// The number of its newest version.
    pub(in crate::cli) index: u64,
    /// The content of that.
    pub(in crate::cli) blob_uuid: String,
}

/// What a version is made of.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Origin<'a> {
    /// Of an upload.
    Upload(&'a str),
    /// Of content that is there already.
    Blob(&'a str),
}

/// A request.
struct Asked<'a> {
    method: Method,
    path: &'a [&'a str],
    query: Option<String>,
    content_type: Option<&'static str>,
    body: Bytes,
    progress: Option<Progress>,
    wait: Duration,
}

impl<'a> Asked<'a> {
    fn new(method: Method, path: &'a [&'a str]) -> Self {
        let (body, wait) = (Bytes::new(), QUICK_MAX);
        Self { method, path, query: None, content_type: None, body, progress: None, wait }
    }

    fn json(self, body: &Value) -> Self {
        let body = body.to_string().into();
        Self { content_type: Some("application/json"), body, ..self }
    }
}

impl Client {
    /// A client that has asked nothing yet.
    pub(in crate::cli) fn new(settings: Settings) -> Self {
        let connection = Connection::new(settings.url.clone());
        let token = settings.token.clone();
        Self { settings, connection, token, was_heard: false }
    }

    /// Which gateway and namespace: what state of uploads is kept by.
    pub(super) fn place(&self) -> (&str, Option<&str>) {
        (self.settings.url.as_str(), self.settings.namespace.as_deref())
    }

    /// The content that has a digest.
    pub(in crate::cli) async fn blob_of(
        &mut self,
        digest: &AnyDigest,
    ) -> Result<Option<Blob>, Failure> {
        let digits = digest.to_string();
        let path = ["blob_checksums", digest.algorithm().name(), &digits];
        self.persist(|| Asked::new(Method::GET, &path)).await
    }

    /// What is known of content.
    pub(in crate::cli) async fn blob(&mut self, uuid: &str) -> Result<Blob, Failure> {
        let path = ["blobs", uuid];
        self.persist(|| Asked::new(Method::GET, &path)).await
    }

    /// The versions of an artifact, by its name or UUID.
    pub(in crate::cli) async fn versions(&mut self, artifact: &str) -> Result<Vec<Blob>, Failure> {
        let path = ["artifacts", artifact, "versions"];
        self.persist(|| Asked::new(Method::GET, &path)).await
    }

    /// Deletes a version of an artifact.
    pub(in crate::cli) async fn delete_version(
        &mut self,
        artifact: &str,
        index: u64,
    ) -> Result<(), Failure> {
        let index = index.to_string();
        let path = ["artifacts", artifact, "versions", &index];
        let gone: Result<Value, _> = self.persist(|| Asked::new(Method::DELETE, &path)).await;
        match gone {
            // An earlier attempt may have done it, or somebody else.
            Err(failure) if failure.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Makes a new version of the artifact `name`, unless the newest one has the same content.
    pub(in crate::cli) async fn publish(
        &mut self,
        name: &str,
        origin: Origin<'_>,
        artifact_type: Option<&str>,
    ) -> Result<Artifact, Failure> {
        let (member, uuid) = match origin {
            Origin::Upload(uuid) => ("upload_uuid", uuid),
            Origin::Blob(uuid) => ("blob_uuid", uuid),
        };
        let mut body = json!({ member: uuid, "source_url": null, "shared": false });
        if let (Some(name), Some(members)) = (artifact_type, body.as_object_mut()) {
            members.insert("artifact_type".to_owned(), name.into());
        }
        let path = ["artifacts", "upload", name];
        let asked = || Asked { wait: ANSWER_MAX, ..Asked::new(Method::POST, &path) }.json(&body);
        self.persist(asked).await
    }

    /// Begins an upload.
    pub(super) async fn begin(&mut self) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Begun {
            uuid: String,
        }
        let begun: Begun = self.persist(|| Asked::new(Method::POST, &["upload"])).await?;
        Ok(begun.uuid)
    }

    /// Appends bytes to an upload, in one attempt. Answers how many it has then. None appended asks
    /// just that.
    pub(super) async fn append(
        &mut self,
        upload: &str,
        bytes: Bytes,
        progress: Option<Progress>,
    ) -> Result<u64, Failure> {
        let path = ["upload", upload];
        let content_type = Some("application/octet-stream").filter(|_| !bytes.is_empty());
        let asked = Asked::new(Method::POST, &path);
        self.document(&Asked { content_type, body: bytes, progress, ..asked }).await
    }

    /// Drops all but the first `size` bytes of an upload, in one attempt.
    pub(super) async fn truncate(&mut self, upload: &str, size: u64) -> Result<(), Failure> {
        let size = size.to_string();
        let path = ["upload", upload, "truncate", &size];
        self.document::<Value>(&Asked::new(Method::POST, &path)).await.map(drop)
    }

    /// Content from an offset on, in one attempt.
    pub(super) async fn data(&mut self, blob: &str, offset: u64) -> Result<Incoming, Failure> {
        let path = ["blobs", blob, "data"];
        let query = Some(format!("offset={offset}"));
        let answer = self.ask(&Asked { query, ..Asked::new(Method::GET, &path) }).await?;
        Ok(answer.into_body())
    }

    /// Asks until there is an answer, or a reason to give up.
    async fn persist<'a, A: DeserializeOwned>(
        &mut self,
        asked: impl Fn() -> Asked<'a>,
    ) -> Result<A, Failure> {
        let mut patience = Patience::default();
        loop {
            match self.document(&asked()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => patience.pause(failure).await?,
            }
        }
    }

    async fn document<A: DeserializeOwned>(&mut self, asked: &Asked<'_>) -> Result<A, Failure> {
        let bytes = document(self.ask(asked).await?.into_body()).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let path = asked.path.join("/");
            Failure::Failed(format!("the gateway's answer for {path} makes no sense: {error}"))
        })
    }

    /// One attempt; a token that is over is replaced once.
    async fn ask(&mut self, asked: &Asked<'_>) -> Result<Response<Incoming>, Failure> {
        if self.token.is_none() {
            self.log_in().await?;
        }
        match self.send(asked).await {
            Err(Failure::Refused { status: StatusCode::UNAUTHORIZED, .. })
                if self.settings.key.is_some() =>
            {
                self.log_in().await?;
                self.send(asked).await
            }
            other => other,
        }
    }

    /// Gets a token for the key.
    async fn log_in(&mut self) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct LoggedIn {
            access_token: String,
        }
        self.token = None;
        let Settings { namespace, key, .. } = &self.settings;
        let body = json!({ "namespace": namespace, "key": key });
        let who = namespace.clone().unwrap_or_default();
        let answer = self.send(&Asked::new(Method::POST, &["auth"]).json(&body)).await;
        let answer = answer.map_err(|failure| match failure {
            Failure::Refused { .. } if !failure.is_transient() => {
                Failure::Failed(format!("cannot log in to the namespace {who:?}: {failure}"))
            }
            other => other,
        })?;
        let bytes = document(answer.into_body()).await?;
        let logged_in: LoggedIn = serde_json::from_slice(&bytes)
            .map_err(|_| Failure::Failed("the gateway gave no token for the key".to_owned()))?;
        self.token = Some(logged_in.access_token);
        Ok(())
    }

    async fn send(&mut self, asked: &Asked<'_>) -> Result<Response<Incoming>, Failure> {
        let url = below(&self.settings.url, asked.path)?;
        let mut target = url[Position::BeforePath..Position::AfterPath].to_owned();
        if let Some(query) = &asked.query {
            target.push('?');
            target.push_str(query);
        }
        let mut request = Request::builder().method(&asked.method).uri(target);
        if asked.method != Method::GET {
            request = request.header(header::CONTENT_LENGTH, asked.body.len());
        }
        if let Some(content_type) = asked.content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = Outgoing::new(asked.body.clone(), asked.progress.clone());
        let request = request.body(body).map_err(|error| Failure::Failed(error.to_string()))?;
        let answer =
            self.connection.send(request, asked.wait).await.map_err(|failure| match failure {
                Failure::Unreachable(_) if !self.was_heard => Failure::Failed(failure.to_string()),
                other => other,
            })?;
        self.was_heard = true;
        match answer.status() {
            StatusCode::OK | StatusCode::ACCEPTED => Ok(answer),
            _ => Err(refused(answer).await),
        }
    }
}

/// Why the gateway says no: the member `error` of its JSON, or all it says.
async fn refused(answer: Response<Incoming>) -> Failure {
    let (head, body) = answer.into_parts();
    let bytes = document(body).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let json: Option<Value> = serde_json::from_slice(&bytes).ok();
    let error = json.as_ref().and_then(|json| json.get("error")?.as_str());
    let message = match head.status {
        status if status.is_redirection() => "it leads elsewhere; is the URL right?",
        _ => error.unwrap_or(&text),
    };
    Failure::refused(head.status, message, retry_after(&head.headers))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The URL with these segments after its path.
fn below(url: &Url, path: &[&str]) -> Result<Url, Failure> {
    let mut url = url.clone();
    if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err(Failure::Failed("the name is none that can be asked for".to_owned()));
    }
    match url.path_segments_mut() {
        Ok(mut segments) => segments.pop_if_empty().extend(path),
        Err(()) => return Err(Failure::Failed("the URL has no path".to_owned())),
    };
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_segment_of_a_path() {
        let below = |base: &str, name: &str| {
            below(&Url::parse(base).unwrap(), &["artifacts", name]).map(|url| url.path().to_owned())
        };
        let base = "https://cas.example/sf/";
        assert_eq!(below(base, "a b").unwrap(), "/sf/artifacts/a%20b");
        assert_eq!(below("https://cas.example/sf", "a").unwrap(), "/sf/artifacts/a");
        assert_eq!(below("https://cas.example", "a").unwrap(), "/artifacts/a");
        assert_eq!(below(base, "100%2f").unwrap(), "/sf/artifacts/100%252f");
        assert_eq!(below(base, "a/b?c#d").unwrap(), "/sf/artifacts/a%2Fb%3Fc%23d");
        assert_eq!(below(base, "größe").unwrap(), "/sf/artifacts/gr%C3%B6%C3%9Fe");
        for name in ["", ".", ".."] {
            below(base, name).unwrap_err();
        }
    }
}
