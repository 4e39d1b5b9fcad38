//! The machines of a history: clocks, tasks, and everything by which they meet.

use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use futures_util::future::poll_fn;

use super::gateway::Gateway;
use super::journal::{Journal, Violation};
use super::network::{Message, Reply};
use super::random::Random;
use super::scenario::{REPLICAS, SKEW_MAX, Scenario, issued};
use crate::state::{Nonce, Record, StateKey};
use crate::token::ledger::{Attempt, Claim, ResumeTag};

/// More turns than any history takes that ends.
const TURNS_MAX: u32 = 2000;

/// A client, with all its requests.
pub(super) type Task<'w> = Pin<Box<dyn Future<Output = ()> + Send + 'w>>;

/// What changes.
pub(super) struct State {
    pub(super) random: Random,
    /// By the slowest clock, in milliseconds since the token was issued.
    pub(super) time: u64,
    pub(super) registers: Vec<(StateKey, Record)>,
    pub(super) network: Vec<Message>,
    pub(super) replies: Vec<(u32, Reply)>,
    pub(super) messages: u32,
    pub(super) is_down: bool,
    /// Which tasks can go on.
    pub(super) ready: Vec<bool>,
    pub(super) current: usize,
    /// How often each replica began anew.
    pub(super) incarnations: [u32; REPLICAS],
    /// How many uses each knows to be taken.
    pub(super) known: [u32; REPLICAS],
    /// What each person heard by.
    pub(super) tags: Vec<Option<ResumeTag>>,
    pub(super) resumes: u8,
    pub(super) journal: Journal,
}

/// All of it. It is shared by the tasks, of which one runs at a time.
pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) is_told: bool,
    state: Mutex<State>,
}

impl World {
    pub(super) fn new(scenario: Scenario, random: Random, is_told: bool) -> Self {
        let state = State {
            random,
            time: 0,
            registers: Vec::new(),
            network: Vec::new(),
            replies: Vec::new(),
            messages: 0,
            is_down: false,
            ready: vec![true; scenario.tasks()],
            current: 0,
            incarnations: [0; REPLICAS],
            known: [0; REPLICAS],
            tags: vec![None; scenario.clients],
            resumes: 0,
            journal: Journal::default(),
        };
        Self { scenario, is_told, state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no task panics while it holds it")
    }

    /// What time it is on a machine: a replica, or after them the store.
    pub(super) fn now(&self, machine: usize) -> SystemTime {
        issued() + Duration::from_millis(self.state().time + self.scenario.skews[machine])
    }

    pub(super) fn choice(&self, count: usize) -> usize {
        self.state().random.choice(count)
    }

    /// Tells of an event, where somebody wants to read it.
    pub(super) fn tell(&self, event: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{}", event());
        }
    }

    /// Lets others go first.
    pub(super) async fn pause(&self) {
        let mut has_paused = false;
        poll_fn(|_| {
            if has_paused {
                return Poll::Ready(());
            }
            has_paused = true;
            let mut state = self.state();
            let current = state.current;
            state.ready[current] = true;
            Poll::Pending
        })
        .await;
    }

    /// Runs a request on a replica. None: that crashed meanwhile.
    pub(super) async fn on<T>(
        &self,
        replica: usize,
        request: impl Future<Output = T>,
    ) -> Option<T> {
        let incarnation = self.state().incarnations[replica];
        let mut request = pin!(request);
        poll_fn(|context| {
            if self.state().incarnations[replica] != incarnation {
                return Poll::Ready(None);
            }
            request.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// Runs tasks until all of them, and all messages, came to their end.
    pub(super) fn run(&self, mut tasks: Vec<Task<'_>>) {
        let mut context = Context::from_waker(std::task::Waker::noop());
        for _ in 0..TURNS_MAX {
            match self.turn() {
                Turn::Over => return,
                Turn::Other => {}
                Turn::Task(task) => {
                    // A task that ended is not ready, but a crash wakes all.
                    let is_over = tasks[task].as_mut().poll(&mut context).is_ready();
                    if is_over {
                        tasks[task] = Box::pin(std::future::pending());
                    }
                }
            }
        }
        self.state().journal.note(Violation::Endless);
    }

    /// Time goes on, something may happen, and somebody is chosen.
    fn turn(&self) -> Turn {
        let mut guard = self.state();
        let state = &mut *guard;
        state.time += state.random.below(300);
        state.journal.turns += 1;
        if self.scenario.faults != 0 && state.random.one_in(self.scenario.faults) {
            self.misfortune(state);
        }
        let ready = state.ready.iter().filter(|is_ready| **is_ready).count();
        let count = ready + state.network.len();
        if count == 0 {
            return Turn::Over;
        }
        let choice = state.random.choice(count);
        if choice >= ready {
            self.pass_on(state, choice - ready);
            return Turn::Other;
        }
        let mut tasks = state.ready.iter().enumerate().filter(|(_, is_ready)| **is_ready);
        let task = tasks.nth(choice).map(|(task, _)| task).expect("one of those that are ready");
        state.ready[task] = false;
        state.current = task;
        Turn::Task(task)
    }

    fn misfortune(&self, state: &mut State) {
        let kind = state.random.below(8);
        match kind {
            0 | 1 => self.crash(state),
            2 => state.is_down = !state.is_down,
            3 | 4 => self.sweep(state),
            _ => self.stall(state),
        }
    }

    /// A replica loses all it knows and does. What it sent is under way.
    fn crash(&self, state: &mut State) {
        let replica = state.random.choice(REPLICAS);
        self.tell(|| format!("replica {replica} crashes"));
        state.incarnations[replica] += 1;
        state.known[replica] = 0;
        state.ready.fill(true);
    }

    /// Time passes: often to about when something ends.
    fn stall(&self, state: &mut State) {
        let token = &self.scenario.token;
        let of = |end: SystemTime| end.duration_since(issued()).unwrap_or_default().as_millis();
        let edge = match state.random.below(4) {
            0 => of(token.facts().expires),
            1 => of(token.facts().expires + token.facts().resume_window),
            2 => of(token.end()),
            _ => u128::from(state.time + state.random.below(60_000)),
        };
        let edge = u64::try_from(edge).unwrap_or_default();
        let early = [0, SKEW_MAX, state.random.below(SKEW_MAX)][state.random.choice(3)];
        let around = edge.saturating_sub(early) + state.random.below(400);
        state.time = state.time.max(around.saturating_sub(200));
        self.tell(|| format!("it is {} ms", state.time));
    }

    /// A replica deletes what has ended by its clock, where the store does not do it itself.
    fn sweep(&self, state: &mut State) {
        let replica = state.random.choice(REPLICAS);
        let now = issued() + Duration::from_millis(state.time + self.scenario.skews[replica]);
        if !self.scenario.has_own_clock {
            state.registers.retain(|(key, _)| key.end() > now);
        }
    }

    /// What happened, at the end.
    pub(super) fn judge(&self) -> Journal {
        let claims = self.state().journal.claims.clone();
        let gateway = Gateway { world: self, replica: 0, person: 0 };
        let last = claims.iter().filter(|claim| !gateway.is_superseded(claim));
        let holding: Vec<u32> = last.map(Claim::slot).collect();
        let mut state = self.state();
        let twice = |slot: &u32| holding.iter().filter(|other| *other == slot).count() > 1;
        let is_held =
            holding.iter().any(twice) || (state.journal.is_revoked && !holding.is_empty());
        if is_held && !self.is_over(&state) {
            state.journal.note(Violation::TwoHolders);
        }
        state.journal.judge(&self.scenario);
        std::mem::take(&mut state.journal)
    }

    /// What the next attempt to take a use is known by.
    pub(super) fn attempt(number: usize) -> Attempt {
        Attempt::new(bytes(1, number), bytes(1, number))
    }

    /// What the next attempt to go on is known by.
    pub(super) fn resume(&self) -> Attempt {
        let mut state = self.state();
        state.resumes += 1;
        Attempt::new(bytes(3, 0), bytes(2, usize::from(state.resumes)))
    }
}

/// The number of the attempt that a nonce belongs to.
pub(super) fn attempt_of(nonce: &Nonce) -> usize {
    usize::from(nonce.as_bytes()[1])
}

fn bytes(kind: u8, number: usize) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = kind;
    bytes[1] = u8::try_from(number).expect("fewer attempts than a byte counts");
    bytes
}

enum Turn {
    Over,
    Other,
    Task(usize),
}
