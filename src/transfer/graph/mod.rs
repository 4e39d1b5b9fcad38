//! Graphs of blocks, from storage to a client.
//!
//! ```text
//! path ──follow──> CID ──open──> one object ─────────────check─┐
//!                           └──> root ─walk─> blocks ahead ────┴──output──> [gzip] ──> client
//! ```
//!
//! A block is held in memory and is what its name says before any byte of it is passed on; of an
//! object the last bytes are held back until all were found right ([`Check`](super::check::Check)).

mod ahead;
mod archive;
mod blocks;
mod file;
mod output;
mod path;

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Version, header};
use prometheus::IntCounter;

use super::Cut;
use super::client::Client;
use super::download::{Undelivered, settle_cut};
use super::storage::StorageClient;
use crate::conditions::{self, Precondition};
use crate::content::cid::{Cid, Codec};
use crate::dialect::{Call, GraphCall, GraphHead, Outcome, Scope, View};
use crate::error::{Error, Kind};
use crate::gateway::GraphRead;
use crate::graph::archive as tar;
use crate::graph::blocks::Blocks;
use crate::graph::node::InvalidNode;
use crate::reply::Visibility;
use archive::{Car, Folder, Last};
use blocks::{Reader, held_inline, inner, unserved};
use file::{File, Part, Target};
use output::Output;
use path::Way;

/// What is sent.
struct Found {
    cid: Cid,
    /// As in [`GraphHead::size`].
    size: u64,
    /// The length of the body, before it is compressed.
    length: Option<u64>,
    body: Body,
    counter: IntCounter,
}

/// The bytes of an answer.
enum Body {
    /// Those that the dialect makes of what was found.
    OfDialect,
    /// A file, and what comes before and after it.
    File(Bytes, File, Bytes),
    Folder(Folder),
    /// An archive of blocks: its header, and the blocks.
    Car(Bytes, Car),
}

/// Delivers what was asked of a graph.
///
/// # Errors
/// See [`Undelivered`].
pub async fn deliver(
    client: &mut Client,
    storage: &StorageClient,
    head: &Parts,
    read: GraphRead,
) -> Result<(), Undelivered> {
    let GraphRead { route, grant, call, visibility } = read;
    let Call::Graph(graph) = &call else {
        return Err(Error::Internal("a graph that nobody asked for".into()).into());
    };
    let reader = Arc::new(Reader { route: Arc::clone(&route), grant, storage: storage.clone() });
    let delivered = async {
        let found = tokio::select! {
            biased;
            found = reader.find(graph) => found?,
            gone = client.gone() => return Err(Undelivered::Gone(gone)),
        };
        reader.answer(client, head, &call, graph, visibility, found).await
    };
    let delivered = delivered.await;
    if let Err(Undelivered::Refused(error)) = &delivered
        && error.kind() == Kind::ContentCorrupt
    {
        route.metrics.mismatched.inc();
    }
    delivered
}

impl Reader {
    /// Finds what was asked for. Its bytes are still to be read, but for those of a first block.
    async fn find(self: &Arc<Self>, graph: &GraphCall) -> Result<Found, Error> {
        let way = self.follow(&graph.path).await?;
        let cid = way.target.clone();
        let is_root = way.above.is_empty();
        let found = self.find_view(graph, way).await;
        // A root that is not there may be elsewhere. What it leads to should be here.
        found.map_err(|error| if is_root { error } else { inner(&cid, error) })
    }

    async fn find_view(self: &Arc<Self>, graph: &GraphCall, way: Way) -> Result<Found, Error> {
        let cid = &way.target;
        match graph.view {
            View::File { offset, length } => {
                let part = Part { offset, length, with_body: graph.with_body };
                match self.open(cid, part).await? {
                    Target::File(file) => Ok(alone(cid, file)),
                    Target::Folder(_) | Target::Symlink => Err(unserved(InvalidNode::NotAFile)),
                }
            }
            View::Archive => {
                let name = archive::root_name(graph.path.name())?;
                match self.open(cid, Part::whole(graph.with_body)).await? {
                    Target::File(file) => {
                        let (before, after) = archive::around(&name, file.size);
                        let length = tar::total(&name, file.size);
                        let mut found = alone(cid, file);
                        if let Body::File(prefix, _, suffix) = &mut found.body {
                            (*prefix, *suffix) = (before, after);
                        }
                        Ok(Found { length, ..found })
                    }
                    Target::Folder(links) => {
                        archive::check_names(&name, &links)?;
                        let sizes = links.iter().map(|link| link.tsize);
                        let size = sizes.fold(0, u64::saturating_add);
                        let body = Body::Folder(Folder { name, links });
                        Ok(self.streamed(cid, size, body))
                    }
                    Target::Symlink => Err(unserved(InvalidNode::NotAFile)),
                }
            }
            View::Block => Ok(alone(cid, self.open_any_block(cid, graph.with_body).await?)),
            View::BlockSize => {
                let file = self.open_any_block(cid, false).await?;
                Ok(Found { body: Body::OfDialect, ..alone(cid, file) })
            }
            View::Blocks(scope) => self.find_blocks(graph, way, scope).await,
        }
    }

    /// Opens a block by itself. One that is a file can be of any length.
    async fn open_any_block(&self, cid: &Cid, with_body: bool) -> Result<File, Error> {
        if let Some(held) = held_inline(cid) {
            return Ok(self.checked(held?.block.bytes().clone()));
        }
        match (cid.codec(), with_body) {
            (Codec::Raw, _) => self.open_object(cid, Part::whole(with_body)).await,
            (_, true) => Ok(self.held(self.block(cid).await?)),
            (_, false) => {
                let places = self.route.block_places(&self.grant, cid)?;
                Ok(self.described(self.size(&places).await?, Part::whole(false)))
            }
        }
    }

    async fn find_blocks(
        self: &Arc<Self>,
        graph: &GraphCall,
        way: Way,
        scope: Scope,
    ) -> Result<Found, Error> {
        let Way { above, target } = way;
        let version = graph.path.version();
        let header = archive::car_header(&graph.path.root, version);
        if target.codec() == Codec::Raw || !graph.with_body {
            let file = self.open_any_block(&target, graph.with_body).await?;
            let size = file.size;
            let frame = archive::car_frame(&target, version, size)?;
            let is_alone = above.is_empty() && target.codec() == Codec::Raw;
            let length = (header.len() + frame.len()) as u64;
            let length = length.checked_add(size).filter(|_| is_alone);
            let car = Car { version, above, last: Last::File(frame, file) };
            return Ok(Found { length, ..self.streamed(&target, size, Body::Car(header, car)) });
        }
        let held = self.block(&target).await?;
        let size = held.block.bytes().len() as u64;
        let mut blocks = Blocks::new(target.clone(), scope, archive::BLOCKS_MAX);
        blocks.supply(&held.block).map_err(unserved)?;
        let car = Car { version, above, last: Last::Graph(held, blocks) };
        Ok(self.streamed(&target, size, Body::Car(header, car)))
    }

    /// What is sent without anybody knowing how long it will be.
    fn streamed(&self, cid: &Cid, size: u64, body: Body) -> Found {
        let counter = self.route.metrics.verified.clone();
        Found { cid: cid.clone(), size, length: None, body, counter }
    }

    /// Answers with what was found.
    async fn answer(
        self: &Arc<Self>,
        client: &mut Client,
        head: &Parts,
        call: &Call,
        graph: &GraphCall,
        visibility: Visibility,
        found: Found,
    ) -> Result<(), Undelivered> {
        let dialect = &self.route.dialect;
        if let Some(etag) = &graph.etag
            && matches!(
                conditions::precondition(&head.headers, etag),
                Precondition::ClientHasIt | Precondition::NoneMayExist
            )
        {
            let reply = dialect.answer(head, call, &Outcome::NotModified(visibility));
            return Ok(client.reply(reply).await?);
        }
        let Found { cid, size, length, body, counter } = found;
        let length = length.filter(|_| graph.gzip.is_none());
        let outcome = Outcome::Graph(GraphHead { cid: &cid, size, length, visibility });
        let body = match body {
            Body::OfDialect => {
                return Ok(client.reply(dialect.answer(head, call, &outcome)).await?);
            }
            Body::File(prefix, file, suffix) if graph.with_body => {
                Body::File(prefix, file.buffer(client).await?, suffix)
            }
            Body::Car(header, car) if graph.with_body => {
                Body::Car(header, car.buffer(client).await?)
            }
            body => body,
        };
        let mut reply = dialect.answer(head, call, &outcome);
        match length {
            Some(length) => {
                reply.headers_mut().insert(header::CONTENT_LENGTH, length.into());
                client.write_head(reply).await?;
            }
            // The end would be that of the connection, and so would a cut.
            None if head.version == Version::HTTP_10 && graph.with_body => {
                let message = "this answer has no known length; it takes HTTP/1.1";
                return Err(Error::InvalidRequest(message.into()).into());
            }
            None => client.write_open_head(reply).await?,
        }
        if graph.with_body {
            let sent = self.send(Output::new(client, graph.gzip), body).await;
            settle_cut(&self.route, sent)?;
            counter.inc();
        }
        Ok(())
    }

    async fn send(self: &Arc<Self>, mut output: Output<'_>, body: Body) -> Result<(), Cut> {
        match body {
            Body::OfDialect => {}
            Body::File(prefix, file, suffix) => {
                output.write(&prefix).await?;
                file.send(&mut output).await?;
                output.write(&suffix).await?;
            }
            Body::Folder(folder) => folder.send(self, &mut output).await?,
            Body::Car(header, car) => {
                output.write(&header).await?;
                car.send(self, &mut output).await?;
            }
        }
        output.finish().await
    }
}

/// Nothing but the bytes of a file.
fn alone(cid: &Cid, file: File) -> Found {
    let (size, length, counter) = (file.size, Some(file.length), file.counter.clone());
    let body = Body::File(Bytes::new(), file, Bytes::new());
    Found { cid: cid.clone(), size, length, body, counter }
}
