//! A replica: the order in which it does things with the ledger, storage and the client.

use super::defect::Defect;
use super::journal::{Attempt as Try, Head, Progress, Violation};
use super::scenario::RESUMES_MAX;
use super::world::World;
use crate::state::{Failure, StateStore as _};
use crate::token::DownloadToken;
use crate::token::ledger::record::Use;
use crate::token::ledger::{
    Attempt, Claim, Denied, Ledger, Resumable, ResumeTag, Standing, slot_key,
};

/// What storage says when it is asked for the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    Opens,
    Misses,
    Fails,
}

/// One replica, as one client's requests see it.
pub(super) struct Gateway<'w> {
    pub(super) world: &'w World,
    pub(super) replica: usize,
    pub(super) person: usize,
}

impl<'w> Gateway<'w> {
    fn token(&self) -> &'w DownloadToken {
        &self.world.scenario.token
    }

    fn ledger(&self) -> Ledger<'w, World> {
        Ledger::new(self.world, RESUMES_MAX)
    }

    fn now(&self) -> std::time::SystemTime {
        self.world.now(self.replica)
    }

    /// HEAD, the status, and a GET that only fetches ahead.
    pub(super) async fn look(&self) {
        let _ = self.ledger().look_up(self.token(), 0, self.now()).await;
    }

    /// A GET without a tag.
    pub(super) async fn get(&self, storage: Storage) {
        let number = self.world.state().journal.attempts.len();
        let is_open = storage == Storage::Opens;
        let (progress, has_crashed) = (Progress::Before, false);
        self.world.state().journal.attempts.push(Try { is_open, progress, has_crashed });
        let progress = match self.begin(number, storage).await {
            Ok(claim) => {
                self.transfer(&claim).await;
                Progress::Answered
            }
            Err(Refusal::InDoubt) => Progress::InDoubt,
            Err(Refusal::Revoked) => Progress::Revoked,
            Err(Refusal::Other) => Progress::Refused,
        };
        self.world.tell(|| format!("attempt {number} ends: {progress:?}"));
        self.world.state().journal.attempts[number].progress = progress;
    }

    /// Up to the head.
    async fn begin(&self, number: usize, storage: Storage) -> Result<Claim, Refusal> {
        let scenario = &self.world.scenario;
        let slot = self.free_use().await?;
        if scenario.has(Defect::HeadBeforeClaim) {
            self.head(number, slot, None);
        }
        if scenario.has(Defect::ClaimBeforeStorage) {
            let claim = self.claim(number, slot).await?;
            self.open(storage).await?;
            self.head(number, claim.slot(), Some(*claim.tag()));
            return Ok(claim);
        }
        self.open(storage).await?;
        let claim = self.claim(number, slot).await?;
        if !scenario.has(Defect::HeadBeforeClaim) {
            self.head(number, claim.slot(), Some(*claim.tag()));
        }
        Ok(claim)
    }

    /// Cheap refusals first: a token that ended, and one that is spent.
    async fn free_use(&self) -> Result<u32, Refusal> {
        if self.token().has_expired(self.now()) {
            return Err(Refusal::Other);
        }
        let known = self.world.state().known[self.replica];
        let standing = self.ledger().look_up(self.token(), known, self.now()).await;
        let known = match standing.map_err(|_| Refusal::Other)? {
            Standing::Free(slot) => slot,
            Standing::Spent | Standing::Revoked => return Err(Refusal::Other),
        };
        let mut state = self.world.state();
        state.known[self.replica] = state.known[self.replica].max(known);
        Ok(known)
    }

    async fn open(&self, storage: Storage) -> Result<(), Refusal> {
        self.world.pause().await;
        match storage {
            Storage::Opens => Ok(()),
            Storage::Misses | Storage::Fails => Err(Refusal::Other),
        }
    }

    /// From here to the head, a crash costs a use.
    async fn claim(&self, number: usize, slot: u32) -> Result<Claim, Refusal> {
        let (was_revoked, asked) = {
            let mut state = self.world.state();
            state.journal.attempts[number].progress = Progress::InTheGap;
            (state.journal.is_revoked, state.time)
        };
        let attempt = World::attempt(number);
        let mut claimed = self.take(slot, &attempt).await;
        let is_in_doubt = matches!(claimed, Err(Denied::InDoubt(_)));
        if is_in_doubt && self.world.scenario.has(Defect::BlindRetry) {
            let again = Attempt::new([9; 16], *attempt.nonce.as_bytes());
            claimed = self.take(slot, &again).await;
        }
        let claim = claimed.map_err(|denied| match denied {
            Denied::InDoubt(_) => Refusal::InDoubt,
            Denied::Revoked => Refusal::Revoked,
            Denied::Expired | Denied::Spent | Denied::Unavailable(_) => Refusal::Other,
        })?;
        self.world.pause().await;
        self.granted(&claim, was_revoked);
        if asked > self.world.scenario.expiry() {
            self.note(Violation::ClaimedAfterExpiry);
        }
        Ok(claim)
    }

    async fn take(&self, slot: u32, attempt: &Attempt) -> Result<Claim, Denied> {
        let begun = self.now();
        let stands_still = self.world.scenario.has(Defect::ClockReadOnce);
        let clock = || if stands_still { begun } else { self.now() };
        self.ledger().claim(self.token(), slot, attempt, clock).await
    }

    fn granted(&self, claim: &Claim, was_revoked: bool) {
        let mut state = self.world.state();
        if was_revoked {
            state.journal.note(Violation::StartedAfterRevocation);
        }
        state.journal.claims.push(claim.clone());
    }

    /// The 200 leaves; whether it arrives is not known here.
    fn head(&self, number: usize, slot: u32, tag: Option<ResumeTag>) {
        let mut state = self.world.state();
        let person = self.person;
        self.world.tell(|| format!("200 for use {slot} by attempt {number} to person {person}"));
        state.journal.wholes.push(Head { slot, person, attempt: Some(number) });
        state.journal.attempts[number].progress = Progress::Answered;
        if !state.random.one_in(4) {
            state.tags[person] = tag;
        }
    }

    /// The body, with a look now and then at whether it is still this transfer's.
    async fn transfer(&self, claim: &Claim) {
        for _ in 0..2 {
            self.world.pause().await;
            if self.world.choice(2) == 0 {
                continue;
            }
            let was_superseded = self.is_superseded(claim);
            match self.ledger().holds(self.token(), claim, self.now()).await {
                Ok(false) if !self.is_superseded(claim) => self.note(Violation::CutForNothing),
                Ok(false) if !self.world.scenario.has(Defect::AlwaysHolds) => return,
                Ok(_) if was_superseded && !self.world.is_over(&self.world.state()) => {
                    self.note(Violation::TwoHolders);
                }
                // A store that cannot be asked stops no transfer.
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn note(&self, violation: Violation) {
        self.world.state().journal.note(violation);
    }

    /// Whether the register has another start, or none, as the last one.
    pub(super) fn is_superseded(&self, claim: &Claim) -> bool {
        let key = slot_key(self.token(), claim.slot());
        let state = self.world.state();
        let mut registers = state.registers.iter().filter(|(register, _)| *register == key);
        registers.any(|(_, record)| record.nonce != *claim.version.nonce())
    }

    /// A GET with a range and a tag.
    pub(super) async fn resume(&self, tag: ResumeTag) -> Result<(), Refusal> {
        let found = self.find(&tag).await?;
        self.open(Storage::Opens).await?;
        let was_revoked = self.world.state().journal.is_revoked;
        let attempt = self.world.resume();
        let claim = self.ledger().take_over(self.token(), found, &attempt, self.now()).await;
        let claim = claim.map_err(|_| Refusal::Other)?;
        self.world.pause().await;
        self.granted(&claim, was_revoked);
        let (slot, person) = (claim.slot(), self.person);
        self.world.tell(|| format!("206 for use {slot} to person {person}"));
        self.world.state().journal.parts.push(Head { slot, person, attempt: None });
        self.transfer(&claim).await;
        Ok(())
    }

    async fn find(&self, tag: &ResumeTag) -> Result<Resumable, Refusal> {
        if !self.world.scenario.has(Defect::SecretNotChecked) {
            let found = self.ledger().find(self.token(), tag, self.now()).await;
            return found.map_err(|_| Refusal::Other);
        }
        let there = self.world.read(&slot_key(self.token(), tag.slot), self.now()).await;
        let there = there.ok().flatten().ok_or(Refusal::Other)?;
        match Use::read(&there.record.value) {
            Use::Taken { claim, starts, .. } => {
                Ok(Resumable { tag: *tag, claim, starts, version: there.version })
            }
            _ => Err(Refusal::Other),
        }
    }

    /// A DELETE.
    pub(super) async fn revoke(&self) {
        let first_only = {
            let mut facts = self.token().facts().clone();
            facts.uses = 1;
            DownloadToken::for_test(self.token().id(), facts)
        };
        let token = match self.world.scenario.has(Defect::RevokesFirstUseOnly) {
            true => &first_only,
            false => self.token(),
        };
        if self.ledger().revoke(token, self.now()).await.is_ok() {
            self.world.tell(|| "revoked".to_owned());
            self.world.state().journal.is_revoked = true;
        }
    }
}

/// Why a client gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A use may be lost, which is counted.
    InDoubt,
    /// The token was taken back.
    Revoked,
    /// Nothing happened.
    Other,
}

impl From<Failure> for Refusal {
    fn from(_: Failure) -> Self {
        Self::Other
    }
}
