//! Whether files become the graphs that Kubo makes of them.

use std::collections::HashMap;

use super::{Numbers, import};
use crate::content::cid::Cid;
use crate::graph::Block;
use crate::graph::encode;
use crate::graph::import::{Imported, Importer, RootHasher};
use crate::graph::node::{Link, Node};
use crate::graph::profile::{Leaves, Profile, Version};

/// The names of graphs that other programs made: version 0, version 1, and the bytes' own.
const VECTORS: [(&[u8], usize, [&str; 3]); 5] = [
    (
        b"",
        1,
        [
            "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
        ],
    ),
    (
        b"hello world",
        1,
        [
            "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD",
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
        ],
    ),
    (
        b"hello world\n",
        1,
        [
            "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
            "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4",
            "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4",
        ],
    ),
    (
        b"a",
        300_000,
        [
            "QmYCTciJdFNMNUPCHSNS6dKMmUAqkGQ9tQQeGgbELhQQcn",
            "bafybeicnrogxohr6rp6rlbv6s4q5gkpx5cmlm3oxqr3a7sfghbnz6sdyvq",
            "bafkreias4g43c6nstjhx4wejwgc5pldrx7yk2h2ju6zzduerdnzxud2tqe",
        ],
    ),
    (
        b"a",
        50_000_000,
        [
            "QmeZmXcu9VWrBdy2KV5j5aWGCfjp7wZbSQ77KvCz3rkN93",
            "bafybeieetlzdaqcib5phcqrymca2a4yc4pj7wpnkvvny6ogc6r56jmqd7q",
            "bafkreiczhycp5nq56aqr65mybz6bikvdh7stkaxjut6c2mdswdj32k4xsq",
        ],
    ),
];

/// The bytes of a file in several pieces, and what becomes of them.
fn in_pieces<'a>(profile: Profile, pieces: impl Iterator<Item = &'a [u8]>) -> Imported {
    let mut importer = Importer::new(profile);
    let mut hasher = RootHasher::new(profile);
    let mut last = None;
    for piece in pieces {
        importer.update(piece, &mut |block| last = Some(block));
        hasher.update(piece);
    }
    let imported = importer.finish(&mut |block| last = Some(block));
    assert_eq!(hasher.finish(), imported);
    assert_eq!(last.unwrap().cid(), &imported.root, "the root comes last");
    imported
}

#[test]
fn names_are_those_that_other_programs_give() {
    for (content, times, [v0, v1, raw]) in VECTORS {
        // In pieces of some kilobytes, as they come from a connection.
        let whole = content.repeat(times.min(10_000));
        let pieces = || (0..times.div_ceil(10_000)).map(|_| &*whole);
        let size = (content.len() * times) as u64;
        let imported = in_pieces(Profile::kubo(Version::V0), pieces());
        assert_eq!((imported.root.to_v0().as_deref(), imported.size), (Some(v0), size));
        let imported = in_pieces(Profile::kubo(Version::V1), pieces());
        assert_eq!((imported.root.as_str(), imported.size), (v1, size));
        assert!(Cid::parse(raw).unwrap().names(&content.repeat(times)), "{raw}");
    }
}

#[test]
fn sizes_of_graphs_count_all_their_blocks() {
    let tsize = |version, content: &[u8]| import(Profile::kubo(version), content).0.tsize;
    // As in Kubo's answers to `add`.
    assert_eq!(tsize(Version::V0, b""), 6);
    assert_eq!(tsize(Version::V1, b""), 0);
    assert_eq!(tsize(Version::V0, b"hello world"), 19);
    assert_eq!(tsize(Version::V1, b"hello world"), 11);
}

/// Puts a file together again by what its blocks say.
fn read(cid: &Cid, blocks: &HashMap<Cid, Block>, out: &mut Vec<u8>) -> u64 {
    let bytes = blocks[cid].bytes().clone();
    let Node::File { data, size, links, block_sizes } = Node::decode(cid, bytes).unwrap() else {
        panic!("{cid} is no file");
    };
    out.extend(&data);
    for (link, block_size) in links.iter().zip(block_sizes) {
        assert_eq!(read(&link.cid, blocks, out), block_size);
        assert_eq!(link.name, "");
    }
    size
}

fn check(profile: Profile, content: &[u8], numbers: &mut Numbers) {
    let (imported, blocks) = import(profile, content);
    assert_eq!(imported.size, content.len() as u64);
    assert_eq!(blocks.last().unwrap().cid(), &imported.root);
    assert_eq!(
        imported.tsize,
        blocks.iter().map(|block| block.bytes().len() as u64).sum::<u64>(),
        "{profile} {}",
        content.len()
    );
    let stored = blocks.into_iter().map(|block| {
        assert!(block.cid().names(block.bytes()));
        (block.cid().clone(), block)
    });
    let stored = stored.collect();
    let mut again = Vec::new();
    assert_eq!(read(&imported.root, &stored, &mut again), imported.size);
    assert!(again == content, "{profile} {}", content.len());
    // However they come.
    let mut rest = content;
    let pieces = std::iter::from_fn(|| {
        let length = numbers.below(2 * profile.chunk_bytes() + 2).min(rest.len());
        let (piece, after) = rest.split_at(length);
        (!rest.is_empty()).then(|| rest = after)?;
        Some(piece)
    });
    assert_eq!(in_pieces(profile, pieces), imported);
}

#[test]
fn files_come_back_from_their_blocks() {
    let mut numbers = Numbers::new(1);
    for version in [Version::V0, Version::V1] {
        for leaves in [Leaves::Nodes, Leaves::Raw] {
            for (chunk_bytes, links_max) in [(1, 2), (1, 3), (3, 2), (7, 5), (64, 174)] {
                let profile = Profile::new(version, chunk_bytes, leaves, links_max).unwrap();
                let (chunk, links) = (profile.chunk_bytes(), profile.links_max());
                let full = chunk * links;
                let mut sizes = vec![0, 1, chunk - 1, chunk, chunk + 1, full - 1, full, full + 1];
                sizes.extend([full * links, full * links + 1].map(|size| size.min(20_000)));
                sizes.push(numbers.below(1000));
                for size in sizes {
                    let content = numbers.bytes(size);
                    check(profile, &content, &mut numbers);
                }
            }
            let profile = Profile::kubo(version).with_leaves(leaves);
            for size in [0, 1, 262_143, 262_144, 262_145] {
                check(profile, &numbers.bytes(size), &mut numbers);
            }
        }
    }
}

#[test]
fn a_level_is_added_when_one_is_full() {
    let chunk = vec![7; 262_144];
    let profile = Profile::kubo(Version::V1);
    let blocks = |size: usize| {
        let mut count = 0;
        let mut importer = Importer::new(profile);
        for _ in 0..size / chunk.len() {
            importer.update(&chunk, &mut |_| count += 1);
        }
        importer.update(&chunk[..size % chunk.len()], &mut |_| count += 1);
        let imported = importer.finish(&mut |_| count += 1);
        assert_eq!(imported.size, size as u64);
        count
    };
    assert_eq!(blocks(174 * chunk.len()), 174 + 1);
    // Two nodes, one of them with one link, and a root.
    assert_eq!(blocks(174 * chunk.len() + 1), 175 + 3);
}

#[test]
fn folders_have_the_names_that_kubo_gives() {
    let (empty, imported) = encode::folder(Vec::new(), Version::V0).unwrap();
    assert_eq!(
        imported.root.to_v0().as_deref(),
        Some("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")
    );
    assert_eq!(empty.bytes(), &b"\x0a\x02\x08\x01"[..]);
    assert_eq!(imported.tsize, 4);
    let link = |name: &str, content: &[u8]| {
        let imported = import(Profile::kubo(Version::V1), content).0;
        Link { name: name.to_owned(), cid: imported.root, tsize: imported.tsize }
    };
    let links = [link("é", b"1"), link("b", b"22"), link("B", b"333"), link("a", b"4444")];
    let (block, imported) = encode::folder(links.to_vec(), Version::V1).unwrap();
    assert_eq!(imported.tsize, block.bytes().len() as u64 + 10);
    let Node::Folder { links: sorted } = Node::decode(block.cid(), block.bytes().clone()).unwrap()
    else {
        panic!("no folder");
    };
    assert_eq!(sorted.iter().map(|link| &*link.name).collect::<Vec<_>>(), ["B", "a", "b", "é"]);
    let twice = vec![links[0].clone(), links[1].clone(), links[0].clone()];
    assert_eq!(encode::folder(twice, Version::V1), Err(encode::InvalidFolder::Duplicate));
    let many = (0..6000).map(|index| link(&format!("file {index}"), b"")).collect();
    assert_eq!(encode::folder(many, Version::V1), Err(encode::InvalidFolder::TooLarge));
}

#[test]
fn folders_in_folders_have_the_names_that_other_programs_give() {
    for (version, name, tsize) in [
        (Version::V0, "QmRMdWHYTA6xFxR97Cf1H1DKkoQcE1KqSn147Q6BnAGJRw", 300_455),
        (Version::V1, "bafybeidfnwm6ldmseuebbgj4gdhzebnrtrfkr2baaad6zwx7bcfmpvqglm", 300_413),
    ] {
        let link = |name: &str, imported: Imported| Link {
            name: name.to_owned(),
            cid: imported.root,
            tsize: imported.tsize,
        };
        let file = |name, content| link(name, import(Profile::kubo(version), content).0);
        let large = file("a", &[7; 300_000]);
        let inner = vec![file("z.txt", b"zz"), file("B", b"b"), large];
        let inner = link("sub dir", encode::folder(inner, version).unwrap().1);
        let outer = vec![inner, file("é", b"hello"), file("empty", b"")];
        let folder = encode::folder(outer, version).unwrap().1;
        assert_eq!((version.text(&folder.root).as_str(), folder.tsize), (name, tsize));
    }
}
