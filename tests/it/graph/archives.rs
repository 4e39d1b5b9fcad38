//! Archives: tar, compressed or not, and archives of blocks.

use std::collections::HashSet;
use std::io::Read as _;

use casgate::content::cid::{Cid, Codec};
use casgate::graph::node::Node;
use casgate::graph::profile::{Leaves, Profile, Version};
use flate2::read::GzDecoder;
use tar::EntryType;

use super::{BLOCKS, FILES, Store, TAR, ask, post, small};
use crate::http2::client::{Http2, request};
use crate::support::content::Content;

type Entries = Vec<(String, EntryType, Vec<u8>)>;

fn entries(archive: &[u8]) -> Entries {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        (name, entry.header().entry_type(), bytes)
    });
    entries.collect()
}

/// None: it has no end, or another.
fn unzipped(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).ok()?;
    Some(out)
}

/// A folder with a file in blocks, the same below another folder, an empty file and an empty folder.
fn folder(store: &mut Store, content: &[u8]) -> Cid {
    let file = store.add_file(content, small(Leaves::Nodes));
    let empty = store.add_file(b"", small(Leaves::Raw));
    let inner = store.add_folder(&[("same", &file), ("empty", &empty)]);
    let nothing = store.add_folder(&[]);
    store.add_folder(&[("file", &file), ("inner", &inner), ("nothing", &nothing)]).root
}

fn expected(name: &str, content: &[u8]) -> Entries {
    let entry = |below: &str, kind, bytes: &[u8]| (format!("{name}{below}"), kind, bytes.to_vec());
    vec![
        entry("", EntryType::Directory, b""),
        entry("/file", EntryType::Regular, content),
        entry("/inner", EntryType::Directory, b""),
        entry("/inner/empty", EntryType::Regular, b""),
        entry("/inner/same", EntryType::Regular, content),
        entry("/nothing", EntryType::Directory, b""),
    ]
}

#[tokio::test]
async fn one_file_is_an_archive_of_known_length() {
    for size in [0, 1, 511, 512, 513, 100_000] {
        let content = Content::sized(size).bytes;
        let mut blocks = Store::default();
        let v0 = blocks.add_file(&content, Profile::kubo(Version::V0)).root;
        let raw = Cid::of_block(Codec::Raw, &content);
        blocks.add_as(&raw, content.clone());
        let mut object = Store::default();
        object.add_object(&v0, &content, None);
        for (store, cid) in [(&blocks, &v0), (&object, &v0), (&blocks, &raw)] {
            let storage = store.serve().await;
            let gateway = TAR.before(&storage);
            for name in [Version::V0.text(cid), cid.to_string()] {
                let got = post(&gateway, &format!("get?arg=/ipfs/{name}")).await;
                assert_eq!((got.status(), got.is_whole), (200, true));
                let length = 512 + size.next_multiple_of(512) + 1024;
                assert_eq!(got.head.header("content-length"), Some(length.to_string().as_str()));
                let expected = (name, EntryType::Regular, content.clone());
                assert!(entries(&got.body) == [expected], "{size}");
            }
        }
    }
}

#[tokio::test]
async fn a_folder_is_an_archive_of_what_is_in_it() {
    let content = Content::sized(90_000).bytes;
    let mut store = Store::default();
    let root = folder(&mut store, &content);
    let storage = store.serve().await;
    for settings in [TAR, FILES] {
        let gateway = settings.before(&storage);
        let path = format!("get?arg={root}&archive=true");
        let got = post(&gateway, &path).await;
        assert_eq!((got.status(), got.is_whole), (200, true));
        assert_eq!(got.head.header("content-length"), None);
        assert!(entries(&got.body) == expected(root.as_str(), &content));

        let inner = post(&gateway, &format!("get?arg={root}/inner&archive=true")).await;
        let names: Vec<_> = entries(&inner.body).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["inner", "inner/empty", "inner/same"]);

        let path = format!("/download/api/v0/{path}");
        let client = Http2::to(&gateway).await;
        let answer = client.exchange(request(http::Method::POST, &path, &[])).await;
        assert_eq!((answer.status.as_u16(), answer.reset), (200, None));
        assert!(answer.body == got.body);
    }
}

#[tokio::test]
async fn compressed_answers_are_what_they_are_otherwise() {
    let content = [Content::sized(150_000).bytes, vec![0; 150_000]].concat();
    let mut store = Store::default();
    let file = store.add_file(&content, Profile::kubo(Version::V1)).root;
    let folder = folder(&mut store, &content);
    let storage = store.serve().await;
    let gateway = TAR.before(&storage);
    let compressed = async |command: String| {
        let got = post(&gateway, &command).await;
        assert_eq!(
            (got.status(), got.is_whole, got.head.header("content-length")),
            (200, true, None)
        );
        assert!(got.body.len() < content.len(), "{} bytes", got.body.len());
        unzipped(&got.body).unwrap()
    };
    for level in ["", "&compression-level=1", "&compression-level=9"] {
        let plain = compressed(format!("get?arg={file}&compress=true{level}")).await;
        assert!(plain == content, "{level}");
    }
    let archive = compressed(format!("get?arg={file}&compress=true&archive=true")).await;
    assert!(entries(&archive) == [(file.to_string(), EntryType::Regular, content.clone())]);
    let got = post(&gateway, &format!("get?arg={folder}&compress=true&archive=true")).await;
    let archive = unzipped(&got.body).unwrap();
    assert!(entries(&archive) == expected(folder.as_str(), &content));
}

/// Its end would be that of the connection.
#[tokio::test]
async fn http_1_0_gets_nothing_of_unknown_length() {
    let content = Content::sized(100_000).bytes;
    let mut store = Store::default();
    let file = store.add_file(&content, Profile::kubo(Version::V1)).root;
    let folder = folder(&mut store, &content);
    let storage = store.serve().await;
    let gateway = TAR.before(&storage);
    for (command, status) in [
        (format!("cat?arg={file}"), 200),
        (format!("get?arg={file}"), 200),
        (format!("get?arg={file}&compress=true"), 400),
        (format!("get?arg={folder}"), 400),
    ] {
        let got = ask(&gateway, "POST", &format!("api/v0/{command}"), "1.0").await;
        assert_eq!((got.status(), got.is_whole), (status, true), "{command}");
    }
    let path = format!("ipfs/{folder}?format=car");
    assert_eq!(ask(&gateway, "GET", &path, "1.0").await.status(), 400);
}

#[tokio::test]
async fn a_connection_goes_on_after_an_answer_of_unknown_length() {
    let mut store = Store::default();
    let root = store.add_folder(&[]).root;
    let storage = store.serve().await;
    let gateway = TAR.before(&storage);
    let mut client = gateway.connect();
    for _ in 0..3 {
        let line = format!("POST /download/api/v0/get?arg={root} HTTP/1.1\r\n");
        client.send(format!("{line}Host: gateway.test\r\nContent-Length: 0\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")));
        // A folder's head, the end of the archive, and the last chunk.
        assert!(client.bytes(5).await == b"200\r\n");
        client.bytes(512).await;
        assert!(client.bytes(2 + 5).await == b"\r\n400\r\n");
        client.bytes(1024).await;
        assert!(client.bytes(2 + 5).await == b"\r\n0\r\n\r\n");
    }
}

/// What is not whole has neither the end of the framing nor that of the format.
#[tokio::test]
async fn an_archive_without_a_part_has_no_end() {
    let content = Content::sized(90_000).bytes;
    let mut store = Store::default();
    let root = folder(&mut store, &content);
    let file = store.add_file(&content, small(Leaves::Nodes)).root;
    store.objects.remove(&Store::key(&file));
    let storage = store.serve().await;
    let gateway = TAR.before(&storage);
    for options in ["", "&archive=true&compress=true"] {
        let command = format!("get?arg={root}{options}");
        let got = post(&gateway, &command).await;
        got.assert_is_cut();
        assert!(options.is_empty() || unzipped(&got.body).is_none());
        let path = format!("/download/api/v0/{command}");
        let client = Http2::to(&gateway).await;
        let answer = client.exchange(request(http::Method::POST, &path, &[])).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert!(answer.reset.is_some());
    }
    let path = format!("ipfs/{root}?format=car");
    ask(&gateway, "GET", &path, "1.1").await.assert_is_cut();
    assert_eq!(gateway.metric("casgate_requests_total", &["\"storage_failed\""]), 5);
}

/// The blocks of an archive, after its header.
fn blocks_in(mut car: &[u8]) -> Vec<(Cid, Vec<u8>)> {
    let mut take = || {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (byte, rest) = car.split_first()?;
            car = rest;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (frame, rest) = car.split_at(length);
        car = rest;
        Some(frame)
    };
    assert!(take().unwrap().starts_with(b"\xa2\x65roots"));
    let block = |frame: &[u8]| {
        // Of version 0 multihash only, else version, codec and that; all here are of 32 bytes.
        let (cid, bytes) = frame.split_at(if frame[0] == 0x12 { 34 } else { 36 });
        (Cid::from_bytes(cid).unwrap(), bytes.to_vec())
    };
    std::iter::from_fn(take).map(block).collect()
}

#[tokio::test]
async fn archives_of_blocks_have_each_one_once() {
    let content = Content::sized(90_000).bytes;
    let mut store = Store::default();
    let root = folder(&mut store, &content);
    let all = store.objects.len();
    let storage = store.serve().await;
    let gateway = BLOCKS.before(&storage);
    for (path, count) in [
        (format!("{root}?format=car"), Some(all)),
        (format!("{root}?format=car&dag-scope=all"), Some(all)),
        (format!("{root}?format=car&dag-scope=entity"), Some(1)),
        (format!("{root}?format=car&dag-scope=block"), Some(1)),
        (format!("{root}/inner/same?format=car&dag-scope=block"), Some(3)),
        (format!("{root}/inner/same?format=car&dag-scope=entity"), None),
        (format!("{root}/inner/empty?format=car"), Some(3)),
    ] {
        let got = ask(&gateway, "GET", &format!("ipfs/{path}"), "1.1").await;
        assert_eq!((got.status(), got.is_whole), (200, true), "{path}");
        let blocks = blocks_in(&got.body);
        assert_eq!(blocks[0].0, root, "{path}");
        assert!(blocks.iter().all(|(cid, bytes)| cid.names(bytes)), "{path}");
        let names: HashSet<_> = blocks.iter().map(|(cid, _)| cid.to_string()).collect();
        assert_eq!(names.len(), blocks.len(), "{path}");
        match count {
            Some(count) => assert_eq!(blocks.len(), count, "{path}"),
            // Everything but the other folders and the empty file.
            None => assert_eq!(blocks.len(), all - 2, "{path}"),
        }
        // Every link that is not at the edge of the scope leads to a block that is there.
        if path.ends_with("format=car") && count == Some(all) {
            for (cid, bytes) in &blocks {
                let links = Node::links(cid, bytes).unwrap();
                assert!(links.iter().all(|link| names.contains(link.cid.as_str())));
            }
        }
    }
}

#[tokio::test]
async fn an_archive_of_one_block_has_a_length() {
    let content = Content::sized(3 << 20);
    let cid = Cid::of_block(Codec::Raw, &content.bytes);
    let mut store = Store::default();
    store.add_as(&cid, content.bytes.clone());
    let path = format!("ipfs/{cid}?format=car");
    let storage = store.serve().await;
    let gateway = BLOCKS.before(&storage);
    let got = ask(&gateway, "GET", &path, "1.1").await;
    assert_eq!((got.status(), got.is_whole), (200, true));
    let blocks = blocks_in(&got.body);
    assert!(blocks == [(cid.clone(), content.bytes.clone())]);
    let head = ask(&gateway, "HEAD", &path, "1.1").await;
    assert_eq!(head.head.header("content-length"), got.head.header("content-length"));

    let mut store = Store::default();
    store.add_as(&cid, content.corrupted());
    let storage = store.serve().await;
    ask(&BLOCKS.before(&storage), "GET", &path, "1.1").await.assert_is_cut();
}
