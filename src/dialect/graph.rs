//! Graphs of blocks (IPLD), in words no protocol owns.

use crate::content::cid::Cid;
use crate::graph::profile::{Profile, Version};
use crate::reply::Visibility;

pub use crate::graph::blocks::Scope;

/// A way into a graph: from a block by names of entries of folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphPath {
    /// The block it begins at.
    pub root: Cid,
    /// How the client wrote that: of the texts that mean the same, the one it expects to see again.
    pub root_text: String,
    /// The names, in order; none is empty.
    pub names: Vec<String>,
}

impl GraphPath {
    /// The version in which the client wrote the root, and will look for what is below it.
    #[must_use]
    pub fn version(&self) -> Version {
        match self.root_text.starts_with("Qm") {
            true => Version::V0,
            false => Version::V1,
        }
    }

    /// What that is called which the path leads to: its name there, or the root as it was written.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names.last().unwrap_or(&self.root_text)
    }
}

/// What is asked of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphCall {
    /// Of what in it.
    pub path: GraphPath,
    /// What of that.
    pub view: View,
    /// Whether it is to be compressed, and how well: from 1 to 9.
    pub gzip: Option<u32>,
    /// The strong entity tag of the answer, quotes included, where the protocol has one.
    pub etag: Option<String>,
    /// Whether the body is wanted, and not only its head.
    pub with_body: bool,
}

/// What of a file, a folder or a block is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The bytes of a file.
    File {
        /// From this one on.
        offset: u64,
        /// No more than so many. None: all.
        length: Option<u64>,
    },
    /// A tar archive with the file, or the folder and all that is in it.
    Archive,
    /// The bytes of the block.
    Block,
    /// How many those are.
    BlockSize,
    /// An archive of blocks (CARv1).
    Blocks(Scope),
}

/// What there is.
#[derive(Clone, Copy, Debug)]
pub struct GraphHead<'a> {
    /// What the path leads to.
    pub cid: &'a Cid,
    /// The size of the file in bytes; of a block, its own.
    pub size: u64,
    /// The length of the body that follows, where it is known before it is sent.
    pub length: Option<u64>,
    /// Who may cache it.
    pub visibility: Visibility,
}

/// What is to be made of the files of a form (RFC 7578) that a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOrder {
    /// The boundary between the form's parts.
    pub boundary: String,
    /// How graphs are made of them.
    pub profile: Profile,
    /// Whether nothing is stored.
    pub only_hash: bool,
    /// Whether the files are put into a folder.
    pub wrap: bool,
}

/// A file or folder of a form, as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its path in the form; empty: it had none.
    pub name: String,
    /// What it is called from now on.
    pub cid: Cid,
    /// Its bytes, those of a folder's entries not counted.
    pub bytes: u64,
    /// The bytes of all of its blocks.
    pub blocks_bytes: u64,
}

/// A wallet's wish for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The address, as the client sent it.
    pub wallet: String,
    /// The chain it is of.
    pub chain: String,
    /// What was signed.
    pub nonce: String,
    /// The signature, in hexadecimal.
    pub signature: String,
}
