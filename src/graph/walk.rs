//! Which blocks of a file come next, and which of its bytes are in them: some of its bytes or all.
//!
//! What a node says of the sizes below it is looked at when the blocks there come, before any byte of
//! them is given. So a graph never gives more than its root announced, and a part without bytes is
//! never asked for.

use std::ops::Range;

use bytes::Bytes;

use super::Block;
use super::node::{InvalidNode, Node};
use crate::content::cid::Cid;

/// How far below the root a block of a file can be. Kubo's trees reach the longest file with 7.
pub const DEPTH_MAX: usize = 32;

/// The most blocks to be remembered as wanted: twice as many as a node has links.
pub(super) const WANTED_MAX: usize = 2 * super::node::LINKS_MAX;

/// A walk over the blocks of a file.
#[derive(Debug)]
pub struct Walk {
    range: Range<u64>,
    /// What has to come, the next one last.
    wanted: Vec<Wanted>,
    size: Option<u64>,
}

/// A block that has to come.
#[derive(Debug)]
struct Wanted {
    cid: Cid,
    /// Where its first byte is in the file.
    offset: u64,
    /// How many bytes are in it and below. None: it is the root.
    size: Option<u64>,
    depth: usize,
}

impl Walk {
    /// Begins at the root of a file, to read what it has of a range of bytes.
    #[must_use]
    pub fn new(root: Cid, range: Range<u64>) -> Self {
        let root = Wanted { cid: root, offset: 0, size: None, depth: 0 };
        Self { range, wanted: vec![root], size: None }
    }

    /// The next block to supply. None: the walk is over.
    #[must_use]
    pub fn wanted(&self) -> Option<&Cid> {
        self.wanted.last().map(|wanted| &wanted.cid)
    }

    /// The next blocks, in the order to supply them in, as far as they are known, and at most as
    /// many as given. One can be there again where a file repeats itself.
    pub fn next_wanted(&self, ahead: usize) -> impl Iterator<Item = &Cid> {
        self.wanted.iter().rev().take(ahead).map(|wanted| &wanted.cid)
    }

    /// How many bytes the file has. None: the root has not come.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// Takes the next block, and gives the bytes of the file that are in it and in the range. None:
    /// there are no such bytes.
    ///
    /// # Errors
    /// It is another block, no part of a file, or not what the blocks above it said. The walk can
    /// not go on.
    pub fn supply(&mut self, block: Block) -> Result<Option<Bytes>, InvalidNode> {
        let (cid, bytes) = block.into_parts();
        let wanted = self.wanted.pop().ok_or(InvalidNode::Unexpected)?;
        if wanted.cid != cid {
            return Err(InvalidNode::Unexpected);
        }
        let Node::File { data, size, links, block_sizes } = Node::decode(&cid, bytes)? else {
            return Err(InvalidNode::NotAFile);
        };
        if wanted.size.is_some_and(|announced| announced != size) {
            return Err(InvalidNode::Sizes);
        }
        self.size.get_or_insert(size);
        let first = self.wanted.len();
        let depth = wanted.depth + 1;
        // The node's sizes add up to that of the file, so that no sum is too large.
        let mut offset = wanted.offset + data.len() as u64;
        for (link, size) in links.into_iter().zip(block_sizes) {
            let end = offset + size;
            if size > 0 && offset < self.range.end && end > self.range.start {
                if depth > DEPTH_MAX {
                    return Err(InvalidNode::TooDeep);
                }
                if self.wanted.len() == WANTED_MAX {
                    return Err(InvalidNode::TooManyBlocks);
                }
                self.wanted.push(Wanted { cid: link.cid, offset, size: Some(size), depth });
            }
            offset = end;
        }
        self.wanted[first..].reverse();
        Ok(self.cut(&data, wanted.offset))
    }

    /// What of some bytes, the first of which has this place in the file, is in the range.
    fn cut(&self, data: &Bytes, offset: u64) -> Option<Bytes> {
        let length = data.len() as u64;
        let start = self.range.start.saturating_sub(offset).min(length);
        let end = self.range.end.saturating_sub(offset).min(length);
        // Neither is more than the length.
        (start < end).then(|| data.slice(start as usize..end as usize))
    }
}
