//! Uploads in a bucket in memory, over a state store in memory.

mod faults;
mod model;
mod races;
mod steps;
mod sweeps;

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::segments::segment_key;
use super::*;
use crate::bucket::object::Annotations;
use crate::bucket::objects::memory::MemoryObjects;
use crate::content::digest::Sha256Digest;
use crate::content::layout::{UPLOADS, WritableKey};
use crate::state::flaky::Flaky;

const SEGMENT: u64 = 16;
const SIZE_MAX: u64 = 100_000;
const IDLE: Duration = Duration::from_secs(86_400);
const TARGET: &str = "acme/object";

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_800_000_000_000) };
    static RANDOM: Cell<u64> = const { Cell::new(1) };
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(NOW.get())
}

fn wait(time: Duration) {
    NOW.set(NOW.get() + time.as_millis() as u64);
}

/// Others each time, and the same in each run of a test.
fn random() -> Result<[u8; 16], Error> {
    let next = RANDOM.get();
    RANDOM.set(next + 1);
    let bytes = u128::from(next).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Ok(bytes.to_be_bytes())
}

/// Numbers that follow from a seed (xorshift64*, Vigna 2014).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

/// A bucket, a state store, and an owner of uploads.
struct World<S = Flaky> {
    objects: MemoryObjects,
    store: S,
    owner: Owner,
}

impl<S: Default> Default for World<S> {
    fn default() -> Self {
        Self::over(S::default())
    }
}

impl<S> World<S> {
    fn over(store: S) -> Self {
        let owner = Owner::new("/sf", Some("acme"));
        Self { objects: MemoryObjects::default(), store, owner }
    }
}

impl World {
    /// One in which others come in before each operation.
    fn crowded() -> Self {
        Self { objects: MemoryObjects::crowded(), ..Self::over(Flaky::crowded()) }
    }
}

impl<S: StateStore> World<S> {
    fn engine(&self) -> Engine<'_, MemoryObjects, S> {
        self.objects.set_now(now());
        let settings = Settings { segment_bytes: SEGMENT, size_max: SIZE_MAX, idle: IDLE };
        Engine { objects: &self.objects, store: &self.store, settings, now, random: &random }
    }

    async fn begin(&self) -> UploadId {
        self.engine().begin(&self.owner, Beginning::default()).await.unwrap().id
    }

    async fn size(&self, id: UploadId) -> Result<u64, Refused> {
        self.engine().look(id, &self.owner).await.map(|progress| progress.size)
    }

    async fn append(&self, id: UploadId, bytes: &[u8]) -> Result<Progress, Refused> {
        self.append_piece(id, bytes, Piece::default()).await
    }

    async fn append_piece(
        &self,
        id: UploadId,
        bytes: &[u8],
        piece: Piece,
    ) -> Result<Progress, Refused> {
        let engine = self.engine();
        let mut appending = engine.append(id, &self.owner, piece).await?;
        send(&mut appending, bytes).await?;
        appending.finish().await
    }

    async fn truncate(&self, id: UploadId, size: u64) -> Result<Progress, Refused> {
        self.engine().truncate(id, &self.owner, size).await
    }

    async fn close(&self, id: UploadId) -> Result<Commit, Refused> {
        self.engine().close(id, &self.owner, &target()).await
    }

    async fn commit(&self, id: UploadId) -> Result<Commit, Refused> {
        let engine = self.engine();
        let commit = engine.close(id, &self.owner, &target()).await?;
        engine.assemble(&commit, &target(), &Annotations::default()).await?;
        engine.end(&commit, &self.owner).await?;
        Ok(commit)
    }

    /// The keys of what uploads are made of.
    fn segments(&self) -> Vec<String> {
        let keys = self.objects.keys().into_iter();
        keys.filter(|key| key.starts_with(UPLOADS)).collect()
    }

    /// Whether an upload is these bytes: by its register, by all segments that it names, and by what
    /// each of them says of the bytes before.
    async fn assert_is(&self, id: UploadId, bytes: &[u8]) {
        let engine = self.engine();
        let upload = engine.read(id).await.unwrap().unwrap().upload;
        assert!(upload.to_bytes().len() <= crate::state::VALUE_BYTES_MAX);
        assert_eq!(upload.size, bytes.len() as u64);
        assert_eq!(upload.hashes.digests(), digests(bytes));
        let sealed = engine.all_sealed(id, &upload).await.unwrap();
        let sealed = sealed.iter().map(|name| (*name, upload.segment_bytes));
        let tail = upload.tail.iter().map(|tail| (tail.name, tail.length));
        let mut offset = 0;
        let mut so_far = hashes::Hashes::default();
        for (name, length) in sealed.chain(tail) {
            let key = segment_key(id, offset, &name);
            let stored = self.objects.get(key.key().as_str()).expect("a segment is there");
            let end = offset + length;
            assert!(stored[..length as usize] == bytes[offset as usize..end as usize]);
            so_far.update(&bytes[offset as usize..end as usize]);
            assert!(engine.hashes_after(&key, length).await.unwrap() == so_far);
            offset = end;
        }
        assert_eq!(offset, upload.size);
    }

    fn assert_object_is(&self, bytes: &[u8]) {
        assert!(self.objects.get(TARGET).expect("the object is there") == bytes);
    }
}

fn target() -> WritableKey {
    WritableKey::of_record(TARGET.to_owned()).unwrap()
}

fn digests(bytes: &[u8]) -> Digests {
    use sha1::Digest as _;
    Digests {
        sha1: sha1::Sha1::digest(bytes).into(),
        sha256: Sha256Digest::of(bytes),
        sha512: sha2::Sha512::digest(bytes).into(),
    }
}

/// Sends bytes, a few at a time, as they come from a connection.
async fn send<S: StateStore>(
    appending: &mut Appending<'_, MemoryObjects, S>,
    mut bytes: &[u8],
) -> Result<(), Refused> {
    while !bytes.is_empty() {
        let (buffer, full) = appending.buffer();
        let (now, later) = bytes.split_at(bytes.len().min(full - buffer.len()).min(7));
        buffer.extend_from_slice(now);
        bytes = later;
        if buffer.len() == full {
            appending.store().await?;
        }
    }
    Ok(())
}
