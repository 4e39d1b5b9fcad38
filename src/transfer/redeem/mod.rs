//! A download by a single-use token: storage first, then the use, then the answer.
//!
//! ```text
//! begin:  look up ── open storage (If-Match) ── 200 ── claim ── 200 to the client ── bytes
//! go on:  find the use by its tag ── open storage (Range) ── 206 ── take over ── 206 ── bytes
//! ```
//!
//! Nothing before the claim takes a use, whatever fails there. What happens between the claim and the
//! head of the answer is counted as in doubt, unless it ends well.

mod turnstile;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::request::Parts;
use prometheus::IntCounter;
use tokio::time::sleep;

use super::answer::Answer;
use super::check::Check;
use super::client::Client;
use super::download::{
    BUFFERED_BYTES_MAX, Undelivered, buffer, choose_check, judge, settle_cut, whole_size,
};
use super::storage::StorageClient;
use super::{Source, Transfer, copy_body};
use crate::bucket::Read;
use crate::bucket::object::ObjectHead;
use crate::conditions::Range;
use crate::dialect::{Offer, Outcome, TokenOutcome};
use crate::error::{Error, Kind};
use crate::gateway::{Redemption, Resume, check_unchanged};
use crate::plan::Route;
use crate::reply::Portion;
use crate::state::Store;
use crate::token::DownloadToken;
use crate::token::ledger::{Attempt, Claim, Denied, Ledger, Standing};
use turnstile::{Finding, First, Turn};

pub use turnstile::Turnstile;

/// When a download first looks whether it was taken over, and how long it may leave it later: a long
/// one looks ever more seldom, since a look can be a request to a bucket.
const LOOK_FIRST: Duration = Duration::from_secs(3);
const LOOK_EVERY_MAX: Duration = Duration::from_secs(24);

/// An object that was opened for its receiver.
struct Opened {
    claim: Claim,
    object: ObjectHead,
    portion: Portion,
    source: Source,
    check: Check,
    delivered: IntCounter,
}

/// Delivers a download.
///
/// # Errors
/// See [`Undelivered`].
pub async fn deliver(
    client: &mut Client,
    storage: &StorageClient,
    turnstile: &Turnstile,
    head: &Parts,
    redemption: Redemption,
) -> Result<(), Undelivered> {
    let Redemption { route, call, token, resume } = redemption;
    let single_use = route.single_use.as_deref();
    let single_use =
        single_use.ok_or_else(|| Error::Internal("a token without its route".into()))?;
    let ledger = Ledger::new(&*single_use.store, single_use.resume_attempts);
    let desk = Desk { route: &route, token: &token, storage, ledger };
    let doubt = Doubt::new(&route, &token);
    let opened = match &resume {
        None => desk.begin(client, turnstile, &doubt).await?,
        Some(resume) => desk.go_on(client, resume).await?,
    };
    let Opened { claim, object, portion, source, check, delivered } = opened;
    let is_resumable = !token.facts().resume_window.is_zero();
    let tag = is_resumable.then_some(claim.tag());
    let offer = Offer { facts: token.facts(), object: &object, portion, tag };
    let outcome = Outcome::Token(TokenOutcome::Offered(offer));
    client.write_head(route.dialect.answer(head, &call, &outcome)).await?;
    doubt.settle();
    let (prefix, suffix) = Default::default();
    let sent = tokio::select! {
        biased;
        sent = copy_body(client, Transfer { prefix, source, suffix, check }) => sent,
        () = desk.superseded(&claim) => {
            route.metrics.superseded.inc();
            let detail = "a later start took over, or the token was taken back";
            return Err(Undelivered::Cut(Error::token(Kind::TokenSpent, detail)));
        }
    };
    settle_cut(&route, sent)?;
    delivered.inc();
    Ok(())
}

/// What one request about one token works with.
struct Desk<'a> {
    route: &'a Route,
    token: &'a DownloadToken,
    storage: &'a StorageClient,
    ledger: Ledger<'a, Store>,
}

impl Desk<'_> {
    /// Takes a use, if there is one.
    async fn begin(
        &self,
        client: &mut Client,
        turnstile: &Turnstile,
        doubt: &Doubt<'_>,
    ) -> Result<Opened, Undelivered> {
        let mut taken = 0;
        let first = loop {
            let turn = tokio::select! {
                biased;
                turn = turnstile.enter(self.token.id()) => turn,
                gone = client.gone() => return Err(gone.into()),
            };
            match turn {
                Turn::First(first) => break first,
                Turn::After(Finding::Taken(uses)) if uses >= self.token.facts().uses => {
                    return Err(spent().into());
                }
                Turn::After(Finding::Taken(uses)) => taken = uses,
                Turn::After(Finding::Refused(kind)) => return Err(shared(kind).into()),
                Turn::After(Finding::Nothing) => {}
            }
        };
        let opened = self.be_first(client, taken, doubt).await;
        self.tell(first, &opened);
        opened
    }

    /// Tells those who wait for the same token.
    fn tell(&self, first: First, opened: &Result<Opened, Undelivered>) {
        match opened {
            Ok(opened) => first.tell(Finding::Taken(opened.claim.slot() + 1)),
            Err(Undelivered::Refused(error) | Undelivered::Cut(error)) => match error.kind() {
                Kind::TokenSpent => first.tell(Finding::Taken(self.token.facts().uses)),
                // The doubt is one request's; for the others the use is gone or is not.
                Kind::OutcomeUnknown => first.tell(Finding::Refused(Kind::StateUnavailable)),
                kind => first.tell(Finding::Refused(kind)),
            },
            Err(Undelivered::Gone(_)) => drop(first),
        }
    }

    async fn be_first(
        &self,
        client: &mut Client,
        taken: u32,
        doubt: &Doubt<'_>,
    ) -> Result<Opened, Undelivered> {
        let opening = async {
            let standing = self.ledger.look_up(self.token, taken, SystemTime::now()).await;
            let slot = match standing.map_err(|failure| Error::state(&failure))? {
                Standing::Free(slot) => slot,
                Standing::Spent => return Err(spent()),
                Standing::Revoked => return Err(revoked()),
            };
            Ok((slot, self.open(Range::Whole).await?))
        };
        let (slot, (object, portion, answer)) = tokio::select! {
            biased;
            opened = opening => opened?,
            gone = client.gone() => return Err(gone.into()),
        };
        let digest = self.token.facts().digest.as_ref();
        let (mut check, delivered) = choose_check(self.route, digest, &object, portion);
        let source = if object.size <= BUFFERED_BYTES_MAX {
            // What is corrupt, or does not come whole, takes no use.
            let result = buffer(client, answer, &mut check).await;
            if matches!(result, Err(Undelivered::Refused(Error::ContentCorrupt { .. }))) {
                self.route.metrics.mismatched.inc();
            }
            check = Check::None;
            result?
        } else {
            Source::Storage(answer)
        };
        let claim = self.claim(slot, doubt).await?;
        let delivered = delivered.clone();
        Ok(Opened { claim, object, portion, source, check, delivered })
    }

    /// Takes a use. Nobody looks at the client meanwhile: what was begun here has to end.
    async fn claim(&self, slot: u32, doubt: &Doubt<'_>) -> Result<Claim, Error> {
        let attempt = Attempt::random()?;
        doubt.begin();
        let claim = self.ledger.claim(self.token, slot, &attempt, SystemTime::now).await;
        match claim {
            Ok(claim) => {
                self.route.metrics.claimed.inc();
                Ok(claim)
            }
            Err(denied) => {
                if !matches!(denied, Denied::InDoubt(_)) {
                    doubt.settle();
                }
                Err(refusal(denied))
            }
        }
    }

    /// Goes on with a use that was taken.
    async fn go_on(&self, client: &mut Client, resume: &Resume) -> Result<Opened, Undelivered> {
        let opening = async {
            let found = self.ledger.find(self.token, &resume.tag, SystemTime::now()).await;
            let found = found.map_err(refusal)?;
            let (object, portion, answer) = self.open(Range::Part(resume.range)).await?;
            if portion == Portion::Whole {
                // All of it would be another 200.
                let detail = "storage ignored a range";
                return Err(Error::storage(Kind::StorageFailed, detail));
            }
            Ok((found, object, portion, answer))
        };
        let (found, object, portion, answer) = tokio::select! {
            biased;
            opened = opening => opened?,
            gone = client.gone() => return Err(gone.into()),
        };
        let attempt = Attempt::random()?;
        let claim = self.ledger.take_over(self.token, found, &attempt, SystemTime::now()).await;
        let claim = claim.map_err(refusal)?;
        self.route.metrics.resumed.inc();
        let (source, check) = (Source::Storage(answer), Check::None);
        let delivered = self.route.metrics.partial.clone();
        Ok(Opened { claim, object, portion, source, check, delivered })
    }

    /// Opens the object that the token was made for, and no other. Its bytes are still to be read.
    async fn open(&self, range: Range) -> Result<(ObjectHead, Portion, Answer), Error> {
        let (facts, bucket) = (self.token.facts(), &self.route.bucket);
        let asked = match range {
            Range::Part(part) => Some(part.to_header()),
            Range::Whole | Range::FromStart => None,
        };
        let read = Read {
            range: asked.as_deref(),
            if_match: facts.etag.as_deref(),
            checksum: self.route.trust_storage_checksum,
            ..Read::get(&facts.key)
        };
        let answer = self.storage.send(bucket, &read).await?;
        let status = answer.status();
        if !matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Err(match answer.into_error(bucket).await {
                // There is one condition, where there is any.
                _ if status == StatusCode::PRECONDITION_FAILED && facts.etag.is_some() => {
                    Error::token(Kind::ContentChanged, "storage has another entity tag")
                }
                Error::RangeNotSatisfiable { size: None } => {
                    let size = whole_size(self.storage, bucket, &facts.key).await;
                    Error::RangeNotSatisfiable { size }
                }
                error => error,
            });
        }
        let (object, portion, answer) = judge(answer, range)?;
        // Not every server heeds `If-Match` on GET.
        check_unchanged(self.token, &object)?;
        Ok((object, portion, answer))
    }

    /// Completes when a start is no longer the last one. A store that cannot be asked changes nothing.
    async fn superseded(&self, claim: &Claim) {
        let mut pause = LOOK_FIRST;
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_EVERY_MAX);
            if let Ok(false) = self.ledger.holds(self.token, claim, SystemTime::now()).await {
                return;
            }
        }
    }
}

/// The time in which a use may be lost: from its claim to the head of the answer. Ended in any other
/// way than well, it is counted, and so it is when the request is dropped with the process.
struct Doubt<'a> {
    route: &'a Route,
    token: &'a DownloadToken,
    lasts: AtomicBool,
}

impl<'a> Doubt<'a> {
    const fn new(route: &'a Route, token: &'a DownloadToken) -> Self {
        Self { route, token, lasts: AtomicBool::new(false) }
    }

    fn begin(&self) {
        self.lasts.store(true, Ordering::Relaxed);
    }

    fn settle(&self) {
        self.lasts.store(false, Ordering::Relaxed);
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if *self.lasts.get_mut() {
            self.route.metrics.in_doubt.inc();
            let (token_id, route) = (self.token.id(), &self.route.path);
            tracing::error!(%token_id, route, "a use may be taken and nobody has it");
        }
    }
}

fn spent() -> Error {
    Error::token(Kind::TokenSpent, "all uses are taken")
}

fn revoked() -> Error {
    Error::token(Kind::TokenRevoked, "it was taken back")
}

fn refusal(denied: Denied) -> Error {
    match denied {
        Denied::Spent => spent(),
        Denied::Revoked => revoked(),
        Denied::Expired => Error::token(Kind::TokenExpired, "its time ended meanwhile"),
        Denied::Unavailable(detail) => Error::State { kind: Kind::StateUnavailable, detail },
        Denied::InDoubt(detail) => Error::State { kind: Kind::OutcomeUnknown, detail },
    }
}

/// The refusal that another request for the same token got.
fn shared(kind: Kind) -> Error {
    const DETAIL: &str = "so another request for the token found";
    match kind {
        Kind::NotFound => Error::NotFound(DETAIL.into()),
        Kind::StateUnavailable => Error::State { kind, detail: DETAIL.to_owned() },
        Kind::ContentChanged | Kind::TokenExpired | Kind::TokenRevoked => {
            Error::token(kind, DETAIL)
        }
        kind => Error::storage(kind, DETAIL),
    }
}
