//! Local stand-ins for the container endpoint, IMDS and STS, storage that knows its keys, and the
//! gateway in front of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::PATIENCE;
use crate::support::answer::Answer;
use crate::support::client::{Client, Response};
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::metrics;
use crate::support::process::Process;
use crate::support::server::{Seen, Server};
use crate::support::storage::Storage;
use crate::support::within;

/// In every secret half, so that it can be looked for where it must not be.
pub(crate) const SECRET: &str = "never-to-be-seen";

/// What [`session`] gives.
pub(crate) const SESSION: &str = "session";

/// `2030-01-02T03:04:05Z`, that much from now.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let now = SystemTime::now();
    let time = if seconds < 0 { now - distance } else { now + distance };
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Credentials as IMDS and the container endpoint give them.
pub(crate) fn json(id: &str, seconds: i64) -> Answer {
    Answer::document("200 OK", "application/json", json_text(id, &rfc3339(seconds)))
}

pub(crate) fn json_text(id: &str, expiration: &str) -> String {
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"{SECRET}","Token":"token-of-{id}","Expiration":"{expiration}"}}"#
    )
}

/// A session of IMDS, without which it says nothing.
pub(crate) fn session() -> Answer {
    let content_type = "text/plain\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600";
    Answer::document("200 OK", content_type, SESSION)
}

/// The answer of STS to an action.
pub(crate) fn sts(action: &str, id: &str, seconds: i64) -> Answer {
    Answer::document("200 OK", "text/xml", sts_text(action, id, &rfc3339(seconds)))
}

pub(crate) fn sts_text(action: &str, id: &str, expiration: &str) -> String {
    format!(
        r#"<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/reader/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>
<SessionToken>token-of-{id}</SessionToken><Expiration>{expiration}</Expiration></Credentials>
</{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"#
    )
}

/// The access key id a request was signed with.
pub(crate) fn signer(seen: &Seen) -> &str {
    let authorization = seen.header("authorization").unwrap_or_default();
    let rest = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// Which key storage takes now.
#[derive(Clone, Default)]
pub(crate) struct Accepted(Arc<Mutex<String>>);

impl Accepted {
    pub(crate) fn only(id: &str) -> Self {
        Self(Arc::new(Mutex::new(id.to_owned())))
    }

    pub(crate) fn set(&self, id: &str) {
        id.clone_into(&mut self.0.lock().unwrap());
    }

    fn takes(&self, seen: &Seen) -> bool {
        let id = self.0.lock().unwrap();
        let token = seen.header("x-amz-security-token");
        signer(seen) == *id && token.is_none_or(|token| token == format!("token-of-{id}"))
    }
}

/// Storage that has this content for the holder of the accepted key.
pub(crate) async fn storage(content: &Content, accepted: &Accepted) -> Storage {
    let (content, accepted) = (content.clone(), accepted.clone());
    Storage::scripted(move |seen| {
        if seen.target != content.target() {
            // The gateway looks at its start whether there is a bucket.
            return Answer::error(seen, 404, "NoSuchBucket");
        }
        match accepted.takes(seen) {
            true => Answer::object(seen, &content.bytes),
            false => Answer::error(seen, 400, "ExpiredToken"),
        }
    })
    .await
}

/// The variables of a gateway that finds nothing by accident.
pub(crate) fn variables(more: &[(&str, String)]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned())]);
    all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    all
}

/// The variable that leads to a container endpoint.
pub(crate) fn container(endpoint: &Server) -> BTreeMap<String, String> {
    let url = format!("http://{}/credentials", endpoint.address);
    variables(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)])
}

/// The variable that leads to IMDS.
pub(crate) fn instance(imds: &Server) -> BTreeMap<String, String> {
    let endpoint = format!("http://{}", imds.address);
    BTreeMap::from([("AWS_EC2_METADATA_SERVICE_ENDPOINT".to_owned(), endpoint)])
}

/// The built program, with credentials of AWS's chain.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    folder: TempDir,
}

impl Gateway {
    /// Starts it in front of storage; `aws` are the settings of the chain, as YAML.
    pub(crate) fn start(
        settings: &Settings<'_>,
        storage: &Storage,
        aws: &str,
        variables: &BTreeMap<String, String>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let yaml = settings.yaml(&format!("http://{}", storage.address), &folder);
        let fixed = yaml.find("credentials: { static").unwrap();
        let end = fixed + yaml[fixed..].find('\n').unwrap();
        let (before, after) = (&yaml[..fixed], &yaml[end..]);
        let yaml = format!("admin: 127.0.0.1:0{before}credentials: {{ aws: {aws} }}{after}");
        let file = folder.path().join("gateway.yaml");
        std::fs::write(&file, yaml).unwrap();
        Self { process: Process::start_with(&file, variables), folder }
    }

    /// Changes its configuration file.
    pub(crate) fn change(&self, change: impl Fn(String) -> String) {
        let file = self.folder.path().join("gateway.yaml");
        std::fs::write(&file, change(std::fs::read_to_string(&file).unwrap())).unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        get(self.process.address, path).await
    }

    /// GETs until the status is this one; returns the first answer that has it. Statuses on the way
    /// have to be `meanwhile`.
    pub(crate) async fn get_until(&self, path: &str, status: u16, meanwhile: &[u16]) -> Response {
        within(async {
            loop {
                let response = self.get(path).await;
                if response.status == status {
                    return response;
                }
                assert!(meanwhile.contains(&response.status), "{}", self.told(&response));
            }
        })
        .await
    }

    fn told(&self, response: &Response) -> String {
        format!("{} {}\n{}", response.status, response.text(), self.process.errors())
    }

    /// The sample of a metric whose line begins like this.
    pub(crate) async fn metric(&self, line: &str) -> i64 {
        let text = get(self.process.admin(), "/metrics").await;
        metrics::sample(text.text(), line)
    }

    /// Waits until it has said this on standard error, and that no secret is there.
    pub(crate) async fn said(&self, text: &str) {
        let until = std::time::Instant::now() + PATIENCE;
        while !self.process.errors().contains(text) {
            assert!(std::time::Instant::now() < until, "no {text:?} in {}", self.process.errors());
            tokio::task::yield_now().await;
        }
        let errors = self.process.errors();
        assert!(!errors.contains(SECRET) && !errors.contains("token-of-"), "{errors}");
    }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Response {
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    client.get(path, "Connection: close\r\n").await;
    client.response().await
}
