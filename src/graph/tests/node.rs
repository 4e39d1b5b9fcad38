//! Whether nodes are read as what they are, and nothing else is.

use bytes::Bytes;

use super::{Numbers, import};
use crate::content::cid::{Cid, Codec};
use crate::graph::encode;
use crate::graph::node::{InvalidNode, Link, Node};
use crate::graph::profile::{Leaves, Profile, Version};

fn decode(bytes: &[u8]) -> Result<Node, InvalidNode> {
    Node::decode(&Cid::of_block(Codec::DagPb, bytes), Bytes::copy_from_slice(bytes))
}

/// A field with bytes, or a message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

/// A link to the bytes in it.
fn link() -> Vec<u8> {
    field(2, &field(1, &[1, 0x55, 0, 2, b'h', b'i']))
}

#[test]
fn a_file_says_what_it_has_and_where_the_rest_is() {
    let unixfs = field(1, &[&b"\x08\x02"[..], &field(2, b"abc"), b"\x18\x05\x20\x02"].concat());
    let expected = |node| {
        let Ok(Node::File { data, size, links, block_sizes }) = node else {
            panic!("{node:?}");
        };
        assert_eq!((&*data, size, &*block_sizes), (&b"abc"[..], 5, &[2][..]));
        assert_eq!(links[0].cid.inline(), Some(&b"hi"[..]));
    };
    expected(decode(&[link(), unixfs.clone()].concat()));
    expected(decode(&[unixfs.clone(), link()].concat()));
    // With a field that nobody knows.
    expected(decode(&[field(9, b"new"), unixfs, link()].concat()));
    // Sizes in one field, the file's size in none.
    let packed = field(1, &[&b"\x08\x02"[..], &field(2, b"abc"), &field(4, &[2])].concat());
    expected(decode(&[link(), packed].concat()));
}

#[test]
fn other_kinds_are_told_apart() {
    assert_eq!(decode(&field(1, b"\x08\x01")), Ok(Node::Folder { links: vec![] }));
    assert_eq!(decode(&field(1, b"\x08\x05")), Ok(Node::Shard { links: vec![] }));
    let symlink = field(1, &[&b"\x08\x04"[..], &field(2, b"../x")].concat());
    assert_eq!(decode(&symlink), Ok(Node::Symlink { target: Bytes::from_static(b"../x") }));
    // Metadata, and what there is not.
    assert_eq!(decode(&field(1, b"\x08\x03")), Err(InvalidNode::NotUnixfs));
    assert_eq!(decode(&field(1, b"\x08\x09")), Err(InvalidNode::NotUnixfs));
    assert_eq!(decode(b""), Err(InvalidNode::NotUnixfs));
    assert_eq!(decode(&field(1, b"")), Err(InvalidNode::NotUnixfs));
    let opaque = Cid::of_block(Codec::Other(0x71), b"x");
    assert_eq!(Node::decode(&opaque, Bytes::from_static(b"x")), Err(InvalidNode::Codec));
    let long = Bytes::from(vec![0; crate::graph::BLOCK_BYTES_MAX + 1]);
    let raw = Cid::of_block(Codec::Raw, &long);
    assert_eq!(Node::decode(&raw, long), Err(InvalidNode::TooLong));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let unixfs = |rest: &[u8]| field(1, &[b"\x08\x02", rest].concat());
    let file = |links: usize, rest: &[u8]| decode(&[link().repeat(links), unixfs(rest)].concat());
    assert!(file(1, b"\x18\x02\x20\x02").is_ok());
    assert_eq!(file(1, b"\x18\x03\x20\x02"), Err(InvalidNode::Sizes));
    assert_eq!(file(0, b"\x18\x02\x20\x02"), Err(InvalidNode::Sizes));
    assert_eq!(file(2, b"\x18\x02\x20\x02"), Err(InvalidNode::Sizes));
    assert_eq!(file(0, b"\x12\x02hi\x18\x03"), Err(InvalidNode::Sizes));
    let most = [&b"\x20"[..], &[0xff; 9], &[1]].concat();
    assert_eq!(file(2, &[most, b"\x20\x01".to_vec()].concat()), Err(InvalidNode::Sizes));
    for twice in [&b"\x08\x02"[..], b"\x12\x00\x12\x00", b"\x18\x00\x18\x00"] {
        assert_eq!(file(0, twice), Err(InvalidNode::Malformed), "{twice:?}");
    }
    // Longer than there are bytes; a link to nothing; to what is no identifier; a name that is no
    // text; two sets of data.
    assert_eq!(decode(b"\x0a\x05\x08\x02"), Err(InvalidNode::Malformed));
    assert_eq!(decode(&field(2, b"")), Err(InvalidNode::Malformed));
    assert!(matches!(decode(&field(2, &field(1, b"Qm"))), Err(InvalidNode::Link(_))));
    assert_eq!(decode(&field(2, b"\x12\x01\xff")), Err(InvalidNode::Malformed));
    assert_eq!(decode(&unixfs(b"").repeat(2)), Err(InvalidNode::Malformed));
}

#[test]
fn a_node_cannot_fill_memory_with_links() {
    let many = field(2, &field(1, &[1, 0x55, 0, 0])).repeat(crate::graph::node::LINKS_MAX + 1);
    assert_eq!(decode(&many), Err(InvalidNode::TooManyLinks));
    let sizes = b"\x20\x00".repeat(crate::graph::node::LINKS_MAX + 1);
    let mut node = vec![0x0a];
    crate::graph::wire::push_number(&mut node, sizes.len() as u64 + 2);
    node.extend(b"\x08\x02");
    node.extend(sizes);
    assert_eq!(decode(&node), Err(InvalidNode::TooManyLinks));
}

#[test]
fn no_bytes_are_too_strange() {
    let mut numbers = Numbers::new(2);
    let profile = Profile::new(Version::V0, 5, Leaves::Nodes, 4).unwrap();
    let (imported, mut blocks) = import(profile, &numbers.bytes(60));
    let link = Link { name: "name".to_owned(), cid: imported.root, tsize: imported.tsize };
    blocks.push(encode::folder(vec![link], Version::V1).unwrap().0);
    for round in 0..20_000 {
        let mut bytes = match round % 4 {
            0 => {
                let length = numbers.below(80);
                numbers.bytes(length).to_vec()
            }
            _ => blocks[numbers.below(blocks.len())].bytes().to_vec(),
        };
        for _ in 0..numbers.below(4) {
            let at = numbers.below(bytes.len() + 1);
            match numbers.below(3) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, numbers.next() as u8),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (round % 8)),
            }
        }
        let node = decode(&bytes);
        if let Ok(Node::File { data, size, links, block_sizes }) = node {
            assert_eq!(links.len(), block_sizes.len());
            assert_eq!(size, data.len() as u64 + block_sizes.iter().sum::<u64>());
        }
    }
}
