//! What is deleted, when, and what is not.

use super::*;
use crate::bucket::objects::Objects as _;
use crate::bucket::objects::memory::Fate as ObjectFate;
use crate::state::flaky::Fate;
use crate::state::{StateStore as _, memory::Memory};

const NONE: [&str; 0] = [];

async fn uploaded(world: &World, size: u64) -> UploadId {
    let id = world.begin().await;
    world.append(id, &Random::new(size).bytes(size)).await.unwrap();
    id
}

#[tokio::test]
async fn what_is_idle_is_deleted_and_nothing_else() {
    let world = World::<Flaky>::default();
    let (idle, busy) = (uploaded(&world, 100).await, uploaded(&world, 100).await);
    let aborted = uploaded(&world, 100).await;
    world.objects.fates([ObjectFate::Lost]);
    world.engine().abort(aborted, &world.owner).await.unwrap();
    wait(IDLE / 2);
    assert_eq!(world.engine().sweep().await, Swept::default());
    world.append(busy, b"more").await.unwrap();
    wait(IDLE / 2);
    let young = uploaded(&world, 100).await;
    let before = world.segments();
    let swept = world.engine().sweep().await;
    let of = |id: UploadId| before.iter().filter(|key| key.contains(&id.to_string())).count();
    let deleted = of(idle) + of(aborted);
    assert_eq!(swept, Swept { uploads: 1, deleted, failure: None });
    assert!(matches!(world.size(idle).await, Err(Refused::Unknown)));
    for (id, size) in [(busy, 104), (young, 100)] {
        assert_eq!(world.commit(id).await.unwrap().size, size);
    }
    assert_eq!(world.objects.keys(), [TARGET]);
}

#[tokio::test]
async fn what_is_not_ours_stays() {
    let world = World::<Flaky>::default();
    let keys = ["", "a", "not-an-upload/0", "ffffffff-ffff-7fff-bfff-ffffffffffff", "z/z"];
    let keys = keys.map(|name| format!("{UPLOADS}{name}"));
    for key in &keys {
        let name = key.strip_prefix(UPLOADS).unwrap();
        world.objects.put(&WritableKey::of_books(UPLOADS, name), b"").await.unwrap();
    }
    let id = uploaded(&world, 100).await;
    wait(IDLE);
    let swept = world.engine().sweep().await;
    assert_eq!((swept.uploads, swept.failure), (1, None));
    assert!(matches!(world.size(id).await, Err(Refused::Unknown)));
    let mut left = keys.to_vec();
    left.sort();
    assert_eq!(world.segments(), left);
}

#[tokio::test]
async fn nothing_is_deleted_while_the_state_store_is_away() {
    let world = World::<Flaky>::default();
    for _ in 0..3 {
        uploaded(&world, 20).await;
    }
    wait(IDLE);
    let before = world.objects.keys();
    world.store.next(Fate::NotDone);
    let swept = world.engine().sweep().await;
    assert!(swept.failure.is_some());
    assert_eq!((swept.deleted, world.objects.keys()), (0, before.clone()));
    // It does not even answer questions.
    world.store.next(Fate::LostAfterWithReads);
    let begun = world.engine().begin(&world.owner, Beginning::default()).await;
    assert!(begun.is_err());
    let swept = world.engine().sweep().await;
    assert!(swept.failure.is_some());
    assert_eq!((swept.deleted, world.objects.keys()), (0, before));
    world.store.heal();
    let swept = world.engine().sweep().await;
    assert_eq!((swept.uploads, swept.failure), (3, None));
    assert_eq!(world.objects.keys(), NONE);
}

/// The state store may have been lost, with uploads in it that somebody is at.
#[tokio::test]
async fn what_nobody_knows_is_deleted_when_all_of_it_is_old() {
    let mut world = World::<Flaky>::default();
    let old = uploaded(&world, 100).await;
    let busy = uploaded(&world, 100).await;
    wait(IDLE / 2);
    world.append(busy, &[1; 20]).await.unwrap();
    world.store.memory = Memory::default();
    wait(IDLE / 2);
    let swept = world.engine().sweep().await;
    assert_eq!((swept.uploads, swept.failure), (1, None));
    let keys = world.segments();
    assert!(!keys.is_empty() && keys.iter().all(|key| !key.contains(&old.to_string())));
    wait(IDLE / 2);
    assert_eq!(world.engine().sweep().await.uploads, 1);
    assert_eq!(world.objects.keys(), NONE);
}

#[tokio::test]
async fn a_register_that_cannot_be_read_keeps_its_upload() {
    use crate::state::{Nonce, Record};
    let world = World::<Flaky>::default();
    let (id, other) = (uploaded(&world, 100).await, uploaded(&world, 20).await);
    let register = super::super::register::register(id);
    let seen = world.store.read(&register, now()).await.unwrap().unwrap();
    let nonce = Nonce::new([9; 16]);
    let record = Record { nonce, end: register.end(), value: b"theirs".to_vec() };
    world.store.replace(&register, &seen.version, &record, now()).await.unwrap();
    wait(IDLE);
    let swept = world.engine().sweep().await;
    assert!(swept.failure.is_some());
    assert_eq!(swept.uploads, 1);
    let keys = world.segments();
    assert!(keys.len() == 7 && keys.iter().all(|key| !key.contains(&other.to_string())));
}

#[tokio::test]
async fn what_was_half_made_is_deleted_when_nobody_goes_on() {
    let world = World::<Flaky>::default();
    let id = uploaded(&world, 100).await;
    let engine = world.engine();
    let commit = world.close(id).await.unwrap();
    engine.assemble(&commit, &target(), &Annotations::default()).await.unwrap();
    wait(IDLE / 2);
    // Somebody tries again.
    world.close(id).await.unwrap();
    wait(IDLE / 2);
    assert_eq!(world.engine().sweep().await, Swept::default());
    assert_eq!(world.commit(id).await.unwrap().size, 100);
    let id = uploaded(&world, 30).await;
    let commit = world.close(id).await.unwrap();
    let other = WritableKey::of_record("acme/other".to_owned()).unwrap();
    let refused = engine.assemble(&commit, &other, &Annotations::default()).await;
    assert!(matches!(refused, Err(Refused::Elsewhere(_))), "{refused:?}");
    engine.assemble(&commit, &target(), &Annotations::default()).await.unwrap();
    wait(IDLE);
    assert_eq!(world.engine().sweep().await.uploads, 1);
    assert_eq!(world.objects.keys(), NONE);
    let refused = engine.assemble(&commit, &target(), &Annotations::default()).await;
    assert!(matches!(refused, Err(Refused::Unknown)), "{refused:?}");
    assert!(matches!(engine.end(&commit, &world.owner).await, Err(Refused::Unknown)));
    assert_eq!(world.objects.keys(), NONE);
}

#[tokio::test]
async fn an_object_stays_whatever_is_left_of_its_upload() {
    let world = World::<Flaky>::default();
    let id = uploaded(&world, 100).await;
    let engine = world.engine();
    let commit = world.close(id).await.unwrap();
    engine.assemble(&commit, &target(), &Annotations::default()).await.unwrap();
    world.objects.fates([ObjectFate::Done, ObjectFate::Lost, ObjectFate::Lost]);
    engine.end(&commit, &world.owner).await.unwrap();
    assert_eq!(world.segments().len(), 2);
    wait(IDLE);
    let swept = world.engine().sweep().await;
    assert_eq!(swept, Swept { uploads: 0, deleted: 2, failure: None });
    assert_eq!(world.objects.keys(), [TARGET]);
}

#[tokio::test]
async fn what_cannot_be_deleted_does_not_stop_a_sweep() {
    let world = World::<Flaky>::default();
    for size in [20, 100] {
        uploaded(&world, size).await;
    }
    wait(IDLE);
    world.objects.fates([ObjectFate::Done, ObjectFate::Done, ObjectFate::Lost]);
    let swept = world.engine().sweep().await;
    assert!(swept.failure.is_some());
    assert_eq!((swept.uploads, world.segments().len()), (2, 1));
    assert_eq!(world.engine().sweep().await, Swept { uploads: 0, deleted: 1, failure: None });
}
