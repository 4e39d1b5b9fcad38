//! Storage, the state store and the process itself failing, at each of the engine's questions in
//! turn.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::bucket::objects::memory::Fate as ObjectFate;
use crate::error::Kind;
use crate::state::flaky::Fate;
use crate::state::{Create, Failure, Record, Replace, StateKey, Versioned};

/// A store whose question of some number, a write or not, has a fate.
#[derive(Default)]
struct Spoiled {
    flaky: Flaky,
    /// How many questions there were, and which will have what fate.
    state: Mutex<(usize, Option<(usize, Fate)>)>,
}

impl Spoiled {
    fn spoil(&self, question: usize, fate: Fate) {
        let mut state = self.state.lock().unwrap();
        let number = state.0 + question;
        state.1 = Some((number, fate));
    }

    fn questions(&self) -> usize {
        self.state.lock().unwrap().0
    }

    fn next(&self) -> Option<Fate> {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        let number = state.0 - 1;
        state.1.filter(|(spoiled, _)| *spoiled == number).map(|(_, fate)| fate)
    }
}

impl StateStore for Spoiled {
    async fn read(&self, key: &StateKey, now: SystemTime) -> Result<Option<Versioned>, Failure> {
        match self.next() {
            None => self.flaky.read(key, now).await,
            Some(_) => Err(Failure::NotDone("not reached".to_owned())),
        }
    }

    async fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        self.next().into_iter().for_each(|fate| self.flaky.next(fate));
        self.flaky.create(key, record, now).await
    }

    async fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        self.next().into_iter().for_each(|fate| self.flaky.next(fate));
        self.flaky.replace(key, seen, record, now).await
    }

    async fn remove(&self, key: &StateKey, seen: &Version, now: SystemTime) -> Result<(), Failure> {
        self.flaky.remove(key, seen, now).await
    }
}

/// What is done with an upload of some bytes while something fails.
#[derive(Clone, Copy, Debug)]
enum Step {
    Append(usize),
    KeepPart(usize),
    Truncate(usize),
    Commit,
    Abort,
}

/// Each with how many bytes there are before, and in pieces of how many.
const STEPS: [(usize, usize, Step); 10] = [
    (0, 1, Step::Append(5)),
    (13, 3, Step::Append(3)),
    (16 * 130 + 13, 3, Step::Append(90)),
    (16, 1, Step::KeepPart(50)),
    (16 * 130, 16, Step::Truncate(16 * 60 + 3)),
    (30, 3, Step::Truncate(5)),
    (30, 3, Step::Truncate(26)),
    (16 * 130 + 13, 3, Step::Commit),
    (0, 1, Step::Commit),
    (40, 9, Step::Abort),
];

fn content() -> Vec<u8> {
    Random::new(5).bytes(4000)
}

async fn prepared<S: StateStore>(
    world: &World<S>,
    (bytes, piece, _): (usize, usize, Step),
) -> UploadId {
    let id = world.begin().await;
    let content = content();
    for piece in content[..bytes].chunks(if bytes > 1000 { 1000 } else { piece }) {
        world.append(id, piece).await.unwrap();
    }
    id
}

async fn take<S: StateStore>(
    world: &World<S>,
    id: UploadId,
    before: usize,
    step: Step,
) -> Result<(), Refused> {
    let content = content();
    match step {
        Step::Append(count) => world.append(id, &content[before..before + count]).await.map(|_| ()),
        Step::KeepPart(count) => {
            let piece = Piece { keeps_part: true, ..Piece::default() };
            world.append_piece(id, &content[before..before + count], piece).await.map(|_| ())
        }
        Step::Truncate(size) => world.truncate(id, size as u64).await.map(|_| ()),
        Step::Commit => world.commit(id).await.map(|_| ()),
        Step::Abort => world.engine().abort(id, &world.owner).await,
    }
}

/// What the upload is after a step that was refused, dropped or done, and that it goes on from there
/// and leaves nothing behind.
async fn assert_goes_on<S: StateStore>(
    world: &World<S>,
    id: UploadId,
    (before, _, step): (usize, usize, Step),
    outcome: Option<Result<(), Refused>>,
    what: &str,
) {
    let content = content();
    let after = match step {
        Step::Append(count) | Step::KeepPart(count) => before + count,
        Step::Truncate(size) => size,
        Step::Commit | Step::Abort => before,
    };
    let is_done = matches!(outcome, Some(Ok(())));
    let is_in_doubt = match &outcome {
        None => true,
        Some(Err(Refused::Failed(error))) => error.kind() == Kind::OutcomeUnknown,
        Some(_) => false,
    };
    match world.engine().look(id, &world.owner).await {
        Err(Refused::Unknown) => {
            assert!(matches!(step, Step::Abort), "{what}: the upload is lost");
        }
        Err(refused) => panic!("{what}: {refused:?}"),
        Ok(progress) => {
            let size = progress.size as usize;
            assert!(!(is_done && matches!(step, Step::Abort)), "{what}: it is not over");
            let is_part = matches!(step, Step::KeepPart(_))
                && (before..=after).contains(&size)
                && progress.size.is_multiple_of(SEGMENT);
            let fits = size == after && (is_done || is_in_doubt);
            let is_before = size == before && !is_done;
            // An append that was refused outright counts not at all.
            assert!(fits || is_before || is_part, "{what}: {size} bytes after {outcome:?}");
            if progress.stage != Stage::Done {
                world.assert_is(id, &content[..size]).await;
            }
            if progress.stage == Stage::Open {
                world.append(id, &content[size..size + 20]).await.unwrap();
            }
            let commit = world.commit(id).await.unwrap();
            let size = commit.size as usize;
            assert_eq!(commit.digests, digests(&content[..size]), "{what}");
            world.assert_object_is(&content[..size]);
        }
    }
    // Deleting may have failed, or something may have been stored later.
    wait(IDLE);
    let swept = world.engine().sweep().await;
    assert_eq!(swept.failure, None, "{what}");
    assert_eq!(world.segments(), [] as [&str; 0], "{what}");
}

#[tokio::test]
async fn storage_fails_at_each_question() {
    for step in STEPS {
        for fate in [ObjectFate::Lost, ObjectFate::LostAnswer] {
            for question in (0..40).chain((40..).step_by(9)) {
                let world = World::<Flaky>::default();
                let id = prepared(&world, step).await;
                let before = world.objects.log().len();
                let fates = std::iter::repeat_n(ObjectFate::Done, question);
                world.objects.fates(fates.chain([fate]));
                let outcome = take(&world, id, step.0, step.2).await;
                world.objects.fates([]);
                let count = world.objects.log().len() - before;
                let what = format!("{step:?}, {fate:?} at {question}");
                let is_end = question >= count;
                assert_goes_on(&world, id, step, Some(outcome), &what).await;
                if is_end {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn the_state_store_fails_at_each_question() {
    const FATES: [Fate; 5] =
        [Fate::NotDone, Fate::LostBefore, Fate::LostAfter, Fate::Late, Fate::Repeated];
    for step in STEPS {
        for fate in FATES {
            for question in (0..40).chain((40..).step_by(9)) {
                let world = World::<Spoiled>::default();
                let id = prepared(&world, step).await;
                let before = world.store.questions();
                world.store.spoil(question, fate);
                let outcome = take(&world, id, step.0, step.2).await;
                let is_end = question >= world.store.questions() - before;
                world.store.state.lock().unwrap().1 = None;
                world.store.flaky.settle().await;
                let what = format!("{step:?}, {fate:?} at {question}: {outcome:?}");
                assert_goes_on(&world, id, step, Some(outcome), &what).await;
                if is_end {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_beginning_that_is_in_doubt_leaves_nothing() {
    for fate in [Fate::NotDone, Fate::LostBefore, Fate::LostAfterWithReads, Fate::Late] {
        let world = World::over(Flaky::of(&[fate]));
        let begun = world.engine().begin(&world.owner, Beginning::default()).await;
        assert!(matches!(begun, Err(Refused::Failed(Error::State { .. }))), "{fate:?}");
    }
    for fate in [Fate::LostAfter, Fate::Repeated] {
        let world = World::over(Flaky::of(&[fate]));
        let id = world.begin().await;
        world.append(id, b"a").await.unwrap();
    }
}

/// The process ends, or the client gives up, at each point where it waits.
#[tokio::test]
async fn the_process_ends_anywhere() {
    for step in STEPS {
        for polls in (1..60).chain((60..).step_by(11)) {
            let world = World::crowded();
            let id = prepared(&world, step).await;
            let outcome = {
                let mut future = pin!(take(&world, id, step.0, step.2));
                let mut context = Context::from_waker(Waker::noop());
                let mut outcome = None;
                for _ in 0..polls {
                    if let Poll::Ready(ready) = future.as_mut().poll(&mut context) {
                        outcome = Some(ready);
                        break;
                    }
                }
                outcome
            };
            let is_end = outcome.is_some();
            let what = format!("{step:?}, dropped at {polls}");
            assert_goes_on(&world, id, step, outcome, &what).await;
            if is_end {
                break;
            }
        }
    }
}
