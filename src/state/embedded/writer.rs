//! The thread that writes.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redb::{ReadableTable as _, StorageError};
use tokio::sync::oneshot;

use super::super::{Failure, Nonce, Record};
use super::file::{File, Registers, is_swept, record};

/// How many writes share a commit.
const BATCH_MAX: usize = 512;

/// The pause before a file that failed is opened again, and between two looks at the clock.
const PAUSE: Duration = Duration::from_secs(1);

/// The pause between two sweeps, once nothing is left for one.
const SWEEP_PAUSE: Duration = Duration::from_secs(300);

/// Registers that ended this long ago are deleted. Clocks may be set back.
const KEPT: Duration = Duration::from_secs(3600);

/// A write.
pub(super) struct Job {
    pub(super) key: Box<[u8]>,
    pub(super) change: Change,
    pub(super) now: SystemTime,
    pub(super) answer: oneshot::Sender<Result<Outcome, Failure>>,
}

pub(super) enum Change {
    Create(Record),
    Replace(Nonce, Record),
    Remove(Nonce),
}

/// What became of it.
pub(super) enum Outcome {
    /// It changed the register.
    Done,
    /// The register keeps what it holds.
    Kept(Option<Record>),
}

/// Writes until nobody can ask for it any more.
pub(super) fn run(jobs: &Receiver<Job>, file: &File, now: fn() -> SystemTime) {
    let (mut retry, mut sweep) = (Schedule::default(), Schedule::default());
    let mut pause = PAUSE;
    loop {
        let batch = match jobs.recv_timeout(pause) {
            Ok(job) => std::iter::once(job).chain(jobs.try_iter().take(BATCH_MAX - 1)).collect(),
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if !file.is_open() && retry.is_due(now(), PAUSE) {
            file.reopen();
        }
        commit(file, batch);
        if file.is_open() && sweep.is_due(now(), SWEEP_PAUSE) {
            let hour = now().duration_since(UNIX_EPOCH + KEPT).unwrap_or_default();
            // What fails is in the log, and what is left is for the next time.
            let is_more = file.sweep(hour.as_secs() / 3600) == Ok(true);
            if is_more {
                sweep = Schedule::default();
            }
            pause = if is_more { Duration::ZERO } else { PAUSE };
        }
    }
}

/// When something was done last.
#[derive(Default)]
struct Schedule(Option<SystemTime>);

impl Schedule {
    /// Whether it is time to do it again, which is then done.
    fn is_due(&mut self, now: SystemTime, pause: Duration) -> bool {
        // A clock that was set back does not make it wait for longer.
        let is_due = self
            .0
            .is_none_or(|last| now.duration_since(last).is_ok_and(|it| it >= pause) || now < last);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// Does what is asked for, and answers when it is on the disk.
fn commit(file: &File, mut batch: Vec<Job>) {
    // Whoever has gone is not told, and was told that nobody knows.
    batch.retain(|job| !job.answer.is_closed());
    if batch.is_empty() {
        return;
    }
    let written = file.write(|registers| {
        let outcomes =
            batch.iter().map(|job| job.decide(registers)).collect::<Result<Vec<_>, _>>()?;
        let is_changed = outcomes.iter().any(|outcome| matches!(outcome, Ok(Outcome::Done)));
        Ok((outcomes, is_changed))
    });
    match written {
        Ok(outcomes) => {
            for (job, outcome) in batch.into_iter().zip(outcomes) {
                let _ = job.answer.send(outcome);
            }
        }
        Err(failure) => {
            for job in batch {
                let _ = job.answer.send(Err(failure.clone()));
            }
        }
    }
}

impl Job {
    fn decide(
        &self,
        registers: &mut Registers<'_>,
    ) -> Result<Result<Outcome, Failure>, StorageError> {
        let there = registers.get(&self.key[..])?.map(|bytes| record(bytes.value())).transpose();
        let there = match there {
            Ok(there) => there.filter(|record| record.lives(self.now)),
            Err(foreign) => return Ok(Err(foreign)),
        };
        let creates = matches!(self.change, Change::Create(_));
        if creates && there.is_none() && is_swept(registers, &self.key)? {
            let message = "what ends at that time was deleted, by a clock that was ahead";
            return Ok(Err(Failure::NotDone(message.into())));
        }
        let is = |seen: &Nonce| there.as_ref().is_some_and(|there| there.nonce == *seen);
        let (may, next) = match &self.change {
            Change::Create(record) => (there.is_none(), Some(record)),
            Change::Replace(seen, record) => (is(seen), Some(record)),
            Change::Remove(seen) => (is(seen), None),
        };
        match next {
            _ if !may => return Ok(Ok(Outcome::Kept(there))),
            Some(record) => _ = registers.insert(&self.key[..], &record.to_bytes()[..])?,
            None => _ = registers.remove(&self.key[..])?,
        }
        Ok(Ok(Outcome::Done))
    }
}
