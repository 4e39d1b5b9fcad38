//! Whether wrong bytes can ever look like the right ones.

use casgate::content::cid::{Cid, Codec};
use casgate::graph::Block;
use casgate::graph::import::RootHasher;
use casgate::graph::profile::{Leaves, Profile, Version};
use http::Method;

use super::{BLOCKS, FILES, Store, TAR, ask, post, small};
use crate::http2::client::{Http2, request};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::{Gateway, Settings};
use crate::support::storage::Storage;

/// What becomes of a command, on either version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Refused(u16),
    Cut,
}

/// No answer may be whole, and none may have all of the content.
async fn check(gateway: &Gateway, command: &str, content: &[u8], expected: Ending) {
    let over_http1 = post(gateway, command).await;
    let path = format!("/download/api/v0/{command}");
    let client = Http2::to(gateway).await;
    let over_http2 = client.exchange(request(Method::POST, &path, &[])).await;
    match expected {
        Ending::Refused(status) => {
            assert_eq!((over_http1.status(), over_http1.is_whole), (status, true), "{command}");
            assert_eq!(over_http2.status.as_u16(), status, "{command}");
        }
        Ending::Cut => {
            over_http1.assert_is_cut();
            assert_eq!(over_http2.status.as_u16(), 200, "{command}");
            assert!(over_http2.reset.is_some(), "{command}");
            for body in [&over_http1.body, &over_http2.body] {
                let holds = body.windows(content.len().max(1)).any(|window| window == content);
                assert!(!holds, "{command}: all of the content came");
            }
        }
    }
}

fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

/// Whatever block of a file is another or is not there.
#[tokio::test]
async fn every_block_of_a_file_counts() {
    for size in [9_000, 100_000] {
        let content = Content::sized(size).bytes;
        let profile = Profile::new(Version::V1, 5000, Leaves::Nodes, 10).unwrap();
        let mut store = Store::default();
        let root = store.add_file(&content, profile).root;
        let later = match size {
            9_000 => Ending::Refused(502),
            _ => Ending::Cut,
        };
        for key in store.objects.keys() {
            let is_root = *key == Store::key(&root);
            let mut corrupt = store.clone();
            flip(&mut corrupt.objects.get_mut(key).unwrap().0);
            let ending = if is_root { Ending::Refused(502) } else { later };
            let storage = corrupt.serve().await;
            let gateway = TAR.before(&storage);
            for command in ["cat", "get"] {
                check(&gateway, &format!("{command}?arg={root}"), &content, ending).await;
            }
            let mismatched = gateway.metric("casgate_verification_total", &["\"mismatched\""]);
            assert_eq!(mismatched, 4, "{key}");
            assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 0);

            let mut missing = store.clone();
            missing.objects.remove(key);
            let ending = if is_root { Ending::Refused(404) } else { later };
            let storage = missing.serve().await;
            let gateway = BLOCKS.before(&storage);
            check(&gateway, &format!("cat?arg={root}"), &content, ending).await;
        }
    }
}

#[tokio::test]
async fn a_file_in_one_object_is_never_complete_if_it_is_another() {
    for size in [1000, 64 * 1024, 64 * 1024 + 1, 300_000] {
        let content = Content::sized(size);
        let profile = Profile::kubo(Version::V0);
        let mut hasher = RootHasher::new(profile);
        hasher.update(&content.bytes);
        let (root, raw) = (hasher.finish().root, Cid::of_block(Codec::Raw, &content.bytes));
        // What stands beside it decides nothing.
        let other = small(Leaves::Raw);
        for (bytes, beside) in [
            (content.corrupted(), None),
            (content.corrupted(), Some(profile)),
            (content.bytes.clone(), Some(other)),
            (content.bytes[1..].to_vec(), None),
            ([&content.bytes[..], b"x"].concat(), None),
        ] {
            let mut store = Store::default();
            store.add_object(&root, &bytes, beside);
            store.add_as(&raw, bytes.clone());
            let ending = match bytes.len() > 64 * 1024 {
                true => Ending::Cut,
                false => Ending::Refused(502),
            };
            let storage = store.serve().await;
            for settings in [FILES, TAR] {
                let gateway = settings.before(&storage);
                for command in ["cat", "get"] {
                    // More than the content may come, in another shape, but never to the end.
                    let unseen = if bytes.len() > size { &bytes } else { &content.bytes };
                    if beside != Some(other) {
                        check(&gateway, &format!("{command}?arg={raw}"), unseen, ending).await;
                    }
                    check(&gateway, &format!("{command}?arg={root}"), unseen, ending).await;
                }
                let compressed = post(&gateway, &format!("get?arg={root}&compress=true")).await;
                match ending {
                    Ending::Refused(status) => assert_eq!(compressed.status(), status),
                    Ending::Cut => compressed.assert_is_cut(),
                }
            }
        }
    }
}

/// A field of a message with bytes in it; all here are short.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    assert!(length < 0x80);
    [&[number << 3 | 2, length], bytes].concat()
}

/// The node of a file whose links have these sizes, and which says it has that many bytes.
fn liar(links: &[(&Cid, u8)], size: Option<u8>) -> Vec<u8> {
    let mut node = Vec::new();
    for (cid, _) in links {
        node.extend(field(2, &field(1, &cid.to_bytes())));
    }
    let mut unixfs = vec![0x08, 0x02];
    if let Some(size) = size {
        unixfs.extend([0x18, size]);
    }
    links.iter().for_each(|(_, size)| unixfs.extend([0x20, *size]));
    node.extend(field(1, &unixfs));
    node
}

#[tokio::test]
async fn sizes_that_do_not_add_up_are_refused() {
    let mut store = Store::default();
    let leaf = Cid::of_block(Codec::Raw, b"twelve bytes");
    store.add_as(&leaf, b"twelve bytes");
    let folder = store.add_folder(&[]).root;
    for (links, size, status) in [
        (vec![(&leaf, 12), (&leaf, 12)], Some(24), 200),
        (vec![(&leaf, 12), (&leaf, 12)], None, 200),
        (vec![(&leaf, 12), (&leaf, 12)], Some(25), 400),
        (vec![(&leaf, 12), (&leaf, 12)], Some(12), 400),
        (vec![(&leaf, 11)], Some(11), 400),
        (vec![(&leaf, 13)], Some(13), 400),
        (vec![(&leaf, 11), (&leaf, 13)], Some(24), 400),
        (vec![(&folder, 1)], Some(1), 400),
    ] {
        let node = liar(&links, size);
        let root = Cid::of_block(Codec::DagPb, &node);
        let mut store = store.clone();
        store.add_as(&root, node);
        let storage = store.serve().await;
        let gateway = BLOCKS.before(&storage);
        let got = post(&gateway, &format!("cat?arg={root}")).await;
        assert_eq!((got.status(), got.is_whole), (status, true), "{links:?} {size:?}");
    }
}

#[tokio::test]
async fn longer_blocks_than_there_can_be_are_not_read() {
    let content = Content::sized(3 << 20);
    let node = Cid::of_block(Codec::DagPb, &content.bytes);
    let mut store = Store::default();
    store.add_as(&node, content.bytes.clone());
    let storage = store.serve().await;
    let gateway = BLOCKS.before(&storage);
    for command in ["cat", "get", "block/get"] {
        let ending = Ending::Refused(502);
        check(&gateway, &format!("{command}?arg={node}"), &content.bytes, ending).await;
    }
}

#[tokio::test]
async fn storage_that_stalls_in_the_middle() {
    let content = Content::sized(100_000).bytes;
    let mut store = Store::default();
    let profile = Profile::new(Version::V1, 5000, Leaves::Raw, 174).unwrap();
    let root = store.add_file(&content, profile).root;
    let stuck = Store::key(&Cid::of_block(Codec::Raw, &content[90_000..95_000]));
    for keeps in [0, 1000] {
        let (store, stuck) = (store.clone(), stuck.clone());
        let storage = Storage::scripted(move |seen| {
            let mut answer = store.answer(seen);
            if seen.target == stuck {
                answer.bytes.truncate(keeps);
                answer.then = Then::Stall;
            }
            answer
        })
        .await;
        let timeouts = "storage_first_byte: 300ms, storage_read: 300ms";
        let gateway = Settings { timeouts, ..BLOCKS }.before(&storage);
        check(&gateway, &format!("cat?arg={root}"), &content, Ending::Cut).await;
        assert_eq!(gateway.metric("casgate_requests_total", &["\"storage_timeout\""]), 2);
    }
}

#[tokio::test]
async fn storage_that_ignores_ranges_gives_nothing_wrong() {
    let content = Content::sized(200_000);
    let cid = Cid::of_block(Codec::Raw, &content.bytes);
    let bytes = content.bytes.clone();
    let storage = Storage::scripted(move |_| Answer::document("200 OK", "x/y", &bytes)).await;
    let gateway = BLOCKS.before(&storage);
    let got = post(&gateway, &format!("cat?arg={cid}&offset=5&length=10")).await;
    assert_eq!(got.status(), 502);
}

#[tokio::test]
async fn a_part_below_a_path_that_is_gone_is_storages_failure() {
    let mut store = Store::default();
    let file = store.add_file(b"hello", small(Leaves::Nodes));
    let inner = store.add_folder(&[("file", &file)]);
    let root = store.add_folder(&[("inner", &inner)]).root;
    for gone in [&inner.root, &file.root] {
        let mut store = store.clone();
        store.objects.remove(&Store::key(gone));
        let storage = store.serve().await;
        let gateway = BLOCKS.before(&storage);
        let got = post(&gateway, &format!("cat?arg={root}/inner/file")).await;
        assert_eq!(got.status(), 502);
    }
}

/// An archive of blocks is as true as what is in it, also where that has no bytes at all.
#[tokio::test]
async fn an_archive_of_a_block_is_none_of_other_bytes() {
    let cid = Cid::of_block(Codec::Raw, b"hello");
    for bytes in [&b""[..], b"hellO", b"hell", b"hello!"] {
        let mut store = Store::default();
        store.add_as(&cid, bytes);
        let storage = store.serve().await;
        let gateway = BLOCKS.before(&storage);
        for scope in ["block", "entity", "all"] {
            let path = format!("ipfs/{cid}?format=car&dag-scope={scope}");
            let got = ask(&gateway, "GET", &path, "1.1").await;
            assert_eq!((got.status(), got.is_whole), (502, true), "{bytes:?} {scope}");
        }
    }
}

/// A link of a node.
fn link(name: &str, cid: &Cid) -> Vec<u8> {
    let cid = cid.to_bytes();
    let mut link = vec![0x0a, cid.len() as u8];
    link.extend(cid);
    link.extend([0x12, name.len() as u8]);
    link.extend(name.as_bytes());
    link.extend([0x18, 5]);
    [&[0x12, link.len() as u8], &link[..]].concat()
}

fn block(bytes: Vec<u8>) -> Block {
    Block::verify(Cid::of_block(Codec::DagPb, &bytes), bytes.into()).unwrap()
}

/// What no archive of a folder could say is said before there is one, or the archive has no end.
#[tokio::test]
async fn an_archive_leaves_nothing_of_a_folder_out() {
    let mut store = Store::default();
    let file = Cid::of_block(Codec::Raw, b"hello");
    store.add_as(&file, *b"hello");
    let symlink = [&[0x0a, 8, 8, 4, 0x12, 4][..], b"/etc"].concat();
    let symlink = store.add(block(symlink));
    let mut folder = |entries: &[(&str, &Cid)]| {
        let links = entries.iter().map(|(name, cid)| link(name, cid));
        let bytes = links.chain([vec![0x0a, 2, 8, 1]]).collect::<Vec<_>>().concat();
        store.add(block(bytes))
    };
    let good = folder(&[("a", &file), ("b", &file)]);
    let twice = folder(&[("a", &file), ("a", &file)]);
    let upwards = folder(&[("..", &file)]);
    let below = folder(&[("a/b", &file)]);
    let links = folder(&[("a", &file), ("b", &symlink)]);
    let inner = folder(&[("a", &file), ("b", &twice)]);
    let storage = store.serve().await;
    let gateway = TAR.before(&storage);
    let got = post(&gateway, &format!("get?arg={good}")).await;
    assert_eq!((got.status(), got.is_whole), (200, true));
    for root in [twice, upwards, below] {
        let got = post(&gateway, &format!("get?arg={root}")).await;
        assert_eq!((got.status(), got.is_whole), (400, true), "{root}");
    }
    for root in [links, inner] {
        post(&gateway, &format!("get?arg={root}")).await.assert_is_cut();
    }
}
