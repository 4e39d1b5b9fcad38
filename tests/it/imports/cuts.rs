//! Clients that do not send a form to its end: nothing leads to what is left of it.

use super::{
    IMPORTS, add_body, assert_refused, file, form, head_of, key_of_text, keys_put, stored,
};
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::{Gateway, Settings};
use crate::support::storage::Storage;

/// What a file with these bytes is called.
async fn name_of(bytes: &[u8]) -> String {
    let storage = Storage::scripted(|_| stored()).await;
    let gateway = IMPORTS.before(&storage);
    super::hashes(&super::add(&gateway, "", &[file("a", bytes)]).await).remove(0)
}

/// Waits for the end of a request that was cut.
async fn until_gone(gateway: &Gateway, expected: u64) {
    gateway.until_metric("casgate_requests_total", &["/px/", "\"client_gone\""], expected).await;
    assert_eq!(gateway.metric("casgate_uploads_total", &["/px/"]), 0);
}

#[tokio::test]
async fn a_client_that_leaves_leaves_no_root() {
    for bytes in [b"hello world".to_vec(), Content::sized(700_000).bytes] {
        let root = key_of_text(&name_of(&bytes).await);
        let body = form(&[file("a", &bytes)]);
        let end = body.len();
        let storage = Embedded::start().await;
        let gateway = storage.gateway(&IMPORTS);
        let cuts = [0, 1, 100, end / 2, end - 30, end - 4, end - 3, end - 1];
        for (count, sent) in (1..).zip(cuts) {
            let mut client = gateway.connect();
            client.send(head_of("", &format!("Content-Length: {end}\r\n"))).await;
            client.send(&body[..sent]).await;
            drop(client);
            until_gone(&gateway, count).await;
            assert!(!storage.keys().await.contains(&root), "after {sent} bytes of {end}");
        }
        // The end of the form is not that of the body.
        let mut client = gateway.connect();
        client.send(head_of("", "Transfer-Encoding: chunked\r\n")).await;
        client.send(crate::uploads::chunk(&body)).await;
        drop(client);
        until_gone(&gateway, cuts.len() as u64 + 1).await;
        assert!(!storage.keys().await.contains(&root));
    }
}

#[tokio::test]
async fn a_body_that_ends_before_its_form_is_refused() {
    for add in ["blocks", "file"] {
        let yaml = IMPORTS.file.replace("kubo: {}", &format!("kubo: {{ add: {add} }}"));
        let settings = Settings { file: &yaml, ..IMPORTS };
        let bytes = Content::sized(300_000).bytes;
        let root = name_of(&bytes).await;
        let body = form(&[file("a", &bytes)]);
        let storage = Storage::scripted(|_| stored()).await;
        let gateway = settings.before(&storage);
        for length in [0, 10, 200_000, body.len() - 3] {
            let response = add_body(&gateway, "", &body[..length]).await;
            assert_refused(&response, 400, "ends before its last boundary");
        }
        let keys = keys_put(&storage);
        let (block, file) = (key_of_text(&root), key_of_text(&root).replace(".block", ""));
        assert!(!keys.contains(&block) && !keys.contains(&file), "{add}: {keys:?}");
        assert_eq!(gateway.metric("casgate_uploads_total", &["/px/"]), 0);
    }
}

/// What came before the cut may be there, but not the folder around it.
#[tokio::test]
async fn a_folder_that_is_not_whole_is_not_there() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&IMPORTS);
    let body = form(&[file("d/a", b"hello world"), file("d/b", b"hello world\n")]);
    let response = add_body(&gateway, "", &body[..body.len() - 10]).await;
    assert_refused(&response, 400, "ends before");
    // Of the second file there is nothing.
    let first = key_of_text("Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD");
    gateway.idle().await;
    let keys = storage.keys().await;
    assert!(keys.is_empty() || keys == [first], "{keys:?}");
}
