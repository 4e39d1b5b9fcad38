//! Storage fails at each call in turn.

use super::*;
use crate::bucket::objects::memory::Fate;

/// What is tried while storage fails, and said of its outcome.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Publish,
    PublishAgain,
    RemoveVersion,
    Remove,
    KeepVersions,
    Share,
    Sweep,
}

impl Deed {
    const ALL: [Self; 7] = [
        Self::Publish,
        Self::PublishAgain,
        Self::RemoveVersion,
        Self::Remove,
        Self::KeepVersions,
        Self::Share,
        Self::Sweep,
    ];

    async fn run(
        self,
        catalog: &Catalog<'_, MemoryObjects>,
        upload: UploadId,
        there: UploadId,
    ) -> Result<(), Refused> {
        let (system, digests) = (caller("system"), digests(b"new"));
        let disk = named("disk");
        let outcome = match self {
            Self::Publish => {
                let blob = (upload, 3, &digests);
                catalog.publish(&system, &version("disk"), blob, now()).await
            }
            Self::PublishAgain => {
                catalog.publish_again(&system, &version("copy"), there, now()).await
            }
            Self::RemoveVersion => catalog.remove_version(&system, &disk, 1, now()).await,
            Self::Remove => catalog.remove(&system, &disk, now()).await,
            Self::KeepVersions => catalog.keep_versions(&system, &disk, 1, now()).await,
            Self::Share => catalog.share(&system, &disk, true, now()).await,
            Self::Sweep => {
                let swept = catalog.sweep(DAY, now() + 2 * DAY, None).await;
                return swept.failure.map_or(Ok(()), Err);
            }
        };
        outcome.map(|_| ())
    }

    /// Whether what was asked can be seen.
    async fn is_done(self, catalog: &Catalog<'_, MemoryObjects>, upload: UploadId) -> bool {
        let system = caller("system");
        let disk = catalog.artifact(&system, &named("disk")).await;
        match self {
            Self::Publish => newest(&disk.unwrap()) == upload,
            Self::PublishAgain => catalog.artifact(&system, &named("copy")).await.is_ok(),
            Self::RemoveVersion => indices(&disk.unwrap()) == [2, 3],
            Self::Remove => matches!(disk, Err(Refused::Unknown)),
            Self::KeepVersions => indices(&disk.unwrap()) == [3],
            Self::Share => {
                let by_id = ArtifactRef::Id(disk.unwrap().id);
                catalog.artifact(&caller("acme"), &by_id).await.is_ok()
            }
            Self::Sweep => true,
        }
    }
}

/// Every version that there is has its object; and nothing else has one, a while later.
pub(super) async fn assert_sound(catalog: &Catalog<'_, MemoryObjects>, about: &str) {
    let artifacts = catalog.artifacts(&caller("system")).await.unwrap();
    let versions = || artifacts.iter().flat_map(|artifact| &artifact.versions);
    for version in versions() {
        assert!(has_object(catalog.objects, version.blob), "{about}: {version:?}");
    }
    for days in [10, 20, 30] {
        let swept = catalog.sweep(DAY, now() + days * DAY, None).await;
        assert!(swept.failure.is_none(), "{about}: {swept:?}");
    }
    for version in versions() {
        assert!(has_object(catalog.objects, version.blob), "{about}: {version:?}, swept");
    }
    let keys = catalog.objects.keys();
    let data = keys.iter().filter(|key| key.starts_with("data/")).count();
    let blobs = keys.iter().filter(|key| key.contains("/blobs/")).count();
    let mut named: Vec<_> = versions().map(|version| version.blob).collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!((data, blobs), (named.len(), named.len()), "{about}");
    for blob in catalog.blobs(&caller("system")).await.unwrap() {
        let count = versions().filter(|version| version.blob == blob.id).count();
        assert_eq!(blob.references.len(), count, "{about}");
    }
}

async fn try_with(deed: Deed, place: usize, fate: Fate) -> bool {
    let objects = MemoryObjects::default();
    let catalog = catalog(&objects);
    for number in 1..=3 {
        self::upload(&catalog, "system", "disk", &[number]).await.unwrap();
    }
    let disk = catalog.artifact(&caller("system"), &named("disk")).await.unwrap();
    let upload = store(&catalog, "system", b"new").await.unwrap();
    let before = objects.log().len();
    objects.fates(std::iter::repeat_n(Fate::Done, place).chain([fate]));
    let outcome = deed.run(&catalog, upload, newest(&disk)).await;
    let is_reached = objects.log().len() - before > place;
    objects.fates([]);
    let about = format!("{deed:?} with call {place} {fate:?}: {outcome:?}");
    let is_done = deed.is_done(&catalog, upload).await;
    match outcome {
        Ok(()) => assert!(is_done, "{about}"),
        Err(Refused::Failed(_)) => {
            // It can be tried again; what was done meanwhile is there, or is not there any more.
            if !is_done {
                deed.run(&catalog, upload, newest(&disk)).await.unwrap();
                assert!(deed.is_done(&catalog, upload).await, "{about}, again");
            }
        }
        Err(refused) => panic!("{about}: {refused:?}"),
    }
    assert_sound(&catalog, &about).await;
    is_reached
}

#[tokio::test]
async fn at_each_call_in_turn() {
    for deed in Deed::ALL {
        for fate in [Fate::Lost, Fate::LostAnswer] {
            let mut place = 0;
            while try_with(deed, place, fate).await {
                place += 1;
            }
            assert!(place >= 4, "{deed:?} has only {place} calls");
        }
    }
}

/// Whoever asks is gone after so many steps.
#[tokio::test]
async fn nobody_waits_for_the_end() {
    for deed in Deed::ALL {
        for steps in 0..40 {
            let objects = MemoryObjects::crowded();
            let catalog = catalog(&objects);
            for number in 1..=4 {
                self::upload(&catalog, "system", "disk", &[number]).await.unwrap();
            }
            let disk = catalog.artifact(&caller("system"), &named("disk")).await.unwrap();
            let upload = store(&catalog, "system", b"new").await.unwrap();
            let mut running = Box::pin(deed.run(&catalog, upload, newest(&disk)));
            for _ in 0..steps {
                if futures_util::poll!(&mut running).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(running);
            assert_sound(&catalog, &format!("{deed:?} until step {steps}")).await;
        }
    }
}
