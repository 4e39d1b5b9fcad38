//! Files to blocks: chunks of one size below a balanced tree, in the shape that Kubo makes, so that
//! the root has the name that Kubo gives.
//!
//! A node is made when its links are full and another one comes, so that memory holds one chunk and,
//! of each level, the links of one node.

use std::mem;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::profile::{Leaves, Profile};
use super::{Block, encode};
use crate::content::cid::{Cid, Codec, Hash};

/// What a file, a folder or a part of one became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The name of the whole.
    pub root: Cid,
    /// How many bytes the file has.
    pub size: u64,
    /// How many bytes all its blocks have, those counted twice that are there twice; "Size" in Kubo's
    /// answers to `add`.
    pub tsize: u64,
}

/// Makes blocks of a file's bytes.
pub struct Importer {
    tree: Tree,
    /// The chunk that is not full yet.
    chunk: Vec<u8>,
}

/// Finds the name of a file's graph without making it.
pub struct RootHasher {
    tree: Tree,
    leaf: Leaf,
    /// How many bytes the leaf has.
    filled: usize,
}

/// The part of a file that is not whole yet.
enum Leaf {
    /// Its bytes are the block.
    Raw(Sha256),
    /// Its block begins with its length, which is not known.
    Node(Vec<u8>),
}

impl Importer {
    /// For one file.
    #[must_use]
    pub const fn new(profile: Profile) -> Self {
        Self { tree: Tree::new(profile), chunk: Vec::new() }
    }

    /// Takes the next bytes, and gives the blocks they complete.
    pub fn update(&mut self, mut bytes: &[u8], emit: &mut impl FnMut(Block)) {
        let chunk_bytes = self.tree.profile.chunk_bytes();
        while !bytes.is_empty() {
            if self.chunk.is_empty() && !self.tree.is_empty() {
                self.chunk.reserve_exact(chunk_bytes);
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(chunk_bytes - self.chunk.len()));
            self.chunk.extend_from_slice(taken);
            bytes = rest;
            if self.chunk.len() == chunk_bytes {
                self.emit_leaf(emit);
            }
        }
    }

    /// Gives the last blocks. Of all that were given, the root is the last.
    #[must_use]
    pub fn finish(mut self, emit: &mut impl FnMut(Block)) -> Imported {
        if self.tree.is_empty() || !self.chunk.is_empty() {
            self.emit_leaf(emit);
        }
        self.tree.finish(emit)
    }

    fn emit_leaf(&mut self, emit: &mut impl FnMut(Block)) {
        let size = self.chunk.len() as u64;
        let block = match self.tree.profile.leaves() {
            Leaves::Raw => Block::of(Codec::Raw, mem::take(&mut self.chunk).into()),
            Leaves::Nodes => {
                let bytes = encode::leaf(&self.chunk);
                self.chunk.clear();
                Block::of(Codec::DagPb, bytes)
            }
        };
        let tsize = block.bytes().len() as u64;
        let leaf = Imported { root: block.cid().clone(), size, tsize };
        emit(block);
        self.tree.push(0, leaf, emit);
    }
}

impl RootHasher {
    /// For one file.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        let leaf = match profile.leaves() {
            Leaves::Raw => Leaf::Raw(Sha256::new()),
            Leaves::Nodes => Leaf::Node(Vec::new()),
        };
        Self { tree: Tree::new(profile), leaf, filled: 0 }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        let chunk_bytes = self.tree.profile.chunk_bytes();
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(chunk_bytes - self.filled));
            match &mut self.leaf {
                Leaf::Raw(hash) => hash.update(taken),
                Leaf::Node(chunk) => chunk.extend_from_slice(taken),
            }
            self.filled += taken.len();
            bytes = rest;
            if self.filled == chunk_bytes {
                self.end_leaf();
            }
        }
    }

    /// What [`Importer::finish`] would say.
    #[must_use]
    pub fn finish(mut self) -> Imported {
        if self.tree.is_empty() || self.filled > 0 {
            self.end_leaf();
        }
        self.tree.finish(&mut |_| {})
    }

    fn end_leaf(&mut self) {
        let size = mem::take(&mut self.filled) as u64;
        let leaf = match &mut self.leaf {
            Leaf::Raw(hash) => {
                let digest: [u8; 32] = hash.finalize_reset().into();
                let root = Cid::new(Codec::Raw, Hash::Sha256(digest.into()));
                Imported { root, size, tsize: size }
            }
            Leaf::Node(chunk) => {
                let bytes = encode::leaf(chunk);
                chunk.clear();
                let tsize = bytes.len() as u64;
                Imported { root: Cid::of_block(Codec::DagPb, &bytes), size, tsize }
            }
        };
        self.tree.push(0, leaf, &mut |_| {});
    }
}

/// What stands above the leaves.
struct Tree {
    profile: Profile,
    /// Of each level, the leaves' first, the links that no node has yet. None is empty.
    levels: Vec<Vec<Imported>>,
}

impl Tree {
    const fn new(profile: Profile) -> Self {
        Self { profile, levels: Vec::new() }
    }

    const fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Adds a part of the file to a level, and full nodes to the levels above.
    fn push(&mut self, first: usize, part: Imported, emit: &mut impl FnMut(Block)) {
        let mut part = part;
        for links in &mut self.levels[first..] {
            if links.len() < self.profile.links_max() {
                links.push(part);
                return;
            }
            let full = mem::replace(links, vec![part]);
            part = node(&full, self.profile, emit);
        }
        self.levels.push(vec![part]);
    }

    /// Ends all nodes, the lowest first.
    fn finish(mut self, emit: &mut impl FnMut(Block)) -> Imported {
        let mut level = 0;
        loop {
            let mut links = mem::take(&mut self.levels[level]);
            let is_top = level + 1 == self.levels.len();
            // A file of one part is that part. Above the leaves, no level that is the top has one.
            if is_top && links.len() == 1 {
                return links.remove(0);
            }
            let part = node(&links, self.profile, emit);
            if is_top {
                return part;
            }
            level += 1;
            self.push(level, part, emit);
        }
    }
}

fn node(links: &[Imported], profile: Profile, emit: &mut impl FnMut(Block)) -> Imported {
    let bytes: Bytes = encode::interior(links, profile.version());
    let size = links.iter().map(|link| link.size).sum();
    let tsize = links.iter().map(|link| link.tsize).sum::<u64>() + bytes.len() as u64;
    let block = Block::of(Codec::DagPb, bytes);
    let root = block.cid().clone();
    emit(block);
    Imported { root, size, tsize }
}
