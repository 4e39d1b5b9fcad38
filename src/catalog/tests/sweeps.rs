//! What is left over, and ends.

use super::*;
use crate::bucket::objects::memory::Fate;

const LONG_AFTER: Duration = Duration::from_hours(10 * 24);

async fn sweep(objects: &MemoryObjects, after: Duration) -> Swept {
    let swept = catalog(objects).sweep(DAY, now() + after, None).await;
    assert!(swept.failure.is_none() && swept.next.is_none(), "{swept:?}");
    swept
}

/// The documents of blobs, and their objects.
fn left(objects: &MemoryObjects) -> Vec<String> {
    let mut keys = objects.keys();
    keys.retain(|key| key.contains("/blobs/") || key.starts_with("data/"));
    keys
}

#[tokio::test]
async fn what_was_announced_ends() {
    let objects = MemoryObjects::default();
    objects.set_now(now());
    let catalog = catalog(&objects);
    let id = store(&catalog, "acme", b"one").await.unwrap();
    sweep(&objects, DAY - HOUR).await;
    assert!(has_object(&objects, id));
    // Whoever is still at it says so.
    let later = now() + DAY - HOUR;
    catalog.announce(&caller("acme"), id, &object(id), later).await.unwrap();
    sweep(&objects, DAY + HOUR).await;
    assert!(has_object(&objects, id));
    assert_eq!(sweep(&objects, 2 * DAY).await.deleted, 1);
    assert!(!has_object(&objects, id));
    let blob = (id, 3, &digests(b"one"));
    let late = catalog.publish(&caller("acme"), &version("disk"), blob, now()).await;
    assert!(matches!(late, Err(Refused::Unknown)), "{late:?}");
    // The object is made by somebody who did not notice.
    objects.put(&object(id), b"one").await.unwrap();
    assert_eq!(sweep(&objects, 4 * DAY).await.finished, 1);
    assert!(!has_object(&objects, id));
    assert_eq!(sweep(&objects, 10 * DAY).await.forgotten, 0);
    assert_eq!(sweep(&objects, 12 * DAY).await.forgotten, 1);
    assert!(left(&objects).is_empty());
}

#[tokio::test]
async fn what_is_in_use_stays() {
    let objects = MemoryObjects::default();
    let catalog = catalog(&objects);
    for number in 0..7_u8 {
        upload(&catalog, "acme", &format!("disk-{}", number % 3), &[number]).await.unwrap();
    }
    let before = objects.keys();
    let swept = sweep(&objects, LONG_AFTER).await;
    assert_eq!((swept.seen, swept.deleted, swept.let_go), (7, 0, 0));
    assert!(objects.keys() == before);
}

/// A version that came to nothing just before the artifact would have had it.
#[tokio::test]
async fn claims_of_nobody_end() {
    let objects = MemoryObjects::default();
    let catalog = catalog(&objects);
    let id = store(&catalog, "acme", b"one").await.unwrap();
    let digests = digests(b"one");
    // Two reads, a note, three hints; and the write of the artifact, and the look what became of it.
    let done = [Fate::Done; 6];
    objects.fates(done.into_iter().chain([Fate::Lost, Fate::Done]));
    let publish =
        async || catalog.publish(&caller("acme"), &version("disk"), (id, 3, &digests), now()).await;
    let failed = publish().await;
    assert!(matches!(failed, Err(Refused::Failed(_))), "{failed:?}");
    assert_eq!(catalog.blob(&caller("acme"), id).await.unwrap().references.len(), 1);
    publish().await.unwrap();
    assert_eq!(catalog.blob(&caller("acme"), id).await.unwrap().references.len(), 2);
    let swept = sweep(&objects, LONG_AFTER).await;
    assert_eq!((swept.let_go, swept.deleted), (1, 0));
    assert_eq!(catalog.blob(&caller("acme"), id).await.unwrap().references.len(), 1);
    assert!(has_object(&objects, id));
}

#[tokio::test]
async fn an_artifact_that_never_was_is_none_after_a_sweep() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let id = store(&catalog, "acme", b"one").await.unwrap();
    objects.fates([Fate::Done; 6].into_iter().chain([Fate::Lost, Fate::Done]));
    let blob = (id, 3, &digests(b"one"));
    catalog.publish(&acme, &version("disk"), blob, now()).await.unwrap_err();
    let swept = sweep(&objects, LONG_AFTER).await;
    assert_eq!((swept.let_go, swept.deleted), (1, 1));
    assert!(!has_object(&objects, id));
    assert!(catalog.artifacts(&acme).await.unwrap().is_empty());
    assert_eq!(indices(&upload(&catalog, "acme", "disk", b"two").await.unwrap()), [1]);
}

#[tokio::test]
async fn deletions_that_broke_off_are_finished() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let id = newest(&upload(&catalog, "acme", "disk", b"one").await.unwrap());
    // Everything but the write of the artifact fails.
    objects.fates([Fate::Done; 3].into_iter().chain([Fate::Lost; 20]));
    catalog.remove(&acme, &named("disk"), now()).await.unwrap();
    objects.fates([]);
    assert!(has_object(&objects, id));
    assert_eq!(sweep(&objects, LONG_AFTER).await.deleted, 1);
    assert!(!has_object(&objects, id));

    let id = newest(&upload(&catalog, "acme", "disk", b"one").await.unwrap());
    objects.fates([Fate::Done; 5].into_iter().chain([Fate::Lost; 20]));
    catalog.remove(&acme, &named("disk"), now()).await.unwrap();
    objects.fates([]);
    assert!(has_object(&objects, id));
    sweep(&objects, LONG_AFTER).await;
    assert!(!has_object(&objects, id));
    let hints = objects.keys();
    assert!(!hints.iter().any(|key| key.contains("/digests/")));
}

#[tokio::test]
async fn a_failure_does_not_end_a_sweep() {
    let objects = MemoryObjects::default();
    let catalog = catalog(&objects);
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(store(&catalog, "acme", &[number]).await.unwrap());
    }
    // In the order of their keys: what is lost is the question for another than the wrong one.
    ids.sort_unstable();
    let wrong = catalog.blob_key(ids[7]);
    objects.put(&wrong, b"{\"form\":2}").await.unwrap();
    objects.fates([Fate::Done, Fate::Lost]);
    let swept = catalog.sweep(DAY, now() + LONG_AFTER, None).await;
    assert_eq!((swept.seen, swept.deleted, swept.failed), (8, 6, 2));
    assert!(swept.failure.is_some());
    assert_eq!(objects.get(wrong.key().as_str()).unwrap(), b"{\"form\":2}");
    objects.fates([Fate::Lost]);
    let swept = catalog.sweep(DAY, now() + LONG_AFTER, None).await;
    assert_eq!((swept.seen, swept.failed), (0, 1));
}

#[tokio::test]
async fn a_long_list_is_swept_in_several_runs() {
    let objects = MemoryObjects::default();
    let catalog = catalog(&objects);
    for number in 0..150_u8 {
        store(&catalog, "acme", &[number]).await.unwrap();
    }
    let (mut next, mut deleted, mut runs) = (None, 0, 0);
    loop {
        let swept = catalog.sweep(DAY, now() + LONG_AFTER, next).await;
        assert!(swept.failure.is_none(), "{swept:?}");
        deleted += swept.deleted;
        runs += 1;
        next = swept.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!((deleted, runs), (150, 3));
}
