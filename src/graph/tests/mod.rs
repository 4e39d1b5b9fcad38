//! What all parts of the module have to do together, over many inputs.

mod cid;
mod import;
mod node;
mod walk;

use bytes::Bytes;

use super::Block;
use super::import::{Imported, Importer};
use super::profile::Profile;

/// Numbers that look random and are the same in each run (Marsaglia, "Xorshift RNGs").
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed * 2 + 1)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Less than `end`.
    pub(super) const fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn bytes(&mut self, length: usize) -> Bytes {
        (0..length).map(|_| (self.next() >> 32) as u8).collect()
    }
}

/// All blocks of a file, in the order they are made.
pub(super) fn import(profile: Profile, content: &[u8]) -> (Imported, Vec<Block>) {
    let mut blocks = Vec::new();
    let mut importer = Importer::new(profile);
    importer.update(content, &mut |block| blocks.push(block));
    let imported = importer.finish(&mut |block| blocks.push(block));
    (imported, blocks)
}
