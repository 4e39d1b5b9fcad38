//! How large a header can be, whatever it is packed in.

use super::client::Http2;
use super::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, block, codes, field,
    frame, get_block,
};
use super::wire::{Outcome, Wire};
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM};
use crate::support::storage::Storage;

async fn serving() -> (Content, Storage, Gateway) {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    (content, storage, gateway)
}

/// A header block in as many frames as it takes.
fn frames(stream: u32, block: &[u8]) -> Vec<u8> {
    let pieces: Vec<_> = block.chunks(16_384).collect();
    let mut bytes = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let (kind, first) = if index == 0 { (HEADERS, END_STREAM) } else { (CONTINUATION, 0) };
        let last = if index + 1 == pieces.len() { END_HEADERS } else { 0 };
        bytes.extend(frame(kind, first | last, stream, piece));
    }
    bytes
}

#[tokio::test]
async fn up_to_the_limit_and_not_beyond() {
    let (content, storage, gateway) = serving().await;
    let mut wire = Wire::to(&gateway).await;
    // A field counts as its name, its value, and 32 bytes (RFC 9113 section 6.5.2).
    let used: usize = [(7, 3), (7, 5), (10, 1), (5, content.path().len()), (1, 0)]
        .iter()
        .map(|(name, value)| name + value + 32)
        .sum();
    let fits = 16 * 1024 - used - 1;
    for (stream, length, expected) in [
        (1, fits, Outcome::Answered(200)),
        (3, fits + 1, Outcome::Answered(431)),
        (5, 20_000, Outcome::Answered(431)),
        (7, fits, Outcome::Answered(200)),
    ] {
        let mut block = get_block(&content.path());
        block.extend(field(b"x", "y".repeat(length).as_bytes()));
        wire.send(frames(stream, &block)).await;
        assert_eq!(wire.outcome(stream).await, expected, "{length}");
    }
    assert_eq!(storage.counts().requests, 2);
}

#[tokio::test]
async fn many_fields_are_as_good_as_large_ones() {
    let (content, storage, gateway) = serving().await;
    let mut wire = Wire::to(&gateway).await;
    let mut many = get_block(&content.path());
    for _ in 0..600 {
        many.extend(block(&[("a", "")]));
    }
    wire.send(frames(1, &many)).await;
    assert_eq!(wire.outcome(1).await, Outcome::Answered(431));
    assert_eq!(storage.counts().requests, 0);
}

/// A few bytes on the wire, each of which stands for 4 KB: the dynamic table's only entry.
fn bomb(path: &str, references: usize) -> Vec<u8> {
    let mut bytes = get_block(path);
    let mut entry = field(b"x", "y".repeat(4000).as_bytes());
    // With incremental indexing (RFC 7541 section 6.2.1).
    entry[0] = 0x40;
    bytes.extend(entry);
    // The first index after the static table's 61.
    bytes.extend(std::iter::repeat_n(0x80 | 62, references));
    bytes
}

#[tokio::test]
async fn a_bomb_is_not_unpacked() {
    let (content, storage, gateway) = serving().await;
    let other = Http2::to(&gateway).await;
    // 40 KB, 400 KB, 40 MB and 4 GB of header.
    for references in [10, 100, 10_000, 1_000_000] {
        let mut wire = Wire::to(&gateway).await;
        wire.send(frames(1, &bomb(&content.path(), references))).await;
        let outcome = wire.outcome(1).await;
        let expected = match references {
            // Four times the limit ends more than the request.
            10 => Outcome::Answered(431),
            _ => Outcome::Closed(ENHANCE_YOUR_CALM),
        };
        assert_eq!(outcome, expected, "{references}");
    }
    assert_eq!(storage.counts().requests, 0);
    other.get(&content.path()).await.assert_is(200, &content.bytes);
}

/// One bomb after the other on a connection.
#[tokio::test]
async fn nor_are_many() {
    let (content, storage, gateway) = serving().await;
    let mut wire = Wire::to(&gateway).await;
    let path = content.path();
    let bombs = (0..10_000).map(|number| frames(number * 2 + 1, &bomb(&path, 100)));
    let (taken, answer) = wire.flood(bombs).await;
    assert_eq!(codes(&answer, GOAWAY), [ENHANCE_YOUR_CALM]);
    assert!(taken < 500, "{taken} taken");
    assert_eq!(storage.counts().requests, 0);
    assert_eq!(gateway.metric("casgate_unrouted_total", &["abusive HTTP/2"]), 1);
}
