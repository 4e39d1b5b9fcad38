//! The ledger over registers in memory, over a store that loses answers, and in a simulation.

mod doubt;
mod resumes;
mod revocations;
mod simulation;
mod tags;
mod uses;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Attempt, Claim, Denied, Ledger, ResumeTag};
use crate::content::layout::Key;
use crate::state::StateStore;
use crate::token::{DownloadToken, Facts, TokenId};

const RESUMES_MAX: u32 = 3;
const WINDOW: Duration = Duration::from_secs(600);

/// A while before the token expires, in 900 seconds.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn after(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

fn token(uses: u32, resume_window: Duration) -> DownloadToken {
    let facts = Facts {
        route: "/d/".to_owned(),
        tenant: None,
        bucket: "artifacts".to_owned(),
        key: Key::of_sealed("k".to_owned()).unwrap(),
        etag: None,
        digest: None,
        filename: None,
        content_type: None,
        issued: now(),
        expires: after(900),
        uses,
        resume_window,
        confirm: false,
    };
    DownloadToken::for_test(TokenId::new([7; 16]), facts)
}

const fn attempt(number: u8) -> Attempt {
    Attempt::new([number; 16], [number; 16])
}

const fn ledger<S: StateStore>(store: &S) -> Ledger<'_, S> {
    Ledger::new(store, RESUMES_MAX)
}

/// Claims from the first use on.
async fn claim<S: StateStore>(
    store: &S,
    token: &DownloadToken,
    number: u8,
) -> Result<Claim, Denied> {
    ledger(store).claim(token, 0, &attempt(number), now).await
}

/// Goes on by a tag.
async fn resume<S: StateStore>(
    store: &S,
    token: &DownloadToken,
    tag: &ResumeTag,
    number: u8,
    at: SystemTime,
) -> Result<Claim, Denied> {
    let found = ledger(store).find(token, tag, at).await?;
    ledger(store).take_over(token, found, &attempt(number), at).await
}
