//! `casgate get NAME|DIGEST`: a version of an artifact, or what has a digest, becomes a file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::client::api::Blob;
use super::client::download::{Content, Part, stream};
use super::client::hashing::Hashes;
use super::client::progress::{self, Show};
use super::client::settings::Place;
use super::client::{self, Client, Failure};
use crate::content::digests::{Algorithm, AnyDigest};

/// Arguments of `casgate get`.
///
/// What an earlier process downloaded in part is not downloaded again. A file gets its name when
/// all of it is there and hashes to what it should.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The artifact's name or UUID; or sha256: or sha512: and hexadecimal digits
    #[arg(value_name = "NAME|DIGEST")]
    name: String,
    /// Where to, or - for standard output; without this, a file that is called like the artifact
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Which version of the artifact; without this, the newest
    #[arg(long, value_name = "NUMBER")]
    version: Option<u64>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Name<'a> {
    Artifact(&'a str),
    Digest(AnyDigest),
}

/// Where it goes.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Stdout,
    File(PathBuf),
}

pub(super) fn execute(arguments: &Arguments) -> ExitCode {
    client::execute(get(arguments))
}

async fn get(arguments: &Arguments) -> Result<String, Failure> {
    let settings = arguments.place.settings()?;
    let name = Name::parse(&arguments.name)?;
    if arguments.version.is_some() && matches!(name, Name::Digest(_)) {
        return Err(Failure::Usage("what has a digest has no versions".to_owned()));
    }
    let target = Target::of(arguments.output.as_deref(), &name)?;
    target.check(arguments.force)?;
    let mut client = Client::new(settings);
    let blob = find(&mut client, &name, arguments.version).await?;
    let expected = Expected::new(&blob, &name)?;
    let show = Show::unless(arguments.place.quiet);
    let content = &expected.content;
    let Target::File(path) = target else {
        let mut out = std::io::stdout().lock();
        let hashes = stream(&mut client, content, &mut out, show).await?;
        expected.check(&hashes)?;
        return Ok(String::new());
    };
    let mut part = Part::open(&path, content)?;
    let began = show.progress("", 0);
    let (hashes, received) = part.fill(&mut client, content, show).await?;
    let time = began.elapsed();
    if let Err(mismatch) = expected.check(&hashes) {
        part.remove()?;
        return Err(mismatch);
    }
    part.complete(&path, arguments.force)?;
    let mut report = String::new();
    let rate = format!("{}, {}", progress::size(received), progress::rate(received, time));
    for (label, value) in [
        ("file", path.display().to_string()),
        ("digest", format!("sha256:{}", hashes.sha256)),
        ("size", progress::size(content.size)),
        ("received", rate),
    ] {
        let _ = writeln!(report, "{label:<10}{value}");
    }
    Ok(report)
}

/// Finds out which content is meant.
async fn find(client: &mut Client, name: &Name<'_>, version: Option<u64>) -> Result<Blob, Failure> {
    match name {
        Name::Digest(digest) => {
            let found = client.blob_of(digest).await?;
            found.ok_or_else(|| Failure::Failed("nothing has that digest".to_owned()))
        }
        Name::Artifact(name) => {
            let mut versions = client.versions(name).await?;
            versions.retain(|blob| version.is_none() || blob.index == version);
            let found = versions.into_iter().max_by_key(|blob| blob.index);
            found.ok_or_else(|| match version {
                Some(version) => Failure::Failed(format!("{name:?} has no version {version}")),
                None => Failure::Failed(format!("{name:?} has no versions")),
            })
        }
    }
}

impl<'a> Name<'a> {
    fn parse(text: &'a str) -> Result<Self, Failure> {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digits = text.strip_prefix(algorithm.name());
            if let Some(digits) = digits.and_then(|digits| digits.strip_prefix(':')) {
                let digest = AnyDigest::parse_hex(algorithm, digits);
                let no_digest = |_| Failure::Usage(format!("{text:?} is no digest"));
                return digest.map(Self::Digest).map_err(no_digest);
            }
        }
        match text.is_empty() || text == "." || text == ".." || text.contains('/') {
            true => Err(Failure::Usage(format!("{text:?} is no name of an artifact"))),
            false => Ok(Self::Artifact(text)),
        }
    }

    /// What a file is called that has it.
    fn file_name(&self) -> String {
        match self {
            Self::Artifact(name) => (*name).to_owned(),
            Self::Digest(digest) => digest.to_string(),
        }
    }
}

impl Target {
    fn of(output: Option<&Path>, name: &Name<'_>) -> Result<Self, Failure> {
        match output {
            Some(path) if path == Path::new("-") => Ok(Self::Stdout),
            Some(path) if path.is_dir() => Ok(Self::File(path.join(name.file_name()))),
            Some(path) if path.file_name().is_none() => {
                Err(Failure::Usage(format!("{} is no file", path.display())))
            }
            Some(path) => Ok(Self::File(path.to_owned())),
            None => Ok(Self::File(name.file_name().into())),
        }
    }

    /// Whether a file may be made there.
    fn check(&self, replaces: bool) -> Result<(), Failure> {
        let Self::File(path) = self else { return Ok(()) };
        let shown = path.display();
        match path.symlink_metadata() {
            Ok(there) if replaces && there.is_file() => Ok(()),
            Ok(_) if replaces => Err(Failure::Failed(format!("{shown} is no file"))),
            Ok(_) => Err(Failure::Failed(format!("{shown} exists; --force replaces it"))),
            Err(_) => Ok(()),
        }
    }
}

/// What content has to be.
struct Expected {
    content: Content,
    digests: Vec<AnyDigest>,
}

impl Expected {
    fn new(blob: &Blob, name: &Name<'_>) -> Result<Self, Failure> {
        // It becomes a part of a path here.
        let uuid = uuid::Uuid::try_parse(&blob.uuid).map_err(|_| {
            Failure::Failed("the gateway's name for the content is none".to_owned())
        })?;
        let told = blob.sha512.as_deref();
        let told = told.and_then(|text| AnyDigest::parse_hex(Algorithm::Sha512, text).ok());
        let mut digests: Vec<_> = told.into_iter().collect();
        if let Name::Digest(digest) = name {
            digests.push(*digest);
        }
        if digests.is_empty() {
            let message = "the gateway does not say what the content hashes to";
            return Err(Failure::Failed(message.to_owned()));
        }
        Ok(Self { content: Content { blob: uuid, size: blob.size }, digests })
    }

    fn check(&self, hashes: &Hashes) -> Result<(), Failure> {
        let is_right = |expected: &AnyDigest| match expected.algorithm() {
            Algorithm::Sha1 => false,
            Algorithm::Sha256 => *expected == hashes.sha256,
            Algorithm::Sha512 => *expected == hashes.sha512,
        };
        match self.digests.iter().all(is_right) {
            true => Ok(()),
            false => Err(Failure::Failed("what came does not hash to what it should".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_digests_are_told_apart() {
        let digits = "0a".repeat(32);
        let text = format!("sha256:{digits}");
        let digest = AnyDigest::parse_hex(Algorithm::Sha256, &digits).unwrap();
        assert_eq!(Name::parse(&text).unwrap(), Name::Digest(digest));
        assert_eq!(Name::parse(&text).unwrap().file_name(), digits);
        assert_eq!(Name::parse("a b%").unwrap(), Name::Artifact("a b%"));
        assert_eq!(Name::parse("sha256").unwrap(), Name::Artifact("sha256"));
        for wrong in ["", ".", "..", "a/b", "sha256:", "sha512:0a"] {
            assert!(matches!(Name::parse(wrong), Err(Failure::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn a_file_goes_where_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let name = Name::Artifact("a");
        let of = |path: &Path| Target::of(Some(path), &name).unwrap();
        assert_eq!(of(Path::new("-")), Target::Stdout);
        assert_eq!(of(folder.path()), Target::File(folder.path().join("a")));
        assert_eq!(of(Path::new("b")), Target::File("b".into()));
        assert_eq!(Target::of(None, &name).unwrap(), Target::File("a".into()));
        Target::File(folder.path().to_owned()).check(true).unwrap_err();
    }
}
