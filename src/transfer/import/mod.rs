//! The files of a form, from a client to storage, as graphs of blocks.
//!
//! ```text
//! form ──part──┬─> chunks ──blocks──> storage, a few at a time, and each file's root last
//!              └─> parts ───────────> one object per file: at once, or staged, then copied to its name
//! ```
//!
//! The root of a file, or the object that the file is, is stored when whatever follows the file in the
//! form has come: the next part, or the end of the body.
//!
//! A block is an object of its own, and what it is called says what is in it: those of a file that did
//! not come to its end may stay, but nothing leads to them. While storage is waited for, nothing is
//! read from the client.

mod blocks;
mod folders;
mod form;
mod object;
mod part;
mod puts;
mod staged;

use std::time::SystemTime;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use self::blocks::Blocks;
use self::folders::Folders;
use self::form::{Event, Form};
use self::object::Object;
use self::part::{Part, PartKind, Path};
use self::puts::Puts;
use super::body::Body;
use super::client::Client;
use super::download::{BUFFERED_BYTES_MAX, Undelivered};
use super::storage::StorageClient;
use super::upload::{Uploads, announced_length, too_late};
use crate::config::KuboAdd;
use crate::dialect::{Call, ImportOrder, Imported};
use crate::error::Error;
use crate::gateway::Import;
use crate::graph::import::{self, RootHasher};
use crate::graph::profile::Profile;
use crate::quota::Meter;
use crate::state::Store;

/// Bytes of a body that may be the form's, and no file's.
const FORM_BYTES: u64 = 1024;

/// Receives a form. What comes back are its files in their order, then its folders, each after those
/// in it.
///
/// # Errors
/// See [`Undelivered`]. No root is stored then of the file that was not whole, or of any folder.
pub async fn receive(
    client: &mut Client,
    storage: &StorageClient,
    uploads: &Uploads,
    import: &Import,
) -> Result<Vec<Imported>, Undelivered> {
    let Call::Import(order) = &import.call else {
        return Err(Error::Internal("an import of nothing".into()).into());
    };
    let limit = import.route.upload_size;
    let length = announced_length(client, limit)?;
    let mut meter = meter(import, order, length).await?;
    let body = Body::new(&mut *client, uploads.pace(limit));
    let form = Form::new(body, &order.boundary)?;
    let receiving = Receiving {
        uploads,
        order,
        profile: order.profile,
        form,
        add: import.route.graphs.as_ref().map(|graphs| graphs.add).unwrap_or_default(),
        puts: Puts::new(storage, import),
        meter: &mut meter,
        destination: Destination { storage, import, part_size: uploads.part_size },
        folders: Folders::default(),
        room: None,
        received: 0,
        file: None,
        imported: Vec::new(),
    };
    let received = timeout(uploads.time_max, receiving.run()).await;
    if let Some(meter) = meter {
        meter.cancel().await;
    }
    match received {
        Ok(imported) => {
            let imported = imported?;
            if !order.only_hash {
                import.route.metrics.stored.inc();
            }
            Ok(imported)
        }
        Err(_) => Err(too_late(client)),
    }
}

/// What counts the bytes of an upload, where the tenant has a quota. What is announced is counted at
/// once, so that what is too large is refused before it comes.
async fn meter<'i>(
    import: &'i Import,
    order: &ImportOrder,
    length: Option<u64>,
) -> Result<Option<Meter<'i, Store>>, Error> {
    let Some(quota) = import.route.quota().filter(|_| !order.only_hash) else { return Ok(None) };
    let tenant = import.grant.tenant().cloned();
    let tenant = tenant.ok_or(Error::Internal("a quota of nobody".into()))?;
    let mut meter = Meter::new(quota, tenant, SystemTime::now);
    if let Some(length) = length {
        meter.announce(length.saturating_sub(FORM_BYTES)).await?;
    }
    Ok(Some(meter))
}

/// A form in the making.
struct Receiving<'m, 'i> {
    uploads: &'i Uploads,
    order: &'i ImportOrder,
    profile: Profile,
    form: Form<'i>,
    add: KuboAdd,
    puts: Puts<'i>,
    /// None: the tenant may store what it likes.
    meter: &'m mut Option<Meter<'i, Store>>,
    destination: Destination<'i>,
    folders: Folders,
    /// The place in memory of whatever is longer than a read buffer.
    room: Option<OwnedSemaphorePermit>,
    /// Bytes of files.
    received: u64,
    /// The part that is being read, if it is a file.
    file: Option<File>,
    imported: Vec<Imported>,
}

/// A file that is being read.
struct File {
    path: Option<Path>,
    making: Making,
}

/// What is made of a file.
enum Making {
    /// Its name only.
    Name(RootHasher),
    /// An object for each block.
    Blocks(Blocks),
    /// One object.
    Object(Box<Object>),
}

/// Where files go.
struct Destination<'i> {
    storage: &'i StorageClient,
    import: &'i Import,
    /// The bytes of a file that may be in memory.
    part_size: usize,
}

impl Receiving<'_, '_> {
    async fn run(mut self) -> Result<Vec<Imported>, Undelivered> {
        self.form.ask_for_it().await?;
        loop {
            let event = tokio::select! {
                biased;
                stored = self.puts.next(), if !self.puts.is_empty() => {
                    stored?;
                    continue;
                }
                event = self.form.next() => event?,
            };
            match event {
                Event::Part(part) => {
                    self.end_file().await?;
                    self.begin(part)?;
                }
                Event::Data(bytes) => self.add(&bytes).await?,
                Event::End => break,
            }
        }
        self.end_file().await?;
        self.puts.finish().await?;
        self.end_folders().await?;
        Ok(self.imported)
    }

    fn begin(&mut self, part: Part) -> Result<(), Error> {
        match (part.kind, part.path) {
            (PartKind::Folder, Some(path)) => self.folders.add_folder(&path)?,
            // Nobody reads such a head.
            (PartKind::Folder, None) => {}
            (PartKind::File, path) => {
                let making = match (self.order.only_hash, self.add) {
                    (true, _) => Making::Name(RootHasher::new(self.profile)),
                    (false, KuboAdd::Blocks) => Making::Blocks(Blocks::new(self.profile)),
                    (false, KuboAdd::File) => Making::Object(Box::new(Object::new(self.profile))),
                };
                self.file = Some(File { path, making });
            }
        }
        Ok(())
    }

    async fn add(&mut self, bytes: &[u8]) -> Result<(), Undelivered> {
        let Some(file) = &mut self.file else {
            return Err(Error::InvalidRequest("a folder in a form has bytes".into()).into());
        };
        self.received += bytes.len() as u64;
        // What is short takes no room, and whoever sends nothing keeps none from others.
        if self.received > BUFFERED_BYTES_MAX && self.room.is_none() {
            self.room = Some(self.uploads.room_for_part().await?);
        }
        if let Some(meter) = &mut self.meter {
            meter.take(bytes.len() as u64).await?;
        }
        match &mut file.making {
            Making::Name(hasher) => hasher.update(bytes),
            Making::Blocks(blocks) => blocks.add(bytes, &mut self.puts).await?,
            Making::Object(object) => object.add(bytes, &self.destination).await?,
        }
        Ok(())
    }

    /// Stores the root of the file that came last, if any came. What follows it has come.
    async fn end_file(&mut self) -> Result<(), Undelivered> {
        let Some(File { path, making }) = self.file.take() else { return Ok(()) };
        // Before the root: without one, nothing leads to the bytes.
        if let Some(meter) = &mut self.meter {
            meter.settle().await?;
        }
        let made = match making {
            Making::Name(hasher) => hasher.finish(),
            Making::Blocks(blocks) => blocks.finish(&mut self.puts).await?,
            Making::Object(object) => object.finish(&self.destination).await?,
        };
        Ok(self.add_to_answer(path, made)?)
    }

    fn add_to_answer(&mut self, path: Option<Path>, made: import::Imported) -> Result<(), Error> {
        let path = match path {
            // In a folder everything has a name (Kubo, `add --wrap-with-directory`).
            None if self.order.wrap => {
                let name = self.profile.version().text(&made.root);
                Some(Path::parse(&name).map_err(form::InvalidForm::from)?)
            }
            path => path,
        };
        let name = path.as_ref().map(Path::to_string).unwrap_or_default();
        match path {
            Some(path) if self.order.wrap || path.names().len() > 1 => {
                self.folders.add_file(&path, &made)?;
            }
            _ => self.folders.count(name.len())?,
        }
        let import::Imported { root: cid, size: bytes, tsize: blocks_bytes } = made;
        self.imported.push(Imported { name, cid, bytes, blocks_bytes });
        Ok(())
    }

    /// Stores the nodes of folders, each after what is in it.
    async fn end_folders(&mut self) -> Result<(), Undelivered> {
        let folders = std::mem::take(&mut self.folders);
        if folders.is_empty() {
            return Err(Error::InvalidRequest("the form has no files".into()).into());
        }
        let made = folders.finish(self.profile.version(), self.order.wrap).map_err(Error::from)?;
        for folder in made {
            if !self.order.only_hash {
                self.puts.start(folder.block).await?;
                self.puts.finish().await?;
            }
            self.imported.push(folder.imported);
        }
        Ok(())
    }
}
