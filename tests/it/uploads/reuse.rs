//! What becomes of connections, the client's and those to storage, after an upload.

use super::s3::{self, Step, steps};
use super::{
    CHUNKED, HASH, PART, UPLOADS, assert_refused, chunks, head_of, length_of, path, put_chunked,
    send_put, writer,
};
use crate::support::answer::{Answer, Then};
use crate::support::client::answers_in;
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::gateway::Settings;
use crate::support::server::Early;
use crate::support::storage::Storage;

const LINGERING: Settings<'static> = Settings { timeouts: "drain: 100ms", ..UPLOADS };

#[tokio::test]
async fn a_connection_carries_one_upload_after_another() {
    let storage = Embedded::start().await;
    let gateway = storage.gateway(&UPLOADS);
    let mut client = gateway.connect();
    for size in [10, 1_000_000, 0, 70_000] {
        let body = Content::sized(size).bytes;
        send_put(&mut client, &body, "").await;
        let response = client.response().await;
        assert_eq!((response.status, response.header("connection")), (202, Some("keep-alive")));
        client.get(&path(HASH), &writer()).await;
        let response = client.response().await;
        assert_eq!((response.status, response.is_whole), (200, true));
        assert!(response.body == body, "{size}");
    }
}

/// Requests that come before the answer to the one before them.
#[tokio::test]
async fn pipelined_uploads_are_stored_right_or_not_at_all() {
    let storage = s3::storage().await;
    let gateway = LINGERING.before(&storage);
    let (small, large) = (b"small".to_vec(), Content::sized(100_000).bytes);
    for bodies in [[&small, &large, &small], [&large, &small, &large]] {
        let before = storage.counts().requests;
        let mut client = gateway.connect();
        for body in bodies {
            send_put(&mut client, body, "").await;
        }
        assert_eq!(client.response().await.status, 202);
        let answers = 1 + answers_in(&client.rest().await);
        let stored = &storage.seen()[before..];
        assert_eq!(stored.len(), answers);
        assert!(stored.iter().map(|seen| &seen.bytes).eq(bodies.into_iter().take(answers)));
    }
}

/// Where a chunked body ends is a matter of opinion.
#[tokio::test]
async fn a_connection_ends_with_a_chunked_upload() {
    let storage = s3::storage().await;
    let gateway = LINGERING.before(&storage);
    let mut client = gateway.connect();
    client.send(head_of(HASH, CHUNKED)).await;
    let mut wire = chunks(b"body", 4);
    wire.extend_from_slice(head_of(HASH, "Content-Length: 3\r\n").as_bytes());
    wire.extend_from_slice(b"abc");
    client.send(wire).await;
    let response = client.response().await;
    assert_eq!((response.status, response.header("connection")), (202, Some("close")));
    assert_eq!(answers_in(&client.rest().await), 0);
    assert_eq!(steps(&storage), [Step::Put]);
}

/// Whatever it looks like.
#[tokio::test]
async fn a_body_that_was_not_read_is_no_request() {
    let storage = s3::storage().await;
    storage.hurry(|seen| {
        (Step::of(seen) == Step::Put)
            .then(|| Early { after: 0, answer: Answer::error(seen, 403, "AccessDenied") })
    });
    let gateway = LINGERING.before(&storage);
    let smuggled = head_of(HASH, "Content-Length: 3\r\n") + "abc";
    let body = smuggled.repeat(400);
    assert!(body.len() > 65_536);
    let unknown = format!("PUT {} HTTP/1.1\r\nHost: a\r\n", path(HASH));
    let known = format!("{unknown}{}", writer());
    let length = length_of(body.as_bytes());
    for (head, expected) in [
        (format!("{unknown}{length}\r\n"), 401),
        (format!("{unknown}{CHUNKED}\r\n{:x}\r\n", body.len()), 401),
        (format!("{known}Content-Length: 16777217\r\n\r\n"), 413),
        (format!("{known}{length}x-artifact-duration: nonsense\r\n\r\n"), 400),
        (format!("{known}{length}\r\n"), 502),
    ] {
        let before = storage.counts().requests;
        let mut client = gateway.connect();
        client.send(format!("{head}{body}")).await;
        assert_eq!(client.response().await.status, expected, "{head}");
        client.send(&smuggled).await;
        assert_eq!(answers_in(&client.rest().await), 0, "{head}");
        let asked = storage.counts().requests - before;
        assert_eq!(asked, usize::from(expected == 502), "{head}");
    }
}

/// Storage that has closed by the time of the second request on a connection, which it does not
/// answer.
async fn forgetful() -> Storage {
    let storage = Storage::scripted(|seen| match seen.nth {
        0 => s3::well(seen),
        _ => Answer::nothing(Then::Close),
    })
    .await;
    storage.hurry(|seen| {
        (seen.nth > 0).then(|| Early { after: 0, answer: Answer::nothing(Then::Close) })
    });
    storage
}

#[tokio::test]
async fn a_connection_to_storage_that_is_dead_costs_nothing() {
    for size in [0, 1000, 1_000_000] {
        let storage = forgetful().await;
        let gateway = UPLOADS.before(&storage);
        let body = Content::sized(size).bytes;
        let mut client = gateway.connect();
        for _ in 0..2 {
            send_put(&mut client, &body, "").await;
            assert_eq!(client.response().await.status, 202, "{size}");
        }
        let answered: Vec<_> = storage.seen().into_iter().filter(|seen| seen.nth == 0).collect();
        assert!(answered.iter().all(|seen| seen.bytes == body) && answered.len() == 2, "{size}");
        assert_eq!(gateway.metric("casgate_storage_retries_total", &[]), 1);
    }
}

/// Each step finds the connection of the one before it dead.
#[tokio::test]
async fn nor_does_it_for_parts() {
    let storage = forgetful().await;
    let gateway = UPLOADS.before(&storage);
    let body = Content::sized(2 * PART + 1).bytes;
    assert_eq!(put_chunked(&gateway, &body, "").await.status, 202);
    let seen = storage.seen();
    let answered = seen.iter().filter(|seen| seen.nth == 0);
    let parts = answered.filter(|seen| matches!(Step::of(seen), Step::Part(_)));
    assert!(parts.flat_map(|part| &part.bytes).eq(&body));
    assert_eq!(gateway.metric("casgate_storage_retries_total", &[]), 4);
}

/// On a connection of its own there is nothing to blame but storage.
#[tokio::test]
async fn a_new_connection_that_dies_is_a_failure() {
    let storage = Storage::scripted(|_| Answer::nothing(Then::Close)).await;
    let gateway = UPLOADS.before(&storage);
    for size in [1000, 1_000_000] {
        let body = Content::sized(size).bytes;
        let response = super::put(&gateway, &body, "").await;
        assert_refused(&response, 502, "bad_gateway");
    }
    assert_eq!(gateway.metric("casgate_storage_retries_total", &[]), 0);
}

/// Whether storage was whole or is in the middle of a body, the next upload has its own.
#[tokio::test]
async fn a_connection_to_storage_with_half_a_body_is_not_used_again() {
    let storage = s3::storage().await;
    let gateway = LINGERING.before(&storage);
    let body = Content::sized(1_000_000).bytes;
    let mut client = gateway.connect();
    client.send(head_of(HASH, &length_of(&body))).await;
    client.send(&body[..500_000]).await;
    drop(client);
    storage.until(|counts| counts.broken == 1).await;
    assert_eq!(super::put(&gateway, &body, "").await.status, 202);
    let seen = storage.seen();
    assert_eq!((seen.len(), seen[0].connection, seen[0].nth), (1, 1, 0));
    assert!(seen[0].bytes == body);
}
