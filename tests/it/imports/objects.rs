//! Files that are stored as one object each: in one request, or staged and copied.

use casgate::content::cid::Cid;
use casgate::graph::profile::Version;

use super::{
    IMPORTS, add, assert_refused, blocks_of, file, form, hashes, head_of, key_in, learn, profile,
    stored,
};
use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::{Gateway, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;
use crate::support::within;
use crate::uploads::PART;

/// As one object each, with these lines more of the route.
fn gateway(endpoint: &str, route: &str) -> Gateway {
    let yaml = IMPORTS.file.replace("kubo: {}", "kubo: { add: file }");
    let yaml = yaml.replace("    upload_size", &format!("{route}    upload_size"));
    Gateway::before(endpoint, &Settings { file: &yaml, ..IMPORTS })
}

fn before(storage: &Storage) -> Gateway {
    gateway(&format!("http://{}", storage.address), "")
}

/// What a request is for.
fn step(seen: &Seen) -> &'static str {
    let is_copy = seen.header("x-amz-copy-source").is_some();
    match (seen.method.as_str(), seen.target.split_once('?'), is_copy) {
        ("PUT", None, false) => "put",
        ("PUT", None, true) => "copy",
        ("PUT", Some(_), false) => "part",
        ("PUT", Some(_), true) => "copied part",
        ("POST", Some((_, "uploads=")), _) => "create",
        ("POST", _, _) => "complete",
        ("DELETE", Some(_), _) => "abort",
        ("DELETE", None, _) => "delete",
        _ => "other",
    }
}

fn xml(document: &str) -> Answer {
    Answer::document("200 OK", "application/xml", format!("<?xml version=\"1.0\"?>\n{document}"))
}

/// What S3 answers when all is well.
fn well(seen: &Seen) -> Answer {
    match step(seen) {
        "put" | "part" => stored(),
        "copy" => xml("<CopyObjectResult><ETag>&quot;a&quot;</ETag></CopyObjectResult>"),
        "copied part" => xml("<CopyPartResult><ETag>&quot;a&quot;</ETag></CopyPartResult>"),
        "create" => xml("<R><UploadId>upload-1</UploadId></R>"),
        "complete" => xml("<CompleteMultipartUploadResult/>"),
        "abort" | "delete" => Answer::status("204 No Content"),
        _ => Answer::error(seen, 404, "NoSuchKey"),
    }
}

fn steps(storage: &Storage) -> Vec<&'static str> {
    storage.seen().iter().map(step).collect()
}

/// Where a file is.
fn key_of(text: &str) -> String {
    format!("acme/{}", Cid::parse(text).unwrap())
}

#[tokio::test]
async fn a_file_is_one_object_that_says_how_its_graph_is_made() {
    let storage = Storage::scripted(well).await;
    let gateway = before(&storage);
    for (query, bytes, note) in [
        ("", vec![], Some("v0 size-262144 nodes 174")),
        ("", b"hello world".to_vec(), Some("v0 size-262144 nodes 174")),
        ("?cid-version=1&chunker=size-1000", vec![b'a'; 300_000], Some("v1 size-1000 raw 174")),
        // The bytes are what it is called.
        ("?cid-version=1", b"hello world".to_vec(), None),
        ("", vec![b'a'; PART], Some("v0 size-262144 nodes 174")),
    ] {
        let count = storage.seen().len();
        let response = add(&gateway, query, &[file("a", &bytes)]).await;
        let seen = &storage.seen()[count..];
        assert_eq!(seen.iter().map(step).collect::<Vec<_>>(), ["put"]);
        assert_eq!(key_in(&seen[0]), key_of(&hashes(&response)[0]));
        assert!(seen[0].bytes == bytes);
        assert_eq!(seen[0].header("x-amz-meta-unixfs"), note);
        assert_eq!(seen[0].header("x-amz-checksum-sha256").is_some(), note.is_none());
    }
}

#[tokio::test]
async fn what_does_not_fit_in_memory_is_staged_and_copied() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, "");
    for length in [PART + 1, 2 * PART, 2 * PART + 1] {
        let bytes = Content::sized(length).bytes;
        let response = add(&gateway, "?cid-version=1", &[file("a", &bytes)]).await;
        let (imported, _) = blocks_of(profile(Version::V1, 262_144), &bytes);
        assert_eq!(hashes(&response), [imported.root.as_str()]);
        let key = key_of(imported.root.as_str());
        assert!(storage.object(&key).await == bytes, "{length}");
        assert!(storage.keys().await.iter().all(|key| key.starts_with("acme/")));
    }
    assert_eq!(storage.keys().await.len(), 3);
    assert_eq!(storage.uploads().await, [""; 0]);
}

#[tokio::test]
async fn a_staged_file_goes_where_nobody_reads_and_then_away() {
    let storage = Storage::scripted(well).await;
    let gateway = before(&storage);
    let bytes = Content::sized(PART + 1).bytes;
    let response = add(&gateway, "", &[file("a", &bytes)]).await;
    assert_eq!(steps(&storage), ["create", "part", "part", "complete", "copy", "delete"]);
    let seen = storage.seen();
    let staged = key_in(&seen[0]);
    let name = staged.strip_prefix(".casgate/staging/").unwrap();
    assert_eq!(name.len(), 32);
    assert_eq!(seen[4].header("x-amz-copy-source"), Some(&*format!("/artifacts/{staged}")));
    assert_eq!(seen[4].header("x-amz-metadata-directive"), Some("REPLACE"));
    assert_eq!(seen[4].header("x-amz-meta-unixfs"), Some("v0 size-262144 nodes 174"));
    assert_eq!(key_in(&seen[4]), key_of(&hashes(&response)[0]));
    assert_eq!(key_in(&seen[5]), staged);
}

/// What is stored first stays, where that is wanted, and is the same anyway.
#[tokio::test]
async fn a_file_that_is_there_is_no_failure() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, "    write_once: true\n");
    learn(&gateway);
    for length in [100, PART + 1] {
        let bytes = Content::sized(length).bytes;
        let first = add(&gateway, "", &[file("a", &bytes)]).await;
        let second = add(&gateway, "", &[file("a", &bytes)]).await;
        assert_eq!(hashes(&first), hashes(&second));
        assert!(storage.object(&key_of(&hashes(&first)[0])).await == bytes);
    }
    assert_eq!(storage.keys().await.len(), 2);
    assert_eq!(storage.uploads().await, [""; 0]);
}

#[tokio::test]
async fn nothing_is_left_of_a_file_that_a_step_fails_for() {
    let bytes = Content::sized(PART + 1).bytes;
    let succeeds = |document: &'static str| move |_: &Seen| xml(document);
    let fails = |status, code| move |seen: &Seen| Answer::error(seen, status, code);
    let error = "<Error><Code>InternalError</Code></Error>";
    type Script = Box<dyn Fn(&Seen) -> Answer + Send + Sync>;
    let failures: [(&str, Script, &str); 8] = [
        ("create", Box::new(fails(500, "InternalError")), "create"),
        ("part", Box::new(fails(500, "InternalError")), "abort"),
        ("complete", Box::new(fails(500, "InternalError")), "delete"),
        ("complete", Box::new(succeeds(error)), "delete"),
        ("copy", Box::new(fails(500, "InternalError")), "delete"),
        ("copy", Box::new(fails(404, "NoSuchKey")), "delete"),
        // Both begin as a success.
        ("copy", Box::new(succeeds(error)), "delete"),
        ("copy", Box::new(succeeds("<Other/>")), "delete"),
    ];
    for (failing, answer, last) in failures {
        let storage =
            Storage::scripted(
                move |seen| if step(seen) == failing { answer(seen) } else { well(seen) },
            )
            .await;
        let gateway = before(&storage);
        let response = add(&gateway, "", &[file("a", &bytes)]).await;
        assert_refused(&response, 502, "storage failed");
        // In the background, it may be.
        within(async {
            while !steps(&storage).contains(&last) {
                tokio::task::yield_now().await
            }
        })
        .await;
        assert_eq!(gateway.metric("casgate_uploads_total", &["/px/"]), 0);
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_client_that_leaves() {
    let storage = Embedded::start().await;
    let gateway = gateway(&storage.endpoint, "");
    let bytes = Content::sized(2 * PART + 1).bytes;
    let body = form(&[file("a", &bytes)]);
    for (count, sent) in (1..).zip([1000, PART, PART + 1000, body.len() - 1]) {
        let mut client = gateway.connect();
        client.send(head_of("", &format!("Content-Length: {}\r\n", body.len()))).await;
        client.send(&body[..sent]).await;
        drop(client);
        let labels = ["/px/", "\"client_gone\""];
        gateway.until_metric("casgate_requests_total", &labels, count).await;
        within(async { while !storage.uploads().await.is_empty() {} }).await;
        assert_eq!(storage.keys().await, [""; 0], "{sent}");
    }
}

/// Whoever stored an artifact may have given it a name and a type, which an upload of its bytes would
/// take from it.
#[tokio::test]
async fn what_others_stored_under_its_digest_stays() {
    for (there, expected) in
        [(&b"an artifact"[..], vec!["other"]), (b"a part", vec!["other", "put"])]
    {
        let storage = Storage::scripted(move |seen| match step(seen) {
            "other" => Answer::object_with(seen, there, &[]),
            _ => well(seen),
        });
        let storage = storage.await;
        for add_as in ["blocks", "file"] {
            let digests =
                format!("kubo: {{ digests: '{{tenant}}/sha256:{{hex}}', add: {add_as} }}");
            let yaml = IMPORTS.file.replace("kubo: {}", &digests);
            let endpoint = format!("http://{}", storage.address);
            let gateway = Gateway::before(&endpoint, &Settings { file: &yaml, ..IMPORTS });
            let count = storage.seen().len();
            let added = add(&gateway, "?cid-version=1", &[file("a", b"an artifact")]).await;
            assert_eq!(added.status, 200);
            let seen = &storage.seen()[count..];
            assert_eq!(seen.iter().map(step).collect::<Vec<_>>(), expected, "{add_as}");
            assert!(key_in(&seen[0]).starts_with("acme/sha256"));
        }
    }
}
