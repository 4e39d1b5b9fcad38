//! `casgate dev`: the gateway with an embedded S3 server, in one process and one folder.

mod configuration;
pub mod folder;
mod samples;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::{Map, json};
use tokio::net::TcpListener;

use super::serve::Addresses;
use super::{check, dev_s3, fail, fitness, jwt, serve};
use crate::content::digest::Sha256Digest;
use crate::plan::Plan;
use crate::telemetry::{Metrics, log};
use folder::Folder;
use samples::Samples;

/// The default folder, below the working directory.
pub const FOLDER: &str = ".casgate-dev";

const BUCKET: &str = "casgate";
const REGION: &str = "us-east-1";
const TENANT: &str = "acme";

/// What Kubo calls `hello`.
const HELLO_CID: &str = "QmWfVY9y3xjsixTgbd9AorQxH7VtMpzfx2HaWtsoUYecaX";

/// The demo's token outlives a day of trying things out.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);

/// Arguments of `casgate dev`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folder for keys and objects; made when missing
    #[arg(long, default_value = FOLDER)]
    dir: PathBuf,
    /// Address to serve on; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Print one JSON line on standard output once ready, instead of instructions
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &Arguments) -> ExitCode {
    match serve::block_on(start(arguments)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) | Err(error) => fail(error),
    }
}

/// What there is to try.
struct Demo {
    folder: Folder,
    endpoint: String,
    /// A token to read with.
    token: String,
    /// A token to read and write with.
    writer: String,
    /// A token to make links with.
    issuer: String,
    samples: Samples,
}

async fn start(arguments: &Arguments) -> io::Result<()> {
    let folder = Folder::create(&arguments.dir)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let server = dev_s3::serve(
        listener,
        dev_s3::Options {
            root: folder.join("s3"),
            access_key_id: folder.access_key_id().to_owned(),
            secret_access_key: folder.secret_access_key().to_owned(),
        },
    );
    let server = tokio::spawn(server);

    // Links have the port in them, so it has to be known before the configuration is read.
    let bound = TcpListener::bind(arguments.listen).await?;
    let yaml = configuration::yaml(&folder, &endpoint, bound.local_addr()?);
    let file = folder.join("gateway.yaml");
    std::fs::write(&file, &yaml)?;
    let metrics = Arc::new(Metrics::new());
    let plan = compile(&file, &metrics)?;
    let log = log::start(plan.log.level);
    // It makes the bucket, which is to be tried out.
    let samples = samples::store(&plan, TENANT).await.map_err(io::Error::other)?;
    if let Some(problem) = fitness::try_out(&plan).await.first() {
        return Err(io::Error::other(problem.to_string()));
    }
    let mint = |scope: &str| {
        let claims = [("org".to_owned(), json!(TENANT)), ("scope".to_owned(), json!(scope))];
        let claims: Map<_, _> = claims.into_iter().collect();
        jwt::mint(folder.jwt_secret(), claims, TOKEN_TTL, SystemTime::now())
            .map_err(io::Error::other)
    };
    let token = mint("artifacts:read")?;
    let writer = mint("artifacts:read artifacts:write")?;
    let issuer = mint("artifacts:read artifacts:issue")?;
    let demo = Demo { folder, endpoint, token, writer, issuer, samples };
    let announce = |addresses: &Addresses| {
        let text = match arguments.json {
            true => format!("{}\n", demo.to_json(addresses)),
            false => demo.instructions(addresses),
        };
        // Whoever started this may have stopped reading; `print!` would panic.
        let _ = io::stdout().write_all(text.as_bytes());
    };
    let served =
        serve::serve(plan, vec![bound], metrics, &file, announce, serve::stop_signal()).await;
    server.abort();
    log.finish();
    served
}

fn compile(file: &Path, metrics: &Metrics) -> io::Result<Plan> {
    check::load(file, metrics, None).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        io::Error::other(lines.join("\n"))
    })
}

impl Demo {
    fn to_json(&self, addresses: &Addresses) -> serde_json::Value {
        json!({
            "url": addresses.url(),
            "admin_url": addresses.admin_url(),
            "jwt": self.token,
            "s3": {
                "endpoint": self.endpoint,
                "region": REGION,
                "bucket": BUCKET,
                "access_key": self.folder.access_key_id(),
                "secret_key": self.folder.secret_access_key(),
            },
            "sample": {
                "digest": self.samples.large.digest(),
                "size": self.samples.large.bytes.len(),
            },
            "stream_path": configuration::STREAM_PATH,
            "layout": configuration::LAYOUT,
            "turborepo": {
                "team": TENANT,
                "token": self.writer,
                "read_only_token": self.token,
            },
            "kubo": {
                "url": Self::mount(addresses, configuration::KUBO_PATH),
                "tar_url": Self::mount(addresses, configuration::KUBO_TAR_PATH),
                "jwt": self.writer,
            },
            "shakenfist": {
                "url": Self::mount(addresses, configuration::SHAKENFIST_PATH),
                "namespace": TENANT,
                "key": self.folder.shakenfist_key(),
            },
            "tus": {
                "url": Self::mount(addresses, configuration::TUS_PATH),
                "jwt": self.writer,
            },
            "resumable": {
                "url": Self::mount(addresses, configuration::RESUMABLE_PATH),
                "jwt": self.writer,
            },
            "onetime": {
                "issue_url": self.issue_url(addresses),
                "jwt": self.issuer,
            },
        })
    }

    /// Where clients find a route, without the slash at the end.
    fn mount(addresses: &Addresses, path: &str) -> String {
        addresses.url().unwrap_or_default() + path.trim_end_matches('/')
    }

    fn issue_url(&self, addresses: &Addresses) -> String {
        Self::mount(addresses, configuration::ONETIME_PATH)
    }

    fn instructions(&self, addresses: &Addresses) -> String {
        let url = addresses.url().unwrap_or_default();
        let token = &self.token;
        let (stream, layout) = (configuration::STREAM_PATH, configuration::LAYOUT);
        let writer = &self.writer;
        let (small, large) = (self.samples.small.digest(), self.samples.large.digest());
        format!(
            "\
casgate serves {url} (admin: {admin})

S3 server   {endpoint}  region {REGION}  bucket {BUCKET}
            access key {access}  secret key {secret}
            an artifact's key: {layout}, the tenant being the token's `org`
Token       {token}
            another one: {program} jwt --dir {folder} --claim org={TENANT} --ttl 1h

Chainloop, by redirect (20 MiB):
  curl -fL -o sample.bin -H 'Authorization: Bearer {token}' '{url}/download/{large}'

Chainloop, streamed and verified (20 MiB):
  curl -f -o sample.bin -H 'Authorization: Bearer {token}' '{url}{stream}{large}'

The same with a small text:
  curl -fL -H 'Authorization: Bearer {token}' '{url}/download/{small}'

The same, redirected to casgate itself with a ticket instead of the token:
  curl -fL -H 'Authorization: Bearer {token}' '{url}/ticket/download/{small}'

A link that works once. The inner command makes it, the outer one uses it:
  curl -f \"$(curl -fs -H 'Authorization: Bearer {issuer}' -d '{{\"digest\":\"{small}\"}}' '{issue_url}' | cut -d'\"' -f8)\"

CIDs: one that was added, once as Kubo answers and once as PollinationX does, its block by itself,
and the small text from above, which is the same object:
  curl -f -F file=hello -H 'Authorization: Bearer {writer}' '{url}/api/v0/add'
  curl -f -X POST -H 'Authorization: Bearer {token}' '{url}/tar/api/v0/get?arg={hello_cid}' | tar -xO
  curl -f -X POST -H 'Authorization: Bearer {token}' '{url}/api/v1/get?arg={hello_cid}'
  curl -f -o hello.block -H 'Authorization: Bearer {token}' '{url}/ipfs/{hello_cid}?format=raw'
  curl -f -X POST -H 'Authorization: Bearer {token}' '{url}/api/v1/get?arg={small_cid}'

Artifacts, as Shaken Fist's clients have them (pip install shakenfist-client), and casgate's own:
  curl -f '{sf}'
  echo hello > hello.txt
  SHAKENFIST_API_URL={sf} SHAKENFIST_NAMESPACE={TENANT} SHAKENFIST_KEY={key} \
    sf-client artifact upload hello hello.txt
  CASGATE_URL={sf} CASGATE_NAMESPACE={TENANT} CASGATE_KEY={key} {program} put hello.txt

Uploads that can be resumed: by tus, and as the IETF has them
  curl -f -D - -X POST -d hello -H 'Tus-Resumable: 1.0.0' -H 'Upload-Length: 5' -H 'Content-Type: application/offset+octet-stream' -H 'Authorization: Bearer {writer}' '{url}/files/'
  curl -f -D - -X POST -d hello -H 'Upload-Complete: ?1' -H 'Authorization: Bearer {writer}' '{url}/uploads/'

Build caches. A token that may write:
            {writer}
Turborepo   TURBO_API={url}/turbo  TURBO_TEAM={TENANT}  TURBO_TOKEN=<token>
  curl -f -X PUT -d hello -H 'Authorization: Bearer {writer}' '{url}/turbo/v8/artifacts/0a1b2c3d4e5f6071?slug={TENANT}'
  curl -f -H 'Authorization: Bearer {token}' '{url}/turbo/v8/artifacts/0a1b2c3d4e5f6071?slug={TENANT}'
Nx          NX_SELF_HOSTED_REMOTE_CACHE_SERVER={url}/nx  NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN=<token>
  curl -f -X PUT -d hello -H 'Authorization: Bearer {writer}' '{url}/nx/v1/cache/12345678901234567890'
Bazel       --remote_cache={url}/bazel  --remote_header='Authorization=Bearer <token>'
  curl -f -X PUT -d hello -H 'Authorization: Bearer {writer}' '{url}/bazel/cas/{hello}'
Gradle      the HttpBuildCache {url}/gradle/ with any user name and the token as password
  curl -f -X PUT -d hello -u 'gradle:{writer}' '{url}/gradle/0a1b2c3d4e5f60718293a4b5c6d7e8f9'
sccache     SCCACHE_WEBDAV_ENDPOINT={url}/sccache  SCCACHE_WEBDAV_TOKEN=<token>
  curl -f -X PUT -d hello -H 'Authorization: Bearer {writer}' '{url}/sccache/a/b/c/abc0'

Ctrl-C stops; the next start finds everything again.
",
            issuer = self.issuer,
            sf = Self::mount(addresses, configuration::SHAKENFIST_PATH),
            key = self.folder.shakenfist_key(),
            issue_url = self.issue_url(addresses),
            hello = Sha256Digest::of(b"hello"),
            hello_cid = HELLO_CID,
            small_cid = self.samples.small.cid(),
            admin = addresses.admin_url().unwrap_or_default(),
            endpoint = self.endpoint,
            access = self.folder.access_key_id(),
            secret = self.folder.secret_access_key(),
            folder = self.folder.join("").display(),
            // As it was called, so that the line can be pasted.
            program = std::env::args().next().unwrap_or_else(|| "casgate".to_owned()),
        )
    }
}
