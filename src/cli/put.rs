//! `casgate put FILE`: a file becomes a new version of an artifact.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::client::api::{Artifact, Blob, Origin};
use super::client::progress::{self, Show};
use super::client::settings::Place;
use super::client::upload::{Source, upload};
use super::client::{self, Client, Failure};

/// How often an upload that the gateway has forgotten is begun anew.
const UPLOADS_MAX: u32 = 3;

/// Arguments of `casgate put`.
///
/// A file whose content the gateway has is not sent. One that was sent in part, by a process that was
/// killed, is sent from there on.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file
    file: PathBuf,
    /// What the artifact is called; without this, as the file is
    #[arg(long)]
    name: Option<String>,
    /// What the artifact is; without this, what the gateway takes it for
    #[arg(long = "type", value_name = "TYPE")]
    artifact_type: Option<Type>,
    #[command(flatten)]
    place: Place,
}

/// Types of artifacts.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Type {
    Image,
    Other,
}

/// A version that was made, or was there.
struct Published {
    artifact: String,
    index: u64,
    /// How many bytes were sent for it, and how fast.
    sent: Option<(u64, String)>,
}

impl Type {
    const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Other => "other",
        }
    }
}

pub(super) fn execute(arguments: &Arguments) -> ExitCode {
    client::execute(put(arguments))
}

async fn put(arguments: &Arguments) -> Result<String, Failure> {
    let settings = arguments.place.settings()?;
    let name = name(arguments)?;
    let show = Show::unless(arguments.place.quiet);
    let source = Source::open(&arguments.file, show)?;
    let mut client = Client::new(settings);
    let artifact_type = arguments.artifact_type.map(Type::name);
    let published = publish(&mut client, &source, &name, artifact_type, show).await?;
    let mut report = String::new();
    let sent = match &published.sent {
        None => "none, it was there already".to_owned(),
        Some((bytes, rate)) => format!("{}, {rate}", progress::size(*bytes)),
    };
    for (label, value) in [
        ("name", name.escape_debug().to_string()),
        ("artifact", published.artifact),
        ("version", published.index.to_string()),
        ("digest", format!("sha256:{}", source.hashes.sha256)),
        ("size", progress::size(source.size)),
        ("sent", sent),
    ] {
        let _ = writeln!(report, "{label:<10}{value}");
    }
    Ok(report)
}

/// The artifact's name: one segment of a path.
fn name(arguments: &Arguments) -> Result<String, Failure> {
    let of_file = || Some(arguments.file.file_name()?.to_str()?.to_owned());
    let name = arguments.name.clone().or_else(of_file);
    let name =
        name.ok_or_else(|| Failure::Usage("say what it is called, with --name".to_owned()))?;
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        return Err(Failure::Usage(format!("{name:?} is no name of an artifact")));
    }
    Ok(name)
}

/// Makes a version of the file's content, from what is there or by an upload.
async fn publish(
    client: &mut Client,
    source: &Source,
    name: &str,
    artifact_type: Option<&str>,
    show: Show,
) -> Result<Published, Failure> {
    let mut uploads = 0;
    loop {
        if let Some(blob) = client.blob_of(&source.hashes.sha512).await? {
            let made = client.publish(name, Origin::Blob(&blob.uuid), artifact_type).await;
            match made {
                Ok(artifact) => return verified(client, source, artifact, None).await,
                // It was deleted between the two questions.
                Err(failure) if failure.is_not_found() && uploads < UPLOADS_MAX => {}
                Err(failure) => return Err(failure),
            }
        }
        uploads += 1;
        match send(client, source, name, artifact_type, show).await {
            // The gateway has forgotten the upload, or has made an artifact of it and its answer was
            // lost; then the content is there when asked for again.
            Err(failure) if failure.is_not_found() && uploads < UPLOADS_MAX => {}
            other => return other,
        }
    }
}

async fn send(
    client: &mut Client,
    source: &Source,
    name: &str,
    artifact_type: Option<&str>,
    show: Show,
) -> Result<Published, Failure> {
    let began = show.progress("", 0);
    let uploaded = upload(client, source, show).await?;
    let rate = progress::rate(uploaded.sent, began.elapsed());
    if let Err(failure) = source.check() {
        uploaded.forget();
        return Err(failure);
    }
    let made = client.publish(name, Origin::Upload(&uploaded.uuid), artifact_type).await;
    match made {
        Ok(artifact) => {
            uploaded.forget();
            verified(client, source, artifact, Some((uploaded.sent, rate))).await
        }
        Err(failure) => {
            if failure.is_not_found() {
                uploaded.forget();
            }
            Err(failure)
        }
    }
}

/// Makes sure that there is a version with the file's content. One with other content that was made
/// instead is deleted.
async fn verified(
    client: &mut Client,
    source: &Source,
    artifact: Artifact,
    sent: Option<(u64, String)>,
) -> Result<Published, Failure> {
    let is_source = |blob: &Blob| {
        let digits = source.hashes.sha512.to_string();
        blob.size == source.size
            && blob.sha512.as_ref().is_some_and(|sha512| sha512.eq_ignore_ascii_case(&digits))
    };
    let blob = client.blob(&artifact.blob_uuid).await?;
    if is_source(&blob) {
        return Ok(Published { artifact: artifact.uuid, index: artifact.index, sent });
    }
    if blob.sha512.is_none() {
        return Err(Failure::Failed("the gateway does not say what the content hashes to".into()));
    }
    // Somebody else may have made a newer version meanwhile.
    let versions = client.versions(&artifact.uuid).await?;
    let ours = versions.iter().find(|version| is_source(version));
    if let Some(index) = ours.and_then(|version| version.index) {
        return Ok(Published { artifact: artifact.uuid, index, sent });
    }
    if blob.size == source.size {
        client.delete_version(&artifact.uuid, artifact.index).await?;
    }
    match source.check() {
        Err(changed) => Err(changed),
        Ok(()) => Err(Failure::Failed(
            "what the gateway has is not what the file had when it was hashed; no version was kept"
                .to_owned(),
        )),
    }
}
