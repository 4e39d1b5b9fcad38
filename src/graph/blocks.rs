//! Which blocks a graph has: each one once, depth first, as archives of blocks have them (IPFS
//! specifications, "Trustless Gateway", `order=dfs`, `dups=n`).

use std::collections::HashSet;

use super::Block;
use super::node::{InvalidNode, Node};
use super::walk::WANTED_MAX;
use crate::content::cid::{Cid, Codec};

/// How far below the root a block can be, all folders above it counted.
const DEPTH_MAX: usize = 128;

/// How much of a graph is meant ("Trustless Gateway", `dag-scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only the root.
    Block,
    /// What the root is: all blocks of a file, but of a folder only that which says what is in it.
    Entity,
    /// Everything.
    All,
}

/// A walk over the blocks of a graph.
#[derive(Debug)]
pub struct Blocks {
    scope: Scope,
    blocks_max: usize,
    /// What has to come, with its depth, the next one last. That one has not been there.
    wanted: Vec<(Cid, usize)>,
    seen: HashSet<Cid>,
}

impl Blocks {
    /// Begins at the root. No more than `blocks_max` are ever asked for: all of them are remembered,
    /// in some 200 bytes each.
    #[must_use]
    pub fn new(root: Cid, scope: Scope, blocks_max: usize) -> Self {
        Self { scope, blocks_max, wanted: vec![(root, 0)], seen: HashSet::new() }
    }

    /// The next block to supply. None: the walk is over.
    #[must_use]
    pub fn wanted(&self) -> Option<&Cid> {
        self.wanted.last().map(|(cid, _)| cid)
    }

    /// The next blocks, in the order to supply them in, as far as they are known, and at most as
    /// many as given. One can be there twice, and is still to be supplied once.
    pub fn next_wanted(&self, ahead: usize) -> impl Iterator<Item = &Cid> {
        let cids = self.wanted.iter().rev().map(|(cid, _)| cid);
        cids.filter(|cid| !self.seen.contains(*cid)).take(ahead)
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// It is another block, its links cannot be read, or there are too many. The walk can not go on.
    pub fn supply(&mut self, block: &Block) -> Result<(), InvalidNode> {
        let (cid, depth) = self.wanted.pop().ok_or(InvalidNode::Unexpected)?;
        if cid != *block.cid() {
            return Err(InvalidNode::Unexpected);
        }
        if self.seen.len() == self.blocks_max {
            return Err(InvalidNode::TooManyBlocks);
        }
        let below = self.below(block, depth)?;
        self.seen.insert(cid);
        if !below.is_empty() && depth == DEPTH_MAX {
            return Err(InvalidNode::TooDeep);
        }
        if self.wanted.len() + below.len() > WANTED_MAX {
            return Err(InvalidNode::TooManyBlocks);
        }
        self.wanted.extend(below.into_iter().rev().map(|cid| (cid, depth + 1)));
        while self.wanted.last().is_some_and(|(cid, _)| self.seen.contains(cid)) {
            self.wanted.pop();
        }
        Ok(())
    }

    /// The links of a block that are in the scope.
    fn below(&self, block: &Block, depth: usize) -> Result<Vec<Cid>, InvalidNode> {
        let (cid, bytes) = (block.cid(), block.bytes());
        let links = match self.scope {
            Scope::Block => Vec::new(),
            Scope::All => Node::links(cid, bytes)?,
            // Only files and folders have more to them than a block.
            Scope::Entity if depth == 0 && matches!(cid.codec(), Codec::Other(_)) => Vec::new(),
            Scope::Entity => match Node::decode(cid, bytes.clone()) {
                Ok(Node::File { links, .. }) => links,
                Ok(Node::Folder { .. } | Node::Symlink { .. }) if depth == 0 => Vec::new(),
                Ok(Node::Shard { .. }) if depth == 0 => return Err(InvalidNode::Sharded),
                Ok(_) => return Err(InvalidNode::NotAFile),
                Err(InvalidNode::NotUnixfs) if depth == 0 => Vec::new(),
                Err(error) => return Err(error),
            },
        };
        Ok(links.into_iter().map(|link| link.cid).collect())
    }
}
