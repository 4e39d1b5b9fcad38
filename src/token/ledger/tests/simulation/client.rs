//! A client: its requests, one after the other, each to some replica.

use super::gateway::{Gateway, Storage};
use super::journal::{Progress, Violation};
use super::scenario::{REPLICAS, RESUMES_MAX};
use super::world::World;
use crate::token::ledger::ResumeTag;

/// What a client wants.
enum Wish {
    Begin(Storage),
    GoOn(ResumeTag),
    Look,
}

/// Makes all requests of a client.
pub(super) async fn live(world: &World, number: usize) {
    let person = world.scenario.people[number];
    for _ in 0..world.scenario.requests {
        world.pause().await;
        let gateway = Gateway { world, replica: world.choice(REPLICAS), person };
        match wish(world, person) {
            Wish::Begin(storage) => begin(&gateway, storage).await,
            Wish::GoOn(tag) => go_on(&gateway, tag).await,
            Wish::Look => {
                world.on(gateway.replica, gateway.look()).await;
            }
        }
    }
}

/// Takes the token back, through some replica, at some time.
pub(super) async fn take_back(world: &World) {
    for _ in 0..world.choice(24) {
        world.pause().await;
    }
    let gateway = Gateway { world, replica: world.choice(REPLICAS), person: 0 };
    world.on(gateway.replica, gateway.revoke()).await;
}

fn wish(world: &World, person: usize) -> Wish {
    let mut state = world.state();
    let tag = state.tags[person];
    match (state.random.below(16), tag) {
        (0, _) => Wish::Look,
        (1, _) => Wish::Begin(Storage::Misses),
        (2, _) => Wish::Begin(Storage::Fails),
        // Somebody else's use, by a guess.
        (3, _) => {
            let slot = state.random.below(3) as u32;
            Wish::GoOn(ResumeTag { slot, secret: [5; 16] })
        }
        // Another use, by the secret of this one.
        (4, Some(tag)) => Wish::GoOn(ResumeTag { slot: (tag.slot + 1) % 3, ..tag }),
        (5..=13, Some(tag)) => Wish::GoOn(tag),
        _ => Wish::Begin(Storage::Opens),
    }
}

async fn begin(gateway: &Gateway<'_>, storage: Storage) {
    let Gateway { world, replica, .. } = *gateway;
    let number = world.state().journal.attempts.len();
    if world.on(replica, gateway.get(storage)).await.is_none() {
        let mut state = world.state();
        // Before it ran at all, there is none.
        if let Some(attempt) = state.journal.attempts.get_mut(number) {
            attempt.has_crashed |= attempt.progress == Progress::InTheGap;
        }
    }
}

/// Goes on with a download. Where nothing goes wrong and nobody comes in between, that is served.
async fn go_on(gateway: &Gateway<'_>, tag: ResumeTag) {
    let Gateway { world, replica, person } = *gateway;
    let must_be_served = {
        let people = world.scenario.people[..world.scenario.clients].iter();
        let is_alone = people.filter(|other| **other == person).count() == 1;
        let state = world.state();
        let parts = state.journal.parts.iter().filter(|head| head.slot == tag.slot);
        let is_resumable = !world.scenario.token.facts().resume_window.is_zero();
        let has_starts = parts.count() < RESUMES_MAX as usize;
        let is_own = state.tags[person] == Some(tag);
        world.scenario.faults == 0 && is_own && is_alone && is_resumable && has_starts
    };
    let goes_on = world.on(replica, gateway.resume(tag)).await;
    if must_be_served && goes_on != Some(Ok(())) {
        world.state().journal.note(Violation::NotServed);
    }
}
