//! Documents that several write.

use casgate::bucket::objects::{DOCUMENT_BYTES_MAX, Document, Expected, Objects as _, Swap, Tag};
use casgate::error::Kind;
use futures_util::future::join_all;

use super::{Subject, bytes};

/// Writers of each round of a race.
const WRITERS: usize = 8;

const ROUNDS: usize = 6;

async fn write(subject: &Subject, body: &[u8], expected: Expected<'_>) -> Swap {
    subject.objects.write_document(&subject.key(1), body, expected).await.unwrap()
}

#[track_caller]
fn written(swap: Swap) -> Tag {
    let Swap::Written(tag) = swap else { panic!("a conflict") };
    tag
}

pub(super) async fn one_follows_another(subject: &Subject) {
    let key = subject.key(1);
    assert_eq!(subject.objects.document(key.key()).await.unwrap(), None);
    let first = written(write(subject, b"first", Expected::Absent).await);
    let there = || async { subject.objects.document(key.key()).await.unwrap() };
    let document = |bytes: &[u8], tag: &Tag| Document { bytes: bytes.to_vec(), tag: tag.clone() };
    assert_eq!(there().await, Some(document(b"first", &first)));
    assert_eq!(write(subject, b"other", Expected::Absent).await, Swap::Conflict);
    assert_eq!(there().await, Some(document(b"first", &first)));
    let second = written(write(subject, b"second", Expected::As(&first)).await);
    assert_ne!(first, second);
    assert_eq!(write(subject, b"other", Expected::As(&first)).await, Swap::Conflict);
    assert_eq!(there().await, Some(document(b"second", &second)));
    subject.objects.delete(&key).await.unwrap();
    assert_eq!(write(subject, b"other", Expected::As(&second)).await, Swap::Conflict);
    assert_eq!(there().await, None);
    written(write(subject, b"again", Expected::Absent).await);
}

pub(super) async fn the_longest_fits(subject: &Subject) {
    let key = subject.key(1);
    let longest = bytes(DOCUMENT_BYTES_MAX, 1);
    let tag = written(write(subject, &longest, Expected::Absent).await);
    let there = subject.objects.document(key.key()).await.unwrap().unwrap();
    assert!(there.bytes == longest && there.tag == tag);
    for body in [bytes(DOCUMENT_BYTES_MAX + 1, 1), Vec::new()] {
        let refused = subject.objects.write_document(&key, &body, Expected::As(&tag)).await;
        assert_eq!(refused.unwrap_err().kind(), Kind::Internal);
    }
    subject.objects.put(&key, &bytes(DOCUMENT_BYTES_MAX + 1, 1)).await.unwrap();
    let too_long = subject.objects.document(key.key()).await;
    assert_eq!(too_long.unwrap_err().kind(), Kind::StorageFailed);
}

pub(super) async fn one_writer_wins(subject: &Subject) {
    let mut last: Option<Tag> = None;
    for round in 0..ROUNDS {
        let bodies = (0..WRITERS).map(|writer| format!("{round} {writer} {}", "x".repeat(9000)));
        let bodies: Vec<_> = bodies.collect();
        let expected = last.as_ref().map_or(Expected::Absent, Expected::As);
        let writes = bodies.iter().map(|body| write(subject, body.as_bytes(), expected));
        let swaps = join_all(writes).await;
        let mut winners = bodies.iter().zip(swaps).filter_map(|(body, swap)| match swap {
            Swap::Written(tag) => Some((body, tag)),
            Swap::Conflict => None,
        });
        let (body, tag) = winners.next().expect("nobody won");
        assert!(winners.next().is_none(), "several won");
        let there = subject.objects.document(subject.key(1).key()).await.unwrap().unwrap();
        assert!(there.bytes == body.as_bytes() && there.tag == tag);
        last = Some(tag);
    }
}
