//! What becomes of artifacts.

use super::*;

#[tokio::test]
async fn uploads_are_versions() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let first = upload(&catalog, "acme", "disk", b"one").await.unwrap();
    assert_eq!((first.name.as_str(), first.kind.as_str()), ("disk", "image"));
    assert_eq!((first.namespace.as_str(), first.max_versions), ("acme", 3));
    assert_eq!((first.source_url.as_str(), first.is_shared), ("sf://upload/acme/disk", false));
    assert_eq!((first.versions[0].size, first.versions[0].added), (3, now()));
    let second = upload(&catalog, "acme", "disk", b"three").await.unwrap();
    assert_eq!((second.id, indices(&second)), (first.id, vec![1, 2]));
    assert_eq!(catalog.artifact(&acme, &named("disk")).await.unwrap(), second);
    assert_eq!(catalog.artifact(&acme, &ArtifactRef::Id(first.id)).await.unwrap(), second);
    let blobs = catalog.blobs_of(&second).await.unwrap();
    let sizes: Vec<_> = blobs.iter().map(|(index, blob)| (*index, blob.size)).collect();
    assert_eq!(sizes, [(1, 3), (2, 5)]);
    assert_eq!(blobs[1].1.digests, digests(b"three"));
    assert_eq!(blobs[1].1.key, object(newest(&second)).key().as_str());
    assert_eq!(blobs[1].1.references, [second.id]);
}

#[tokio::test]
async fn a_repeated_upload_is_one_version() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let id = store(&catalog, "acme", b"one").await.unwrap();
    let digests = digests(b"one");
    let publish =
        async || catalog.publish(&acme, &version("disk"), (id, 3, &digests), now()).await.unwrap();
    let first = publish().await;
    assert_eq!(publish().await, first);
    upload(&catalog, "acme", "disk", b"two").await.unwrap();
    assert_eq!(indices(&publish().await), [1, 2]);
    assert_eq!(catalog.blob(&acme, id).await.unwrap().references, [first.id]);
    catalog.announce(&acme, id, &object(id), now()).await.unwrap();
    assert_eq!(catalog.blob(&acme, id).await.unwrap().size, 3);
}

#[tokio::test]
async fn bytes_that_are_there_are_added_again() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let one = newest(&upload(&catalog, "acme", "disk", b"one").await.unwrap());
    let again =
        async |name| catalog.publish_again(&acme, &version(name), one, now()).await.unwrap();
    // What is the newest already stays.
    assert_eq!(indices(&again("disk").await), [1]);
    upload(&catalog, "acme", "disk", b"two").await.unwrap();
    let artifact = again("disk").await;
    assert_eq!((indices(&artifact), newest(&artifact)), (vec![1, 2, 3], one));
    let other = again("copy").await;
    let blob = catalog.blob(&acme, one).await.unwrap();
    assert_eq!(blob.references, [artifact.id, artifact.id, other.id]);
    catalog.remove(&acme, &named("disk"), now()).await.unwrap();
    assert_eq!(catalog.blob(&acme, one).await.unwrap().references, [other.id]);
    catalog.remove(&acme, &named("copy"), now()).await.unwrap();
    assert!(!has_object(&objects, one));
    let refused = catalog.publish_again(&acme, &version("copy"), one, now()).await;
    assert!(matches!(refused, Err(Refused::Unknown)), "{refused:?}");
}

#[tokio::test]
async fn the_oldest_versions_go() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let mut blobs = Vec::new();
    for number in 1..=5_u8 {
        blobs.push(newest(&upload(&catalog, "acme", "disk", &[number]).await.unwrap()));
    }
    let artifact = catalog.artifact(&acme, &named("disk")).await.unwrap();
    assert_eq!(indices(&artifact), [3, 4, 5]);
    let there: Vec<_> = blobs.iter().map(|blob| has_object(&objects, *blob)).collect();
    assert_eq!(there, [false, false, true, true, true]);
    let keep = async |count| catalog.keep_versions(&acme, &named("disk"), count, now()).await;
    assert_eq!(indices(&keep(1).await.unwrap()), [5]);
    assert!(!has_object(&objects, blobs[3]));
    assert_eq!(keep(2).await.unwrap().max_versions, 2);
    for number in 6..=8 {
        upload(&catalog, "acme", "disk", &[number]).await.unwrap();
    }
    let artifact = catalog.artifact(&acme, &named("disk")).await.unwrap();
    assert_eq!(indices(&artifact), [7, 8]);
    for wrong in [0, 1001] {
        assert!(matches!(keep(wrong).await, Err(Refused::Name(_))));
    }
}

#[tokio::test]
async fn indices_are_not_used_again() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    upload(&catalog, "acme", "disk", b"one").await.unwrap();
    let two = newest(&upload(&catalog, "acme", "disk", b"two").await.unwrap());
    let remove = async |index| catalog.remove_version(&acme, &named("disk"), index, now()).await;
    assert_eq!(indices(&remove(2).await.unwrap()), [1]);
    assert!(!has_object(&objects, two));
    assert!(matches!(remove(2).await, Err(Refused::Unknown)));
    assert_eq!(indices(&remove(1).await.unwrap()), [] as [u64; 0]);
    assert!(catalog.artifact(&acme, &named("disk")).await.unwrap().versions.is_empty());
    let artifact = upload(&catalog, "acme", "disk", b"three").await.unwrap();
    assert_eq!(indices(&artifact), [3]);
    let removed = catalog.remove(&acme, &named("disk"), now()).await.unwrap();
    assert_eq!(removed, artifact);
    for unknown in [
        catalog.artifact(&acme, &named("disk")).await,
        catalog.artifact(&acme, &ArtifactRef::Id(artifact.id)).await,
        catalog.remove(&acme, &named("disk"), now()).await,
    ] {
        assert!(matches!(unknown, Err(Refused::Unknown)), "{unknown:?}");
    }
    assert!(catalog.artifacts(&acme).await.unwrap().is_empty());
    let revived = upload(&catalog, "acme", "disk", b"four").await.unwrap();
    assert_eq!((revived.id, indices(&revived)), (artifact.id, vec![4]));
}

#[tokio::test]
async fn two_types_of_one_name_need_a_uuid() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let image = upload(&catalog, "acme", "disk", b"one").await.unwrap();
    let other = NewVersion { kind: "other".to_owned(), ..version("disk") };
    let other = catalog.publish_again(&acme, &other, newest(&image), now()).await.unwrap();
    let both = catalog.artifact(&acme, &named("disk")).await;
    assert!(matches!(both, Err(Refused::Ambiguous)), "{both:?}");
    catalog.remove(&acme, &ArtifactRef::Id(image.id), now()).await.unwrap();
    assert_eq!(catalog.artifact(&acme, &named("disk")).await.unwrap(), other);
}

#[tokio::test]
async fn names_have_limits() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let blob = newest(&upload(&catalog, "acme", "disk", b"one").await.unwrap());
    let good = ["..", "a b", "Zoë", "00000000-0000-4000-8000-000000000000", &"x".repeat(255)];
    for name in good {
        catalog.publish_again(&acme, &version(name), blob, now()).await.unwrap();
    }
    let names = ["", "a/b", "a\nb", "\0", &"x".repeat(256)].map(version);
    let mut wrong = names.to_vec();
    wrong.push(NewVersion { kind: "label".to_owned(), ..version("x") });
    wrong.push(NewVersion { source_url: Some("x".repeat(2049)), ..version("x") });
    for version in wrong {
        let refused = catalog.publish_again(&acme, &version, blob, now()).await;
        assert!(matches!(refused, Err(Refused::Name(_))), "{version:?}");
    }
    assert_eq!(catalog.artifacts(&acme).await.unwrap().len(), 1 + good.len());
}

#[tokio::test]
async fn a_source_is_kept_as_it_was_said() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let blob = newest(&upload(&catalog, "acme", "disk", b"one").await.unwrap());
    let source_url = Some("https://example.com/Disk?x=\"1\"".to_owned());
    let sourced = NewVersion { source_url: source_url.clone(), ..version("copy") };
    catalog.publish_again(&acme, &sourced, blob, now()).await.unwrap();
    upload(&catalog, "acme", "copy", b"two").await.unwrap();
    let artifact = catalog.artifact(&acme, &named("copy")).await.unwrap();
    assert_eq!(Some(artifact.source_url), source_url);
}

/// All replicas add versions of one artifact at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_adds_each_its_version() {
    let objects = std::sync::Arc::new(MemoryObjects::crowded());
    let uploads = (0..24_u8).map(|number| {
        let objects = std::sync::Arc::clone(&objects);
        tokio::spawn(async move {
            let catalog = Catalog { max_versions: 1000, ..catalog(&*objects) };
            upload(&catalog, "acme", "disk", &[number]).await
        })
    });
    let uploads = futures_util::future::join_all(uploads.collect::<Vec<_>>()).await;
    let mut blobs = Vec::new();
    for outcome in uploads {
        match outcome.unwrap() {
            Ok(artifact) => blobs.push(newest(&artifact)),
            Err(refused) => assert!(matches!(refused, Refused::Contended), "{refused:?}"),
        }
    }
    let catalog = catalog(&*objects);
    let artifact = catalog.artifact(&caller("acme"), &named("disk")).await.unwrap();
    assert_eq!(indices(&artifact), (1..=blobs.len() as u64).collect::<Vec<_>>());
    let mut there: Vec<_> = artifact.versions.iter().map(|version| version.blob).collect();
    there.sort_unstable();
    blobs.sort_unstable();
    assert_eq!(there, blobs);
    assert!(blobs.len() >= 20, "{}", blobs.len());
}

#[test]
fn futures_go_from_thread_to_thread() {
    fn assert_send<T: Send>(_: T) {}
    let objects = MemoryObjects::default();
    let (catalog, acme, disk) = (catalog(&objects), caller("acme"), named("disk"));
    let (id, digests, version) = (fresh_id(), digests(b""), version("disk"));
    assert_send(catalog.announce(&acme, id, &object(id), now()));
    assert_send(catalog.publish(&acme, &version, (id, 0, &digests), now()));
    assert_send(catalog.publish_again(&acme, &version, id, now()));
    assert_send(catalog.artifacts(&acme));
    assert_send(catalog.keep_versions(&acme, &disk, 1, now()));
    assert_send(catalog.remove_version(&acme, &disk, 1, now()));
    assert_send(catalog.remove(&acme, &disk, now()));
    assert_send(catalog.share(&acme, &disk, true, now()));
    assert_send(catalog.blob(&acme, id));
    assert_send(catalog.blobs(&acme));
    assert_send(catalog.sweep(DAY, now(), None));
}
