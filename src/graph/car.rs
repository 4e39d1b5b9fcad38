//! What comes before blocks where many are sent as one (IPLD, "CARv1").

use super::profile::Version;
use super::wire::{number_length, push_number};
use crate::content::cid::Cid;

/// The beginning of an archive with one root. The version says how the root is written; readers
/// compare it with what they asked for.
#[must_use]
pub fn header(root: &Cid, version: Version) -> Vec<u8> {
    let cid = version.cid_bytes(root);
    // {"roots": [root], "version": 1} in DAG-CBOR, where a link is bytes with a tag and a zero.
    let mut header = b"\xa2\x65roots\x81\xd8\x2a".to_vec();
    match cid.len() + 1 {
        length @ 0..=23 => header.push(0x40 | length as u8),
        length @ 24..=255 => header.extend([0x58, length as u8]),
        // No identifier has more than some 150 bytes.
        length => header.extend([0x59, (length >> 8) as u8, length as u8]),
    }
    header.push(0);
    header.extend(cid);
    header.extend(b"\x67version\x01");
    let mut out = Vec::with_capacity(header.len() + 2);
    push_number(&mut out, header.len() as u64);
    out.extend(header);
    out
}

/// What comes before the bytes of a block.
#[must_use]
pub fn frame(cid: &Cid, version: Version, block_bytes: usize) -> Vec<u8> {
    let cid = version.cid_bytes(cid);
    let length = (cid.len() + block_bytes) as u64;
    let mut out = Vec::with_capacity(number_length(length) + cid.len());
    push_number(&mut out, length);
    out.extend(cid);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::cid::Codec;

    #[test]
    fn an_archive_begins_with_its_root() {
        let root = Cid::parse("bafyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm");
        let text = "3aa265726f6f747381d82a58250001711220f88bc853804cf294fe417e4fa83028689fcdb1b1592\
                    c5102e1474dbc200fab8b6776657273696f6e01";
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&header(&root.unwrap(), Version::V1)), text);
        let inline = Cid::parse("bafkqaaa").unwrap();
        assert_eq!(
            hex(&header(&inline, Version::V1)),
            "19a265726f6f747381d82a4500015500006776657273696f6e01"
        );
    }

    #[test]
    fn a_block_follows_its_length_and_name() {
        let cid = Cid::of_block(Codec::Raw, b"hello");
        assert_eq!(frame(&cid, Version::V0, 5), [&[41], &*cid.to_bytes()].concat());
        let node = Cid::of_block(Codec::DagPb, b"hello");
        assert_eq!(frame(&node, Version::V0, 5), [&[39, 0x12, 32], &node.to_bytes()[4..]].concat());
        assert_eq!(frame(&node, Version::V1, 300)[..3], [0xd0, 2, 1]);
    }
}
