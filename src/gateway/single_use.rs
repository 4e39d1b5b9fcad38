//! What is asked about a single-use token. The token is the credential: who opens it has the proof
//! that somebody with a grant gave it.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;

use super::{Asker, Redemption, Resume, Storage, Verdict};
use crate::auth::{self, AskedTenant, Grant};
use crate::bucket::object::ObjectHead;
use crate::conditions::{self, ByteRange, Range};
use crate::dialect::{Call, Offer, Outcome, TokenAction, TokenCall, TokenOutcome, TokenStatus};
use crate::error::{Error, Kind};
use crate::plan::{Route, SingleUse};
use crate::reply::Portion;
use crate::state::Store;
use crate::token::ledger::{Ledger, ResumeTag, Standing};
use crate::token::{Confirmation, DownloadToken, SealedText};

/// One request about a token.
pub(super) struct Asked<'a> {
    pub(super) route: &'a Arc<Route>,
    pub(super) head: &'a Parts,
    pub(super) call: &'a Call,
    pub(super) now: SystemTime,
}

impl Asked<'_> {
    /// Answers it, or says which bytes to move.
    pub(super) async fn answer(
        self,
        storage: &impl Storage,
        asked: &TokenCall,
        asker: &mut Asker,
    ) -> Result<Verdict, Error> {
        // Before the token is looked at, so that the answer says nothing of it.
        if matches!(asked.action, TokenAction::Redeem(_)) && is_prefetch(&self.head.headers) {
            return Err(Error::token(Kind::Prefetch, "the client looks ahead"));
        }
        let single_use = single_use(self.route)?;
        let token = self.open(single_use, &asked.token)?;
        asker.tenant = token.facts().tenant.clone();
        asker.token_id = Some(token.id());
        match &asked.action {
            TokenAction::Redeem(proof) => {
                self.check_holder(&token)?;
                self.redeem(storage, single_use, token, proof.as_ref()).await
            }
            TokenAction::Inspect => {
                self.check_holder(&token)?;
                let object = self.look(storage, single_use, &token).await?;
                Ok(self.reply(TokenOutcome::Offered(whole(&token, &object))))
            }
            TokenAction::Confirm => {
                self.check_holder(&token)?;
                self.check_time(&token)?;
                check_free(&token, single_use, self.now).await?;
                let proof = Confirmation::seal(&single_use.keys, token.id(), self.now)?;
                Ok(self.reply(TokenOutcome::Confirmed(&proof)))
            }
            TokenAction::Revoke => {
                self.check_issuer(&token).await?;
                ledger(single_use).revoke(&token, self.now).await?;
                self.route.metrics.revoked.inc();
                tracing::info!(token_id = %token.id(), "a single-use token was taken back");
                Ok(self.reply(TokenOutcome::Revoked))
            }
            TokenAction::Status => {
                self.check_issuer(&token).await?;
                let standing = ledger(single_use).look_up(&token, 0, self.now).await;
                let standing = standing.map_err(|failure| Error::state(&failure))?;
                let has_expired = token.has_expired(self.now);
                let status = TokenStatus { facts: token.facts(), standing, has_expired };
                Ok(self.reply(TokenOutcome::Status(status)))
            }
        }
    }

    /// Opens a token of this route. What is forged, or for another route, never was one.
    fn open(&self, single_use: &SingleUse, text: &SealedText) -> Result<DownloadToken, Error> {
        let none = || Error::NotFound("the token is none of ours".into());
        let token = DownloadToken::open(&single_use.keys, text.as_str()).ok_or_else(none)?;
        let (facts, route) = (token.facts(), self.route);
        if facts.route != route.path || facts.bucket != route.bucket.name {
            return Err(Error::NotFound("the token is for another route".into()));
        }
        Ok(token)
    }

    fn check_holder(&self, token: &DownloadToken) -> Result<(), Error> {
        self.route.tenants.check(token.facts().tenant.as_ref())
    }

    fn check_time(&self, token: &DownloadToken) -> Result<(), Error> {
        if token.has_expired(self.now) {
            return Err(Error::token(Kind::TokenExpired, "its time is over"));
        }
        Ok(())
    }

    /// Only those who may issue look at a token's books, and only at those of their own tenants.
    async fn check_issuer(&self, token: &DownloadToken) -> Result<(), Error> {
        let carriage = self.route.dialect.carriage();
        let grant = auth::authorize(&self.route.policy, self.head, carriage, self.now).await?;
        check_may_issue(&grant)?;
        let Some(tenant) = &token.facts().tenant else { return Ok(()) };
        let asked = AskedTenant { name: tenant.as_str().into(), bare: None };
        let grant = grant.within(&[asked], &self.route.tenants);
        match grant.as_ref().map(Grant::tenant) {
            Ok(Some(own)) if own == tenant => Ok(()),
            _ => Err(Error::NotFound("the token is another tenant's".into())),
        }
    }

    async fn redeem(
        &self,
        storage: &impl Storage,
        single_use: &SingleUse,
        token: DownloadToken,
        proof: Option<&SealedText>,
    ) -> Result<Verdict, Error> {
        let resume = resume(&self.head.headers);
        if resume.is_none() {
            self.check_time(&token)?;
            let confirmed = proof.and_then(|proof| {
                Confirmation::open(&single_use.keys, proof.as_str(), token.id(), self.now)
            });
            if token.facts().confirm && confirmed.is_none() && wants_page(&self.head.headers) {
                let object = self.look(storage, single_use, &token).await?;
                return Ok(self.reply(TokenOutcome::ToConfirm(whole(&token, &object))));
            }
        }
        let (route, call) = (Arc::clone(self.route), self.call.clone());
        Ok(Verdict::Redemption(Box::new(Redemption { route, call, token, resume })))
    }

    /// What a token that can be used gives, without taking a use.
    async fn look(
        &self,
        storage: &impl Storage,
        single_use: &SingleUse,
        token: &DownloadToken,
    ) -> Result<ObjectHead, Error> {
        self.check_time(token)?;
        check_free(token, single_use, self.now).await?;
        let object = storage.stat(&self.route.bucket, &token.facts().key).await?;
        check_unchanged(token, &object)?;
        Ok(object)
    }

    fn reply(&self, outcome: TokenOutcome<'_>) -> Verdict {
        let answer = self.route.dialect.answer(self.head, self.call, &Outcome::Token(outcome));
        Verdict::Reply(answer)
    }
}

/// What the route has for single-use tokens.
pub(super) fn single_use(route: &Route) -> Result<&SingleUse, Error> {
    let none = || Error::Internal("a route of single-use tokens without what they need".into());
    route.single_use.as_deref().ok_or_else(none)
}

/// Passes for those who may issue.
pub(super) fn check_may_issue(grant: &Grant) -> Result<(), Error> {
    match grant.may_issue() {
        true => Ok(()),
        false => Err(Error::Forbidden("the issue rule does not permit it".into())),
    }
}

/// Passes where the object is the one that the token was made for.
///
/// # Errors
/// [`Kind::ContentChanged`].
pub fn check_unchanged(token: &DownloadToken, object: &ObjectHead) -> Result<(), Error> {
    let Some(promised) = &token.facts().etag else { return Ok(()) };
    match &object.etag {
        Some(etag) if etag.as_bytes() == promised.as_bytes() => Ok(()),
        _ => Err(Error::token(Kind::ContentChanged, "the object has another entity tag")),
    }
}

/// Passes where a use is free.
///
/// # Errors
/// [`Kind::TokenSpent`], [`Kind::TokenRevoked`] or [`Kind::StateUnavailable`].
async fn check_free(
    token: &DownloadToken,
    single_use: &SingleUse,
    now: SystemTime,
) -> Result<(), Error> {
    let standing = ledger(single_use).look_up(token, 0, now).await;
    match standing.map_err(|failure| Error::state(&failure))? {
        Standing::Free(_) => Ok(()),
        Standing::Spent => Err(Error::token(Kind::TokenSpent, "all uses are taken")),
        Standing::Revoked => Err(Error::token(Kind::TokenRevoked, "it was taken back")),
    }
}

fn ledger(single_use: &SingleUse) -> Ledger<'_, Store> {
    Ledger::new(&single_use.store, single_use.resume_attempts)
}

const fn whole<'a>(token: &'a DownloadToken, object: &'a ObjectHead) -> Offer<'a> {
    Offer { facts: token.facts(), object, portion: Portion::Whole, tag: None }
}

/// Whether nobody wants the bytes yet: browsers and previewers look ahead, and say so
/// (Fetch, "Sec-Purpose"; the others are older names for it).
fn is_prefetch(headers: &HeaderMap) -> bool {
    let purposes = ["sec-purpose", "purpose", "x-purpose", "x-moz"].map(HeaderName::from_static);
    purposes.iter().flat_map(|name| headers.get_all(name)).any(|value| {
        let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
        ["prefetch", "prerender", "preview"].iter().any(|purpose| value.contains(purpose))
    })
}

/// Whether somebody opened the link as a page. Browsers say so; what asks for HTML and does not say
/// is an old browser or looks at links for others, and neither is to take a use.
fn wants_page(headers: &HeaderMap) -> bool {
    let mode = headers.get("sec-fetch-mode").map(http::HeaderValue::as_bytes);
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    accepted.any(|value| value.to_str().is_ok_and(|value| value.contains("text/html")))
        && matches!(mode, None | Some(b"navigate"))
}

/// With what a client goes on after a cut: a range that does not begin at the start, and the tag it
/// was given, in `If-Range` (Chromium) or `If-Match` (Firefox). None: it begins.
fn resume(headers: &HeaderMap) -> Option<Resume> {
    let mut tags = [header::IF_RANGE, header::IF_MATCH]
        .into_iter()
        .filter_map(|name| headers.get(name)?.to_str().ok());
    let text = tags.next()?;
    let tag = ResumeTag::parse(text)?;
    if tags.any(|other| other != text) {
        return None;
    }
    match conditions::range(headers, text) {
        Range::Part(range @ (ByteRange::From { first } | ByteRange::Bounded { first, .. }))
            if first > 0 =>
        {
            Some(Resume { tag, range })
        }
        _ => None,
    }
}
