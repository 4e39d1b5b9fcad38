//! What both sweeps leave, three days after.

use std::sync::Arc;

use super::bucket::{Bucket, Step};
use super::publications::{sweep, with_books};
use super::{SEGMENT, Subject, of_tenant, resumable, tus};
use crate::support::content::Content;
use crate::support::embedded::Embedded;
use crate::support::relay::Relay;

#[tokio::test]
async fn what_is_complete_stays() {
    let bucket = Bucket::start().await;
    let subject = Subject::before(&bucket.endpoint()).await;
    for size in [0, 1000, SEGMENT + 1000] {
        let content = Content::sized(size).bytes;
        let path = tus::begin_sized(&subject, size).await;
        if size > 0 {
            tus::assert_offset(&tus::patch(&subject, &path, 0, &content).await, 204, size);
        }
        let begun = resumable::begin(&subject, "Upload-Complete: ?1\r\n", &content).await;
        assert_eq!((begun.status, begun.header("upload-complete")), (201, Some("?1")));
        sweep(&subject).await;
        tus::assert_offset(&tus::look(&subject, &path).await, 200, size);
        for path in [path.as_str(), begun.header("location").unwrap()] {
            let fetched = subject.ask("GET", path, &of_tenant("acme"), b"").await;
            assert_eq!((fetched.status, fetched.is_whole), (200, true), "{path}");
            assert!(fetched.body == content, "{path}");
        }
    }
}

#[tokio::test]
async fn what_nobody_went_on_with_is_gone() {
    let bucket = Bucket::start().await;
    let subject = Subject::before(&bucket.endpoint()).await;
    let content = Content::sized(SEGMENT + 1000).bytes;
    let path = tus::begin_sized(&subject, SEGMENT + 2000).await;
    tus::assert_offset(&tus::patch(&subject, &path, 0, &content).await, 204, content.len());
    assert_eq!(bucket.keys(".casgate/uploads/").len(), 2);
    sweep(&subject).await;
    assert_eq!(bucket.keys(""), [""; 0]);
    assert_eq!(tus::look(&subject, &path).await.status, 404);
    assert_eq!(tus::patch(&subject, &path, content.len(), &[0; 1000]).await.status, 404);
    assert_eq!(tus::fetch(&subject, &path).await.status, 404);
}

/// Whoever heard of a failure and never asked again has nothing, and storage has nothing either.
#[tokio::test]
async fn what_failed_at_its_end_is_gone() {
    for (size, step) in [(1000, Step::Put), (SEGMENT + 1000, Step::Complete)] {
        let bucket = Bucket::start().await;
        let subject = Subject::before(&bucket.endpoint()).await;
        let path = tus::begin_sized(&subject, size).await;
        bucket.fail(step, "tus/acme/");
        let failed = tus::patch(&subject, &path, 0, &Content::sized(size).bytes).await;
        assert!(failed.status >= 500, "{}", failed.status);
        bucket.heal();
        sweep(&subject).await;
        assert_eq!(bucket.keys(""), [""; 0]);
        assert_eq!(tus::look(&subject, &path).await.status, 404);
        assert_eq!(tus::fetch(&subject, &path).await.status, 404);
    }
}

/// The object is there when the state store fails. Asked for again it counts, and else it goes.
#[tokio::test]
async fn an_object_that_nobody_was_told_of() {
    for is_asked_for in [true, false] {
        let (bucket, books) = (Bucket::start().await, Embedded::start().await);
        let relay = Arc::new(Relay::to(books.address).await);
        let subject = with_books(&bucket, &relay).await;
        let content = Content::sized(SEGMENT + 1000).bytes;
        let path = tus::begin_sized(&subject, content.len()).await;
        let way = Arc::clone(&relay);
        bucket.call(Step::Complete, "tus/acme/", move || way.cut());
        let failed = tus::patch(&subject, &path, 0, &content).await;
        assert!(failed.status >= 500, "{}", failed.status);
        assert_eq!(bucket.keys("tus/acme/").len(), 1);
        // What is not known is to be asked for again.
        assert_eq!(tus::look(&subject, &path).await.status, 423);
        bucket.heal();
        relay.open();
        if is_asked_for {
            tus::assert_offset(&tus::look(&subject, &path).await, 200, content.len());
        }
        sweep(&subject).await;
        let fetched = tus::fetch(&subject, &path).await;
        match is_asked_for {
            true => assert!(fetched.status == 200 && fetched.body == content),
            false => assert_eq!((fetched.status, bucket.keys("tus/")), (404, Vec::new())),
        }
    }
}
