//! Objects that storage makes of others.

use casgate::bucket::object::Annotations;
use casgate::bucket::objects::{Objects as _, Piece};
use casgate::bucket::write::PART_BYTES_MIN;
use casgate::content::filename::Filename;
use casgate::error::Kind;
use http::HeaderValue;

use super::{NONE, Subject, bytes};

/// More pieces than are copied at the same time.
const PIECES: usize = 10;

fn piece(subject: &Subject, number: u128, bytes: u64) -> Piece {
    Piece { source: subject.key(number).key().clone(), bytes }
}

pub(super) async fn pieces_and_rest(subject: &Subject) {
    let objects = &subject.objects;
    // Each source has more than its piece.
    let length = PART_BYTES_MIN as usize;
    let sources = [bytes(length + 1000, 1), bytes(length + 1, 2), bytes(length, 3)];
    for (number, source) in (1..).zip(&sources) {
        objects.put(&subject.key(number), source).await.unwrap();
    }
    let name = Filename::sanitize("naïve 日本.txt").unwrap();
    let sha = Some(HeaderValue::from_static("0123"));
    let annotations =
        Annotations { filename: Some(name.to_metadata()), sha, ..Annotations::default() };
    let pieces: Vec<_> =
        (0..PIECES).map(|at| piece(subject, at as u128 % 3 + 1, PART_BYTES_MIN)).collect();
    let whole: Vec<u8> = (0..PIECES).flat_map(|at| &sources[at % 3][..length]).copied().collect();
    for (pieces, rest, expected) in [
        (&pieces[..], &b"the rest"[..], [&whole[..], b"the rest"].concat()),
        (&pieces[..1], b"", whole[..length].to_vec()),
        (&[], b"nothing else", b"nothing else".to_vec()),
        (&[], b"", Vec::new()),
    ] {
        objects.assemble(&subject.key(9), &annotations, pieces, rest).await.unwrap();
        assert!(subject.object(9).await == expected, "{} pieces", pieces.len());
        let head = subject.client.head_object().bucket(&subject.bucket.bucket);
        let head = head.key(subject.key(9).key().as_str()).send().await.unwrap();
        let metadata = head.metadata().unwrap();
        assert_eq!(metadata["artifact-sha"], "0123");
        let filename = Filename::from_metadata(metadata["filename"].as_bytes());
        assert_eq!(filename.as_ref(), Some(&name));
    }
    assert_eq!(subject.uploads().await, 0);
}

pub(super) async fn a_missing_piece_leaves_nothing(subject: &Subject) {
    let objects = &subject.objects;
    objects.put(&subject.key(1), &bytes(PART_BYTES_MIN as usize, 1)).await.unwrap();
    objects.put(&subject.key(9), b"as before").await.unwrap();
    let there = piece(subject, 1, PART_BYTES_MIN);
    for pieces in [
        [there.clone(), piece(subject, 2, PART_BYTES_MIN)],
        // It is not so long.
        [there.clone(), piece(subject, 1, PART_BYTES_MIN + 1)],
    ] {
        let failed = objects.assemble(&subject.key(9), NONE, &pieces, b"rest").await;
        assert_eq!(failed.unwrap_err().kind(), Kind::StorageFailed);
        assert!(subject.object(9).await == b"as before");
        assert_eq!(subject.uploads().await, 0);
    }
    let nothing = [there, piece(subject, 1, 0)];
    let failed = objects.assemble(&subject.key(9), NONE, &nothing, b"rest").await;
    assert_eq!(failed.unwrap_err().kind(), Kind::Internal);
}
