//! Content, from wherever an earlier attempt left off.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::hashing::{Hasher, Hashes};
use super::patience::Patience;
use super::progress::{Progress, Show};
use super::{Client, Failure, connection};

/// What is downloaded.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Content {
    /// Its name, as a path may have it.
    pub(in crate::cli) blob: uuid::Uuid,
    /// Its size in bytes.
    pub(in crate::cli) size: u64,
}

/// A file that is not complete yet: it is named after the one that it will be, and its content.
pub(in crate::cli) struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    /// The part of what will be `path`, with what is there of it already.
    pub(in crate::cli) fn open(path: &Path, content: &Content) -> Result<Self, Failure> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.part", content.blob.as_hyphenated()));
        let path = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = options.open(&path).map_err(|error| Failure::of_file(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, file }),
            Err(_) => Err(Failure::Failed(format!(
                "{}: another process is downloading it",
                path.display()
            ))),
        }
    }

    /// Downloads what is missing. Answers what the whole hashes to, and how many bytes came now.
    pub(in crate::cli) async fn fill(
        &mut self,
        client: &mut Client,
        content: &Content,
        show: Show,
    ) -> Result<(Hashes, u64), Failure> {
        let failed = |error: io::Error| Failure::of_file(&self.path, &error);
        let mut length = self.file.metadata().map_err(failed)?.len();
        if length > content.size {
            self.file.set_len(0).map_err(failed)?;
            length = 0;
        }
        let mut hasher = Hasher::default();
        if length > 0 {
            let progress = show.progress("checking", length);
            length = hasher.read(&mut self.file, &progress).map_err(failed)?;
            progress.clear();
        }
        receive(client, content, length, &mut self.file, hasher, show).await
    }

    /// Puts the file in its place, for good.
    pub(in crate::cli) fn complete(self, path: &Path, replaces: bool) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::of_file(path, &error);
        self.file.sync_all().map_err(failed)?;
        if replaces {
            std::fs::rename(&self.path, path).map_err(failed)?;
        } else {
            self.link(path).map_err(failed)?;
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(failed)?;
        folder.sync_all().map_err(failed)
    }

    /// A link is made only where nothing is, whoever else looks for a free name. Some file systems
    /// have none.
    fn link(&self, path: &Path) -> io::Result<()> {
        match std::fs::hard_link(&self.path, path) {
            Ok(()) => std::fs::remove_file(&self.path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            Err(_) if path.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => std::fs::rename(&self.path, path),
        }
    }

    /// It is not what it should be.
    pub(in crate::cli) fn remove(self) -> Result<(), Failure> {
        std::fs::remove_file(&self.path).map_err(|error| Failure::of_file(&self.path, &error))
    }
}

/// Downloads content to where it cannot be read again. Answers what it hashes to.
pub(in crate::cli) async fn stream(
    client: &mut Client,
    content: &Content,
    target: &mut impl Write,
    show: Show,
) -> Result<Hashes, Failure> {
    let (hashes, _) = receive(client, content, 0, target, Hasher::default(), show).await?;
    Ok(hashes)
}

/// Downloads content from `offset` on. Answers what the whole hashes to, `hasher` having had what
/// comes before, and how many bytes came.
async fn receive(
    client: &mut Client,
    content: &Content,
    offset: u64,
    target: &mut impl Write,
    hasher: Hasher,
    show: Show,
) -> Result<(Hashes, u64), Failure> {
    let progress = show.progress("downloading", content.size);
    progress.begin_at(offset);
    let mut receiving = Receiving { target, hasher, at: offset, progress };
    let mut patience = Patience::default();
    while receiving.at < content.size {
        let before = receiving.at;
        if let Err(failure) = receiving.attempt(client, content).await {
            if receiving.at > before {
                patience.renew();
            }
            if let Err(failure) = patience.pause(failure).await {
                receiving.progress.clear();
                return Err(failure);
            }
        }
    }
    receiving.target.flush().map_err(|error| unwritten(&error))?;
    receiving.progress.finish("downloaded", receiving.at - offset);
    Ok((receiving.hasher.finish(), receiving.at - offset))
}

struct Receiving<'t, W> {
    target: &'t mut W,
    hasher: Hasher,
    at: u64,
    progress: Progress,
}

impl<W: Write> Receiving<'_, W> {
    async fn attempt(&mut self, client: &mut Client, content: &Content) -> Result<(), Failure> {
        let mut body = client.data(&content.blob.to_string(), self.at).await?;
        while let Some(bytes) = connection::next(&mut body).await? {
            if bytes.len() as u64 > content.size - self.at {
                return Err(Failure::Failed("the gateway sends more than there is".to_owned()));
            }
            self.target.write_all(&bytes).map_err(|error| unwritten(&error))?;
            self.hasher.update(&bytes);
            self.at += bytes.len() as u64;
            self.progress.set(self.at);
        }
        if self.at < content.size {
            return Err(Failure::Cut("the content ended too early".to_owned()));
        }
        Ok(())
    }
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot write what comes: {error}"))
}
