//! Who sees what.

use super::*;
use crate::content::digests::Algorithm;

fn shared(name: &str) -> NewVersion {
    NewVersion { share: true, ..version(name) }
}

fn names(artifacts: &[Artifact]) -> Vec<String> {
    artifacts.iter().map(|artifact| format!("{}/{}", artifact.namespace, artifact.name)).collect()
}

#[tokio::test]
async fn others_are_not_seen() {
    let objects = MemoryObjects::default();
    let (catalog, other) = (catalog(&objects), caller("other"));
    let artifact = upload(&catalog, "acme", "disk", b"one").await.unwrap();
    let (by_id, blob) = (ArtifactRef::Id(artifact.id), newest(&artifact));
    for which in [&by_id, &named("disk")] {
        for unknown in [
            catalog.artifact(&other, which).await,
            catalog.remove(&other, which, now()).await,
            catalog.remove_version(&other, which, 1, now()).await,
            catalog.keep_versions(&other, which, 1, now()).await,
            catalog.share(&other, which, true, now()).await,
            catalog.publish_again(&other, &version("disk"), blob, now()).await,
        ] {
            assert!(matches!(unknown, Err(Refused::Unknown)), "{unknown:?}");
        }
    }
    assert!(matches!(catalog.blob(&other, blob).await, Err(Refused::Unknown)));
    assert!(catalog.artifacts(&other).await.unwrap().is_empty());
    assert!(catalog.blobs(&other).await.unwrap().is_empty());
    for algorithm in Algorithm::ALL {
        let found = catalog.find(&other, &digests(b"one").by(algorithm)).await.unwrap();
        assert_eq!(found, None);
    }
    // What has the same name is somebody's own.
    let own = upload(&catalog, "other", "disk", b"two").await.unwrap();
    assert_ne!(own.id, artifact.id);
    assert_eq!(catalog.artifact(&caller("acme"), &named("disk")).await.unwrap(), artifact);
}

#[tokio::test]
async fn nothing_is_kept_apart_where_the_route_says_so() {
    let objects = MemoryObjects::default();
    let catalog = Catalog { isolated: false, ..catalog(&objects) };
    let other = caller("other");
    let artifact = upload(&catalog, "acme", "disk", b"one").await.unwrap();
    let sha512 = digests(b"one").by(Algorithm::Sha512);
    let blob = catalog.find(&other, &sha512).await.unwrap().unwrap();
    assert_eq!((blob.id, blob.namespace.as_str()), (newest(&artifact), "acme"));
    assert_eq!(catalog.blob(&other, blob.id).await.unwrap(), blob);
    let theirs = catalog.publish_again(&other, &version("copy"), blob.id, now()).await.unwrap();
    // Artifacts are, all the same.
    let refused = catalog.artifact(&other, &ArtifactRef::Id(artifact.id)).await;
    assert!(matches!(refused, Err(Refused::Unknown)));
    catalog.remove(&caller("acme"), &named("disk"), now()).await.unwrap();
    assert_eq!(catalog.blobs_of(&theirs).await.unwrap().len(), 1);
    assert!(has_object(&objects, blob.id));
    // Nor is a version lost that somebody has by the time that namespaces are kept apart.
    let catalog = Catalog { isolated: true, ..catalog };
    assert_eq!(catalog.blob(&other, blob.id).await.unwrap().id, blob.id);
    assert_eq!(catalog.blobs(&other).await.unwrap().len(), 1);
    assert_eq!(catalog.find(&other, &sha512).await.unwrap(), None);
    catalog.remove(&other, &named("copy"), now()).await.unwrap();
    assert!(!has_object(&objects, blob.id));
}

#[tokio::test]
async fn what_is_shared_all_read_and_its_owner_changes() {
    let objects = MemoryObjects::default();
    let catalog = catalog(&objects);
    let (system, acme) = (caller("system"), caller("acme"));
    let id = store(&catalog, "system", b"one").await.unwrap();
    let digests = digests(b"one");
    let blob = (id, 3, &digests);
    let artifact = catalog.publish(&system, &shared("base"), blob, now()).await.unwrap();
    assert!(artifact.is_shared);
    let by_id = ArtifactRef::Id(artifact.id);
    upload(&catalog, "acme", "disk", b"two").await.unwrap();
    let listed = catalog.artifacts(&acme).await.unwrap();
    assert_eq!(names(&listed), ["acme/disk", "system/base"]);
    assert_eq!(catalog.artifact(&acme, &by_id).await.unwrap(), artifact);
    assert!(matches!(catalog.artifact(&acme, &named("base")).await, Err(Refused::Unknown)));
    assert_eq!(catalog.blob(&acme, id).await.unwrap().id, id);
    assert_eq!(catalog.blobs(&acme).await.unwrap().len(), 2);
    for refused in [
        catalog.remove(&acme, &by_id, now()).await,
        catalog.remove_version(&acme, &by_id, 1, now()).await,
        catalog.keep_versions(&acme, &by_id, 1, now()).await,
        catalog.share(&acme, &by_id, false, now()).await,
        catalog.share(&acme, &named("disk"), true, now()).await,
        catalog.publish_again(&acme, &shared("mine"), id, now()).await,
    ] {
        assert!(matches!(refused, Err(Refused::Forbidden)), "{refused:?}");
    }
    let mine = catalog.publish_again(&acme, &version("mine"), id, now()).await.unwrap();
    assert_eq!(mine.namespace, "acme");
    assert!(!catalog.share(&system, &by_id, false, now()).await.unwrap().is_shared);
    assert!(matches!(catalog.artifact(&acme, &by_id).await, Err(Refused::Unknown)));
    let listed = catalog.artifacts(&acme).await.unwrap();
    let mut listed = names(&listed);
    listed.sort_unstable();
    assert_eq!(listed, ["acme/disk", "acme/mine"]);
    // What acme made of it, acme keeps.
    catalog.remove(&system, &by_id, now()).await.unwrap();
    assert_eq!(catalog.blob(&acme, id).await.unwrap().references, [mine.id]);
    assert!(has_object(&objects, id));
    assert!(matches!(catalog.blob(&caller("other"), id).await, Err(Refused::Unknown)));
}

#[tokio::test]
async fn a_removed_artifact_is_not_shared_when_it_comes_again() {
    let objects = MemoryObjects::default();
    let (catalog, system) = (catalog(&objects), caller("system"));
    let artifact = upload(&catalog, "system", "base", b"one").await.unwrap();
    let by_id = ArtifactRef::Id(artifact.id);
    catalog.share(&system, &named("base"), true, now()).await.unwrap();
    assert!(catalog.artifact(&caller("acme"), &by_id).await.is_ok());
    catalog.remove(&system, &by_id, now()).await.unwrap();
    upload(&catalog, "system", "base", b"two").await.unwrap();
    assert!(matches!(catalog.artifact(&caller("acme"), &by_id).await, Err(Refused::Unknown)));
    assert!(catalog.artifacts(&caller("acme")).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_system_sees_and_changes_everything() {
    let objects = MemoryObjects::default();
    let (catalog, system) = (catalog(&objects), caller("system"));
    for (namespace, name) in [("acme", "disk"), ("Zoë & Co/", "tape"), ("system", "base")] {
        upload(&catalog, namespace, name, name.as_bytes()).await.unwrap();
    }
    let listed = catalog.artifacts(&system).await.unwrap();
    let mut rest = names(&listed);
    assert_eq!(rest.remove(0), "system/base");
    rest.sort_unstable();
    assert_eq!(rest, ["Zoë & Co//tape", "acme/disk"]);
    assert_eq!(catalog.blobs(&system).await.unwrap().len(), 3);
    for artifact in &listed {
        let by_id = ArtifactRef::Id(artifact.id);
        assert_eq!(catalog.artifact(&system, &by_id).await.unwrap(), *artifact);
        assert!(catalog.blob(&system, newest(artifact)).await.is_ok());
        assert!(catalog.share(&system, &by_id, true, now()).await.unwrap().is_shared);
    }
    assert_eq!(catalog.artifacts(&caller("new")).await.unwrap().len(), 3);
    for artifact in &listed {
        catalog.remove(&system, &ArtifactRef::Id(artifact.id), now()).await.unwrap();
        assert!(!has_object(&objects, newest(artifact)));
    }
    let absent = ArtifactRef::Id(ArtifactId::of("sf", "acme", "image", "none"));
    assert!(matches!(catalog.artifact(&system, &absent).await, Err(Refused::Unknown)));
}

#[tokio::test]
async fn catalogs_of_one_bucket_are_apart() {
    let objects = MemoryObjects::default();
    let one = catalog(&objects);
    let two = Catalog { name: "sf-2", ..catalog(&objects) };
    let artifact = upload(&one, "acme", "disk", b"one").await.unwrap();
    for caller in [caller("acme"), caller("system")] {
        assert!(two.artifacts(&caller).await.unwrap().is_empty());
        assert!(two.blobs(&caller).await.unwrap().is_empty());
        assert!(matches!(two.blob(&caller, newest(&artifact)).await, Err(Refused::Unknown)));
    }
}
