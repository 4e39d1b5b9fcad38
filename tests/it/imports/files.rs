//! Files that are stored as blocks.

use std::collections::BTreeSet;

use casgate::graph::profile::Version;

use super::{
    IMPORTS, add, add_body, added, blocks_of, file, form, hashes, head_of, key_of, keys_put, learn,
    nameless, profile, stored,
};
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;
use crate::uploads::PART;

/// What Kubo calls these bytes, in version 0 and in version 1.
const KNOWN: [(&[u8], &str, &str); 4] = [
    (
        b"",
        "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    ),
    (
        b"hello world",
        "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD",
        "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
    ),
    (
        b"hello world\n",
        "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
        "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4",
    ),
    (
        &[b'a'; 300_000],
        "QmYCTciJdFNMNUPCHSNS6dKMmUAqkGQ9tQQeGgbELhQQcn",
        "bafybeicnrogxohr6rp6rlbv6s4q5gkpx5cmlm3oxqr3a7sfghbnz6sdyvq",
    ),
];

#[tokio::test]
async fn files_have_the_names_that_kubo_gives_them() {
    for (bytes, v0, v1) in KNOWN {
        for (query, version, expected) in
            [("", Version::V0, v0), ("?cid-version=1", Version::V1, v1)]
        {
            let storage = Embedded::start().await;
            let gateway = storage.gateway(&IMPORTS);
            let response = add(&gateway, query, &[file("a.txt", bytes)]).await;
            let (imported, blocks) = blocks_of(profile(version, 262_144), bytes);
            let size = imported.tsize.to_string();
            assert_eq!(added(&response), [("a.txt".to_owned(), expected.to_owned(), size)]);

            let keys: BTreeSet<_> = blocks.iter().map(|(cid, _)| key_of(cid)).collect();
            assert_eq!(BTreeSet::from_iter(storage.keys().await), keys, "{expected}");
            for (cid, block) in blocks {
                assert!(storage.object(&key_of(&cid)).await == block, "{cid}");
            }
        }
    }
}

/// Two levels of nodes, and equal chunks.
#[tokio::test]
async fn large_files_have_the_names_that_kubo_gives_them() {
    let body = form(&[file("a", &vec![b'a'; 50_000_000])]);
    // A full chunk, the last one, two nodes and the root.
    for (mode, objects) in [("blocks", 5), ("file", 1)] {
        let yaml = IMPORTS.file.replace("kubo: {}", &format!("kubo: {{ add: {mode} }}"));
        let yaml = yaml.replace("upload_size: 16MiB", "upload_size: 64MiB");
        let settings = Settings { file: &yaml, ..IMPORTS };
        for (query, expected) in [
            ("", "QmeZmXcu9VWrBdy2KV5j5aWGCfjp7wZbSQ77KvCz3rkN93"),
            ("?cid-version=1", "bafybeieetlzdaqcib5phcqrymca2a4yc4pj7wpnkvvny6ogc6r56jmqd7q"),
        ] {
            let storage = Embedded::start().await;
            let gateway = storage.gateway(&settings);
            assert_eq!(hashes(&add_body(&gateway, query, &body).await), [expected]);
            assert_eq!(storage.keys().await.len(), objects, "{mode}");
        }
    }
}

/// A file that ends where a chunk or a node does, before, and after.
#[tokio::test]
async fn all_blocks_of_a_file_are_stored_wherever_it_ends() {
    const CHUNK: usize = 256;
    const NODE: usize = CHUNK * 174;
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&IMPORTS);
    for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, NODE - 1, NODE, NODE + 1, 2 * NODE + 1] {
        let bytes = Content::sized(length).bytes;
        let query = format!("?cid-version=1&chunker=size-{CHUNK}");
        let response = add(&gateway, &query, &[file("a", &bytes)]).await;
        let (imported, blocks) = blocks_of(profile(Version::V1, CHUNK), &bytes);
        assert_eq!(hashes(&response), [imported.root.as_str()], "{length}");
        let keys: BTreeSet<_> = storage.keys().await.into_iter().collect();
        for (cid, _) in &blocks {
            assert!(keys.contains(&key_of(cid)), "{length}: {cid}");
        }
    }
}

/// However the bytes come.
#[tokio::test]
async fn pieces_of_a_body_make_no_difference() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&IMPORTS);
    let bytes = Content::sized(5000).bytes;
    let body = form(&[file("a", &bytes), file("b", b"\r\n--")]);
    let whole = hashes(&add_body(&gateway, "", &body).await);
    for size in [1, 7, 4096] {
        let mut client = gateway.connect();
        client.send(head_of("", "Transfer-Encoding: chunked\r\n")).await;
        for piece in body.chunks(size) {
            client.send(crate::uploads::chunk(piece)).await;
        }
        client.send("0\r\n\r\n").await;
        assert_eq!(hashes(&client.response().await), whole, "{size}");
    }
}

/// Every block's digest goes along, for storage to check; the root comes when all others are there.
#[tokio::test]
async fn the_root_is_stored_last() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    let bytes = Content::sized(1_500_000).bytes;
    let response = add(&gateway, "", &[file("a", &bytes)]).await;
    let (imported, blocks) = blocks_of(profile(Version::V0, 262_144), &bytes);
    assert_eq!(hashes(&response), [imported.root.to_v0().unwrap()]);
    let seen = storage.seen();
    assert_eq!(seen.len(), blocks.len());
    assert_eq!(keys_put(&storage).last(), Some(&key_of(&imported.root)));
    for put in &seen {
        assert!(put.header("x-amz-checksum-sha256").is_some());
        assert_eq!(put.header("if-none-match"), None);
    }
}

#[tokio::test]
async fn files_are_answered_in_their_order() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&IMPORTS);
    // The first is the larger one, and equal parts of files are one block.
    let large = vec![b'x'; 600_000];
    let parts = [file("z.bin", &large), file("a.txt", b"hello world"), nameless(b"")];
    let response = add(&gateway, "?cid-version=1", &parts).await;
    let (imported, _) = blocks_of(profile(Version::V1, 262_144), &large);
    let names: Vec<_> = added(&response).into_iter().map(|(name, hash, _)| (name, hash)).collect();
    let expected = [
        ("z.bin", imported.root.as_str()),
        ("a.txt", KNOWN[1].2),
        // What has no name is called what it is.
        (KNOWN[0].2, KNOWN[0].2),
    ];
    assert_eq!(names, expected.map(|(name, hash)| (name.to_owned(), hash.to_owned())));
    assert_eq!(storage.keys().await.len(), 5);
    assert_eq!(gateway.metric("casgate_uploads_total", &["/px/"]), 1);
}

#[tokio::test]
async fn nothing_is_stored_of_what_is_only_named() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    for (bytes, v0, _) in KNOWN {
        let parts = [file("d/a", bytes)];
        let response = add(&gateway, "?only-hash=true&wrap-with-directory=true", &parts).await;
        assert_eq!(hashes(&response)[0], v0);
        assert_eq!(hashes(&response).len(), 3);
    }
    assert_eq!(storage.counts().opened, 0);
    assert_eq!(gateway.metric("casgate_uploads_total", &["/px/"]), 0);
}

/// What was stored first stays, and is what would have been stored.
#[tokio::test]
async fn blocks_that_are_there_are_no_failure() {
    let storage = Embedded::start().await;
    let yaml = IMPORTS.file.replace("upload_size", "write_once: true\n    upload_size");
    let settings = Settings { file: &yaml, ..IMPORTS };
    let gateway = storage.gateway(&settings);
    learn(&gateway);
    let bytes = vec![b'x'; 2_000_000];
    let first = add(&gateway, "", &[file("a", &bytes)]).await;
    let second = add(&gateway, "", &[file("a", &bytes)]).await;
    assert_eq!(hashes(&first), hashes(&second));
}

#[tokio::test]
async fn a_body_is_asked_for() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    let body = form(&[file("a", b"hello world")]);
    let lines = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len());
    let mut client = gateway.connect();
    client.send(head_of("", &lines)).await;
    assert_eq!(client.head().await.status, 100);
    client.send(&body).await;
    assert_eq!(hashes(&client.response().await), [KNOWN[1].1]);
    // The connection goes on.
    client.send(head_of("", &lines)).await;
    assert_eq!(client.head().await.status, 100);
}

/// Nobody else's keys lead to what a writer stores who is not trusted.
#[tokio::test]
async fn a_writer_who_is_not_trusted_has_keys_of_their_own() {
    for mode in ["blocks", "file"] {
        let yaml = IMPORTS.file.replace("kubo: {}", &format!("kubo: {{ add: {mode} }}"));
        let yaml = yaml.replace("claims.scope == \"artifacts:write\"", "claims.trusted == true");
        let yaml = format!("{}        untrusted: {{ isolate: claims.scope }}\n", yaml);
        let storage = Embedded::start().await;
        let gateway = storage.gateway(&Settings { file: &yaml, ..IMPORTS });
        let long = vec![b'b'; PART + 1];
        let parts = [file("d/a", b"hello world"), file("b", &long)];
        assert_eq!(add(&gateway, "", &parts).await.status, 200);
        let keys = storage.keys().await;
        assert!(keys.len() >= 3, "{keys:?}");
        assert!(keys.iter().all(|key| key.starts_with(".casgate/untrusted/")), "{keys:?}");
    }
}
