//! Catalogs in a bucket in memory.

mod artifacts;
mod blobs;
mod failures;
mod isolation;
mod simulation;
mod sweeps;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha1::{Digest as _, Sha1};
use sha2::Sha512;

use super::*;
use crate::bucket::objects::Objects;
use crate::bucket::objects::memory::MemoryObjects;
use crate::content::digest::Sha256Digest;
use crate::content::layout::WritableKey;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Others each time.
fn random() -> Result<[u8; 16], Error> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok(u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes())
}

fn catalog<O>(objects: &O) -> Catalog<'_, O> {
    let kinds = &["image", "other"];
    Catalog { objects, name: "sf", isolated: true, max_versions: 3, kinds, random: &random }
}

fn caller(namespace: &str) -> Caller {
    Caller { namespace: namespace.to_owned(), is_system: namespace == "system" }
}

fn version(name: &str) -> NewVersion {
    let (name, kind) = (name.to_owned(), "image".to_owned());
    NewVersion { name, kind, source_url: None, share: false }
}

fn named(name: &str) -> ArtifactRef {
    ArtifactRef::Name(name.to_owned())
}

fn fresh_id() -> UploadId {
    UploadId::new(random().unwrap(), now())
}

fn digests(bytes: &[u8]) -> Digests {
    Digests {
        sha1: Sha1::digest(bytes).into(),
        sha256: Sha256Digest::of(bytes),
        sha512: Sha512::digest(bytes).into(),
    }
}

/// Where the object of a blob is.
fn object(id: UploadId) -> WritableKey {
    WritableKey::of_record(format!("data/{id}")).unwrap()
}

/// Announces and stores bytes.
async fn store<O: Objects>(
    catalog: &Catalog<'_, O>,
    namespace: &str,
    bytes: &[u8],
) -> Result<UploadId, Refused> {
    let id = fresh_id();
    catalog.announce(&caller(namespace), id, &object(id), now()).await?;
    catalog.objects.put(&object(id), bytes).await?;
    Ok(id)
}

/// Uploads bytes as a version of an artifact.
async fn upload<O: Objects>(
    catalog: &Catalog<'_, O>,
    namespace: &str,
    name: &str,
    bytes: &[u8],
) -> Result<Artifact, Refused> {
    let id = store(catalog, namespace, bytes).await?;
    let blob = (id, bytes.len() as u64, &digests(bytes));
    catalog.publish(&caller(namespace), &version(name), blob, now()).await
}

fn newest(artifact: &Artifact) -> UploadId {
    artifact.versions.last().unwrap().blob
}

fn indices(artifact: &Artifact) -> Vec<u64> {
    artifact.versions.iter().map(|version| version.index).collect()
}

fn has_object(objects: &MemoryObjects, id: UploadId) -> bool {
    objects.get(object(id).key().as_str()).is_some()
}
