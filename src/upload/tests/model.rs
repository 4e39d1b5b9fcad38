//! Random steps, compared with a model that is a vector.

use super::*;
use crate::bucket::objects::memory::Fate as ObjectFate;
use crate::error::Kind;
use crate::state::flaky::Fate;

/// What an upload is: some bytes, and what can be done with them.
#[derive(Clone)]
struct Model {
    bytes: Vec<u8>,
    stage: Stage,
}

impl Model {
    fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn truncate(&mut self, size: u64) {
        self.bytes.truncate(size as usize);
    }
}

/// An upload, and what it has to be.
struct Run {
    seed: u64,
    world: World,
    id: UploadId,
    model: Model,
    random: Random,
    faults: bool,
}

impl Run {
    async fn new(seed: u64, faults: bool) -> Self {
        let world = World::default();
        let id = world.begin().await;
        // Only what began long ago is looked at by a sweep.
        for _ in 0..2 {
            wait(IDLE * 9 / 10);
            world.append(id, b"").await.unwrap();
        }
        let model = Model { bytes: Vec::new(), stage: Stage::Open };
        Self { seed, world, id, model, random: Random::new(seed), faults }
    }

    /// Makes something fail soon, sometimes.
    fn spoil(&mut self) {
        if !self.faults || self.random.below(3) > 0 {
            return;
        }
        if self.random.below(2) == 0 {
            let done = self.random.below(6) as usize;
            let lost = [ObjectFate::Lost, ObjectFate::LostAnswer][self.random.below(2) as usize];
            self.world.objects.fates(std::iter::repeat_n(ObjectFate::Done, done).chain([lost]));
        } else {
            const FATES: [Fate; 5] =
                [Fate::NotDone, Fate::LostBefore, Fate::LostAfter, Fate::Late, Fate::Repeated];
            self.world.store.next(FATES[self.random.below(5) as usize]);
        }
    }

    fn size(&mut self) -> u64 {
        match self.random.below(8) {
            0 => 0,
            1..=4 => self.random.below(SEGMENT),
            5 => SEGMENT,
            6 => self.random.below(5 * SEGMENT),
            _ => self.random.below(100 * SEGMENT),
        }
    }

    async fn step(&mut self) {
        self.spoil();
        match self.random.below(12) {
            0..=4 => self.append().await,
            5 => self.append_part().await,
            6 => self.truncate().await,
            7 => self.race().await,
            8 => self.send_what_is_wrong().await,
            9 => {
                wait(Duration::from_secs(self.random.below(20 * 60)));
                self.world.engine().sweep().await;
            }
            10 => self.drop_in_between().await,
            _ if self.random.below(10) == 0 => self.close().await,
            _ => {}
        }
        self.settle().await;
    }

    /// From here on nothing fails, and what is late has been done.
    async fn settle(&self) {
        self.world.objects.fates([]);
        self.world.store.heal();
        self.world.store.settle().await;
    }

    /// After a step that would make `after` of the upload: takes it for what it is, if it may be
    /// that.
    async fn assert_became<T: std::fmt::Debug>(
        &mut self,
        after: Model,
        outcome: &Result<T, Refused>,
        may_be_part: bool,
    ) {
        self.settle().await;
        let seed = self.seed;
        let before = self.model.bytes.len();
        match outcome {
            Ok(_) => self.model = after,
            Err(Refused::Failed(error)) => {
                assert!(self.faults, "seed {seed}: {error}");
                let size = self.world.size(self.id).await.unwrap() as usize;
                let is_in_doubt = error.kind() == Kind::OutcomeUnknown;
                let is_part = may_be_part && size > before && size < after.bytes.len();
                if is_part {
                    self.model = after;
                    self.model.bytes.truncate(size);
                } else if size != before {
                    assert!(is_in_doubt || may_be_part, "seed {seed}: {size}, not {before} bytes");
                    self.model = after;
                }
            }
            Err(_) => {}
        }
        self.world.assert_is(self.id, &self.model.bytes).await;
    }

    async fn append(&mut self) {
        let size = self.size();
        let bytes = self.random.bytes(size);
        let piece = Piece {
            offset: (self.random.below(2) == 0).then_some(self.model.bytes.len() as u64),
            bytes: (self.random.below(2) == 0).then_some(size),
            digest: (self.random.below(4) == 0).then(|| AnyDigest::Sha512(digests(&bytes).sha512)),
            keeps_part: self.random.below(4) == 0,
            length: None,
        };
        let outcome = self.world.append_piece(self.id, &bytes, piece).await;
        if self.model.stage == Stage::Open {
            let mut after = self.model.clone();
            after.append(&bytes);
            let may_be_part = piece.keeps_part && piece.digest.is_none();
            let is_ours = matches!(outcome, Ok(_) | Err(Refused::Failed(_)));
            assert!(is_ours, "seed {}: {outcome:?}", self.seed);
            self.assert_became(after, &outcome, may_be_part).await;
        } else {
            self.assert_closed(outcome.map(|_| ()));
        }
    }

    /// A piece whose connection is cut.
    async fn append_part(&mut self) {
        if self.model.stage != Stage::Open {
            return;
        }
        let size = self.size();
        let bytes = self.random.bytes(size);
        let piece = Piece { bytes: Some(size + 9), keeps_part: true, ..Piece::default() };
        let engine = self.world.engine();
        let outcome = async {
            let mut appending = engine.append(self.id, &self.world.owner, piece).await?;
            send(&mut appending, &bytes).await?;
            appending.finish_part().await
        }
        .await;
        let mut after = self.model.clone();
        after.append(&bytes);
        self.assert_became(after, &outcome, true).await;
    }

    async fn truncate(&mut self) {
        let size = self.random.below(self.model.bytes.len() as u64 + 1);
        let outcome = self.world.truncate(self.id, size).await;
        if self.model.stage != Stage::Open {
            return self.assert_closed(outcome.map(|_| ()));
        }
        let mut after = self.model.clone();
        after.truncate(size);
        self.assert_became(after, &outcome, false).await;
    }

    fn assert_closed(&self, outcome: Result<(), Refused>) {
        let is_refused = match &outcome {
            Err(Refused::Elsewhere(progress)) => progress.size == self.model.bytes.len() as u64,
            Err(Refused::Failed(_)) => self.faults,
            _ => false,
        };
        assert!(is_refused, "seed {}: {outcome:?}", self.seed);
    }

    /// Two writers at the same time: one of them at most adds something.
    async fn race(&mut self) {
        self.settle().await;
        if self.model.stage != Stage::Open {
            return;
        }
        let sizes = [self.size(), self.size()];
        let [one, other] = sizes.map(|size| self.random.bytes(size));
        let engine = self.world.engine();
        let piece = Piece::default();
        let mut first = engine.append(self.id, &self.world.owner, piece).await.unwrap();
        let mut second = engine.append(self.id, &self.world.owner, piece).await.unwrap();
        // Some of the second, all of the first, the rest of the second.
        let cut = self.random.below(other.len() as u64 + 1) as usize;
        send(&mut second, &other[..cut]).await.unwrap();
        send(&mut first, &one).await.unwrap();
        let truncated = self.random.below(4) == 0 && !self.model.bytes.is_empty();
        if truncated {
            self.world.truncate(self.id, self.model.bytes.len() as u64 - 1).await.unwrap();
            self.model.bytes.pop();
            assert!(matches!(first.finish().await, Err(Refused::Raced)));
        } else {
            first.finish().await.unwrap();
            self.model.append(&one);
        }
        let outcome = match send(&mut second, &other[cut..]).await {
            Ok(()) => second.finish().await.map(|_| ()),
            Err(refused) => Err(refused),
        };
        assert!(matches!(outcome, Err(Refused::Raced)), "seed {}: {outcome:?}", self.seed);
        self.world.assert_is(self.id, &self.model.bytes).await;
    }

    async fn send_what_is_wrong(&mut self) {
        let size = self.size();
        let bytes = self.random.bytes(size);
        let offset = self.model.bytes.len() as u64 + 1 + self.random.below(9);
        let digest = AnyDigest::Sha256(Sha256Digest::of(b"something else"));
        let wrong = [
            Piece { offset: Some(offset), ..Piece::default() },
            Piece { digest: Some(digest), ..Piece::default() },
            Piece { bytes: Some(size + 1), ..Piece::default() },
        ];
        let piece = wrong[self.random.below(3) as usize];
        let outcome = self.world.append_piece(self.id, &bytes, piece).await;
        assert!(outcome.is_err(), "seed {}", self.seed);
        self.settle().await;
        if self.model.stage == Stage::Open {
            self.world.assert_is(self.id, &self.model.bytes).await;
        }
    }

    /// A connection is cut, and nobody says so.
    async fn drop_in_between(&mut self) {
        self.settle().await;
        if self.model.stage != Stage::Open {
            return;
        }
        let size = self.size();
        let bytes = self.random.bytes(size);
        let engine = self.world.engine();
        let piece = Piece { keeps_part: self.random.below(2) == 0, ..Piece::default() };
        let mut appending = engine.append(self.id, &self.world.owner, piece).await.unwrap();
        send(&mut appending, &bytes).await.unwrap();
        let named = appending.progress().size as usize - self.model.bytes.len();
        assert!(named == 0 || piece.keeps_part);
        drop(appending);
        self.model.append(&bytes[..named]);
        self.world.assert_is(self.id, &self.model.bytes).await;
    }

    async fn close(&mut self) {
        let outcome = self.world.close(self.id).await;
        self.settle().await;
        if outcome.is_err() {
            assert!(self.faults);
        }
        let progress = self.world.engine().look(self.id, &self.world.owner).await.unwrap();
        assert!(outcome.is_err() || progress.stage == Stage::Committing);
        assert_eq!(progress.size, self.model.bytes.len() as u64);
        self.model.stage = progress.stage;
    }

    /// An object is made of it, however often that fails; or it is not gone on with.
    async fn end(mut self) {
        let is_committed = self.random.below(4) > 0;
        for _ in 0..12 {
            if !is_committed {
                break;
            }
            self.spoil();
            let outcome = self.world.commit(self.id).await;
            self.settle().await;
            let Ok(commit) = outcome else {
                assert!(self.faults, "seed {}: {outcome:?}", self.seed);
                continue;
            };
            assert_eq!(commit.digests, digests(&self.model.bytes), "seed {}", self.seed);
            self.world.assert_object_is(&self.model.bytes);
            break;
        }
        wait(IDLE);
        let swept = self.world.engine().sweep().await;
        assert_eq!(swept.failure, None, "seed {}", self.seed);
        assert_eq!(self.world.segments(), [] as [&str; 0], "seed {}", self.seed);
        if is_committed {
            self.world.assert_object_is(&self.model.bytes);
        } else {
            assert_eq!(self.world.objects.keys(), [] as [&str; 0], "seed {}", self.seed);
            assert!(matches!(self.world.size(self.id).await, Err(Refused::Unknown)));
        }
    }
}

#[tokio::test]
async fn uploads_are_what_the_model_is() {
    for seed in 0..12 {
        let mut run = Run::new(seed, false).await;
        for _ in 0..50 {
            run.step().await;
        }
        run.end().await;
    }
}

#[tokio::test]
async fn uploads_are_what_the_model_is_whatever_fails() {
    for seed in 0..24 {
        let mut run = Run::new(seed, true).await;
        for _ in 0..50 {
            run.step().await;
        }
        run.end().await;
    }
}
