//! Nodes as bytes, the same that Kubo writes: links before data, and of each link hash, name and
//! size (IPLD, "DAG-PB Spec", canonical form).

use bytes::Bytes;

use super::Block;
use super::import::Imported;
use super::node::{
    LINK_HASH, LINK_NAME, LINK_TSIZE, Link, NODE_DATA, NODE_LINK, TYPE_FILE, TYPE_FOLDER,
    UNIXFS_BLOCK_SIZES, UNIXFS_DATA, UNIXFS_FILE_SIZE, UNIXFS_TYPE,
};
use super::profile::Version;
use super::wire::{number_length, push_bytes_field, push_length_field, push_number_field};
use crate::content::cid::Codec;

/// The most bytes of names and identifiers that one node is made of: of a larger folder Kubo makes
/// several nodes, so that its identifier is another.
pub const FOLDER_BYTES_MAX: usize = 256 << 10;

/// There is no folder like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFolder {
    /// Two of its entries have one name.
    #[error("a folder has two entries of one name")]
    Duplicate,
    /// It has more than [`FOLDER_BYTES_MAX`].
    #[error("a folder has too many entries for one node")]
    TooLarge,
}

/// Makes the node of a folder, of links in any order. The answer's `size` is that of no file: 0.
///
/// # Errors
/// No node can be made of them.
pub fn folder(mut links: Vec<Link>, version: Version) -> Result<(Block, Imported), InvalidFolder> {
    links.sort_by(|left, right| left.name.as_bytes().cmp(right.name.as_bytes()));
    if links.windows(2).any(|pair| pair[0].name == pair[1].name) {
        return Err(InvalidFolder::Duplicate);
    }
    let mut out = Vec::new();
    let (mut estimate, mut below) = (0, 0_u64);
    for link in &links {
        let cid = version.cid_bytes(&link.cid);
        estimate += link.name.len() + cid.len();
        if estimate > FOLDER_BYTES_MAX {
            return Err(InvalidFolder::TooLarge);
        }
        below = below.saturating_add(link.tsize);
        push_link(&mut out, &cid, &link.name, link.tsize);
    }
    let mut unixfs = Vec::new();
    push_number_field(&mut unixfs, UNIXFS_TYPE, TYPE_FOLDER);
    push_bytes_field(&mut out, NODE_DATA, &unixfs);
    let tsize = below.saturating_add(out.len() as u64);
    let block = Block::of(Codec::DagPb, out.into());
    let imported = Imported { root: block.cid().clone(), size: 0, tsize };
    Ok((block, imported))
}

/// The node of a file, or of a part of it, that has all of its bytes itself.
pub(super) fn leaf(data: &[u8]) -> Bytes {
    let size = data.len() as u64;
    // No data is no field.
    let data_bytes = match data.len() {
        0 => 0,
        length => 1 + number_length(size) + length,
    };
    let unixfs_bytes = 2 + data_bytes + 1 + number_length(size);
    let mut out = Vec::with_capacity(1 + number_length(unixfs_bytes as u64) + unixfs_bytes);
    push_length_field(&mut out, NODE_DATA, unixfs_bytes);
    push_number_field(&mut out, UNIXFS_TYPE, TYPE_FILE);
    if !data.is_empty() {
        push_bytes_field(&mut out, UNIXFS_DATA, data);
    }
    push_number_field(&mut out, UNIXFS_FILE_SIZE, size);
    out.into()
}

/// The node of a file, or of a part of it, that has all of its bytes below its links.
pub(super) fn interior(parts: &[Imported], version: Version) -> Bytes {
    let mut out = Vec::new();
    let mut unixfs = Vec::new();
    push_number_field(&mut unixfs, UNIXFS_TYPE, TYPE_FILE);
    push_number_field(&mut unixfs, UNIXFS_FILE_SIZE, parts.iter().map(|part| part.size).sum());
    for part in parts {
        push_link(&mut out, &version.cid_bytes(&part.root), "", part.tsize);
        push_number_field(&mut unixfs, UNIXFS_BLOCK_SIZES, part.size);
    }
    push_bytes_field(&mut out, NODE_DATA, &unixfs);
    out.into()
}

fn push_link(out: &mut Vec<u8>, cid: &[u8], name: &str, tsize: u64) {
    let mut link = Vec::with_capacity(cid.len() + name.len() + 16);
    push_bytes_field(&mut link, LINK_HASH, cid);
    push_bytes_field(&mut link, LINK_NAME, name.as_bytes());
    push_number_field(&mut link, LINK_TSIZE, tsize);
    push_bytes_field(out, NODE_LINK, &link);
}
