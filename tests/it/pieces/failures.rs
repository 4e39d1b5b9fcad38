//! Storage fails while an upload is put together. The client hears of it, is not told that the
//! upload is complete, and gets it by asking again.

use super::bucket::{Bucket, Step};
use super::resumable::{self, piece};
use super::{SEGMENT, Subject, of_tenant, tus};
use crate::support::content::Content;

/// What can fail where an upload becomes an object: how large it is, and which step.
const STEPS: [(usize, Step); 6] = [
    (1000, Step::Put),
    (SEGMENT, Step::Complete),
    (SEGMENT + 1000, Step::Create),
    (SEGMENT + 1000, Step::Copy),
    (SEGMENT + 1000, Step::Part),
    (SEGMENT + 1000, Step::Complete),
];

/// How clients of tus go on after a failure.
#[derive(Clone, Copy, Debug)]
enum Again {
    /// They send the same.
    Same,
    /// They ask how far it is.
    Look,
    /// They say that nothing more comes.
    Nothing,
}

async fn tus_goes_on(size: usize, step: Step, again: Again) {
    let bucket = Bucket::start().await;
    let subject = Subject::before(&bucket.endpoint()).await;
    let content = Content::sized(size).bytes;
    let path = tus::begin_sized(&subject, size).await;
    bucket.fail(step, "tus/acme/");
    let failed = tus::patch(&subject, &path, 0, &content).await;
    assert!(failed.status >= 500, "{step:?}: {}", failed.status);
    assert_eq!(tus::fetch(&subject, &path).await.status, 404);
    // For as long as it fails, nobody is told otherwise.
    let refused = tus::patch(&subject, &path, 0, &content).await;
    assert!(refused.status >= 500, "{step:?}: {}", refused.status);
    let refused = tus::patch(&subject, &path, size, b"").await;
    assert!(refused.status >= 500, "{step:?}: {}", refused.status);
    // After this clients ask again, and do not begin another upload.
    assert_eq!(tus::look(&subject, &path).await.status, 423, "{step:?}");
    bucket.heal();
    match again {
        Again::Same => {
            // The bytes are there, which the answer says.
            let answer = tus::patch(&subject, &path, 0, &content).await;
            tus::assert_offset(&answer, 409, size);
        }
        Again::Look => tus::assert_offset(&tus::look(&subject, &path).await, 200, size),
        Again::Nothing => {
            tus::assert_offset(&tus::patch(&subject, &path, size, b"").await, 204, size);
        }
    }
    let fetched = tus::fetch(&subject, &path).await;
    assert_eq!((fetched.status, fetched.is_whole), (200, true), "{step:?} {again:?}");
    assert!(fetched.body == content, "{step:?} {again:?}");
    assert_eq!(bucket.keys(".casgate/"), [""; 0], "segments are left");
}

#[tokio::test]
async fn the_same_piece_again() {
    for (size, step) in STEPS {
        tus_goes_on(size, step, Again::Same).await;
    }
}

#[tokio::test]
async fn the_question_how_far_it_is() {
    for (size, step) in STEPS {
        tus_goes_on(size, step, Again::Look).await;
    }
}

#[tokio::test]
async fn a_piece_without_bytes() {
    for (size, step) in STEPS {
        tus_goes_on(size, step, Again::Nothing).await;
    }
}

/// The length can come last, with no bytes.
#[tokio::test]
async fn a_length_that_is_said_again() {
    let bucket = Bucket::start().await;
    let subject = Subject::before(&bucket.endpoint()).await;
    let path = tus::begin(&subject, "Upload-Defer-Length: 1\r\n").await;
    tus::assert_offset(&tus::patch(&subject, &path, 0, b"abc").await, 204, 3);
    bucket.fail(Step::Put, "tus/acme/");
    let lines = format!("{}Upload-Length: 3\r\n", tus::lines_of_patch(3));
    for _ in 0..2 {
        let failed = subject.ask("PATCH", &path, &lines, b"").await;
        assert!(failed.status >= 500, "{}", failed.status);
    }
    bucket.heal();
    tus::assert_offset(&subject.ask("PATCH", &path, &lines, b"").await, 204, 3);
    assert_eq!(tus::fetch(&subject, &path).await.body, b"abc");
}

#[tokio::test]
async fn the_same_by_the_protocol_of_the_ietf() {
    for (size, step) in STEPS {
        let bucket = Bucket::start().await;
        let subject = Subject::before(&bucket.endpoint()).await;
        let content = Content::sized(size).bytes;
        let begun = resumable::begin(&subject, "Upload-Complete: ?0\r\n", &content).await;
        assert_eq!((begun.status, begun.header("upload-complete")), (201, Some("?0")));
        let path = begun.header("location").unwrap();
        bucket.fail(step, "ietf/acme/");
        for _ in 0..2 {
            let failed = piece(&subject, path, size, true, b"").await;
            assert!(failed.status >= 500, "{step:?}: {}", failed.status);
            assert_eq!(failed.header("content-type"), Some("application/problem+json"), "{step:?}");
            assert_ne!(failed.header("upload-complete"), Some("?1"), "{step:?}");
        }
        let looked = subject.ask("HEAD", path, &of_tenant("acme"), b"").await;
        assert!(looked.status >= 500, "{step:?}: {}", looked.status);
        bucket.heal();
        let ended = piece(&subject, path, size, true, b"").await;
        assert_eq!((ended.status, ended.header("upload-complete")), (201, Some("?1")));
        let fetched = subject.ask("GET", path, &of_tenant("acme"), b"").await;
        assert_eq!((fetched.status, fetched.is_whole), (200, true), "{step:?}");
        assert!(fetched.body == content, "{step:?}");
        assert_eq!(bucket.keys(".casgate/"), [""; 0], "segments are left");
    }
}
