//! One step after the other, with nothing in between.

use super::*;
use crate::content::digests::Algorithm;
use crate::error::Kind;

fn some(count: u64) -> Vec<u8> {
    Random::new(count).bytes(count)
}

#[tokio::test]
async fn an_upload_becomes_an_object() {
    for size in [0, 1, 15, 16, 17, 32, 33, 100, 16 * 200 + 5] {
        let (world, bytes) = (World::<Flaky>::default(), some(size));
        let id = world.begin().await;
        let progress = world.append(id, &bytes).await.unwrap();
        assert_eq!((progress.size, progress.stage), (size, Stage::Open));
        world.assert_is(id, &bytes).await;
        let commit = world.commit(id).await.unwrap();
        assert_eq!((commit.size, commit.digests), (size, digests(&bytes)));
        world.assert_object_is(&bytes);
        assert_eq!(world.objects.keys(), [TARGET]);
        let progress = world.engine().look(id, &world.owner).await.unwrap();
        assert_eq!((progress.size, progress.stage), (size, Stage::Done));
        assert!(world.close(id).await.unwrap().is_done);
    }
}

#[tokio::test]
async fn pieces_of_any_size_make_one_whole() {
    for piece in [1, 2, 3, 15, 16, 17, 31, 40] {
        let (world, bytes) = (World::<Flaky>::default(), some(500));
        let id = world.begin().await;
        for (number, part) in bytes.chunks(piece).enumerate() {
            let offset = Some((number * piece) as u64);
            let known = Piece { offset, bytes: Some(part.len() as u64), ..Piece::default() };
            let progress = world.append_piece(id, part, known).await.unwrap();
            assert_eq!(progress.size, (number * piece + part.len()) as u64);
            assert!(world.segments().len() < 64, "{:?}", world.segments());
        }
        world.assert_is(id, &bytes).await;
        world.commit(id).await.unwrap();
        world.assert_object_is(&bytes);
    }
}

#[tokio::test]
async fn what_is_superseded_does_not_stay() {
    let world = World::<Flaky>::default();
    let id = world.begin().await;
    for byte in some(64) {
        world.append(id, &[byte]).await.unwrap();
    }
    assert_eq!(world.segments().len(), 4);
    world.truncate(id, 20).await.unwrap();
    assert_eq!(world.segments().len(), 2);
    world.truncate(id, 0).await.unwrap();
    assert_eq!(world.segments().len(), 0);
}

#[tokio::test]
async fn an_upload_is_cut_anywhere() {
    let bytes = some(16 * 200 + 9);
    for size in (0..=40).chain([1000, 1023, 1024, 1025, 1040, 2048, 2049, 3199, 3200, 3201, 3209]) {
        let world = World::<Flaky>::default();
        let id = world.begin().await;
        world.append(id, &bytes[..3000]).await.unwrap();
        for part in bytes[3000..].chunks(3) {
            world.append(id, part).await.unwrap();
        }
        let progress = world.truncate(id, size as u64).await.unwrap();
        assert_eq!(progress.size, size as u64);
        world.assert_is(id, &bytes[..size]).await;
        // And it goes on from there.
        world.append(id, &bytes[size..]).await.unwrap();
        world.assert_is(id, &bytes).await;
        world.commit(id).await.unwrap();
        world.assert_object_is(&bytes);
        assert_eq!(world.objects.keys(), [TARGET]);
    }
}

#[tokio::test]
async fn an_upload_is_where_it_is() {
    let world = World::<Flaky>::default();
    let id = world.begin().await;
    world.append(id, &some(20)).await.unwrap();
    for offset in [0, 19, 21] {
        let piece = Piece { offset: Some(offset), ..Piece::default() };
        let refused = world.append_piece(id, b"x", piece).await;
        let Err(Refused::Elsewhere(progress)) = refused else { panic!("{refused:?}") };
        assert_eq!(progress.size, 20);
    }
    assert!(matches!(world.truncate(id, 21).await, Err(Refused::Length)));
    world.truncate(id, 20).await.unwrap();
    world.assert_is(id, &some(20)).await;
}

#[tokio::test]
async fn a_closed_upload_is_not_changed() {
    let world = World::<Flaky>::default();
    let id = world.begin().await;
    world.append(id, &some(20)).await.unwrap();
    for stage in [Stage::Committing, Stage::Done] {
        if stage == Stage::Done {
            world.commit(id).await.unwrap();
        } else {
            world.close(id).await.unwrap();
        }
        let elsewhere = WritableKey::of_record("acme/other".to_owned()).unwrap();
        for refused in [
            world.append(id, b"x").await.map(|_| ()),
            world.truncate(id, 1).await.map(|_| ()),
            world.engine().abort(id, &world.owner).await,
            world.engine().close(id, &world.owner, &elsewhere).await.map(|_| ()),
        ] {
            let Err(Refused::Elsewhere(progress)) = refused else { panic!("{refused:?}") };
            assert_eq!((progress.stage, progress.size), (stage, 20));
        }
    }
    world.assert_object_is(&some(20));
}

#[tokio::test]
async fn nobody_else_gets_to_know() {
    let world = World::<Flaky>::default();
    let id = world.begin().await;
    let never = UploadId::new([3; 16], now());
    let others = [Owner::new("/sf", Some("other")), Owner::new("/tus", Some("acme"))];
    for (id, owner) in [(id, &others[0]), (id, &others[1]), (never, &world.owner)] {
        let engine = world.engine();
        for refused in [
            engine.look(id, owner).await.map(|_| ()),
            engine.append(id, owner, Piece::default()).await.map(|_| ()),
            engine.truncate(id, owner, 0).await.map(|_| ()),
            engine.abort(id, owner).await,
            engine.close(id, owner, &target()).await.map(|_| ()),
        ] {
            assert!(matches!(refused, Err(Refused::Unknown)), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn what_was_said_of_an_upload_is_told_again() {
    let world = World::<Flaky>::default();
    let metadata = "m".repeat(METADATA_BYTES_MAX);
    let beginning = Beginning { length: Some(20), metadata: metadata.clone() };
    let id = world.engine().begin(&world.owner, beginning).await.unwrap().id;
    let progress = world.append(id, &some(20)).await.unwrap();
    assert_eq!((progress.length, &progress.metadata), (Some(20), &metadata));
    assert_eq!(world.commit(id).await.unwrap().metadata, metadata);
    let beginning = Beginning { length: None, metadata: metadata + "m" };
    let refused = world.engine().begin(&world.owner, beginning).await;
    assert!(matches!(refused, Err(Refused::Failed(Error::InvalidRequest(_)))));
}

#[tokio::test]
async fn an_upload_has_the_length_that_was_said() {
    let world = World::<Flaky>::default();
    let beginning = Beginning { length: Some(40), ..Beginning::default() };
    let id = world.engine().begin(&world.owner, beginning).await.unwrap().id;
    let longer = Piece { bytes: Some(41), ..Piece::default() };
    let other = Piece { length: Some(41), ..Piece::default() };
    for (bytes, piece) in [(0, longer), (0, other), (41, Piece::default())] {
        let refused = world.append_piece(id, &some(bytes), piece).await;
        assert!(matches!(refused, Err(Refused::Length)), "{refused:?}");
    }
    world.append(id, &some(39)).await.unwrap();
    assert!(matches!(world.close(id).await, Err(Refused::Length)));
    world.append(id, b"x").await.unwrap();
    assert_eq!(world.commit(id).await.unwrap().size, 40);
    // What is said later counts from then on.
    let id = world.begin().await;
    let piece = Piece { length: Some(3), ..Piece::default() };
    assert_eq!(world.append_piece(id, b"abc", piece).await.unwrap().length, Some(3));
    assert!(matches!(world.append(id, b"d").await, Err(Refused::Length)));
    let piece = Piece { length: Some(2), ..Piece::default() };
    assert!(matches!(world.append_piece(id, b"", piece).await, Err(Refused::Length)));
}

#[tokio::test]
async fn no_upload_is_larger_than_it_may_be() {
    let world = World::<Flaky>::default();
    let beginning = Beginning { length: Some(SIZE_MAX + 1), ..Beginning::default() };
    let refused = world.engine().begin(&world.owner, beginning).await;
    assert!(matches!(refused, Err(Refused::TooLarge(SIZE_MAX))), "{refused:?}");
    let id = world.begin().await;
    let known = Piece { bytes: Some(SIZE_MAX + 1), ..Piece::default() };
    let said = Piece { length: Some(SIZE_MAX + 1), ..Piece::default() };
    for (bytes, piece) in [(0, known), (0, said), (SIZE_MAX + 1, Piece::default())] {
        let refused = world.append_piece(id, &some(bytes), piece).await;
        assert!(matches!(refused, Err(Refused::TooLarge(SIZE_MAX))), "{refused:?}");
    }
    let overflow = Piece { bytes: Some(u64::MAX), ..Piece::default() };
    assert!(world.append_piece(id, b"", overflow).await.is_err());
    assert_eq!(world.size(id).await.unwrap(), 0);
    world.append(id, &some(SIZE_MAX)).await.unwrap();
    world.commit(id).await.unwrap();
    world.assert_object_is(&some(SIZE_MAX));
}

/// Storage takes so many parts.
#[tokio::test]
async fn no_upload_has_more_parts_than_storage_takes() {
    let world = World::<Flaky>::default();
    let mut engine = world.engine();
    engine.settings = Settings { segment_bytes: 2, ..engine.settings };
    let id = engine.begin(&world.owner, Beginning::default()).await.unwrap().id;
    let piece = Piece { bytes: Some(20_001), ..Piece::default() };
    let refused = engine.append(id, &world.owner, piece).await.map(|_| ());
    assert!(matches!(refused, Err(Refused::TooLarge(20_000))), "{refused:?}");
    // Replicas with other settings go on with segments as they are.
    world.append(id, &some(20_000)).await.unwrap();
    world.commit(id).await.unwrap();
    world.assert_object_is(&some(20_000));
}

#[tokio::test]
async fn bytes_count_if_they_hash_to_what_was_said() {
    for algorithm in Algorithm::ALL {
        let (world, bytes) = (World::<Flaky>::default(), some(50));
        let id = world.begin().await;
        world.append(id, b"before").await.unwrap();
        let digest = Some(digests(&bytes).by(algorithm));
        let piece = Piece { digest, ..Piece::default() };
        let refused = world.append_piece(id, &bytes[1..], piece).await;
        assert!(matches!(refused, Err(Refused::Mismatch)), "{refused:?}");
        world.assert_is(id, b"before").await;
        assert_eq!(world.segments().len(), 1);
        world.append_piece(id, &bytes, piece).await.unwrap();
        world.assert_is(id, &[b"before", &*bytes].concat()).await;
    }
}

#[tokio::test]
async fn a_piece_that_does_not_come_whole_does_not_count() {
    let world = World::<Flaky>::default();
    let id = world.begin().await;
    let piece = Piece { bytes: Some(50), ..Piece::default() };
    for bytes in [0, 49, 51] {
        let refused = world.append_piece(id, &some(bytes), piece).await;
        assert!(matches!(refused, Err(Refused::Length)), "{refused:?}");
    }
    let engine = world.engine();
    let mut appending = engine.append(id, &world.owner, piece).await.unwrap();
    send(&mut appending, &some(40)).await.unwrap();
    let refused = appending.finish_part().await;
    assert!(matches!(refused, Err(Refused::Failed(Error::Internal(_)))), "{refused:?}");
    world.assert_is(id, b"").await;
}

#[tokio::test]
async fn parts_count_where_that_is_wanted() {
    let (world, bytes) = (World::<Flaky>::default(), some(50));
    let id = world.begin().await;
    let piece = Piece { bytes: Some(50), keeps_part: true, ..Piece::default() };
    let engine = world.engine();
    let mut appending = engine.append(id, &world.owner, piece).await.unwrap();
    send(&mut appending, &bytes[..40]).await.unwrap();
    assert_eq!(appending.progress().size, 32);
    world.assert_is(id, &bytes[..32]).await;
    drop(appending);
    let piece = Piece { offset: Some(32), bytes: Some(18), ..piece };
    let mut appending = engine.append(id, &world.owner, piece).await.unwrap();
    send(&mut appending, &bytes[32..45]).await.unwrap();
    assert_eq!(appending.finish_part().await.unwrap().size, 45);
    world.assert_is(id, &bytes[..45]).await;
    world.append(id, &bytes[45..]).await.unwrap();
    world.assert_is(id, &bytes).await;
}

#[tokio::test]
async fn nobody_goes_on_after_a_failure() {
    let world = World::<Flaky>::default();
    let id = world.begin().await;
    let engine = world.engine();
    let mut appending = engine.append(id, &world.owner, Piece::default()).await.unwrap();
    world.objects.fates([crate::bucket::objects::memory::Fate::Lost]);
    assert!(send(&mut appending, &some(16)).await.is_err());
    let refused = appending.finish().await;
    assert!(matches!(refused, Err(Refused::Failed(Error::Internal(_)))), "{refused:?}");
    world.assert_is(id, b"").await;
}

#[tokio::test]
async fn who_comes_second_is_told() {
    let world = World::<Flaky>::default();
    let id = world.begin().await;
    let engine = world.engine();
    let mut one = engine.append(id, &world.owner, Piece::default()).await.unwrap();
    let mut other = engine.append(id, &world.owner, Piece::default()).await.unwrap();
    send(&mut one, &some(20)).await.unwrap();
    send(&mut other, &some(30)).await.unwrap();
    other.finish().await.unwrap();
    let refused = one.finish().await;
    assert!(matches!(refused, Err(Refused::Raced)), "{refused:?}");
    world.assert_is(id, &some(30)).await;
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let world = World::<Flaky>::default();
    let id = world.begin().await;
    world.append(id, &some(50)).await.unwrap();
    world.engine().abort(id, &world.owner).await.unwrap();
    assert_eq!(world.objects.keys(), [] as [&str; 0]);
    assert!(matches!(world.append(id, b"x").await, Err(Refused::Unknown)));
    assert!(matches!(world.engine().abort(id, &world.owner).await, Err(Refused::Unknown)));
}

#[tokio::test]
async fn an_upload_is_over_when_nobody_goes_on() {
    let world = World::<Flaky>::default();
    let id = world.begin().await;
    let progress = world.append(id, b"a").await.unwrap();
    assert_eq!(progress.expires, now() + IDLE);
    for _ in 0..31 {
        wait(IDLE - Duration::from_millis(1));
        world.append(id, b"").await.unwrap();
    }
    // It does not go on for ever.
    wait(IDLE / 2);
    let progress = world.append(id, b"b").await.unwrap();
    assert!(progress.expires < now() + IDLE);
    assert_eq!(progress.expires, id.began() + LIFE_MAX);
    wait(IDLE);
    assert!(matches!(world.size(id).await, Err(Refused::Unknown)));
    let id = world.begin().await;
    wait(IDLE);
    assert!(matches!(world.append(id, b"").await, Err(Refused::Unknown)));
    assert!(matches!(world.close(id).await, Err(Refused::Unknown)));
}

#[tokio::test]
async fn what_cannot_be_read_is_left_alone() {
    use crate::state::{Nonce, Record, StateStore as _};
    let world = World::<Flaky>::default();
    let id = UploadId::new([3; 16], now());
    let register = super::super::register::register(id);
    let nonce = Nonce::new([4; 16]);
    let record = Record { nonce, end: register.end(), value: b"theirs".to_vec() };
    world.store.create(&register, &record, now()).await.unwrap();
    let Err(Refused::Failed(error)) = world.append(id, b"x").await else { panic!("it is none") };
    assert_eq!(error.kind(), Kind::StateUnavailable);
    assert_eq!(world.store.read(&register, now()).await.unwrap().unwrap().record, record);
}

/// An upload that is open takes no more memory than a segment.
#[tokio::test]
async fn a_buffer_does_not_grow() {
    let world = World::<Flaky>::default();
    let mut engine = world.engine();
    engine.settings = Settings { segment_bytes: 1 << 18, size_max: 1 << 30, idle: IDLE };
    let id = engine.begin(&world.owner, Beginning::default()).await.unwrap().id;
    let mut appending = engine.append(id, &world.owner, Piece::default()).await.unwrap();
    let mut most = 0;
    for _ in 0..70 {
        let (buffer, full) = appending.buffer();
        let room = (full - buffer.len()).min(buffer.capacity() - buffer.len()).min(10_000);
        buffer.extend_from_slice(&vec![0; room]);
        most = most.max(buffer.capacity());
        if buffer.len() == full {
            appending.store().await.unwrap();
            most = most.max(appending.buffer().0.capacity());
        }
    }
    assert!(most < (1 << 18) + 1000, "{most} bytes");
    let piece = Piece { bytes: Some(4096), ..Piece::default() };
    let mut appending = engine.append(id, &world.owner, piece).await.unwrap();
    assert!(appending.buffer().0.capacity() <= 64 << 10);
}

/// Whoever serves requests sends them from thread to thread.
#[test]
fn futures_are_sent() {
    fn is_sent<T: Send>(_: T) {}
    let world = World::<Flaky>::default();
    let engine = world.engine();
    let (id, owner) = (UploadId::new([3; 16], now()), &world.owner);
    is_sent(engine.begin(owner, Beginning::default()));
    is_sent(engine.truncate(id, owner, 1));
    is_sent(engine.abort(id, owner));
    is_sent(world.append(id, b""));
    is_sent(world.commit(id));
    is_sent(engine.sweep());
}
