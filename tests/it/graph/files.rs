//! Files: by what they are made of.

use casgate::content::cid::{Cid, Codec, Hash};
use casgate::graph::import::RootHasher;
use casgate::graph::profile::{Leaves, Profile, Version};
use sha2::{Digest as _, Sha512};

use super::{BLOCKS, FILES, Store, ask, post, small};
use crate::support::content::Content;
use crate::support::gateway::Settings;

const KIB_64: usize = 64 * 1024;

#[tokio::test]
async fn files_in_blocks_are_put_together() {
    for leaves in [Leaves::Nodes, Leaves::Raw] {
        for size in [0, 1, 1000, 1001, 3001, 12_345, 64_000, 100_000] {
            let content = Content::sized(size).bytes;
            let mut store = Store::default();
            let root = store.add_file(&content, small(leaves)).root;
            let storage = store.serve().await;
            for settings in [BLOCKS, FILES] {
                let gateway = settings.before(&storage);
                let got = post(&gateway, &format!("cat?arg={}", root.as_str())).await;
                got.assert_is(&content);
                assert_eq!(got.head.header("content-length"), Some(size.to_string().as_str()));
                assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 1);
            }
        }
    }
}

#[tokio::test]
async fn files_of_kubos_shape_are_too() {
    let content = Content::sized(1_000_000).bytes;
    for version in [Version::V0, Version::V1] {
        let mut store = Store::default();
        let root = store.add_file(&content, Profile::kubo(version)).root;
        let storage = store.serve().await;
        let gateway = BLOCKS.before(&storage);
        for arg in [root.as_str().to_owned(), version.text(&root), format!("/ipfs/{root}")] {
            post(&gateway, &format!("cat?arg={arg}")).await.assert_is(&content);
        }
    }
}

#[tokio::test]
async fn files_in_one_object_are_held_against_their_root() {
    for size in [0, 1, KIB_64, KIB_64 + 1, 600_000] {
        let content = Content::sized(size).bytes;
        let [v0, v1] = [Version::V0, Version::V1].map(Profile::kubo);
        let other = small(Leaves::Nodes);
        for (made, beside) in
            [(v0, None), (v0, Some(v0)), (v1, None), (v1, Some(v1)), (other, Some(other))]
        {
            let mut hasher = RootHasher::new(made);
            hasher.update(&content);
            let root = hasher.finish().root;
            let mut store = Store::default();
            store.add_object(&root, &content, beside);
            let storage = store.serve().await;
            for settings in [FILES, BLOCKS] {
                let gateway = settings.before(&storage);
                post(&gateway, &format!("cat?arg={root}")).await.assert_is(&content);
                assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 1);
            }
        }
    }
}

#[tokio::test]
async fn files_that_are_a_block_by_either_hash() {
    for size in [0, 1, KIB_64 + 1, 3 << 20] {
        let content = Content::sized(size).bytes;
        let sha512 = Hash::Sha512(Box::new(Sha512::digest(&content).into()));
        for cid in [Cid::of_block(Codec::Raw, &content), Cid::new(Codec::Raw, sha512)] {
            let mut store = Store::default();
            store.add_as(&cid, content.clone());
            let storage = store.serve().await;
            let gateway = BLOCKS.before(&storage);
            for command in ["cat", "block/get"] {
                let got = post(&gateway, &format!("{command}?arg={cid}")).await;
                got.assert_is(&content);
            }
            let got = post(&gateway, &format!("block/stat?arg={cid}")).await;
            assert_eq!(
                serde_json::from_slice::<serde_json::Value>(&got.body).unwrap()["Size"],
                size
            );
            assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 2);
        }
    }
}

#[tokio::test]
async fn what_is_in_a_name_is_not_asked_of_storage() {
    let storage = Store::default().serve().await;
    let gateway = BLOCKS.before(&storage);
    let raw = Cid::new(Codec::Raw, Hash::Identity(b"hello".as_slice().into()));
    // Of a node: its type, file, and its bytes.
    let node = b"\x0a\x0b\x08\x02\x12\x05hello\x18\x05";
    let node = Cid::new(Codec::DagPb, Hash::Identity(node.as_slice().into()));
    for cid in [raw, node] {
        post(&gateway, &format!("cat?arg={cid}")).await.assert_is(b"hello");
        post(&gateway, &format!("cat?arg={cid}&offset=1&length=3")).await.assert_is(b"ell");
        let block = cid.inline().unwrap();
        post(&gateway, &format!("block/get?arg={cid}")).await.assert_is(block);
    }
    post(&gateway, "cat?arg=bafkqaaa").await.assert_is(b"");
    assert_eq!(ask(&gateway, "GET", "ipfs/bafkqaaa?format=raw", "1.1").await.status(), 200);
    assert_eq!(storage.counts().opened, 0);
}

/// As in Kubo, there is nothing beyond the end, and that is no mistake.
#[tokio::test]
async fn a_part_of_a_file_is_that_part() {
    let content = Content::sized(100_000).bytes;
    let profile = small(Leaves::Raw);
    let mut blocks = Store::default();
    let root = blocks.add_file(&content, profile).root;
    let mut object = Store::default();
    object.add_object(&root, &content, Some(profile));
    let raw = Cid::of_block(Codec::Raw, &content);
    object.add_as(&raw, content.clone());
    let cases: [(Store, Settings<'_>, &Cid); 3] =
        [(blocks, BLOCKS, &root), (object.clone(), FILES, &root), (object, BLOCKS, &raw)];
    for (store, settings, cid) in cases {
        let storage = store.serve().await;
        let gateway = settings.before(&storage);
        for (offset, length) in [
            (0, None),
            (1, None),
            (999, Some(2)),
            (0, Some(0)),
            (50_000, Some(0)),
            (50_000, Some(30_000)),
            (99_999, Some(5)),
            (99_999, None),
            (100_000, None),
            (100_000, Some(1)),
            (100_001, None),
            (0, Some(i64::MAX as usize)),
            (1 << 60, Some(1 << 60)),
        ] {
            let first = offset.min(content.len());
            let end = content.len().min(offset.saturating_add(length.unwrap_or(content.len())));
            let length = length.map(|length| format!("&length={length}")).unwrap_or_default();
            let got = post(&gateway, &format!("cat?arg={cid}&offset={offset}{length}")).await;
            got.assert_is(&content[first..end.max(first)]);
        }
    }
}

#[tokio::test]
async fn a_part_takes_only_the_blocks_it_is_in() {
    let content = Content::sized(100_000).bytes;
    let mut store = Store::default();
    let root = store.add_file(&content, small(Leaves::Raw)).root;
    let storage = store.serve().await;
    let gateway = BLOCKS.before(&storage);
    let got = post(&gateway, &format!("cat?arg={root}&offset=50500&length=1000")).await;
    got.assert_is(&content[50_500..51_500]);
    // Of a tree with five levels above the leaves a way to two neighbours.
    assert!(storage.counts().requests <= 2 * 6, "{}", storage.counts().requests);
    assert_eq!(gateway.metric("casgate_verification_total", &["\"verified\""]), 1);
}

#[tokio::test]
async fn names_lead_through_folders() {
    let content = Content::sized(5000).bytes;
    let mut store = Store::default();
    let file = store.add_file(&content, small(Leaves::Nodes));
    let inner = store.add_folder(&[("a file", &file), ("b", &file)]);
    let root = store.add_folder(&[("folder", &inner), ("other", &file)]).root;
    let storage = store.serve().await;
    for settings in [BLOCKS, FILES] {
        let gateway = settings.before(&storage);
        for (path, status) in [
            ("other", 200),
            ("folder/a%20file", 200),
            ("folder/b/", 200),
            ("folder/a", 404),
            ("Other", 404),
            ("other/b", 404),
            ("folder/b/c", 404),
            ("", 400),
            ("folder", 400),
        ] {
            let got = post(&gateway, &format!("cat?arg={root}/{path}")).await;
            assert_eq!(got.status(), status, "{path}");
            if status == 200 {
                got.assert_is(&content);
            }
        }
    }
}

#[tokio::test]
async fn what_is_nowhere_is_not_found() {
    let storage = Store::default().serve().await;
    for settings in [BLOCKS, FILES] {
        let gateway = settings.before(&storage);
        for codec in [Codec::Raw, Codec::DagPb] {
            let cid = Cid::of_block(codec, b"nowhere");
            for command in ["cat", "get", "block/get", "block/stat"] {
                let got = post(&gateway, &format!("{command}?arg={cid}")).await;
                assert_eq!(got.status(), 404, "{command} {codec:?}");
            }
            for format in ["raw", "car"] {
                for method in ["GET", "HEAD"] {
                    let path = format!("ipfs/{cid}?format={format}");
                    let got = ask(&gateway, method, &path, "1.1").await;
                    assert_eq!(got.status(), 404, "{method} {format} {codec:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn heads_are_those_of_the_whole_and_read_no_body() {
    let content = Content::sized(300_000).bytes;
    let cid = Cid::of_block(Codec::Raw, &content);
    let mut store = Store::default();
    store.add_as(&cid, content.clone());
    let storage = store.serve().await;
    let gateway = BLOCKS.before(&storage);
    let path = format!("ipfs/{cid}?format=raw");
    let got = ask(&gateway, "HEAD", &path, "1.1").await;
    assert_eq!((got.status(), got.head.header("content-length")), (200, Some("300000")));
    assert!(storage.seen().iter().all(crate::support::server::Seen::is_head));
    ask(&gateway, "GET", &path, "1.1").await.assert_is(&content);
}
