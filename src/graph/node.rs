//! What a block means: a node of a graph (IPLD, "DAG-PB Spec") that is a part of a file system (IPFS,
//! "UnixFS").

use bytes::Bytes;

use super::BLOCK_BYTES_MAX;
use super::wire::{Fields, Malformed, Value, take_number};
use crate::content::cid::{Cid, Codec, InvalidCid};

/// The most links of one node. A folder of a whole block, of names with a few bytes, has less.
pub const LINKS_MAX: usize = 1 << 16;

/// Fields of a node, `PBNode`.
pub(super) const NODE_DATA: u64 = 1;
pub(super) const NODE_LINK: u64 = 2;
/// Fields of a link, `PBLink`.
pub(super) const LINK_HASH: u64 = 1;
pub(super) const LINK_NAME: u64 = 2;
pub(super) const LINK_TSIZE: u64 = 3;
/// Fields of what makes a node part of a file system, `Data`.
pub(super) const UNIXFS_TYPE: u64 = 1;
pub(super) const UNIXFS_DATA: u64 = 2;
pub(super) const UNIXFS_FILE_SIZE: u64 = 3;
pub(super) const UNIXFS_BLOCK_SIZES: u64 = 4;
/// What a node is, `DataType`.
pub(super) const TYPE_RAW: u64 = 0;
pub(super) const TYPE_FOLDER: u64 = 1;
pub(super) const TYPE_FILE: u64 = 2;
pub(super) const TYPE_SYMLINK: u64 = 4;
pub(super) const TYPE_SHARD: u64 = 5;

/// A part of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file, or a part of one.
    File {
        /// Its first bytes.
        data: Bytes,
        /// How many bytes it has, those below the links counted: as many as `data` and
        /// `block_sizes` say, which is checked.
        size: u64,
        /// Where the other bytes are, in order.
        links: Vec<Link>,
        /// How many bytes of the file are below each link; one for each.
        block_sizes: Vec<u64>,
    },
    /// A folder.
    Folder {
        /// What is in it. The names are whatever somebody wrote.
        links: Vec<Link>,
    },
    /// A part of a folder that is so large that it has several nodes (UnixFS, "HAMTDirectory").
    Shard {
        /// Other parts, and what is in the folder.
        links: Vec<Link>,
    },
    /// A symbolic link.
    Symlink {
        /// Where to; whatever somebody wrote.
        target: Bytes,
    },
}

/// An edge of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is called in a folder. Empty in a file.
    pub name: String,
    /// Where it leads.
    pub cid: Cid,
    /// How many bytes all blocks there have, as the node says: nobody checked.
    pub tsize: u64,
}

/// A block is not what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNode {
    /// There are more than [`BLOCK_BYTES_MAX`] bytes.
    #[error("a block has more than 2 MiB")]
    TooLong,
    /// It is no node.
    #[error("a block is no dag-pb node")]
    Malformed,
    /// A link leads to something that is not served here.
    #[error("a link of a node: {0}")]
    Link(InvalidCid),
    /// It has more than [`LINKS_MAX`].
    #[error("a node has too many links")]
    TooManyLinks,
    /// Its codec is none of those that are looked into.
    #[error("a block is neither raw nor dag-pb")]
    Codec,
    /// It is no part of a file system.
    #[error("a node is not UnixFS")]
    NotUnixfs,
    /// What it says of sizes does not add up, or is not what the node above it said.
    #[error("the sizes in a node are wrong")]
    Sizes,
    /// It is a part of a file system, but not of a file.
    #[error("a node is not part of a file")]
    NotAFile,
    /// It is part of a folder in several nodes, of which this one does not say enough.
    #[error("a folder is sharded")]
    Sharded,
    /// It is not the block that is wanted.
    #[error("a block is not the one that was asked for")]
    Unexpected,
    /// It is too far below the root.
    #[error("a graph is too deep")]
    TooDeep,
    /// The graph has more blocks, or more of them are to be remembered, than the limit.
    #[error("a graph has too many blocks")]
    TooManyBlocks,
}

impl From<Malformed> for InvalidNode {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Node {
    /// Reads a block, whose hash is somebody else's business. Fields may be in any order, and there
    /// may be some that nobody knows.
    ///
    /// # Errors
    /// It is no part of a file system, or one whose parts do not fit together.
    pub fn decode(cid: &Cid, bytes: Bytes) -> Result<Self, InvalidNode> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(InvalidNode::TooLong);
        }
        match cid.codec() {
            Codec::Raw => Ok(Self::leaf(bytes)),
            Codec::DagPb => {
                let (links, data) = split(&bytes)?;
                let unixfs = Unixfs::parse(data.ok_or(InvalidNode::NotUnixfs)?)?;
                let data = bytes.slice_ref(unixfs.data.unwrap_or_default());
                unixfs.node(links, data)
            }
            Codec::Other(_) => Err(InvalidNode::Codec),
        }
    }

    /// The links of a block, whether or not it is part of a file system.
    ///
    /// # Errors
    /// It is no node, or has a codec whose links are not known.
    pub fn links(cid: &Cid, bytes: &[u8]) -> Result<Vec<Link>, InvalidNode> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(InvalidNode::TooLong);
        }
        match cid.codec() {
            Codec::Raw => Ok(Vec::new()),
            Codec::DagPb => Ok(split(bytes)?.0),
            Codec::Other(_) => Err(InvalidNode::Codec),
        }
    }

    const fn leaf(data: Bytes) -> Self {
        let size = data.len() as u64;
        Self::File { data, size, links: Vec::new(), block_sizes: Vec::new() }
    }
}

/// The links and the data of a node.
fn split(node: &[u8]) -> Result<(Vec<Link>, Option<&[u8]>), InvalidNode> {
    let mut links = Vec::new();
    let mut data = None;
    for field in Fields::of(node) {
        match field? {
            (NODE_LINK, Value::Bytes(link)) => {
                if links.len() == LINKS_MAX {
                    return Err(InvalidNode::TooManyLinks);
                }
                links.push(Link::parse(link)?);
            }
            (NODE_DATA, Value::Bytes(bytes)) => once(&mut data, bytes)?,
            (NODE_LINK | NODE_DATA, _) => return Err(InvalidNode::Malformed),
            _ => {}
        }
    }
    Ok((links, data))
}

/// Two programs could take a field that is there twice for two things.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), InvalidNode> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(InvalidNode::Malformed),
    }
}

impl Link {
    fn parse(link: &[u8]) -> Result<Self, InvalidNode> {
        let (mut cid, mut name, mut tsize) = (None, None, None);
        for field in Fields::of(link) {
            match field? {
                (LINK_HASH, Value::Bytes(bytes)) => {
                    once(&mut cid, Cid::from_bytes(bytes).map_err(InvalidNode::Link)?)?;
                }
                (LINK_NAME, Value::Bytes(bytes)) => {
                    let text = std::str::from_utf8(bytes).map_err(|_| InvalidNode::Malformed)?;
                    once(&mut name, text.to_owned())?;
                }
                (LINK_TSIZE, Value::Number(number)) => once(&mut tsize, number)?,
                (LINK_HASH | LINK_NAME | LINK_TSIZE, _) => return Err(InvalidNode::Malformed),
                _ => {}
            }
        }
        Ok(Self {
            name: name.unwrap_or_default(),
            cid: cid.ok_or(InvalidNode::Malformed)?,
            tsize: tsize.unwrap_or_default(),
        })
    }
}

/// What makes a node part of a file system.
struct Unixfs<'a> {
    kind: u64,
    data: Option<&'a [u8]>,
    file_size: Option<u64>,
    block_sizes: Vec<u64>,
}

impl<'a> Unixfs<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, InvalidNode> {
        let (mut kind, mut data, mut file_size) = (None, None, None);
        let mut block_sizes = Vec::new();
        for field in Fields::of(message) {
            match field? {
                (UNIXFS_TYPE, Value::Number(number)) => once(&mut kind, number)?,
                (UNIXFS_DATA, Value::Bytes(bytes)) => once(&mut data, bytes)?,
                (UNIXFS_FILE_SIZE, Value::Number(number)) => once(&mut file_size, number)?,
                (UNIXFS_BLOCK_SIZES, Value::Number(number)) => block_sizes.push(number),
                // Some write all of them into one field.
                (UNIXFS_BLOCK_SIZES, Value::Bytes(mut packed)) => {
                    while !packed.is_empty() && block_sizes.len() <= LINKS_MAX {
                        block_sizes.push(take_number(&mut packed)?);
                    }
                }
                (UNIXFS_TYPE..=UNIXFS_BLOCK_SIZES, _) => return Err(InvalidNode::Malformed),
                _ => {}
            }
            if block_sizes.len() > LINKS_MAX {
                return Err(InvalidNode::TooManyLinks);
            }
        }
        let kind = kind.ok_or(InvalidNode::NotUnixfs)?;
        Ok(Self { kind, data, file_size, block_sizes })
    }

    fn node(self, links: Vec<Link>, data: Bytes) -> Result<Node, InvalidNode> {
        match self.kind {
            TYPE_FILE | TYPE_RAW => {
                let block_sizes = self.block_sizes;
                if links.len() != block_sizes.len() {
                    return Err(InvalidNode::Sizes);
                }
                let mut sizes = block_sizes.iter();
                let size = sizes.try_fold(data.len() as u64, |sum, size| sum.checked_add(*size));
                let size = size.ok_or(InvalidNode::Sizes)?;
                if self.file_size.is_some_and(|file_size| file_size != size) {
                    return Err(InvalidNode::Sizes);
                }
                Ok(Node::File { data, size, links, block_sizes })
            }
            TYPE_FOLDER => Ok(Node::Folder { links }),
            TYPE_SHARD => Ok(Node::Shard { links }),
            TYPE_SYMLINK => Ok(Node::Symlink { target: data }),
            _ => Err(InvalidNode::NotUnixfs),
        }
    }
}
