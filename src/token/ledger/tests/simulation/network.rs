//! The store, and what becomes of questions and answers on their way.

use std::fmt;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use futures_util::future::poll_fn;

use super::defect::Defect;
use super::journal::Taking;
use super::scenario::{REPLICAS, SKEW_MAX, issued};
use super::world::{State, World, attempt_of};
use crate::state::{
    Create, Failure, Nonce, Record, Replace, StateKey, StateStore, Version, Versioned,
};
use crate::token::ledger::record::Use;

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (slot, asked) = (slot_of(&self.key), self.asked.duration_since(issued()));
        let asked = asked.unwrap_or_default().as_millis();
        match &self.question {
            Question::Read => write!(formatter, "read use {slot}")?,
            Question::Create(Record { nonce, .. }) => {
                write!(formatter, "create use {slot} as {nonce:?}")?;
            }
            Question::Replace(seen, Record { nonce, .. }) => {
                write!(formatter, "replace use {slot} by {nonce:?} if {:?}", seen.nonce())?;
            }
        }
        write!(formatter, ", asked at {asked} ms by task {}", self.task)
    }
}

/// What a store is asked.
#[derive(Clone)]
enum Question {
    Read,
    Create(Record),
    Replace(Version, Record),
}

/// What it answers.
#[derive(Clone)]
pub(super) enum Reply {
    Read(Option<Versioned>),
    Create(Create),
    Replace(Replace),
    Failed(Failure),
}

/// A question or its answer, under way.
pub(super) struct Message {
    id: u32,
    task: usize,
    key: StateKey,
    question: Question,
    asked: SystemTime,
    answer: Option<Reply>,
    /// Whether somebody waits for it.
    is_awaited: bool,
}

impl Message {
    /// What its sender knows when no answer came.
    fn lost(&self) -> Reply {
        Reply::Failed(match self.question {
            Question::Read => Failure::NotDone(String::new()),
            Question::Create(_) | Question::Replace(..) => Failure::Unknown(String::new()),
        })
    }
}

impl World {
    /// Sends a question, and waits for what becomes of it.
    async fn ask(&self, key: &StateKey, question: Question, asked: SystemTime) -> Reply {
        let id = {
            let mut state = self.state();
            if state.is_down {
                return Reply::Failed(Failure::NotDone(String::new()));
            }
            state.messages += 1;
            let (id, task, key) = (state.messages, state.current, key.clone());
            let message =
                Message { id, task, key, question, asked, answer: None, is_awaited: true };
            state.network.push(message);
            id
        };
        poll_fn(|_| {
            let mut state = self.state();
            match state.replies.iter().position(|(reply, _)| *reply == id) {
                Some(index) => Poll::Ready(state.replies.swap_remove(index).1),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// A message goes one step further: it is carried out, answered, lost, or doubled.
    pub(super) fn pass_on(&self, state: &mut State, index: usize) {
        let mut message = state.network.swap_remove(index);
        let chances = self.scenario.faults;
        if state.random.one_in(chances) {
            // Its sender waits no longer. What becomes of the question is another matter.
            deliver(state, &mut message, None);
        }
        if let Some(answer) = message.answer.take() {
            let is_lost = state.random.one_in(chances);
            self.tell(|| {
                format!("  answered, {}: {message:?}", if is_lost { "lost" } else { "ok" })
            });
            deliver(state, &mut message, Some(answer).filter(|_| !is_lost));
            return;
        }
        if state.is_down || state.random.one_in(chances) {
            deliver(state, &mut message, None);
            return;
        }
        let mut answer = self.carry_out(state, &message);
        if state.random.one_in(chances) {
            // Something on the way repeats the question at once, and passes on the second answer.
            answer = self.carry_out(state, &message);
        } else if state.random.one_in(chances) {
            // Or repeats it later.
            let (key, question) = (message.key.clone(), message.question.clone());
            state.network.push(Message {
                is_awaited: false,
                answer: None,
                key,
                question,
                ..message
            });
        }
        if message.is_awaited {
            message.answer = Some(answer);
            state.network.push(message);
        }
    }

    fn carry_out(&self, state: &mut State, message: &Message) -> Reply {
        let own = issued() + Duration::from_millis(state.time + self.scenario.skews[REPLICAS]);
        let now = if self.scenario.has_own_clock { own } else { message.asked };
        if self.scenario.has(Defect::StoreForgets) && state.random.one_in(8) {
            state.registers.clear();
        }
        let place = state.registers.iter().position(|(key, _)| *key == message.key);
        let there = place.map(|place| &state.registers[place].1).filter(|there| there.lives(now));
        let seen = there
            .map(|record| Versioned { record: record.clone(), version: Version::of(record.nonce) });
        self.tell(|| format!("  store: {message:?}"));
        let is_exclusive = !self.scenario.has(Defect::CreateNotExclusive);
        match (&message.question, seen) {
            (Question::Read, seen) => Reply::Read(seen),
            (Question::Create(_), Some(seen)) if is_exclusive => {
                Reply::Create(Create::Exists(seen))
            }
            (Question::Create(record), _) => {
                self.note_taking(state, &message.key, record);
                put(state, place, &message.key, record);
                Reply::Create(Create::Created(Version::of(record.nonce)))
            }
            (Question::Replace(version, record), Some(seen))
                if seen.version == *version || self.scenario.has(Defect::NoComparison) =>
            {
                put(state, place, &message.key, record);
                Reply::Replace(Replace::Replaced(Version::of(record.nonce)))
            }
            (Question::Replace(..), _) => Reply::Replace(Replace::Conflict),
        }
    }

    /// Writes down that a use was taken, unless the token is so old that nobody minds.
    fn note_taking(&self, state: &mut State, key: &StateKey, record: &Record) {
        let is_taken = matches!(Use::read(&record.value), Use::Taken { .. });
        if is_taken && !self.is_over(state) {
            let attempt = attempt_of(&record.nonce);
            state.journal.takings.push(Taking { slot: slot_of(key), attempt });
        }
    }

    /// Whether records of uses have ended by the fastest of clocks.
    pub(super) fn is_over(&self, state: &State) -> bool {
        issued() + Duration::from_millis(state.time + SKEW_MAX) >= self.scenario.token.end()
    }

    /// The record as it is sent.
    fn sent(&self, record: &Record) -> Record {
        let mut record = record.clone();
        if self.scenario.has(Defect::RecordsEndWithToken) {
            record.end = self.scenario.token.facts().expires;
        }
        record
    }
}

/// The use that a register is for.
fn slot_of(key: &StateKey) -> u32 {
    let text = key.as_str();
    text[text.len() - 1..].parse().expect("its number is at the end")
}

fn put(state: &mut State, place: Option<usize>, key: &StateKey, record: &Record) {
    match place {
        Some(place) => state.registers[place].1 = record.clone(),
        None => state.registers.push((key.clone(), record.clone())),
    }
}

/// Tells whoever waits for a message: an answer, or that there will be none.
fn deliver(state: &mut State, message: &mut Message, answer: Option<Reply>) {
    if std::mem::take(&mut message.is_awaited) {
        state.replies.push((message.id, answer.unwrap_or_else(|| message.lost())));
        state.ready[message.task] = true;
    }
}

impl StateStore for World {
    async fn read(&self, key: &StateKey, now: SystemTime) -> Result<Option<Versioned>, Failure> {
        match self.ask(key, Question::Read, now).await {
            Reply::Read(seen) => Ok(seen),
            Reply::Failed(failure) => Err(failure),
            _ => panic!("another question's answer"),
        }
    }

    async fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        let record = self.sent(record);
        let nonce = record.nonce;
        match self.ask(key, Question::Create(record), now).await {
            Reply::Create(create) => Ok(create),
            Reply::Failed(failure) => self.misread(failure, nonce),
            _ => panic!("another question's answer"),
        }
    }

    async fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        let record = self.sent(record);
        match self.ask(key, Question::Replace(seen.clone(), record), now).await {
            Reply::Replace(replace) => Ok(replace),
            Reply::Failed(failure) => Err(failure),
            _ => panic!("another question's answer"),
        }
    }

    async fn remove(&self, _: &StateKey, _: &Version, _: SystemTime) -> Result<(), Failure> {
        panic!("a ledger removes nothing")
    }
}

impl World {
    /// The failure of a `create`, as a ledger would see it that makes too much or too little of it.
    fn misread(&self, failure: Failure, nonce: Nonce) -> Result<Create, Failure> {
        let is_unknown = matches!(failure, Failure::Unknown(_));
        if is_unknown && self.scenario.has(Defect::UnknownIsSuccess) {
            return Ok(Create::Created(Version::of(nonce)));
        }
        if is_unknown && self.scenario.has(Defect::NoLookAfterUnknown) {
            let nonce = Nonce::new([0; 16]);
            let record = Record { nonce, end: self.scenario.token.end(), value: Vec::new() };
            return Ok(Create::Exists(Versioned { version: Version::of(nonce), record }));
        }
        Err(failure)
    }
}
