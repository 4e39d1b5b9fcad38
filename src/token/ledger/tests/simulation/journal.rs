//! What happened in a history, and what of it may not have.

use super::scenario::{RESUMES_MAX, Scenario};
use crate::token::ledger::Claim;

/// What may not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// Two got a 200 for one use.
    UseServedTwice,
    /// More got a 200 than there are uses.
    TooManyServed,
    /// Somebody went on with a download that another had begun.
    ResumedByAnother,
    /// A download was started again more often than allowed.
    ResumedTooOften,
    /// A use was taken by a request that got nothing from storage, or asked for nothing.
    TakenForNothing,
    /// A use is lost and nobody knows: no crash, and not counted as in doubt.
    LostSilently,
    /// Somebody began or went on after the token was taken back.
    StartedAfterRevocation,
    /// A claim was granted after the token's last second.
    ClaimedAfterExpiry,
    /// Two transfers of one use go on.
    TwoHolders,
    /// A transfer was ended that nobody took over.
    CutForNothing,
    /// Nothing went wrong, and somebody who could have been served was not.
    NotServed,
    /// It did not end.
    Endless,
}

/// How far a request to begin or to go on came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has not asked for a use yet.
    Before,
    /// It asked for a use, or has it, and the client has not heard of it.
    InTheGap,
    /// The head was sent.
    Answered,
    /// It was refused, and nothing was taken.
    Refused,
    /// It was refused, and counted as a use that may be lost.
    InDoubt,
    /// It was refused because the token was taken back.
    Revoked,
}

/// A request that may take a use.
pub(super) struct Attempt {
    pub(super) is_open: bool,
    pub(super) progress: Progress,
    pub(super) has_crashed: bool,
}

/// A use that the store gave away: to which attempt.
pub(super) struct Taking {
    pub(super) slot: u32,
    pub(super) attempt: usize,
}

/// A head that was sent.
pub(super) struct Head {
    pub(super) slot: u32,
    pub(super) person: usize,
    /// None: it goes on with what another began.
    pub(super) attempt: Option<usize>,
}

/// All of it.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) attempts: Vec<Attempt>,
    pub(super) takings: Vec<Taking>,
    /// 200s.
    pub(super) wholes: Vec<Head>,
    /// 206s.
    pub(super) parts: Vec<Head>,
    /// Starts that nothing ended, in the eyes of their replica.
    pub(super) claims: Vec<Claim>,
    /// Whether a revocation succeeded.
    pub(super) is_revoked: bool,
    pub(super) turns: u32,
    pub(super) violations: Vec<Violation>,
}

impl Journal {
    pub(super) fn note(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// Judges the whole history. What is known only when it happens is noted already.
    pub(super) fn judge(&mut self, scenario: &Scenario) {
        let uses = scenario.token.facts().uses;
        if self.wholes.len() > uses as usize {
            self.note(Violation::TooManyServed);
        }
        for slot in 0..uses {
            self.judge_use(slot);
        }
        for index in 0..self.takings.len() {
            self.judge_taking(index);
        }
        if scenario.faults == 0 {
            // Whoever opened storage asks for a use, and gets it unless all are taken.
            let asked = self.attempts.iter().filter(|attempt| attempt.is_open).count();
            if self.wholes.len() < asked.min(uses as usize) {
                self.note(Violation::NotServed);
            }
        }
    }

    fn judge_use(&mut self, slot: u32) {
        let mut wholes = self.wholes.iter().filter(|head| head.slot == slot);
        let owner = wholes.next().map(|head| head.person);
        if wholes.next().is_some() {
            self.note(Violation::UseServedTwice);
        }
        let parts = self.parts.iter().filter(|head| head.slot == slot);
        let is_theirs = parts.clone().all(|head| Some(head.person) == owner);
        if parts.count() > RESUMES_MAX as usize {
            self.note(Violation::ResumedTooOften);
        }
        if !is_theirs {
            self.note(Violation::ResumedByAnother);
        }
    }

    fn judge_taking(&mut self, index: usize) {
        let Taking { slot, attempt } = self.takings[index];
        let is_theirs = |head: &Head| head.slot == slot && head.attempt == Some(attempt);
        let is_answered = self.wholes.iter().any(is_theirs);
        let attempt = &self.attempts[attempt];
        let is_accounted_for = match attempt.progress {
            Progress::Answered => is_answered,
            Progress::InDoubt | Progress::Revoked => true,
            Progress::InTheGap => attempt.has_crashed,
            Progress::Before | Progress::Refused => false,
        };
        if !attempt.is_open {
            self.note(Violation::TakenForNothing);
        } else if !is_accounted_for {
            self.note(Violation::LostSilently);
        }
    }
}
