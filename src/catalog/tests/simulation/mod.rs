//! Several replicas, and people who use them at once, over storage at its worst: whatever happens,
//! what a version refers to is there, and what nobody refers to is gone in the end.

mod journal;
mod random;
mod storage;

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Waker};

use futures_util::FutureExt as _;

use super::*;
use crate::content::digests::Algorithm;
use journal::Journal;
use random::Random;
use storage::Storage;

/// How many histories are looked at.
const HISTORIES: u64 = 400;

/// How many people there are, and what each of them does one after the other.
const PEOPLE: u64 = 5;
const DEEDS: u64 = 5;

struct World {
    storage: Storage,
    journal: Mutex<Journal>,
    hours: Mutex<u32>,
}

impl World {
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap()
    }

    /// What time it is; sometimes it is later than before.
    fn now(&self, random: &mut Random) -> SystemTime {
        let mut hours = self.hours.lock().unwrap();
        *hours += u32::from(random.one_in(4)) * 2;
        now() + *hours * HOUR
    }
}

/// Somebody, who does one thing after the other on any replica.
struct Person<'w> {
    world: &'w World,
    random: Random,
}

impl Person<'_> {
    async fn live(mut self) {
        for _ in 0..DEEDS {
            let namespace = ["acme", "acme", "other", "system"][self.random.choice(4)];
            let name = ["disk", "tape"][self.random.choice(2)];
            let caller = caller(namespace);
            match self.random.below(12) {
                0..=3 => self.publish(&caller, name).await,
                4..=6 => self.publish_again(&caller, name).await,
                7 => self.remove(&caller, name).await,
                8 => self.remove_version(&caller, name).await,
                9 => self.keep_versions(&caller, name).await,
                10 => {
                    let is_shared = self.random.one_in(2);
                    let now = self.world.now(&mut self.random);
                    let shared = self.catalog().share(&caller, &named(name), is_shared, now).await;
                    assert!(shared.is_err() || caller.is_system);
                }
                _ => self.sweep().await,
            }
        }
    }

    fn catalog(&self) -> Catalog<'_, Storage> {
        catalog(&self.world.storage)
    }

    fn begin(&self) -> u64 {
        let mut journal = self.world.journal();
        journal.time += 1;
        journal.time
    }

    async fn publish(&mut self, caller: &Caller, name: &str) {
        let now = self.world.now(&mut self.random);
        let bytes = [self.random.below(3) as u8];
        let (id, begin) = (fresh_id(), self.begin());
        for _ in 0..2 {
            let catalog = self.catalog();
            if catalog.announce(caller, id, &object(id), now).await.is_err()
                || self.world.storage.put(&object(id), &bytes).await.is_err()
            {
                continue;
            }
            self.world.journal().blobs.push(id);
            let blob = (id, 1, &digests(&bytes));
            if let Ok(artifact) = catalog.publish(caller, &version(name), blob, now).await {
                return self.world.journal().tell(&artifact, id, begin);
            }
        }
    }

    async fn publish_again(&mut self, caller: &Caller, name: &str) {
        let now = self.world.now(&mut self.random);
        let begin = self.begin();
        let id = if self.random.one_in(3) {
            let digest = digests(&[self.random.below(3) as u8]).by(Algorithm::Sha512);
            let found = self.catalog().find(caller, &digest).await.ok().flatten();
            assert!(found.as_ref().is_none_or(|blob| blob.namespace == caller.namespace));
            found.map(|blob| blob.id)
        } else {
            let blobs = self.world.journal().blobs.clone();
            (!blobs.is_empty()).then(|| blobs[self.random.choice(blobs.len())])
        };
        let Some(id) = id else { return };
        let again = self.catalog().publish_again(caller, &version(name), id, now).await;
        if let Ok(artifact) = again {
            self.world.journal().tell(&artifact, id, begin);
        }
    }

    async fn remove(&mut self, caller: &Caller, name: &str) {
        let now = self.world.now(&mut self.random);
        let id = self.catalog().artifact_id(&caller.namespace, "image", name);
        let number = self.world.journal().removes(id, None);
        if self.catalog().remove(caller, &named(name), now).await.is_ok() {
            self.begin();
            self.world.journal().removed(number);
        }
    }

    async fn remove_version(&mut self, caller: &Caller, name: &str) {
        let now = self.world.now(&mut self.random);
        let id = self.catalog().artifact_id(&caller.namespace, "image", name);
        let index = 1 + self.random.below(5);
        let number = self.world.journal().removes(id, Some(index));
        if self.catalog().remove_version(caller, &named(name), index, now).await.is_ok() {
            self.begin();
            self.world.journal().removed(number);
        }
    }

    async fn keep_versions(&mut self, caller: &Caller, name: &str) {
        let now = self.world.now(&mut self.random);
        let id = self.catalog().artifact_id(&caller.namespace, "image", name);
        let count = 1 + self.random.below(3) as u32;
        self.world.journal().keeps(id, count);
        drop(self.catalog().keep_versions(caller, &named(name), count, now).await);
    }

    /// Also of what somebody is at just now: that is no good idea, and does no harm.
    async fn sweep(&mut self) {
        let now = self.world.now(&mut self.random);
        let older_than = if self.random.one_in(2) { Duration::ZERO } else { 3 * HOUR };
        self.catalog().sweep(older_than, now, None).await;
    }
}

/// One history from beginning to end.
fn history(seed: u64) {
    let mut random = Random::new(seed);
    let faults = [0, 40, 8][random.choice(3)];
    let crashes = [0, 3][random.choice(2)];
    let world = World {
        storage: Storage::new(seed ^ 0xabcd, faults),
        journal: Mutex::default(),
        hours: Mutex::new(0),
    };
    type Life<'w> = Pin<Box<dyn Future<Output = ()> + Send + 'w>>;
    let mut people: Vec<(Life<'_>, u64)> = Vec::new();
    for number in 0..PEOPLE {
        let person = Person { world: &world, random: Random::new(seed * 31 + number) };
        let steps = if random.one_in(crashes) { random.below(150) } else { u64::MAX };
        people.push((Box::pin(person.live()), steps));
    }
    let mut context = Context::from_waker(Waker::noop());
    let mut steps = 0;
    while !people.is_empty() {
        let number = random.choice(people.len());
        let (person, left) = &mut people[number];
        let is_over = *left == 0 || person.as_mut().poll(&mut context).is_ready();
        *left = left.saturating_sub(1);
        if is_over {
            // Whatever it was at, it is gone.
            drop(people.swap_remove(number));
        }
        steps += 1;
        assert!(steps < 100_000, "it does not end");
        if steps % 4 == 0 || is_over {
            world.journal().judge_bucket(&world.storage.inner);
        }
    }
    world.storage.settle();
    let mut journal = world.journal();
    journal.judge_bucket(&world.storage.inner);
    journal.judge_told(&world.storage.inner);
    let catalog = catalog(&world.storage.inner);
    let about = format!("seed {seed}");
    let rest = failures::assert_sound(&catalog, &about);
    rest.now_or_never().expect("memory answers at once");
    journal.judge_bucket(&world.storage.inner);
}

#[test]
fn nothing_is_lost_and_nothing_is_left() {
    for seed in 0..HISTORIES {
        let outcome = std::panic::catch_unwind(|| history(seed));
        assert!(outcome.is_ok(), "history {seed}");
    }
}
