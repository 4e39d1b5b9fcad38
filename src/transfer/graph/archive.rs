//! Archives: files and folders as tar, blocks as CARv1.

use std::collections::HashSet;
use std::sync::Arc;
use std::vec;

use bytes::Bytes;

use super::ahead::{Ahead, WINDOW};
use super::blocks::{Held, Reader, inner, send_held, unserved};
use super::file::{File, Part, Target};
use super::output::Output;
use crate::content::cid::Cid;
use crate::error::Error;
use crate::graph::archive::{self, EntryKind, EntryName, InvalidName};
use crate::graph::blocks::Blocks;
use crate::graph::car;
use crate::graph::node::{InvalidNode, LINKS_MAX, Link};
use crate::graph::profile::Version;
use crate::transfer::Cut;
use crate::transfer::client::Client;
use crate::transfer::download::Undelivered;

/// How deep folders in a tar archive can be.
const DEPTH_MAX: usize = 64;

/// The most entries of a tar archive. A few folders with the same folders in them can have more than
/// anybody wants.
const ENTRIES_MAX: usize = 1 << 20;

/// The most entries to be remembered as still to come.
const PENDING_MAX: usize = 2 * LINKS_MAX;

/// The most blocks of an archive of blocks, all of which are remembered, in some 26 MB. A file of
/// 32 GiB has as many.
pub(super) const BLOCKS_MAX: usize = 1 << 17;

/// A folder as a tar archive. There is none of one with symbolic links, which lead wherever somebody
/// wrote: without them it would not be that folder.
pub(super) struct Folder {
    pub(super) name: EntryName,
    pub(super) links: Vec<Link>,
}

/// The rest of an archive of blocks, behind its header.
pub(super) struct Car {
    /// As what the client knows the root, and so will look for the blocks.
    pub(super) version: Version,
    /// Folders on the way to what was asked for.
    pub(super) above: Vec<Cid>,
    pub(super) last: Last,
}

/// What an archive of blocks was asked for.
pub(super) enum Last {
    /// A block that is a file, and what comes before its bytes.
    File(Bytes, File),
    /// This block, and those below it.
    Graph(Held, Blocks),
}

/// The name of an archive's only or uppermost entry.
///
/// # Errors
/// It is no name of a file.
pub(super) fn root_name(text: &str) -> Result<EntryName, Error> {
    EntryName::root(text).map_err(unnamed)
}

fn unnamed(invalid: InvalidName) -> Error {
    Error::InvalidRequest(invalid.to_string().into())
}

/// Passes where all entries of a folder can be told apart, and have names that lead nowhere else.
///
/// # Errors
/// They cannot.
pub(super) fn check_names(folder: &EntryName, links: &[Link]) -> Result<(), Error> {
    let mut names = HashSet::with_capacity(links.len());
    for link in links {
        folder.join(&link.name).map_err(unnamed)?;
        if !names.insert(&link.name) {
            return Err(Error::InvalidRequest("a folder has two entries of one name".into()));
        }
    }
    Ok(())
}

/// What comes before and after the bytes of the only file in an archive.
pub(super) fn around(name: &EntryName, size: u64) -> (Bytes, Bytes) {
    let mut after = vec![0; archive::padding(size)];
    after.extend(archive::END);
    (archive::head(name, size, EntryKind::File), after.into())
}

/// Folders that were begun, the innermost last, with what of them is still to come.
struct Begun {
    folders: Vec<(EntryName, vec::IntoIter<Link>)>,
    pending: usize,
}

impl Begun {
    fn push(&mut self, name: EntryName, links: Vec<Link>) -> Result<(), Error> {
        self.pending += links.len();
        if self.folders.len() == DEPTH_MAX {
            return Err(unserved(InvalidNode::TooDeep));
        }
        if self.pending > PENDING_MAX {
            return Err(unserved(InvalidNode::TooManyBlocks));
        }
        self.folders.push((name, links.into_iter()));
        Ok(())
    }

    /// The next entry. None: that was all.
    fn next(&mut self) -> Result<Option<(EntryName, Cid)>, Error> {
        while let Some((folder, links)) = self.folders.last_mut() {
            if let Some(link) = links.next() {
                self.pending -= 1;
                return Ok(Some((folder.join(&link.name).map_err(unnamed)?, link.cid)));
            }
            self.folders.pop();
        }
        Ok(None)
    }
}

impl Folder {
    /// Sends the archive.
    ///
    /// # Errors
    /// A part of it is not there, not what its name says, or not served; or the client left.
    pub(super) async fn send(
        self,
        reader: &Arc<Reader>,
        output: &mut Output<'_>,
    ) -> Result<(), Cut> {
        let mut begun = Begun { folders: Vec::new(), pending: 0 };
        output.write(&archive::head(&self.name, 0, EntryKind::Folder)).await?;
        begun.push(self.name, self.links).map_err(Cut::Content)?;
        let mut entries = 0;
        while let Some((name, cid)) = begun.next().map_err(Cut::Content)? {
            entries += 1;
            if entries > ENTRIES_MAX {
                return Err(Cut::Content(unserved(InvalidNode::TooManyBlocks)));
            }
            let target = tokio::select! {
                biased;
                target = reader.open(&cid, Part::whole(true)) => target,
                gone = output.gone() => return Err(Cut::Client(gone)),
            };
            match target.map_err(|error| Cut::Content(inner(&cid, error)))? {
                Target::File(file) => {
                    output.write(&archive::head(&name, file.size, EntryKind::File)).await?;
                    let padding = archive::padding(file.size);
                    file.send(output).await?;
                    output.write(&archive::END[..padding]).await?;
                }
                Target::Folder(links) => {
                    check_names(&name, &links).map_err(Cut::Content)?;
                    output.write(&archive::head(&name, 0, EntryKind::Folder)).await?;
                    begun.push(name, links).map_err(Cut::Content)?;
                }
                Target::Symlink => {
                    let message = "a folder with a symbolic link is not served as an archive";
                    return Err(Cut::Content(Error::InvalidRequest(message.into())));
                }
            }
        }
        output.write(&archive::END).await
    }
}

/// The beginning of an archive of blocks.
pub(super) fn car_header(root: &Cid, version: Version) -> Bytes {
    car::header(root, version).into()
}

/// What comes before the bytes of a block in an archive of them.
///
/// # Errors
/// It is longer than memory.
pub(super) fn car_frame(cid: &Cid, version: Version, size: u64) -> Result<Bytes, Error> {
    let length = usize::try_from(size).map_err(|_| Error::Internal("a block too long".into()))?;
    Ok(car::frame(cid, version, length).into())
}

impl Car {
    /// Reads and checks what is short, as [`File::buffer`].
    ///
    /// # Errors
    /// As that.
    pub(super) async fn buffer(self, client: &mut Client) -> Result<Self, Undelivered> {
        let last = match self.last {
            Last::File(frame, file) => Last::File(frame, file.buffer(client).await?),
            last @ Last::Graph(..) => last,
        };
        Ok(Self { last, ..self })
    }

    /// Sends the blocks.
    ///
    /// # Errors
    /// One is not there, or not what its name says; or the client left.
    pub(super) async fn send(
        self,
        reader: &Arc<Reader>,
        output: &mut Output<'_>,
    ) -> Result<(), Cut> {
        let mut ahead = Ahead::new(reader);
        for index in 0..self.above.len() {
            let window = &self.above[index..self.above.len().min(index + WINDOW)];
            let held = next(&mut ahead, window, output).await?;
            send_block(&held, self.version, output, &mut ahead).await?;
        }
        match self.last {
            Last::File(frame, file) => {
                output.write(&frame).await?;
                file.send(output).await
            }
            Last::Graph(mut held, mut blocks) => loop {
                send_block(&held, self.version, output, &mut ahead).await?;
                drop(held);
                let window: Vec<_> = blocks.next_wanted(WINDOW).cloned().collect();
                if window.is_empty() {
                    return Ok(());
                }
                held = next(&mut ahead, &window, output).await?;
                blocks.supply(&held.block).map_err(|invalid| Cut::Content(unserved(invalid)))?;
            },
        }
    }
}

async fn next(ahead: &mut Ahead, window: &[Cid], output: &mut Output<'_>) -> Result<Held, Cut> {
    tokio::select! {
        biased;
        held = ahead.next(window) => held.map_err(Cut::Content),
        gone = output.gone() => Err(Cut::Client(gone)),
    }
}

async fn send_block(
    held: &Held,
    version: Version,
    output: &mut Output<'_>,
    ahead: &mut Ahead,
) -> Result<(), Cut> {
    let (cid, bytes) = (held.block.cid(), held.block.bytes());
    let frame = car_frame(cid, version, bytes.len() as u64).map_err(Cut::Content)?;
    output.write(&frame).await?;
    send_held(output, bytes, Some(ahead)).await
}
