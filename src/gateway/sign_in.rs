//! Signing in by wallet.

use std::time::SystemTime;

use http::request::Parts;

use super::Verdict;
use super::nonces::{Nonces, Unusable};
use crate::auth::{Asked, Denied, KeyToken};
use crate::dialect::{self, Call, Outcome};
use crate::error::{Error, Kind};
use crate::plan::{Route, SignIn};
use crate::state::Nonce;
use crate::token::sixteen_bytes;

/// Answers a [`Call::SignIn`] or a [`Call::Challenge`].
pub(super) async fn answer(
    route: &Route,
    head: &Parts,
    call: &Call,
    now: SystemTime,
) -> Result<Verdict, Error> {
    let reply = |outcome: &Outcome<'_>| Verdict::Reply(route.dialect.answer(head, call, outcome));
    let none = || Error::NotFound("wallets cannot sign in here".into());
    let sign_in = route.sign_in.as_ref().ok_or_else(none)?;
    match call {
        Call::Challenge(wallet) if sign_in.wallets.issues_nonces() => {
            let challenge = sign_in
                .wallets
                .challenge(wallet, sixteen_bytes()?, now)
                .map_err(|denied| refusal(&denied))?;
            // Of wallets that get nothing there is nothing to write down.
            if sign_in.wallets.knows(challenge.wallet()) {
                let issued = Nonces::new(&*sign_in.store).issue(&challenge, write()?, now).await;
                issued.map_err(doubt)?;
            }
            Ok(reply(&Outcome::Challenge(&challenge)))
        }
        Call::SignIn(asked) => match tokens(sign_in, asked, route, now).await {
            Ok(tokens) => {
                let endpoint = sign_in.wallets.endpoint();
                Ok(reply(&Outcome::SignedIn { tokens: &tokens, endpoint }))
            }
            Err(NoTokens::Chain) => Ok(reply(&Outcome::ChainNotSupported)),
            Err(NoTokens::Refused(error)) => Err(error),
        },
        _ => Err(none()),
    }
}

/// Answers a [`Call::Login`].
pub(super) fn by_key(
    route: &Route,
    head: &Parts,
    call: &Call,
    now: SystemTime,
) -> Result<Verdict, Error> {
    let Call::Login(Some(login)) = call else {
        return Err(Error::Internal("a question of everybody that nobody answers".into()));
    };
    let none = || Error::NotFound("there are no tokens for keys here".into());
    let catalog = route.pieces.as_ref().and_then(|pieces| pieces.catalog.as_ref());
    let logins = catalog.and_then(|catalog| catalog.login.as_ref()).ok_or_else(none)?;
    let KeyToken { jwt, life, key_name } = logins.token(&login.namespace, &login.key, now)?;
    let (namespace, route_path) = (&login.namespace, &route.path);
    tracing::info!(namespace, key = key_name, route = route_path, "a key was shown");
    let outcome = Outcome::LoggedIn { token: &jwt, life };
    Ok(Verdict::Reply(route.dialect.answer(head, call, &outcome)))
}

/// Why there are no tokens.
enum NoTokens {
    /// To clients that is no refusal.
    Chain,
    Refused(Error),
}

impl From<Error> for NoTokens {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

async fn tokens(
    sign_in: &SignIn,
    asked: &dialect::SignIn,
    route: &Route,
    now: SystemTime,
) -> Result<Vec<crate::auth::NewToken>, NoTokens> {
    let dialect::SignIn { wallet, chain, nonce, signature } = asked;
    let candidate = match sign_in.wallets.judge(&Asked { wallet, chain, nonce, signature }, now) {
        Ok(candidate) => candidate,
        Err(Denied::Chain) => return Err(NoTokens::Chain),
        Err(denied) => return Err(refusal(&denied).into()),
    };
    // Made first, so that no nonce is used up in vain, and given away last.
    let tokens = sign_in.wallets.tokens(&candidate, now)?;
    if !tokens.is_empty() {
        let consumed = Nonces::new(&*sign_in.store).consume(candidate.proof(), write()?, now).await;
        consumed.map_err(doubt)?;
    }
    let (wallet, route, count) = (candidate.wallet(), &route.path, tokens.len());
    tracing::info!(%wallet, route, tokens = count, "a wallet signed in");
    Ok(tokens)
}

fn write() -> Result<Nonce, Error> {
    sixteen_bytes().map(Nonce::new)
}

fn refusal(denied: &Denied) -> Error {
    match *denied {
        Denied::Chain => Error::InvalidRequest("the chain is not supported".into()),
        Denied::Malformed(reason) => Error::InvalidRequest(reason.into()),
        Denied::Signature(reason) | Denied::Nonce(reason) => refused(reason),
    }
}

fn doubt(unusable: Unusable) -> Error {
    match unusable {
        Unusable::Used => refused("the nonce was used before"),
        Unusable::Unknown => refused("the nonce was not issued here, or its time is over"),
        Unusable::Unavailable(detail) => Error::State { kind: Kind::StateUnavailable, detail },
        Unusable::InDoubt(detail) => Error::State { kind: Kind::OutcomeUnknown, detail },
    }
}

fn refused(reason: &'static str) -> Error {
    Error::credential(Kind::CredentialRefused, reason)
}
