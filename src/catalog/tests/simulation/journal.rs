//! What happened, and what of it may not have.

use std::collections::BTreeMap;

use super::*;
use crate::catalog::document::{self, ArtifactBody, BlobBody, BlobState, Entry};

/// An attempt to take versions away.
struct Removal {
    artifact: ArtifactId,
    /// None: all of them.
    index: Option<u64>,
    /// When it was over, and surely nothing more came of it. None: that is not known.
    end: Option<u64>,
}

/// A version that somebody was told of.
struct Told {
    artifact: ArtifactId,
    index: u64,
    blob: UploadId,
    /// When it began to be added.
    begin: u64,
}

#[derive(Default)]
pub(super) struct Journal {
    /// Counts what happens.
    pub(super) time: u64,
    pub(super) blobs: Vec<UploadId>,
    removals: Vec<Removal>,
    told: Vec<Told>,
    /// The fewest versions that anybody wanted to be kept.
    kept: BTreeMap<ArtifactId, u64>,
    seen: BTreeMap<(ArtifactId, u64), UploadId>,
}

impl Journal {
    /// Notes an attempt to take away; it is over when its number is given to [`Journal::removed`].
    pub(super) fn removes(&mut self, artifact: ArtifactId, index: Option<u64>) -> usize {
        self.removals.push(Removal { artifact, index, end: None });
        self.removals.len() - 1
    }

    pub(super) fn removed(&mut self, number: usize) {
        self.removals[number].end = Some(self.time);
    }

    pub(super) fn keeps(&mut self, artifact: ArtifactId, count: u32) {
        let kept = self.kept.entry(artifact).or_insert(u64::from(count));
        *kept = (*kept).min(u64::from(count));
    }

    pub(super) fn tell(&mut self, artifact: &Artifact, blob: UploadId, begin: u64) {
        let versions = artifact.versions.iter().filter(|version| version.blob == blob);
        let index = versions.map(|version| version.index).next_back();
        let index = index.expect("what was published is there");
        self.told.push(Told { artifact: artifact.id, index, blob, begin });
    }

    /// Holds at any time: what a version refers to is there, and no index is used twice.
    pub(super) fn judge_bucket(&mut self, objects: &MemoryObjects) {
        for key in objects.keys() {
            let Some((_, rest)) = key.split_once("/artifacts/") else { continue };
            let id = ArtifactId::parse(&rest[rest.len() - 36..]).unwrap();
            let bytes = objects.get(&key).unwrap();
            let (body, _) = document::read::<ArtifactBody>(&bytes).unwrap();
            let Some(live) = body.live else { continue };
            assert!(live.versions.len() <= live.max_versions as usize, "{live:?}");
            assert!(live.versions.is_sorted_by_key(|entry| entry.index), "{live:?}");
            for entry in live.versions {
                assert!(entry.index <= body.last_index, "{entry:?}");
                let before = self.seen.insert((id, entry.index), entry.blob);
                assert!(before.is_none_or(|blob| blob == entry.blob), "{entry:?} was {before:?}");
                assert_held(objects, &entry);
            }
        }
    }

    /// Holds when nothing is under way any more: what somebody was told of is there, unless others
    /// took it away.
    pub(super) fn judge_told(&self, objects: &MemoryObjects) {
        for told in &self.told {
            let known = self.seen.get(&(told.artifact, told.index));
            assert!(known.is_none_or(|blob| *blob == told.blob), "{}", told.blob);
            let Told { artifact, index, begin, .. } = *told;
            let removed = self.removals.iter().any(|removal| {
                removal.artifact == artifact
                    && removal.index.is_none_or(|removed| removed == index)
                    && removal.end.is_none_or(|end| end > begin)
            });
            if removed {
                continue;
            }
            let key = objects
                .keys()
                .into_iter()
                .find(|key| key.contains("/artifacts/") && key.ends_with(&artifact.to_string()));
            let bytes = objects.get(&key.expect("its document is there")).unwrap();
            let (body, _) = document::read::<ArtifactBody>(&bytes).unwrap();
            let kept = self.kept.get(&artifact).map_or(3, |kept| (*kept).min(3));
            let is_trimmed = body.last_index >= index + kept;
            let live = body.live.expect("nobody removed it");
            let is_there = live.versions.iter().any(|entry| entry.index == index);
            assert!(is_there || is_trimmed, "version {index} of {live:?} is lost");
        }
    }
}

/// The blob of a version is held by it, and its object is there.
fn assert_held(objects: &MemoryObjects, entry: &Entry) {
    let key = catalog(objects).blob_key(entry.blob);
    let bytes = objects.get(key.key().as_str()).expect("the blob has a document");
    let (body, _) = document::read::<BlobBody>(&bytes).unwrap();
    let BlobState::Stored(stored) = body.state else { panic!("{entry:?} refers to {body:?}") };
    assert!(stored.claims.iter().any(|claim| claim.claim == entry.claim), "{entry:?}: {stored:?}");
    assert!(has_object(objects, entry.blob), "{entry:?}");
}
