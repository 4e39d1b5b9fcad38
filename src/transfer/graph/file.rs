//! Files: as one object, or as a graph of blocks.

use std::sync::Arc;

use bytes::Bytes;
use prometheus::IntCounter;

use super::ahead::{Ahead, WINDOW};
use super::blocks::{Held, Reader, held_inline, send_held, unserved};
use super::output::Output;
use crate::bucket::object::ObjectHead;
use crate::conditions::{ByteRange, Range};
use crate::config::KuboAdd;
use crate::content::cid::{Cid, Codec};
use crate::content::layout::Places;
use crate::error::{Error, Kind};
use crate::graph::node::{InvalidNode, Link, Node};
use crate::graph::walk::Walk;
use crate::reply::Portion;
use crate::transfer::answer::Answer;
use crate::transfer::check::Check;
use crate::transfer::client::Client;
use crate::transfer::download::{self, BUFFERED_BYTES_MAX, Undelivered};
use crate::transfer::{Cut, Source as Buffer};

/// The largest offset that is asked of storage: not every server reads larger numbers.
const OFFSET_MAX: u64 = i64::MAX as u64;

/// What a CID leads to.
pub(super) enum Target {
    File(File),
    Folder(Vec<Link>),
    Symlink,
}

/// The part of a file that is wanted.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) offset: u64,
    /// None: to the end.
    pub(super) length: Option<u64>,
    /// Whether its bytes are wanted, and not only their number.
    pub(super) with_body: bool,
}

/// A file that was opened.
pub(super) struct File {
    /// Its bytes.
    pub(super) size: u64,
    /// How many of them come.
    pub(super) length: u64,
    /// What counts the bodies that are known as well as this one.
    pub(super) counter: IntCounter,
    source: Source,
}

/// Where bytes come from.
enum Source {
    /// Checked already; or nobody wants them.
    Buffered(Bytes),
    /// A block of its own.
    Block(Held),
    Object(Answer, Check),
    Walk(Box<Walking>),
}

/// A graph whose root has come.
struct Walking {
    walk: Walk,
    ahead: Ahead,
    /// What of the file is in the root.
    first: Option<(Bytes, Held)>,
    /// How many bytes are still to come.
    remaining: u64,
}

impl Part {
    pub(super) const fn whole(with_body: bool) -> Self {
        Self { offset: 0, length: None, with_body }
    }

    /// How many bytes of a file of this size are in it. Beyond the end there are none.
    fn length_in(&self, size: u64) -> u64 {
        let rest = size.saturating_sub(self.offset);
        self.length.map_or(rest, |length| length.min(rest))
    }

    /// What is asked of storage. None: no byte of it.
    fn range(&self) -> Option<Range> {
        if self.offset > OFFSET_MAX {
            return None;
        }
        let first = self.offset;
        match self.length {
            None if first == 0 => Some(Range::Whole),
            None => Some(Range::Part(ByteRange::From { first })),
            Some(length) => {
                let last = first.saturating_add(length.checked_sub(1)?).min(OFFSET_MAX);
                Some(Range::Part(ByteRange::Bounded { first, last }))
            }
        }
    }
}

impl Reader {
    /// Opens whatever a CID leads to.
    ///
    /// # Errors
    /// It is not there, nothing that is served here, or storage failed.
    pub(super) async fn open(self: &Arc<Self>, cid: &Cid, part: Part) -> Result<Target, Error> {
        if let Some(held) = held_inline(cid) {
            return self.open_block(held?, part);
        }
        match (cid.codec(), self.adds()) {
            (Codec::Other(_), _) => Err(unserved(InvalidNode::Codec)),
            (Codec::Raw, _) => self.open_object(cid, part).await.map(Target::File),
            (Codec::DagPb, KuboAdd::Blocks) => match self.block(cid).await {
                Err(Error::NotFound(_)) => self.open_object(cid, part).await.map(Target::File),
                held => self.open_block(held?, part),
            },
            (Codec::DagPb, KuboAdd::File) => match self.open_object(cid, part).await {
                Err(Error::NotFound(_)) => self.open_block(self.block(cid).await?, part),
                file => file.map(Target::File),
            },
        }
    }

    fn open_block(self: &Arc<Self>, held: Held, part: Part) -> Result<Target, Error> {
        let block = &held.block;
        match Node::decode(block.cid(), block.bytes().clone()).map_err(unserved)? {
            Node::Folder { links } => Ok(Target::Folder(links)),
            Node::Shard { .. } => Err(unserved(InvalidNode::Sharded)),
            Node::Symlink { .. } => Ok(Target::Symlink),
            Node::File { size, .. } => {
                let length = part.length_in(size);
                let end = part.offset.saturating_add(length);
                let mut walk = Walk::new(block.cid().clone(), part.offset..end);
                let first = walk.supply(block.clone()).map_err(unserved)?;
                let first = first.map(|bytes| (bytes, held));
                let source = match part.with_body {
                    false => Source::Buffered(Bytes::new()),
                    true => {
                        let ahead = Ahead::new(self);
                        Source::Walk(Box::new(Walking { walk, ahead, first, remaining: length }))
                    }
                };
                let counter = self.route.metrics.verified.clone();
                Ok(Target::File(File { size, length, counter, source }))
            }
        }
    }

    /// Opens a file that is one object.
    ///
    /// # Errors
    /// It is not there, or storage failed.
    pub(super) async fn open_object(&self, cid: &Cid, part: Part) -> Result<File, Error> {
        let places = self.route.file_places(&self.grant, cid)?;
        let Some(range) = part.range().filter(|_| part.with_body) else {
            return Ok(self.described(self.size(&places).await?, part));
        };
        match self.get_part(&places, range).await {
            Ok((object, portion, answer)) => {
                let length = part.length_in(object.size);
                let comes = match portion {
                    Portion::Whole => object.size,
                    Portion::Part { length, .. } => length,
                };
                if comes != length {
                    return Err(Error::storage(Kind::StorageFailed, "storage ignored a range"));
                }
                let metrics = &self.route.metrics;
                let (check, counter) = if !download::is_whole(portion, object.size) {
                    (Check::None, &metrics.partial)
                } else if cid.digest().is_some() {
                    download::choose_check(&self.route, cid.digest(), &object, portion)
                } else if cid.codec() == Codec::Raw {
                    (Check::hash(cid.hash()), &metrics.verified)
                } else {
                    let text = object.annotations.unixfs.as_ref();
                    let profile = text.and_then(|text| text.to_str().ok()?.parse().ok());
                    (Check::root(cid, profile), &metrics.verified)
                };
                let source = Source::Object(answer, check);
                Ok(File { size: object.size, length, counter: counter.clone(), source })
            }
            // Beyond its end a file has no bytes, as in Kubo.
            Err(Error::RangeNotSatisfiable { size: Some(size) }) if part.length_in(size) == 0 => {
                Ok(self.described(size, part))
            }
            Err(Error::RangeNotSatisfiable { .. }) => {
                Err(Error::storage(Kind::StorageFailed, "storage refused a range that there is"))
            }
            Err(error) => Err(error),
        }
    }

    async fn get_part(
        &self,
        places: &Places,
        range: Range,
    ) -> Result<(ObjectHead, Portion, Answer), Error> {
        let asked = match range {
            Range::Part(part) => Some(part.to_header()),
            Range::Whole | Range::FromStart => None,
        };
        download::find(&self.storage, &self.route, places, asked.as_deref(), range).await
    }

    /// A file of which no byte is wanted.
    pub(super) fn described(&self, size: u64, part: Part) -> File {
        let source = Source::Buffered(Bytes::new());
        let counter = self.route.metrics.partial.clone();
        File { size, length: part.length_in(size), counter, source }
    }

    /// A block by itself.
    pub(super) fn held(&self, held: Held) -> File {
        let size = held.block.bytes().len() as u64;
        let counter = self.route.metrics.verified.clone();
        File { size, length: size, counter, source: Source::Block(held) }
    }

    /// A file of bytes that were checked.
    pub(super) fn checked(&self, bytes: Bytes) -> File {
        let length = bytes.len() as u64;
        let counter = self.route.metrics.verified.clone();
        File { size: length, length, counter, source: Source::Buffered(bytes) }
    }
}

impl File {
    /// Reads and checks what is short, so that what is wrong with it is known before anything of it is
    /// announced.
    ///
    /// # Errors
    /// As [`File::send`].
    pub(super) async fn buffer(mut self, client: &mut Client) -> Result<Self, Undelivered> {
        if self.length > BUFFERED_BYTES_MAX {
            return Ok(self);
        }
        self.source = match self.source {
            Source::Object(answer, mut check) => {
                match download::buffer(client, answer, &mut check).await? {
                    Buffer::Buffered(bytes) => Source::Buffered(bytes),
                    Buffer::Storage(answer) => Source::Object(answer, check),
                }
            }
            Source::Walk(mut walking) => {
                let collected = tokio::select! {
                    biased;
                    collected = walking.collect() => collected?,
                    gone = client.gone() => return Err(gone.into()),
                };
                Source::Buffered(collected)
            }
            source @ (Source::Buffered(_) | Source::Block(_)) => source,
        };
        Ok(self)
    }

    /// Sends its bytes, of which the last are only sent when all were found right.
    ///
    /// # Errors
    /// They are not, storage failed, or the client left.
    pub(super) async fn send(self, output: &mut Output<'_>) -> Result<(), Cut> {
        match self.source {
            Source::Buffered(bytes) => output.write(&bytes).await,
            Source::Block(held) => send_held(output, held.block.bytes(), None).await,
            Source::Object(answer, check) => send_object(output, answer, check).await,
            Source::Walk(mut walking) => loop {
                let next = tokio::select! {
                    biased;
                    next = walking.next() => next.map_err(Cut::Content)?,
                    gone = output.gone() => return Err(Cut::Client(gone)),
                };
                let Some((bytes, _held)) = next else { return Ok(()) };
                send_held(output, &bytes, Some(&mut walking.ahead)).await?;
            },
        }
    }
}

impl Walking {
    /// The next bytes, and the block they are in. None: that was all.
    async fn next(&mut self) -> Result<Option<(Bytes, Held)>, Error> {
        if let Some((bytes, held)) = self.first.take() {
            self.count(&bytes)?;
            return Ok(Some((bytes, held)));
        }
        loop {
            let wanted: Vec<_> = self.walk.next_wanted(WINDOW).cloned().collect();
            if wanted.is_empty() {
                return match self.remaining {
                    0 => Ok(None),
                    _ => Err(unserved(InvalidNode::Sizes)),
                };
            }
            let held = self.ahead.next(&wanted).await?;
            if let Some(bytes) = self.walk.supply(held.block.clone()).map_err(unserved)? {
                self.count(&bytes)?;
                return Ok(Some((bytes, held)));
            }
        }
    }

    fn count(&mut self, bytes: &Bytes) -> Result<(), Error> {
        let remaining = self.remaining.checked_sub(bytes.len() as u64);
        self.remaining = remaining.ok_or_else(|| unserved(InvalidNode::Sizes))?;
        Ok(())
    }

    async fn collect(&mut self) -> Result<Bytes, Error> {
        let mut all = Vec::new();
        while let Some((bytes, _held)) = self.next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all.into())
    }
}

async fn send_object(
    output: &mut Output<'_>,
    mut answer: Answer,
    mut check: Check,
) -> Result<(), Cut> {
    loop {
        let chunk = tokio::select! {
            // Storage first, as for every download.
            biased;
            chunk = answer.chunk() => chunk.map_err(Cut::Content)?,
            gone = output.gone() => return Err(Cut::Client(gone)),
        };
        let Some(chunk) = chunk else { break };
        check.update(chunk.bytes);
        if chunk.is_last {
            check.finish().map_err(Cut::Content)?;
        }
        output.write(chunk.bytes).await?;
    }
    // Of no bytes there is no last chunk.
    check.finish().map_err(Cut::Content)?;
    answer.release().await;
    Ok(())
}
