//! What storage's answers to writes mean.

use std::net::SocketAddr;
use std::sync::Mutex;

use casgate::state::{Create, Failure, Record, Replace, StateStore as _};
use tokio::net::TcpSocket;

use super::super::state::{assert_created, create_one, key, now, read, record, record_until};
use super::{fit_store, own};
use crate::support::answer::{Answer, Then};
use crate::support::server::{Seen, Server};

/// How a create ends at a server that answers every write so.
async fn created_at(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> (Failure, usize) {
    let server = Server::scripted(answer).await;
    let store = fit_store(own(server.address).bucket()).await;
    let failure = create_one(&*store).await.unwrap_err();
    (failure, server.seen().iter().filter(|seen| seen.method == "PUT").count())
}

fn is_unknown(failure: &Failure) -> bool {
    matches!(failure, Failure::Unknown(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_is_not_done() {
    for (status, code) in [
        (301, "PermanentRedirect"),
        (400, "ExpiredToken"),
        (403, "AccessDenied"),
        (403, "RequestTimeTooSkewed"),
        (404, "NoSuchBucket"),
        (501, "NotImplemented"),
        (503, "SlowDown"),
        (503, "ServiceUnavailable"),
    ] {
        let (failure, writes) = created_at(move |seen| Answer::error(seen, status, code)).await;
        assert!(!is_unknown(&failure), "{status} {code}: {failure}");
        assert_eq!(writes, 1, "{status} {code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_have_been_done_is_not_known_and_not_sent_again() {
    let answers: [fn(&Seen) -> Answer; 8] = [
        |seen| Answer::error(seen, 500, "InternalError"),
        |_| Answer::status("502 Bad Gateway"),
        |_| Answer::status("503 Service Unavailable"),
        |_| Answer::status("504 Gateway Timeout"),
        |_| Answer::status("200 OK"),
        |_| Answer::nothing(Then::Reset),
        |_| Answer::nothing(Then::Close),
        |_| Answer::nothing(Then::Stall),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let (failure, writes) = created_at(answer).await;
        assert!(is_unknown(&failure), "{number}: {failure}");
        assert_eq!(writes, 1, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_sent_is_not_done() {
    // The port is taken, and nobody listens to it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let store = fit_store(own(socket.local_addr().unwrap()).bucket()).await;
    let failure = create_one(&*store).await.unwrap_err();
    assert!(!is_unknown(&failure), "{failure}");
}

fn written() -> Answer {
    Answer::head_and(&["HTTP/1.1 200 OK", "ETag: \"1\"", "Content-Length: 0"], b"", Then::Keep)
}

/// AWS: a write that was in the way of another was not judged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_is_tried_again_for_a_while() {
    let left = Mutex::new(2);
    let server = Server::scripted(move |seen| {
        let mut left = left.lock().unwrap();
        if *left == 0 {
            return written();
        }
        *left -= 1;
        Answer::error(seen, 409, "ConditionalRequestConflict")
    })
    .await;
    let store = fit_store(own(server.address).bucket()).await;
    assert_created(&*store, &key(), &record("patient")).await;

    let conflict = |seen: &Seen| Answer::error(seen, 409, "ConditionalRequestConflict");
    let (failure, writes) = created_at(conflict).await;
    assert!(!is_unknown(&failure), "{failure}");
    assert!((2..10).contains(&writes), "{writes} writes");
}

/// A server that refuses writes with 412, and holds this.
async fn holding(record: &Record) -> Server {
    let bytes = record.to_bytes();
    Server::scripted(move |seen| match seen.method.as_str() {
        "GET" => Answer::object(seen, &bytes),
        _ => Answer::error(seen, 412, "PreconditionFailed"),
    })
    .await
}

/// Something on the way to storage may send a request again whose answer it lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_finds_itself_was_done() {
    let own_record = record("ours");
    let server = holding(&own_record).await;
    let store = fit_store(own(server.address).bucket()).await;
    let created = store.create(&key(), &own_record, now()).await.unwrap();
    assert!(matches!(created, Create::Created(_)), "{created:?}");
    let seen = read(&*store, &key()).await.unwrap().version;
    let replaced = store.replace(&key(), &seen, &own_record, now()).await.unwrap();
    assert!(matches!(replaced, Replace::Replaced(_)), "{replaced:?}");

    let other = store.create(&key(), &record("another"), now()).await.unwrap();
    assert!(matches!(&other, Create::Exists(there) if there.record == own_record), "{other:?}");
    let replaced = store.replace(&key(), &seen, &record("another"), now()).await;
    assert_eq!(replaced, Ok(Replace::Conflict));
}

/// It was refused, and what is there instead cannot be seen: it may be the write itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_look_does_not_know() {
    let (failure, _) = created_at(|seen| match seen.method.as_str() {
        "PUT" => Answer::error(seen, 412, "PreconditionFailed"),
        _ => Answer::error(seen, 403, "AccessDenied"),
    })
    .await;
    assert!(is_unknown(&failure), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_record_is_an_error() {
    for content in [&b"an artifact"[..], b"", &[1; 100_000]] {
        let server = Server::scripted(move |seen| match seen.method.as_str() {
            "GET" => Answer::object(seen, content),
            _ => Answer::error(seen, 412, "PreconditionFailed"),
        })
        .await;
        let store = fit_store(own(server.address).bucket()).await;
        let failure = store.read(&key(), now()).await.unwrap_err();
        assert!(matches!(&failure, Failure::NotDone(why) if why.contains("record")), "{failure}");
        create_one(&*store).await.unwrap_err();
    }
}

/// A record that was over is replaced on the condition that it is still the one there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_is_replaced_by_its_tag() {
    let bytes = record_until(now(), "over").to_bytes();
    let server = Server::scripted(move |seen| match seen.method.as_str() {
        "GET" => Answer::object(seen, &bytes),
        _ if seen.header("if-match") == Some("\"storage's own\"") => written(),
        _ => Answer::error(seen, 412, "PreconditionFailed"),
    })
    .await;
    let store = fit_store(own(server.address).bucket()).await;
    assert_created(&*store, &key(), &record("new")).await;
    assert!(server.seen().iter().all(|seen| seen.method != "DELETE"));
}
