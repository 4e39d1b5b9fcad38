//! What storage does wrong, and what is made of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use casgate::bucket::control::conditional::{ConditionalWrites, TagForm, Verdict};
use casgate::bucket::objects::{Expected, Objects as _, Piece, Swap};
use casgate::bucket::write::PART_BYTES_MIN;
use casgate::error::{Error, Kind};

use super::{HONOURED, NONE, Subject, own};
use crate::support::answer::{Answer, Then};
use crate::support::gateway::{STREAM, Settings};
use crate::support::server::{Seen, Server};

/// A server that answers the first so many writes, from 0 on, like that.
async fn writing(
    answer: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static,
) -> (Server, Subject) {
    let count = AtomicUsize::new(0);
    let server = Server::scripted(move |seen| match seen.method.as_str() {
        "PUT" => answer(seen, count.fetch_add(1, Ordering::Relaxed)),
        _ => Answer::object_with(seen, b"there", &[]),
    })
    .await;
    let subject = Subject::scripted(server.address).await;
    (server, subject)
}

fn stored() -> Answer {
    let head = ["HTTP/1.1 200 OK", "ETag: \"new\"", "Content-Length: 0"];
    Answer::head_and(&head, b"", Then::Keep)
}

async fn swap(subject: &Subject, expected: Expected<'_>) -> Result<Swap, Kind> {
    let swap = subject.objects.write_document(&subject.key(1), b"document", expected).await;
    swap.map_err(|error| error.kind())
}

fn writes(server: &Server) -> usize {
    server.seen().iter().filter(|seen| seen.method == "PUT").count()
}

#[tokio::test]
async fn conditions_are_written_as_the_bucket_wants_them() {
    let (server, subject) = writing(|_, _| stored()).await;
    let tag = match swap(&subject, Expected::Absent).await.unwrap() {
        Swap::Written(tag) => tag,
        Swap::Conflict => panic!("a conflict"),
    };
    swap(&subject, Expected::As(&tag)).await.unwrap();
    let bare = Subject::of(&own(&format!("http://{}", server.address)), STREAM).await;
    bare.bucket.fitness.learn(ConditionalWrites { tags: TagForm::Bare, ..HONOURED });
    swap(&bare, Expected::As(&tag)).await.unwrap();
    let seen = server.seen();
    let conditions = |seen: &Seen| {
        ["if-none-match", "if-match"].map(|name| seen.header(name).map(str::to_owned))
    };
    let text = |text: &str| Some(text.to_owned());
    let expected = [[text("*"), None], [None, text("\"new\"")], [None, text("new")]];
    assert_eq!(seen.iter().map(conditions).collect::<Vec<_>>(), expected);
    for seen in seen {
        assert_eq!((seen.body.as_str(), seen.header("content-length")), ("document", Some("8")));
        let signed = seen.header("authorization").unwrap();
        assert!(signed.contains("if-match;") || signed.contains("if-none-match;"), "{signed}");
    }
}

#[tokio::test]
async fn documents_are_only_written_where_they_are_kept() {
    let server = Server::scripted(|_| stored()).await;
    let ignored = || Verdict::NotHonoured("the condition is ignored".to_owned());
    for seen in [
        None,
        Some(ConditionalWrites { create: ignored(), ..HONOURED }),
        Some(ConditionalWrites { replace: ignored(), ..HONOURED }),
    ] {
        let subject = Subject::of(&own(&format!("http://{}", server.address)), STREAM).await;
        if let Some(seen) = seen {
            subject.bucket.fitness.learn(seen);
        }
        assert_eq!(swap(&subject, Expected::Absent).await, Err(Kind::StorageUnavailable));
    }
    assert_eq!(server.seen().len(), 0);
}

/// It would find its own document in the way.
#[tokio::test]
async fn a_document_that_may_be_written_is_not_sent_again() {
    for then in [Then::Reset, Then::Close] {
        // The first leaves a connection that can be used again.
        let (server, subject) = writing(move |_, nth| match nth {
            0 => stored(),
            _ => Answer::nothing(then),
        })
        .await;
        swap(&subject, Expected::Absent).await.unwrap();
        assert_eq!(swap(&subject, Expected::Absent).await, Err(Kind::StorageFailed));
        assert_eq!(writes(&server), 2);
        assert_eq!(server.counts().opened, 1, "it was on the same connection");
    }
    for (status, code) in [(500, ""), (502, ""), (503, "SlowDown"), (403, "AccessDenied")] {
        let (server, subject) = writing(move |seen, _| Answer::error(seen, status, code)).await;
        swap(&subject, Expected::Absent).await.unwrap_err();
        assert_eq!(writes(&server), 1, "{status} {code}");
    }
}

/// Nothing was sent of the document yet.
#[tokio::test]
async fn a_connection_that_is_dead_before_the_document_costs_nothing() {
    let (server, subject) = writing(|_, _| stored()).await;
    swap(&subject, Expected::Absent).await.unwrap();
    let dead = AtomicUsize::new(0);
    server.hurry(move |seen| {
        let is_first = seen.nth > 0 && dead.fetch_add(1, Ordering::Relaxed) == 0;
        let answer = Answer::nothing(Then::Reset);
        is_first.then_some(crate::support::server::Early { after: 0, answer })
    });
    assert!(matches!(swap(&subject, Expected::Absent).await, Ok(Swap::Written(_))));
    assert_eq!(server.counts().opened, 2);
    let bodies: Vec<_> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, ["document", "", "document"]);
}

#[tokio::test]
async fn what_storage_did_not_judge_is_sent_again() {
    let conflict = |seen: &Seen| Answer::error(seen, 409, "ConditionalRequestConflict");
    let (server, subject) = writing(move |seen, nth| match nth {
        0 | 1 => conflict(seen),
        _ => stored(),
    })
    .await;
    assert!(matches!(swap(&subject, Expected::Absent).await, Ok(Swap::Written(_))));
    assert_eq!(writes(&server), 3);
    let (server, subject) = writing(move |seen, _| conflict(seen)).await;
    assert_eq!(swap(&subject, Expected::Absent).await, Ok(Swap::Conflict));
    assert_eq!(writes(&server), 6);
}

/// As Ceph 16 does.
#[tokio::test]
async fn a_failure_of_a_write_that_was_overtaken_is_a_conflict() {
    let fails = |seen: &Seen, nth| match nth {
        0 => stored(),
        _ => Answer::error(seen, 500, "UnknownError"),
    };
    let (_server, subject) = writing(fails).await;
    let Swap::Written(tag) = swap(&subject, Expected::Absent).await.unwrap() else { panic!() };
    // There is a document, with another tag.
    assert_eq!(swap(&subject, Expected::Absent).await, Ok(Swap::Conflict));
    assert_eq!(swap(&subject, Expected::As(&tag)).await, Ok(Swap::Conflict));
    let there = subject.objects.document(subject.key(1).key()).await.unwrap().unwrap();
    let ours = Expected::As(&there.tag);
    assert_eq!(swap(&subject, ours).await, Err(Kind::StorageFailed), "it may be done yet");
    let key = subject.key(1);
    let write = subject.objects.write_document(&key, b"there", Expected::Absent);
    assert_eq!(write.await.unwrap_err().kind(), Kind::StorageFailed, "it may be done");
}

#[tokio::test]
async fn a_write_without_a_tag_is_none() {
    let (_server, subject) = writing(|_, _| Answer::status("200 OK")).await;
    assert_eq!(swap(&subject, Expected::Absent).await, Err(Kind::StorageFailed));
    let server = Server::scripted(|_| Answer::json("{}")).await;
    let subject = Subject::scripted(server.address).await;
    let document = subject.objects.document(subject.key(1).key()).await;
    assert_eq!(document.unwrap_err().kind(), Kind::StorageFailed);
}

#[tokio::test]
async fn reads_are_exact_or_fail() {
    let head = |status: &str, length: usize, more: &str| {
        let (status, length) = (format!("HTTP/1.1 {status}"), format!("Content-Length: {length}"));
        Answer::head_and(&[&status, &length, more], b"0123", Then::Close)
    };
    let (whole, part) = ("200 OK", "206 Partial Content");
    for (range, answer, expected) in [
        ((0, 3), head(whole, 4, "ETag: \"a\""), Ok(Some(b"0123".to_vec()))),
        ((2, 5), head(part, 4, "Content-Range: bytes 2-5/9"), Ok(Some(b"0123".to_vec()))),
        ((2, 5), head(whole, 4, "ETag: \"a\""), Err(Kind::StorageFailed)),
        ((0, 3), head(whole, 5, "ETag: \"a\""), Err(Kind::StorageFailed)),
        ((0, 4), head(whole, 5, "ETag: \"a\""), Err(Kind::StorageFailed)),
        ((2, 5), head(part, 4, "Content-Range: bytes 3-6/9"), Err(Kind::StorageFailed)),
        ((2, 6), head(part, 4, "Content-Range: bytes 2-5/6"), Err(Kind::StorageFailed)),
        ((2, 5), head(part, 4, "Content-Range: bytes 2-6/9"), Err(Kind::StorageFailed)),
        ((2, 5), head(part, 4, "ETag: \"a\""), Err(Kind::StorageFailed)),
        ((2, 6), head(part, 5, "Content-Range: bytes 2-6/9"), Err(Kind::StorageFailed)),
        ((5, 2), head(whole, 4, "ETag: \"a\""), Err(Kind::Internal)),
        ((0, u64::MAX), head(whole, 4, "ETag: \"a\""), Err(Kind::Internal)),
    ] {
        let server = Server::scripted(move |_| answer.clone()).await;
        let subject = Subject::scripted(server.address).await;
        assert_eq!(subject.read(1, range).await, expected, "{range:?}");
    }
    let trickles = Server::scripted(|_| {
        let head = ["HTTP/1.1 200 OK", "ETag: \"a\"", "Content-Length: 1000"];
        Answer::head_and(&head, b"", Then::Trickle)
    })
    .await;
    let settings = Settings { timeouts: "storage_read: 300ms", ..STREAM };
    let subject = Subject::of(&own(&format!("http://{}", trickles.address)), settings).await;
    assert_eq!(subject.read(1, (0, 999)).await, Err(Kind::StorageTimeout));
}

#[tokio::test]
async fn what_is_not_there_is_told_from_what_may_not_be_seen() {
    for (status, code, forbidden, expected) in [
        (404, "NoSuchKey", "", Ok(None)),
        (404, "NoSuchBucket", "", Err(Kind::StorageFailed)),
        (403, "AccessDenied", "", Err(Kind::StorageFailed)),
        (403, "AccessDenied", "forbidden_means: missing", Ok(None)),
        (403, "SignatureDoesNotMatch", "forbidden_means: missing", Err(Kind::StorageFailed)),
        (503, "SlowDown", "", Err(Kind::StorageBusy)),
    ] {
        let server = Server::scripted(move |seen| Answer::error(seen, status, code)).await;
        let endpoint = format!("http://{}", server.address);
        let settings = Settings { bucket: forbidden, ..STREAM };
        let subject = Subject::of(&own(&endpoint), settings).await;
        assert_eq!(subject.read(1, (0, 1)).await, expected, "{status} {code} {forbidden}");
        let document = subject.objects.document(subject.key(1).key()).await;
        let document = document.map_err(|error| error.kind());
        assert_eq!(document, expected.map(|_| None), "{status} {code} {forbidden}");
        let kind = |error: Error| error.kind();
        let deleted = subject.objects.delete(&subject.key(1)).await.map_err(kind);
        assert_eq!(deleted.is_ok(), code == "NoSuchKey", "{deleted:?}");
        // A list is of what may be seen.
        let listed = subject.objects.list("", None).await.unwrap_err();
        assert!(matches!(listed, Error::Storage { .. }), "{listed}");
    }
}

#[tokio::test]
async fn a_list_ends() {
    let lists = |list: &'static str| {
        Server::scripted(move |_| Answer::document("200 OK", "application/xml", list))
    };
    let truncated = "<ListBucketResult><IsTruncated>true</IsTruncated>\
        <Contents><Key>a</Key></Contents></ListBucketResult>";
    let server = lists(truncated).await;
    let subject = Subject::scripted(server.address).await;
    assert!(subject.objects.list("a", None).await.unwrap().goes_on);
    let again = subject.objects.list("a", Some("a")).await;
    assert_eq!(again.unwrap_err().kind(), Kind::StorageFailed);
    let asked: Vec<_> = server.seen().into_iter().map(|seen| seen.target).collect();
    let query = "/artifacts/?encoding-type=url&list-type=2&max-keys=1000&prefix=a";
    assert_eq!(asked, [query.to_owned(), format!("{query}&start-after=a")]);
    let server = lists(&truncated[..60]).await;
    let subject = Subject::scripted(server.address).await;
    assert_eq!(subject.objects.list("a", None).await.unwrap_err().kind(), Kind::StorageFailed);
}

/// A server of multipart uploads, whose parts have the fate that a test gives them.
async fn assembling(
    part: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static,
) -> (Server, Subject) {
    let parts = AtomicUsize::new(0);
    let server = Server::scripted(move |seen| {
        let document = |text: &str| Answer::document("200 OK", "application/xml", text);
        match (seen.method.as_str(), seen.target.contains("uploadId=")) {
            ("POST", false) => document("<R><UploadId>u</UploadId></R>"),
            ("POST", true) => document("<CompleteMultipartUploadResult/>"),
            ("PUT", _) => part(seen, parts.fetch_add(1, Ordering::Relaxed)),
            _ => Answer::status("204 No Content"),
        }
    })
    .await;
    let subject = Subject::scripted(server.address).await;
    (server, subject)
}

fn copied() -> Answer {
    let copied = "<CopyPartResult><ETag>&quot;p&quot;</ETag></CopyPartResult>";
    Answer::document("200 OK", "application/xml", copied)
}

async fn assemble(subject: &Subject, pieces: usize, rest: &[u8]) -> Result<(), Kind> {
    let source = subject.key(1).key().clone();
    let pieces = vec![Piece { source, bytes: PART_BYTES_MIN }; pieces];
    let assembled = subject.objects.assemble(&subject.key(9), NONE, &pieces, rest).await;
    assembled.map_err(|error| error.kind())
}

fn aborts(server: &Server) -> usize {
    server.seen().iter().filter(|seen| seen.method == "DELETE").count()
}

#[tokio::test]
async fn parts_are_tried_again_where_that_may_help() {
    let failures: [fn(&Seen) -> Answer; 6] = [
        |seen| Answer::error(seen, 503, "SlowDown"),
        |seen| Answer::error(seen, 500, "InternalError"),
        |seen| Answer::error(seen, 429, "TooManyRequests"),
        |_| Answer::nothing(Then::Reset),
        |_| Answer::nothing(Then::Close),
        // It began as a success.
        |seen| {
            let late = Answer::error(seen, 200, "InternalError");
            Answer { bytes: late.bytes, then: Then::Keep }
        },
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        let (server, subject) = assembling(move |seen, nth| match nth {
            0 | 1 => failure(seen),
            _ if seen.header("x-amz-copy-source").is_none() => stored(),
            _ => copied(),
        })
        .await;
        assert_eq!(assemble(&subject, 1, b"rest").await, Ok(()), "{number}");
        assert_eq!(aborts(&server), 0, "{number}");
        let (server, subject) = assembling(move |seen, _| failure(seen)).await;
        assert!(assemble(&subject, 1, b"").await.is_err(), "{number}");
        // The connection that the upload began on may have died of itself.
        let expected = if matches!(number, 3 | 4) { 4 } else { 3 };
        assert_eq!((writes(&server), aborts(&server)), (expected, 1), "{number}");
    }
    let (server, subject) = assembling(|seen, _| Answer::error(seen, 403, "AccessDenied")).await;
    assert_eq!(assemble(&subject, 1, b"").await, Err(Kind::StorageFailed));
    assert_eq!((writes(&server), aborts(&server)), (1, 1));
}

#[tokio::test]
async fn parts_have_their_numbers_whatever_their_order() {
    let (server, subject) = assembling(|seen, nth| match seen.header("x-amz-copy-source") {
        // Whichever comes first is late.
        Some(_) if nth == 0 => Answer::error(seen, 503, "SlowDown"),
        Some(_) => copied(),
        None => stored(),
    })
    .await;
    assert_eq!(assemble(&subject, 20, b"the rest").await, Ok(()));
    let seen = server.seen();
    let list = seen.iter().find(|seen| seen.body.contains("CompleteMultipartUpload")).unwrap();
    let numbers = list.body.split("<PartNumber>").skip(1);
    let numbers: Vec<u64> =
        numbers.map(|part| part.split_once('<').unwrap().0.parse().unwrap()).collect();
    assert_eq!(numbers, (1..=21).collect::<Vec<_>>());
    let most = seen.iter().map(|seen| seen.connection).max().unwrap() + 1;
    assert!(most <= 8, "{most} at the same time");
    let rest = seen.iter().find(|seen| seen.target.contains("partNumber=21&")).unwrap();
    assert_eq!(rest.body, "the rest");
    let last = format!("bytes=0-{}", PART_BYTES_MIN - 1);
    let copies = seen.iter().filter_map(|seen| seen.header("x-amz-copy-source-range"));
    assert!(copies.clone().count() >= 20 && copies.clone().all(|range| range == last));
}

#[tokio::test]
async fn an_assembly_that_nobody_waits_for_is_aborted() {
    let (server, subject) = assembling(|_, _| Answer::nothing(Then::Stall)).await;
    tokio::select! {
        _ = assemble(&subject, 3, b"rest") => panic!("it was to be dropped"),
        () = server.until(|counts| counts.requests >= 5) => {}
    }
    server.until(|counts| counts.requests >= 6).await;
    assert_eq!(aborts(&server), 1);
}

#[tokio::test]
async fn no_object_has_more_parts_than_storage_takes() {
    let (server, subject) = assembling(|_, _| copied()).await;
    assert_eq!(assemble(&subject, 10_000, b"rest").await, Err(Kind::Internal));
    assert_eq!(server.seen().len(), 0);
}
