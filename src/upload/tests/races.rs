//! Two who want different things of an upload at the same time: one waits after each of its questions
//! while the other goes on, wherever that is.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::*;

/// What is done with an upload of 50 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Append,
    Truncate,
    Commit,
    Abort,
    /// When the upload has just been over, as long as nobody went on with it.
    Sweep,
}

const STEPS: [Step; 5] = [Step::Append, Step::Truncate, Step::Commit, Step::Abort, Step::Sweep];

async fn take(world: &World, id: UploadId, step: Step) -> Result<(), Refused> {
    match step {
        Step::Append => world.append(id, &[7; 20]).await.map(|_| ()),
        Step::Truncate => world.truncate(id, 21).await.map(|_| ()),
        Step::Commit => world.commit(id).await.map(|_| ()),
        Step::Abort => world.engine().abort(id, &world.owner).await,
        Step::Sweep => {
            world.engine().sweep().await;
            Ok(())
        }
    }
}

/// Goes on with a future for some questions. What came of it, if it is at its end.
fn go_on<F: Future>(mut future: Pin<&mut F>, polls: usize) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut context) {
            return Some(outcome);
        }
    }
    None
}

/// Whether the upload can be what these made of it, one after the other.
async fn assert_is_one_of(world: &World, id: UploadId, done: &[Step], what: &str) {
    let before = Random::new(50).bytes(50);
    let appended = [&*before, &[7; 20]].concat();
    let appended_twice = [&*appended, &[7; 20]].concat();
    let appended_to_rest = [&before[..21], &[7; 20]].concat();
    let appended_once = done.contains(&Step::Append);
    let truncated = done.contains(&Step::Truncate);
    let expected = match (appended_once, truncated) {
        (false, false) => vec![&before[..]],
        (true, false) if done == [Step::Append; 2] => vec![&appended_twice[..]],
        (true, false) => vec![&appended[..]],
        (false, true) => vec![&before[..21]],
        (true, true) => vec![&appended[..21], &appended_to_rest[..]],
    };
    let mut is_object = true;
    match world.engine().look(id, &world.owner).await {
        Err(Refused::Unknown) => {
            let is_over = done.contains(&Step::Abort) || done.contains(&Step::Sweep);
            assert!(is_over, "{what}: it is lost");
            is_object = done.contains(&Step::Commit);
        }
        Err(refused) => panic!("{what}: {refused:?}"),
        Ok(progress) => {
            assert!(!done.contains(&Step::Abort), "{what}: it is there");
            if progress.stage == Stage::Open {
                let content = expected.iter().find(|bytes| bytes.len() as u64 == progress.size);
                world.assert_is(id, content.expect(what)).await;
            }
            let commit = world.commit(id).await.expect(what);
            let bytes = world.objects.get(TARGET).expect(what);
            assert!(expected.contains(&&*bytes), "{what}: {} bytes", bytes.len());
            assert_eq!(commit.digests, digests(&bytes));
        }
    }
    wait(IDLE);
    assert_eq!(world.engine().sweep().await.failure, None, "{what}");
    // Of an upload that was over before it was said that it is an object, none is left.
    let left: &[&str] = if is_object { &[TARGET] } else { &[] };
    assert_eq!(world.objects.keys(), left, "{what}");
    if is_object {
        let bytes = world.objects.get(TARGET).expect(what);
        assert!(expected.contains(&&*bytes), "{what}: {} bytes", bytes.len());
    }
}

/// `one` comes so far, then `other` so far, then `one` to its end, then `other`.
async fn race(one: Step, other: Step, polls: (usize, usize)) -> bool {
    let what = format!("{one:?} {}, {other:?} {}", polls.0, polls.1);
    let world = World::crowded();
    let id = world.begin().await;
    for piece in Random::new(50).bytes(50).chunks(25) {
        world.append(id, piece).await.unwrap();
    }
    let is_swept = one == Step::Sweep || other == Step::Sweep;
    let mut first = pin!(take(&world, id, one));
    let mut second = pin!(take(&world, id, other));
    if is_swept && one == Step::Sweep {
        wait(IDLE);
    }
    let first_outcome = go_on(first.as_mut(), polls.0);
    let is_end = first_outcome.is_some();
    if is_swept && one != Step::Sweep {
        wait(IDLE);
    }
    let second_outcome = go_on(second.as_mut(), polls.1);
    let first_outcome = first_outcome.or_else(|| go_on(first, 10_000)).unwrap();
    let second_outcome = second_outcome.or_else(|| go_on(second, 10_000)).unwrap();
    let outcomes = [(one, first_outcome), (other, second_outcome)];
    let done = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(step, _)| *step);
    let done: Vec<_> = done.collect();
    let what = format!("{what}: {done:?}");
    assert_is_one_of(&world, id, &done, &what).await;
    is_end
}

#[tokio::test]
async fn two_at_the_same_time() {
    for one in STEPS {
        for other in STEPS {
            for second in [1, 2, 3, 4, 5, 7, 10_000] {
                for first in 0.. {
                    if race(one, other, (first, second)).await {
                        break;
                    }
                }
            }
        }
    }
}
