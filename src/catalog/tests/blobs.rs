//! What becomes of blobs.

use super::*;
use crate::catalog::document::{BlobBody, BlobState, Claim, ClaimEntry};
use crate::content::digests::{Algorithm, AnyDigest};

#[tokio::test]
async fn blobs_are_found_by_each_digest() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let blob = newest(&upload(&catalog, "acme", "disk", b"one").await.unwrap());
    for algorithm in Algorithm::ALL {
        let found = catalog.find(&acme, &digests(b"one").by(algorithm)).await.unwrap();
        assert_eq!(found.map(|found| (found.id, found.size)), Some((blob, 3)));
        assert_eq!(catalog.find(&acme, &digests(b"two").by(algorithm)).await.unwrap(), None);
    }
    // The same bytes again are another blob, which is found from now on.
    let second = newest(&upload(&catalog, "acme", "copy", b"one").await.unwrap());
    let sha512 = digests(b"one").by(Algorithm::Sha512);
    assert_eq!(catalog.find(&acme, &sha512).await.unwrap().unwrap().id, second);
    catalog.remove(&acme, &named("copy"), now()).await.unwrap();
    assert_eq!(catalog.find(&acme, &sha512).await.unwrap(), None);
    assert!(has_object(&objects, blob) && !has_object(&objects, second));
    catalog.remove(&acme, &named("disk"), now()).await.unwrap();
    let keys = objects.keys();
    assert!(!keys.iter().any(|key| key.contains("/digests/") || key.starts_with("data/")));
}

#[tokio::test]
async fn hints_are_not_believed() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    upload(&catalog, "acme", "disk", b"one").await.unwrap();
    let (one, two) = (digests(b"one").sha1, digests(b"two").sha1);
    let [one, two] = [one, two].map(AnyDigest::Sha1);
    let hint = objects.get(catalog.hint_key("acme", &one).key().as_str()).unwrap();
    objects.put(&catalog.hint_key("acme", &two), &hint).await.unwrap();
    assert_eq!(catalog.find(&acme, &two).await.unwrap(), None);
    objects.put(&catalog.hint_key("other", &one), &hint).await.unwrap();
    assert_eq!(catalog.find(&caller("other"), &one).await.unwrap(), None);
    assert!(catalog.find(&acme, &one).await.unwrap().is_some());
}

#[tokio::test]
async fn only_announced_bytes_are_published() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let (id, digests) = (fresh_id(), digests(b"one"));
    let publish = async |caller: &Caller, blob| {
        catalog.publish(caller, &version("disk"), blob, now()).await.map(|_| ())
    };
    let unknown = publish(&acme, (id, 3, &digests)).await;
    assert!(matches!(unknown, Err(Refused::Unknown)), "{unknown:?}");
    catalog.announce(&acme, id, &object(id), now()).await.unwrap();
    catalog.announce(&acme, id, &object(id), now()).await.unwrap();
    for (namespace, key) in [("other", object(id)), ("acme", object(fresh_id()))] {
        let refused = catalog.announce(&caller(namespace), id, &key, now()).await;
        assert!(matches!(refused, Err(Refused::Unknown)), "{refused:?}");
    }
    let unknown = publish(&caller("other"), (id, 3, &digests)).await;
    assert!(matches!(unknown, Err(Refused::Unknown)), "{unknown:?}");
    let again = catalog.publish_again(&acme, &version("disk"), id, now()).await;
    assert!(matches!(again, Err(Refused::Unknown)), "{again:?}");
    assert!(matches!(catalog.blob(&acme, id).await, Err(Refused::Unknown)));
    publish(&acme, (id, 3, &digests)).await.unwrap();
    catalog.remove(&acme, &named("disk"), now()).await.unwrap();
    // It was deleted, and its name stays so.
    let unknown = publish(&acme, (id, 3, &digests)).await;
    assert!(matches!(unknown, Err(Refused::Unknown)), "{unknown:?}");
    let refused = catalog.announce(&acme, id, &object(id), now()).await;
    assert!(matches!(refused, Err(Refused::Unknown)), "{refused:?}");
}

#[tokio::test]
async fn a_blob_has_one_content() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let id = store(&catalog, "acme", b"one").await.unwrap();
    let publish = async |name, size, bytes: &[u8]| {
        catalog.publish(&acme, &version(name), (id, size, &digests(bytes)), now()).await
    };
    publish("disk", 3, b"one").await.unwrap();
    assert!(matches!(publish("copy", 4, b"one").await, Err(Refused::Failed(_))));
    assert!(matches!(publish("copy", 3, b"two").await, Err(Refused::Failed(_))));
    publish("copy", 3, b"one").await.unwrap();
    assert_eq!(catalog.blob(&acme, id).await.unwrap().references.len(), 2);
}

#[tokio::test]
async fn what_others_wrote_is_left_alone() {
    let objects = MemoryObjects::default();
    let (catalog, acme) = (catalog(&objects), caller("acme"));
    let artifact = upload(&catalog, "acme", "disk", b"one").await.unwrap();
    let key = catalog.artifact_key("acme", artifact.id);
    let good = objects.get(key.key().as_str()).unwrap();
    let good = String::from_utf8(good).unwrap();
    for wrong in [
        String::new(),
        "{}".to_owned(),
        good.replace("\"form\":1", "\"form\":2"),
        good.replace("\"form\":1", "\"form\":1,\"more\":1"),
        good.replace("\"is_shared\":false", "\"is_shared\":false,\"by\":1"),
        good.replace("\"acme\"", "\"other\""),
        good.replace("\"disk\"", "\"tape\""),
    ] {
        assert_ne!(wrong, good);
        objects.put(&key, wrong.as_bytes()).await.unwrap();
        for failed in [
            catalog.artifact(&acme, &named("disk")).await,
            catalog.remove(&acme, &named("disk"), now()).await,
            catalog.artifacts(&acme).await.map(|mut artifacts| artifacts.remove(0)),
        ] {
            assert!(matches!(failed, Err(Refused::Failed(_))), "{wrong} {failed:?}");
        }
        assert_eq!(objects.get(key.key().as_str()).unwrap(), wrong.as_bytes());
    }
}

#[tokio::test]
async fn a_blob_has_so_many_references() {
    let objects = MemoryObjects::default();
    // Each byte of the namespace takes two in JSON, so that no document is longer.
    let (catalog, acme) = (catalog(&objects), caller(&"\"".repeat(255)));
    let blob = newest(&upload(&catalog, &acme.namespace, "disk", b"one").await.unwrap());
    let key = catalog.blob_key(blob);
    let mut body = catalog.read::<BlobBody>(&key).await.unwrap().body.unwrap();
    let BlobState::Stored(stored) = &mut body.state else { panic!("{body:?}") };
    let entry = stored.claims[0].clone();
    let more =
        (2..CLAIMS_MAX).map(|number| ClaimEntry { claim: Claim(number as u128), ..entry.clone() });
    stored.claims.extend(more);
    catalog.overwrite(&key, &body).await.unwrap();
    let again = async |name| catalog.publish_again(&acme, &version(name), blob, now()).await;
    again("copy").await.unwrap();
    let refused = again("more").await;
    assert!(matches!(refused, Err(Refused::TooMany)), "{refused:?}");
    assert_eq!(catalog.blob(&acme, blob).await.unwrap().references.len(), CLAIMS_MAX);
    catalog.remove(&acme, &named("copy"), now()).await.unwrap();
    again("more").await.unwrap();
}
