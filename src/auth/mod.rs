//! Who may use a route: [`authorize`] turns a request's head into a [`Grant`], and nothing else
//! does.
//!
//! ```text
//! head --credential--> token --memory or jwt--> claims --issuer--> in time, for us --rule--> Grant
//! ```
//!
//! Everything here is pure: keys are loaded when the plan is compiled, or fetched by somebody else
//! while requests wait ([`RemoteKeys`]), and the clock is an argument. What a token says decides
//! nothing until its signature holds, with two exceptions that only pick among what the plan
//! already trusts: `iss` picks the issuer and `kid` picks its key. The key fixes the algorithm; the
//! token never does (RFC 8725 section 3.1).

mod claims;
mod credential;
mod grant;
mod issuer;
mod json;
mod jwk;
mod jwt;
mod key;
mod key_login;
mod key_set;
mod keyring;
mod memory;
mod remote;
mod rule;
mod secret;
mod sign_in;
mod tenant;
mod tenants;
#[cfg(test)]
mod tests;
mod ticket;
pub mod wallet;

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;

use crate::error::{Error, Kind};
use claims::Claims;
use grant::Permissions;
use jwt::Token;
use memory::Fingerprint;

pub use claims::Profile;
pub use credential::Carriage;
pub(crate) use credential::percent_decoded;
pub use grant::{AskedTenant, Grant, Namespace, Writing};
pub use issuer::{Issuer, IssuerProblem};
pub use key::VerifyingKey;
pub use key_login::{KeyLogins, KeyProblem, KeyToken, NAMESPACE_CLAIM};
pub use key_set::{JWKS_BYTES_MAX, KeySet};
pub use keyring::{Keyring, KeyringProblem};
pub use memory::VerdictMemory;
pub use remote::{Attendance, RemoteKeys};
pub use rule::Rule;
pub use sign_in::{
    Asked, Candidate, Challenge, Denied, NewToken, Proof, Storage, WalletProblem, Wallets,
};
pub use tenant::{InvalidTenant, Tenant};
pub use tenants::{Account, Tenants};
pub use ticket::{TICKET, authorize_by_ticket};

/// Who may use a route: the compiled form of [`config::Auth`](crate::config::Auth).
#[derive(Debug)]
pub struct Policy(Access);

#[derive(Debug)]
enum Access {
    Open,
    Jwt(Box<JwtPolicy>),
}

#[derive(Debug)]
struct JwtPolicy {
    issuers: Vec<Arc<Issuer>>,
    rules: Rules,
    /// The text of all rules, by which what they grant is remembered.
    text: Arc<str>,
    memory: Arc<VerdictMemory>,
}

/// What is asked of the claims of a token.
#[derive(Debug)]
pub struct Rules {
    /// Whose content it is: a string, or a list of strings to choose from.
    pub tenant: Option<Rule>,
    /// Whether the caller may read; nobody does anything without.
    pub read: Rule,
    /// Whether the caller may write what everybody reads.
    pub write: Option<Rule>,
    /// Where a caller who may not do that writes instead.
    pub isolate: Option<Rule>,
    /// Whether the caller may make single-use tokens.
    pub issue: Option<Rule>,
}

impl Rules {
    /// Reading only, and no tenants.
    #[must_use]
    pub const fn reading(read: Rule) -> Self {
        Self { tenant: None, read, write: None, isolate: None, issue: None }
    }

    /// The text of all of them. Quoted, none can be taken for another or for two.
    fn text(&self) -> String {
        let Self { tenant, read, write, isolate, issue } = self;
        let rules = [tenant, write, isolate, issue].map(Option::as_ref);
        let all = [&[Some(read)], &rules[..]].concat();
        let texts: Vec<_> = all.into_iter().map(|rule| rule.map(Rule::text)).collect();
        format!("{texts:?}")
    }
}

impl Policy {
    /// Everybody may read; credentials are not looked at.
    #[must_use]
    pub fn open() -> Self {
        Self(Access::Open)
    }

    /// Holders of a JWT from one of `issuers` may do what the rules say. The memory may be shared by
    /// several policies.
    ///
    /// Issuers with the same `iss` are tried in order, those first whose audience fits.
    #[must_use]
    pub fn jwt(issuers: Vec<Arc<Issuer>>, rules: Rules, memory: Arc<VerdictMemory>) -> Self {
        let text = rules.text().into();
        Self(Access::Jwt(Box::new(JwtPolicy { issuers, rules, text, memory })))
    }

    /// Whether every grant of this policy names a tenant.
    #[must_use]
    pub fn gives_tenant(&self) -> bool {
        match &self.0 {
            Access::Open => false,
            Access::Jwt(policy) => policy.rules.tenant.is_some(),
        }
    }

    /// Whether any grant of this policy can be one to write.
    #[must_use]
    pub fn lets_write(&self) -> bool {
        match &self.0 {
            Access::Open => false,
            Access::Jwt(policy) => policy.rules.write.is_some() || policy.rules.isolate.is_some(),
        }
    }
}

/// Decides whether the request may go on. `carriage` says where the token may ride.
///
/// # Errors
/// - [`Kind::CredentialMissing`], [`Kind::CredentialMalformed`]: there is no token to judge.
/// - [`Kind::CredentialRefused`]: signature, key, algorithm, issuer or audience.
/// - [`Kind::CredentialExpired`]: a token of ours, outside of its time.
/// - [`Kind::IssuerUnavailable`]: whether the token is good cannot be told now.
/// - [`Kind::Forbidden`]: the rules refuse, or cannot be evaluated for these claims.
pub async fn authorize(
    policy: &Policy,
    head: &Parts,
    carriage: Carriage,
    now: SystemTime,
) -> Result<Grant, Error> {
    let policy = match &policy.0 {
        Access::Open => return Ok(Grant::open()),
        Access::Jwt(policy) => policy,
    };
    let token = credential::find(head, carriage)?;
    let (issuer, claims) = policy.claims_of(&token, now).await?;
    // What is remembered is that the signature was good, and what rules made of the claims, which
    // do not change; whether the token is good now, and for us, is asked each time.
    issuer.check_party(&claims)?;
    issuer.check_time(&claims, now)?;
    policy.grant(&claims)
}

impl JwtPolicy {
    /// The claims of a token whose signature holds, and the issuer whose key says so.
    async fn claims_of(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<(&Issuer, Arc<Claims>), Error> {
        let fingerprint = Fingerprint::of(token);
        if let Some((issuer, claims)) = self.memory.recall(&fingerprint, &self.issuers, now) {
            return Ok((issuer, claims));
        }
        let token = Token::parse(token)?;
        let issuer = self.verify(&token, now).await?;
        let claims = Arc::new(token.into_claims());
        self.memory.remember(fingerprint, issuer.id(), Arc::clone(&claims), now);
        Ok((issuer, claims))
    }

    async fn verify(&self, token: &Token<'_>, now: SystemTime) -> Result<&Issuer, Error> {
        let mut refusal = refused("the token's iss is none of the accepted issuers");
        for issuer in self.issuers.iter().filter(|issuer| issuer.is(token.claims())) {
            match issuer.verify(token, now).await {
                Ok(()) => return Ok(issuer),
                // Who cannot be asked might have said yes, so that no other's no is the answer.
                Err(_) if refusal.kind() == Kind::IssuerUnavailable => {}
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn grant(&self, claims: &Claims) -> Result<Grant, Error> {
        if let Some(permissions) = claims.granted(&self.text) {
            return Ok(Grant::of_token(Arc::clone(permissions)));
        }
        let rules = &self.rules;
        if !rules.read.permits(claims)? {
            return Err(Error::Forbidden("the read rule does not permit it".into()));
        }
        let tenants = match &rules.tenant {
            Some(rule) => rule.tenants(claims)?,
            None => Vec::new(),
        };
        let permissions = Arc::new(Permissions {
            expires: claims.expires(),
            tenants,
            writing: rules.writing(claims),
            issuing: rules.issue.as_ref().is_some_and(|rule| holds(rule, claims)),
            profile: Arc::clone(claims.profile()),
        });
        claims.set_granted(&self.text, &permissions);
        Ok(Grant::of_token(permissions))
    }
}

impl Rules {
    fn writing(&self, claims: &Claims) -> Writing {
        if self.write.as_ref().is_some_and(|rule| holds(rule, claims)) {
            return Writing::Shared;
        }
        let isolated = self.isolate.as_ref().and_then(|rule| rule.text_of(claims).ok());
        isolated.and_then(|text| Namespace::of(&text)).map_or(Writing::Refused, Writing::Isolated)
    }
}

/// Whether a rule beyond reading permits it. One that cannot be evaluated for these claims trusts
/// nobody: readers need not have the claims that others need.
fn holds(rule: &Rule, claims: &Claims) -> bool {
    rule.permits(claims).unwrap_or_else(|error| {
        tracing::debug!(%error, rule = rule.text(), "a rule trusts nobody");
        false
    })
}

fn malformed(reason: &'static str) -> Error {
    Error::credential(Kind::CredentialMalformed, reason)
}

fn refused(reason: &'static str) -> Error {
    Error::credential(Kind::CredentialRefused, reason)
}
