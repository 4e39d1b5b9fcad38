//! Files and folders as graphs of blocks (IPLD, UnixFS), as far as that takes no I/O: what the blocks
//! mean, how they are made, which of them come next, and what they are sent in.
//!
//! ```text
//! bytes ──import──> blocks, root last        root ──walk──> which block next ──> bytes of the file
//!                      │                               └──> blocks, each once ──car──> CARv1
//!                      └─encode─ node ─decode─>
//! ```

pub mod archive;
pub mod blocks;
pub mod car;
pub mod encode;
pub mod import;
pub mod node;
pub mod profile;
pub mod walk;
mod wire;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::content::cid::{Cid, Codec};

/// The longest block, in bytes: no peer takes longer ones (IPFS specification, "Bitswap").
pub const BLOCK_BYTES_MAX: usize = 2 << 20;

/// Bytes that are what their name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    cid: Cid,
    bytes: Bytes,
}

/// The bytes are no block of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// There are more than [`BLOCK_BYTES_MAX`].
    #[error("a block has more than 2 MiB")]
    TooLong,
    /// They hash to something else.
    #[error("a block is not what its CID says")]
    Corrupted,
}

impl Block {
    /// Looks whether the bytes are what their name says.
    ///
    /// # Errors
    /// They are not, or are too many.
    pub fn verify(cid: Cid, bytes: Bytes) -> Result<Self, InvalidBlock> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(InvalidBlock::TooLong);
        }
        if !cid.names(&bytes) {
            return Err(InvalidBlock::Corrupted);
        }
        Ok(Self { cid, bytes })
    }

    /// Names new bytes. There have to be no more than [`BLOCK_BYTES_MAX`].
    fn of(codec: Codec, bytes: Bytes) -> Self {
        debug_assert!(bytes.len() <= BLOCK_BYTES_MAX, "{}", bytes.len());
        Self { cid: Cid::of_block(codec, &bytes), bytes }
    }

    /// What the bytes are called.
    #[must_use]
    pub const fn cid(&self) -> &Cid {
        &self.cid
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The name and the bytes.
    #[must_use]
    pub fn into_parts(self) -> (Cid, Bytes) {
        (self.cid, self.bytes)
    }
}
