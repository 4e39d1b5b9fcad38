//! tus 1.0, as its clients use it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::{SEGMENT, Subject, of_tenant};
use crate::support::client::Response;
use crate::support::content::Content;
use crate::support::embedded::Embedded;

const VERSION: &str = "Tus-Resumable: 1.0.0\r\n";
const BYTES: &str = "Content-Type: application/offset+octet-stream\r\n";

/// How many of the bytes that came can be lost with a connection.
pub(super) const UNSTORED_MAX: usize = 64 * 1024;

/// Begins an upload, said with these lines; its path.
pub(super) async fn begin(subject: &Subject, lines: &str) -> String {
    let who = of_tenant("acme");
    let begun = subject.ask("POST", "/tus/", &format!("{VERSION}{who}{lines}"), b"").await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    begun.header("location").unwrap().to_owned()
}

/// Begins an upload of so many bytes.
pub(super) async fn begin_sized(subject: &Subject, length: usize) -> String {
    begin(subject, &format!("Upload-Length: {length}\r\n")).await
}

/// The lines of a PATCH.
pub(super) fn lines_of_patch(offset: usize) -> String {
    let who = of_tenant("acme");
    format!("{VERSION}{BYTES}{who}Upload-Offset: {offset}\r\n")
}

/// Sends a piece.
pub(super) async fn patch(subject: &Subject, path: &str, offset: usize, body: &[u8]) -> Response {
    subject.ask("PATCH", path, &lines_of_patch(offset), body).await
}

pub(super) async fn look(subject: &Subject, path: &str) -> Response {
    subject.ask("HEAD", path, &format!("{VERSION}{}", of_tenant("acme")), b"").await
}

pub(super) async fn fetch(subject: &Subject, path: &str) -> Response {
    subject.ask("GET", path, &of_tenant("acme"), b"").await
}

#[track_caller]
pub(super) fn assert_offset(response: &Response, status: u16, offset: usize) {
    let there = response.header("upload-offset").map(str::to_owned);
    assert_eq!((response.status, there), (status, Some(offset.to_string())));
}

/// What is told of an upload, at each step of it.
#[tokio::test]
async fn an_upload_from_its_beginning_to_its_end() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let content = Content::sized(SEGMENT + 1000).bytes;
    let size = content.len();
    let metadata = "filename Z3LDtsOfZXIuYmlu,filetype YS9i";
    let lines = format!("Upload-Length: {size}\r\nUpload-Metadata: {metadata}\r\n");
    let path = begin(&subject, &lines).await;
    assert_eq!(fetch(&subject, &path).await.status, 404);
    let mut offset = 0;
    for end in [1, 1000, SEGMENT - 1, SEGMENT + 1, size] {
        let looked = look(&subject, &path).await;
        assert_offset(&looked, 200, offset);
        assert_eq!(looked.header("upload-length"), Some(size.to_string().as_str()));
        assert_eq!(looked.header("upload-metadata"), Some(metadata));
        assert_eq!(looked.header("cache-control"), Some("no-store"));
        assert!(looked.header("upload-expires").unwrap().ends_with(" GMT"));
        let grown = patch(&subject, &path, offset, &content[offset..end]).await;
        assert_offset(&grown, 204, end);
        assert_eq!(grown.header("tus-resumable"), Some("1.0.0"));
        offset = end;
    }
    let looked = look(&subject, &path).await;
    assert_offset(&looked, 200, size);
    assert_eq!(looked.header("upload-expires"), None);
    let fetched = fetch(&subject, &path).await;
    assert_eq!((fetched.status, fetched.is_whole), (200, true));
    assert!(fetched.body == content);
    assert_eq!(storage.keys().await.len(), 1, "segments are left");
    assert_eq!(storage.uploads().await, [""; 0]);
}

#[tokio::test]
async fn a_piece_for_another_place_changes_nothing() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let path = begin_sized(&subject, 6).await;
    for offset in [1, 5, 6, 7, 1_000_000] {
        assert_offset(&patch(&subject, &path, offset, b"x").await, 409, 0);
    }
    assert_offset(&patch(&subject, &path, 0, b"abc").await, 204, 3);
    assert_offset(&patch(&subject, &path, 0, b"xyz").await, 409, 3);
    assert_offset(&patch(&subject, &path, 3, b"def").await, 204, 6);
    assert_offset(&patch(&subject, &path, 3, b"def").await, 409, 6);
    // Said again by one who heard no answer, this is no failure.
    assert_offset(&patch(&subject, &path, 6, b"").await, 204, 6);
    assert_eq!(fetch(&subject, &path).await.body, b"abcdef");
}

#[tokio::test]
async fn a_piece_that_is_not_what_its_checksum_says_does_not_count() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let path = begin_sized(&subject, 3).await;
    let checksum = |bytes: &[u8]| {
        format!("Upload-Checksum: sha1 {}\r\n", STANDARD.encode(Sha1::digest(bytes)))
    };
    let lines = format!("{}{}", lines_of_patch(0), checksum(b"abd"));
    assert_eq!(subject.ask("PATCH", &path, &lines, b"abc").await.status, 460);
    assert_offset(&look(&subject, &path).await, 200, 0);
    let unknown = format!("{}Upload-Checksum: md5 AAAA\r\n", lines_of_patch(0));
    assert_eq!(subject.ask("PATCH", &path, &unknown, b"abc").await.status, 400);
    let lines = format!("{}{}", lines_of_patch(0), checksum(b"abc"));
    assert_offset(&subject.ask("PATCH", &path, &lines, b"abc").await, 204, 3);
    assert_eq!(fetch(&subject, &path).await.body, b"abc");
}

#[tokio::test]
async fn a_length_can_be_said_later() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let path = begin(&subject, "Upload-Defer-Length: 1\r\n").await;
    assert_offset(&patch(&subject, &path, 0, b"abc").await, 204, 3);
    let looked = look(&subject, &path).await;
    let told = (looked.header("upload-defer-length"), looked.header("upload-length"));
    assert_eq!(told, (Some("1"), None));
    assert_eq!(fetch(&subject, &path).await.status, 404);
    // Too short for what is there.
    let short = format!("{}Upload-Length: 2\r\n", lines_of_patch(3));
    assert_eq!(subject.ask("PATCH", &path, &short, b"").await.status, 400);
    let lines = format!("{}Upload-Length: 5\r\n", lines_of_patch(3));
    assert_offset(&subject.ask("PATCH", &path, &lines, b"de").await, 204, 5);
    assert_eq!(look(&subject, &path).await.header("upload-length"), Some("5"));
    assert_eq!(fetch(&subject, &path).await.body, b"abcde");
}

#[tokio::test]
async fn what_was_dropped_is_gone_and_what_is_complete_stays() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let lines = format!("{VERSION}{}", of_tenant("acme"));
    let path = begin_sized(&subject, 6).await;
    assert_offset(&patch(&subject, &path, 0, b"abc").await, 204, 3);
    assert_eq!(subject.ask("DELETE", &path, &lines, b"").await.status, 204);
    assert_eq!(subject.ask("DELETE", &path, &lines, b"").await.status, 404);
    assert_eq!(look(&subject, &path).await.status, 404);
    assert_eq!(patch(&subject, &path, 3, b"def").await.status, 404);
    assert_eq!(fetch(&subject, &path).await.status, 404);
    assert_eq!(storage.keys().await, [""; 0]);
    let path = begin_sized(&subject, 3).await;
    assert_offset(&patch(&subject, &path, 0, b"abc").await, 204, 3);
    assert_eq!(subject.ask("DELETE", &path, &lines, b"").await.status, 403);
    assert_eq!(fetch(&subject, &path).await.body, b"abc");
}

/// But for the last of them, which may not have been stored yet.
#[tokio::test]
async fn the_bytes_that_came_before_a_connection_broke_count() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let content = Content::sized(SEGMENT + 3000).bytes;
    for came in [1000, 100_000, SEGMENT + 1000] {
        let path = begin_sized(&subject, content.len()).await;
        let mut client = subject.connect_from("192.0.2.1:1024", 1024);
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: {}\r\n{}\r\n",
            content.len(),
            lines_of_patch(0)
        );
        client.send(head).await;
        client.send(&content[..came]).await;
        drop(client);
        subject.idle().await;
        let looked = look(&subject, &path).await;
        let offset: usize = looked.header("upload-offset").unwrap().parse().unwrap();
        assert!(offset <= came && came - offset < UNSTORED_MAX, "{offset} of {came}");
        let rest = patch(&subject, &path, offset, &content[offset..]).await;
        assert_offset(&rest, 204, content.len());
        assert!(fetch(&subject, &path).await.body == content);
    }
}

#[tokio::test]
async fn the_bytes_of_an_upload_can_come_with_its_beginning() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    for (length, body) in [(0, ""), (3, "abc"), (6, "abc")] {
        let who = of_tenant("acme");
        let lines = format!("{VERSION}{who}{BYTES}Upload-Length: {length}\r\n");
        let begun = subject.ask("POST", "/tus/", &lines, body.as_bytes()).await;
        assert_offset(&begun, 201, body.len());
        let path = begun.header("location").unwrap();
        let fetched = fetch(&subject, path).await;
        match length == body.len() {
            true => assert_eq!((fetched.status, fetched.text()), (200, body)),
            false => assert_eq!(fetched.status, 404),
        }
    }
}

#[tokio::test]
async fn what_is_offered_and_what_is_not_taken() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let who = of_tenant("acme");
    let asked = subject.ask("OPTIONS", "/tus/", "", b"").await;
    assert_eq!(asked.status, 204);
    assert_eq!(asked.header("tus-version"), Some("1.0.0"));
    assert_eq!(asked.header("tus-max-size"), Some((64 * 1024 * 1024).to_string().as_str()));
    let large = format!("{VERSION}{who}Upload-Length: {}\r\n", 64 * 1024 * 1024 + 1);
    assert_eq!(subject.ask("POST", "/tus/", &large, b"").await.status, 413);
    let lines = format!("{who}Tus-Resumable: 0.2.2\r\nUpload-Length: 3\r\n");
    let refused = subject.ask("POST", "/tus/", &lines, b"").await;
    assert_eq!((refused.status, refused.header("tus-version")), (412, Some("1.0.0")));
    assert_eq!(
        subject.ask("POST", "/tus/", &format!("{VERSION}Upload-Length: 3\r\n"), b"").await.status,
        401
    );
    let path = begin_sized(&subject, 3).await;
    let untyped = format!("{VERSION}{who}Upload-Offset: 0\r\n");
    assert_eq!(subject.ask("PATCH", &path, &untyped, b"abc").await.status, 415);
    // To anybody else there is no such upload.
    let other = format!("{VERSION}{}", of_tenant("other"));
    assert_eq!(subject.ask("HEAD", &path, &other, b"").await.status, 404);
    assert_eq!(subject.ask("DELETE", &path, &other, b"").await.status, 404);
    assert_offset(&patch(&subject, &path, 0, b"abc").await, 204, 3);
    assert_eq!(subject.ask("GET", &path, &other, b"").await.status, 404);
}
