//! Whether a walk gives the bytes of a file, and no others.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use bytes::Bytes;

use super::{Numbers, import};
use crate::content::cid::{Cid, Codec};
use crate::graph::blocks::{Blocks, Scope};
use crate::graph::import::Imported;
use crate::graph::node::{InvalidNode, Link};
use crate::graph::profile::{Leaves, Profile, Version};
use crate::graph::walk::{DEPTH_MAX, Walk};
use crate::graph::{Block, InvalidBlock, encode};

type Store = HashMap<Cid, Block>;

fn store(blocks: Vec<Block>) -> Store {
    blocks.into_iter().map(|block| (block.cid().clone(), block)).collect()
}

/// What a walk gives, and how many blocks it asked for.
fn read(root: &Cid, range: Range<u64>, store: &Store) -> Result<(Vec<u8>, usize), InvalidNode> {
    let mut walk = Walk::new(root.clone(), range);
    let (mut out, mut count) = (Vec::new(), 0);
    while let Some(cid) = walk.wanted() {
        let block = store[cid].clone();
        out.extend(walk.supply(block)?.unwrap_or_default());
        count += 1;
    }
    Ok((out, count))
}

#[test]
fn any_range_of_a_file_is_found_in_its_blocks() {
    let mut numbers = Numbers::new(3);
    for (chunk_bytes, leaves) in [(1, Leaves::Raw), (4, Leaves::Nodes), (16, Leaves::Raw)] {
        for links_max in [2, 3, 174] {
            let profile = Profile::new(Version::V1, chunk_bytes, leaves, links_max).unwrap();
            let length = 1 + numbers.below(500);
            let content = numbers.bytes(length);
            let (imported, blocks) = import(profile, &content);
            let store = store(blocks);
            let (whole, _) = read(&imported.root, 0..u64::MAX, &store).unwrap();
            assert!(whole == content, "{profile} {length}");
            for _ in 0..50 {
                let start = numbers.below(length + 2);
                let end = start + numbers.below(length);
                let (bytes, count) =
                    read(&imported.root, start as u64..end as u64, &store).unwrap();
                let expected = &content[start.min(length)..end.min(length)];
                assert!(bytes == expected, "{profile} {length} {start} {end}");
                // No more blocks than the bytes are in, and the way there.
                let leaves = expected.len().div_ceil(profile.chunk_bytes()) + 1;
                assert!(count <= 1 + leaves * 10, "{count} for {} bytes", expected.len());
            }
        }
    }
}

#[test]
fn what_comes_next_is_known_ahead() {
    let profile = Profile::new(Version::V1, 2, Leaves::Raw, 3).unwrap();
    let (imported, blocks) = import(profile, b"0011223344");
    let store = store(blocks);
    let mut walk = Walk::new(imported.root.clone(), 0..10);
    assert_eq!((walk.next_wanted(9).count(), walk.size()), (1, None));
    assert_eq!(walk.supply(store[&imported.root].clone()), Ok(None));
    assert_eq!((walk.next_wanted(9).count(), walk.size()), (2, Some(10)));
    let next = walk.wanted().unwrap().clone();
    walk.supply(store[&next].clone()).unwrap();
    let ahead: Vec<Cid> = walk.next_wanted(3).cloned().collect();
    assert!(ahead.iter().zip(["00", "11", "22"]).all(|(cid, bytes)| cid.names(bytes.as_bytes())));
    // The second of them is not the next.
    assert_eq!(walk.supply(store[&ahead[1]].clone()), Err(InvalidNode::Unexpected));
}

/// A node of a file with these parts, whatever they say of themselves.
fn parent(parts: &[(&Cid, u64)]) -> Block {
    let parts: Vec<Imported> = parts
        .iter()
        .map(|(cid, size)| Imported { root: (*cid).clone(), size: *size, tsize: 0 })
        .collect();
    Block::of(Codec::DagPb, encode::interior(&parts, Version::V1))
}

#[test]
fn a_graph_that_lies_about_sizes_gives_no_byte_too_many() {
    let leaf = Block::of(Codec::Raw, Bytes::from_static(b"hello"));
    for lie in [1, 4, 6, u64::MAX] {
        let root = parent(&[(leaf.cid(), lie)]);
        let (cid, store) = (root.cid().clone(), store(vec![root, leaf.clone()]));
        assert_eq!(read(&cid, 0..u64::MAX, &store), Err(InvalidNode::Sizes), "{lie}");
    }
    // Parts without bytes are not asked for, so that no graph of nothing is walked for long.
    let root = parent(&[(leaf.cid(), 0), (leaf.cid(), 5), (leaf.cid(), 0)]);
    let (cid, store) = (root.cid().clone(), store(vec![root, leaf]));
    assert_eq!(read(&cid, 0..u64::MAX, &store), Ok((b"hello".to_vec(), 2)));
}

#[test]
fn a_graph_has_a_depth_it_cannot_exceed() {
    let mut blocks = vec![Block::of(Codec::Raw, Bytes::from_static(b"hello"))];
    let deeper = |blocks: &mut Vec<Block>| {
        let below = blocks.last().unwrap().cid().clone();
        blocks.push(parent(&[(&below, 5)]));
        (blocks.last().unwrap().cid().clone(), store(blocks.clone()))
    };
    for _ in 1..DEPTH_MAX {
        deeper(&mut blocks);
    }
    let (root, store) = deeper(&mut blocks);
    assert_eq!(read(&root, 0..5, &store), Ok((b"hello".to_vec(), DEPTH_MAX + 1)));
    let (root, store) = deeper(&mut blocks);
    assert_eq!(read(&root, 0..5, &store), Err(InvalidNode::TooDeep));
}

#[test]
fn a_folder_is_no_part_of_a_file() {
    let (folder, imported) = encode::folder(Vec::new(), Version::V1).unwrap();
    let store = store(vec![folder]);
    assert_eq!(read(&imported.root, 0..5, &store), Err(InvalidNode::NotAFile));
}

#[test]
fn bytes_that_are_something_else_are_no_block() {
    let cid = Cid::of_block(Codec::Raw, b"hello");
    assert!(Block::verify(cid.clone(), Bytes::from_static(b"hello")).is_ok());
    let wrong = Block::verify(cid, Bytes::from_static(b"hellO"));
    assert_eq!(wrong, Err(InvalidBlock::Corrupted));
    let long = Bytes::from(vec![0; crate::graph::BLOCK_BYTES_MAX + 1]);
    let cid = Cid::of_block(Codec::Raw, &long);
    assert_eq!(Block::verify(cid, long), Err(InvalidBlock::TooLong));
}

/// The blocks that a walk asks for, in their order.
fn collect(
    root: &Cid,
    scope: Scope,
    blocks_max: usize,
    store: &Store,
) -> Result<Vec<Cid>, InvalidNode> {
    let mut blocks = Blocks::new(root.clone(), scope, blocks_max);
    let mut order = Vec::new();
    while let Some(cid) = blocks.wanted().cloned() {
        blocks.supply(&store[&cid])?;
        order.push(cid);
    }
    Ok(order)
}

#[test]
fn a_graph_has_each_block_once() {
    let profile = Profile::new(Version::V1, 4, Leaves::Raw, 2).unwrap();
    // Four parts, three of them the same, so that their nodes share one as well.
    let (file, mut all) = import(profile, b"aaaabbbbaaaaaaaa");
    let link = |name: &str, imported: &Imported| Link {
        name: name.to_owned(),
        cid: imported.root.clone(),
        tsize: imported.tsize,
    };
    let (inner, inner_imported) = encode::folder(vec![link("x", &file)], Version::V1).unwrap();
    let entries = vec![link("a", &file), link("b", &inner_imported)];
    let (outer, folder) = encode::folder(entries, Version::V1).unwrap();
    all.extend([inner, outer]);
    let store = store(all);
    let a = Cid::of_block(Codec::Raw, b"aaaa");
    let b = Cid::of_block(Codec::Raw, b"bbbb");

    let order = collect(&file.root, Scope::Entity, 10, &store).unwrap();
    assert_eq!(order.len(), 5);
    assert_eq!((&order[0], &order[2], &order[3]), (&file.root, &a, &b), "depth first");
    assert_eq!(collect(&file.root, Scope::All, 10, &store), Ok(order.clone()));
    assert_eq!(collect(&file.root, Scope::Block, 10, &store), Ok(vec![file.root.clone()]));
    assert_eq!(collect(&folder.root, Scope::Entity, 10, &store), Ok(vec![folder.root.clone()]));
    let everything = collect(&folder.root, Scope::All, 10, &store).unwrap();
    assert_eq!(everything.iter().collect::<HashSet<_>>().len(), store.len());
    assert_eq!(everything.len(), store.len());
    assert_eq!(everything[1..6], order, "the file comes first");
    assert_eq!(
        collect(&folder.root, Scope::All, 6, &store),
        Err(InvalidNode::TooManyBlocks),
        "there are 7"
    );
    assert!(collect(&folder.root, Scope::All, 7, &store).is_ok());
}

#[test]
fn what_cannot_be_looked_into_is_sent_alone_or_not_at_all() {
    let opaque = Block::of(Codec::Other(0x71), Bytes::from_static(b"\xa0"));
    let node = Block::of(Codec::DagPb, Bytes::new());
    let shard = Block::of(Codec::DagPb, Bytes::from_static(b"\x0a\x02\x08\x05"));
    let all = store(vec![opaque.clone(), node.clone(), shard.clone()]);
    let collect =
        |block: &Block, scope| collect(block.cid(), scope, 10, &all).map(|order| order.len());
    for block in [&opaque, &node, &shard] {
        assert_eq!(collect(block, Scope::Block), Ok(1));
    }
    assert_eq!(collect(&opaque, Scope::Entity), Ok(1));
    assert_eq!(collect(&opaque, Scope::All), Err(InvalidNode::Codec));
    assert_eq!(collect(&node, Scope::Entity), Ok(1));
    assert_eq!(collect(&node, Scope::All), Ok(1));
    assert_eq!(collect(&shard, Scope::Entity), Err(InvalidNode::Sharded));
    assert_eq!(collect(&shard, Scope::All), Ok(1));
}
