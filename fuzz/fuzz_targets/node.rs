//! Whether whatever is read as a node of a file says of its size what its parts say.

#![no_main]

use bytes::Bytes;
use casgate::content::cid::{Cid, Codec};
use casgate::graph::Block;
use casgate::graph::node::Node;
use casgate::graph::walk::Walk;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let cid = Cid::of_block(Codec::DagPb, input);
    let Ok(block) = Block::verify(cid.clone(), Bytes::copy_from_slice(input)) else {
        return;
    };
    let Ok(Node::File { data, size, links, block_sizes }) =
        Node::decode(&cid, block.bytes().clone())
    else {
        return;
    };
    assert_eq!(links.len(), block_sizes.len());
    assert_eq!(size, data.len() as u64 + block_sizes.iter().sum::<u64>());
    // The parts that are in their own names are as much of the file as can be read here.
    let mut walk = Walk::new(cid, 0..u64::MAX);
    let mut next = Some(block);
    let mut given = 0;
    while let Some(block) = next {
        let Ok(bytes) = walk.supply(block) else {
            return;
        };
        given += bytes.map_or(0, |bytes| bytes.len() as u64);
        assert!(given <= size);
        next = walk.wanted().and_then(|cid| {
            let inline = Bytes::copy_from_slice(cid.inline()?);
            Block::verify(cid.clone(), inline).ok()
        });
    }
    if walk.wanted().is_none() {
        assert_eq!(given, size);
    }
});
