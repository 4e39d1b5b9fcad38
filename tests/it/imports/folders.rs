//! Folders, and what is none.

use std::collections::BTreeSet;

use casgate::content::cid::Cid;
use casgate::graph::node::Node;

use super::{
    IMPORTS, Part, add, add_body, added, assert_refused, file, folder, form, key_of_text, keys_put,
    stored,
};
use crate::support::embedded::Embedded;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;

const HELLO: &str = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD";

/// The entries of a folder in storage: names and identifiers.
async fn entries(storage: &Embedded, cid: &str) -> Vec<(String, String)> {
    let bytes = storage.object(&key_of_text(cid)).await;
    let Node::Folder { links } = Node::decode(&Cid::parse(cid).unwrap(), bytes.into()).unwrap()
    else {
        panic!("{cid} is no folder");
    };
    links.into_iter().map(|link| (link.name, link.cid.to_string())).collect()
}

#[tokio::test]
async fn paths_make_folders_in_both_modes() {
    for mode in ["blocks", "file"] {
        let yaml = IMPORTS.file.replace("kubo: {}", &format!("kubo: {{ add: {mode} }}"));
        let storage = Embedded::start().await;
        let gateway = storage.gateway(&Settings { file: &yaml, ..IMPORTS });
        let parts = [
            folder("photos"),
            file("photos%2Fb%20c.txt", b"hello world"),
            file("photos/2024/a.txt", b"hello world"),
            folder("photos/empty"),
        ];
        let response = add(&gateway, "", &parts).await;
        let added = added(&response);
        let names: Vec<_> = added.iter().map(|(name, ..)| name.as_str()).collect();
        let expected =
            ["photos/b c.txt", "photos/2024/a.txt", "photos/2024", "photos/empty", "photos"];
        assert_eq!(names, expected, "{mode}");
        // Kubo's name for an empty folder.
        assert_eq!(added[3].1, "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn");

        let canonical = |text: &str| Cid::parse(text).unwrap().to_string();
        let inner = entries(&storage, &added[2].1).await;
        assert_eq!(inner, [("a.txt".to_owned(), canonical(HELLO))]);
        let outer = entries(&storage, &added[4].1).await;
        let names: Vec<_> = outer.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["2024", "b c.txt", "empty"]);
        assert_eq!(outer[0].1, canonical(&added[2].1));
    }
}

/// `ipfs add -w` of a file with `hello world` called `hello.txt`.
#[tokio::test]
async fn a_folder_around_everything_comes_last() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&IMPORTS);
    let parts = [file("b.txt", b"hello world"), super::nameless(b"hello world\n")];
    let response = add(&gateway, "?wrap-with-directory=true", &parts).await;
    let added = added(&response);
    assert_eq!(added.last().unwrap().0, "");
    let names: Vec<_> =
        entries(&storage, &added.last().unwrap().1).await.into_iter().map(|it| it.0).collect();
    assert_eq!(names, ["QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o", "b.txt"]);
}

/// Folders are stored when all that is in them is.
#[tokio::test]
async fn folders_are_stored_after_what_is_in_them() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    let bytes = vec![b'a'; 300_000];
    let response = add(&gateway, "", &[file("a/b/c", &bytes), file("a/d", b"d")]).await;
    let added = added(&response);
    let folders: Vec<_> = added[2..].iter().map(|(_, hash, _)| key_of_text(hash)).collect();
    let keys = keys_put(&storage);
    assert_eq!(keys[keys.len() - 2..], folders);
    assert_eq!(BTreeSet::from_iter(&keys).len(), keys.len(), "none is stored twice");
}

#[tokio::test]
async fn what_is_no_file_and_no_folder_is_refused() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    let symlink =
        Part { filename: Some("a"), content_type: "application/symlink", bytes: b"/etc/passwd" };
    let deep = vec!["d"; 65].join("/");
    for (parts, word) in [
        (vec![], "no files"),
        (vec![symlink], "symbolic links"),
        (vec![file("../a", b"x")], "file name"),
        (vec![file("a/../../b", b"x")], "file name"),
        (vec![file("a%2F..%2Fb", b"x")], "file name"),
        (vec![file("a%00", b"x")], "file name"),
        (vec![file(&deep, b"x")], "file name"),
        (vec![file("d/a", b"x"), file("d/a", b"y")], "one path"),
        (vec![file("d/a", b"x"), file("d/a/b", b"y")], "one path"),
        (vec![Part { bytes: b"x", ..folder("d") }], "has bytes"),
    ] {
        assert_refused(&add(&gateway, "", &parts).await, 400, word);
    }
    let folders = keys_put(&storage).iter().filter(|key| key.ends_with(".block")).count();
    assert_eq!(gateway.metric("casgate_uploads_total", &["/px/"]), 0);
    // Of the files that came whole before.
    assert!(folders <= 3, "{folders}");
}

/// Kubo would make several nodes of it, and another identifier.
#[tokio::test]
async fn a_folder_of_more_than_a_node_is_refused() {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    let names: Vec<_> = (0..1300).map(|number| format!("{number:0200}")).collect();
    let parts: Vec<_> = names.iter().map(|name| folder(name)).collect();
    let body = form(&parts);
    let response = add_body(&gateway, "?wrap-with-directory=true", &body).await;
    assert_refused(&response, 400, "256 KiB");
}
