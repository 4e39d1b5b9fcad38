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
mod key_set;
mod keyring;
mod memory;
mod remote;
mod rule;
mod tenant;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;

use crate::error::{Error, Kind};
use claims::Claims;
use jwt::Token;
use memory::Fingerprint;

pub use grant::Grant;
pub use issuer::{Issuer, IssuerProblem};
pub use key::VerifyingKey;
pub use key_set::{JWKS_BYTES_MAX, KeySet};
pub use keyring::{Keyring, KeyringProblem};
pub use memory::VerdictMemory;
pub use remote::{Attendance, RemoteKeys};
pub use rule::Rule;
pub use tenant::{InvalidTenant, Tenant};

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
    tenant: Option<Rule>,
    read: Rule,
    /// The text of both, by which their verdicts are remembered.
    rules: Arc<str>,
    memory: Arc<VerdictMemory>,
}

impl Policy {
    /// Everybody may read; credentials are not looked at.
    #[must_use]
    pub fn open() -> Self {
        Self(Access::Open)
    }

    /// Holders of a JWT from one of `issuers` may read where `read` yields true. `tenant` yields
    /// the tenant's name. The memory may be shared by several policies.
    ///
    /// Issuers with the same `iss` are tried in order, those first whose audience fits.
    #[must_use]
    pub fn jwt(
        issuers: Vec<Arc<Issuer>>,
        tenant: Option<Rule>,
        read: Rule,
        memory: Arc<VerdictMemory>,
    ) -> Self {
        // Quoted, the second is always the last line, so that no other pair has the same text.
        let rules = format!("{}\n{:?}", read.text(), tenant.as_ref().map(Rule::text)).into();
        Self(Access::Jwt(Box::new(JwtPolicy { issuers, tenant, read, rules, memory })))
    }

    /// Whether every grant of this policy names a tenant.
    #[must_use]
    pub fn gives_tenant(&self) -> bool {
        match &self.0 {
            Access::Open => false,
            Access::Jwt(policy) => policy.tenant.is_some(),
        }
    }
}

/// Decides whether the request may go on. `query_parameter` names the parameter that may carry the
/// token where there is no `Authorization` header.
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
    query_parameter: Option<&str>,
    now: SystemTime,
) -> Result<Grant, Error> {
    let policy = match &policy.0 {
        Access::Open => return Ok(Grant::open()),
        Access::Jwt(policy) => policy,
    };
    let token = credential::find(head, query_parameter)?;
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
        if let Some(grant) = claims.granted(&self.rules) {
            return Ok(grant.clone());
        }
        if !self.read.permits(claims)? {
            return Err(Error::Forbidden("the read rule does not permit it".into()));
        }
        let tenant = match &self.tenant {
            Some(rule) => Some(rule.tenant(claims)?),
            None => None,
        };
        let grant = Grant::of_token(tenant, claims.expires());
        claims.set_granted(&self.rules, &grant);
        Ok(grant)
    }
}

fn malformed(reason: &'static str) -> Error {
    Error::credential(Kind::CredentialMalformed, reason)
}

fn refused(reason: &'static str) -> Error {
    Error::credential(Kind::CredentialRefused, reason)
}
