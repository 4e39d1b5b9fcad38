use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::claims::Profile;
use super::{Tenant, Tenants};
use crate::content::digest::Sha256Digest;
use crate::error::Error;

/// Proof that [`authorize`](super::authorize) let a request through. Its fields are private and
/// only this module's parent makes one, so code that asks for a `Grant` cannot be reached around
/// authorization.
#[derive(Clone, Debug)]
pub struct Grant {
    /// None: everybody would have got it.
    permissions: Option<Arc<Permissions>>,
    tenant: Option<Tenant>,
}

/// What rules made of the claims of one token.
#[derive(Debug)]
pub(super) struct Permissions {
    pub(super) expires: SystemTime,
    pub(super) tenants: Vec<Tenant>,
    pub(super) writing: Writing,
    pub(super) issuing: bool,
    pub(super) profile: Arc<Profile>,
}

/// What may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Nothing.
    Refused,
    /// What everybody reads.
    Shared,
    /// What only the holders of grants with the same namespace read.
    Isolated(Namespace),
}

/// A part of the bucket for callers who are not trusted: the SHA-256 of what a rule yields, since
/// that can be any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// The namespace of what the rule yields. None: nothing, which everybody could have.
    pub(super) fn of(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(Sha256Digest::of(text.as_bytes()).to_string().into()))
    }

    /// The namespace whose digits were sealed into a ticket.
    pub(super) fn of_sealed(digits: &str) -> Self {
        Self(digits.into())
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A tenant as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedTenant<'r> {
    /// The name.
    pub name: Cow<'r, str>,
    /// The name without a prefix that a protocol may have put there, tried if the other is not
    /// one of the caller's.
    pub bare: Option<Cow<'r, str>>,
}

impl Grant {
    pub(super) const fn open() -> Self {
        Self { permissions: None, tenant: None }
    }

    pub(super) fn of_token(permissions: Arc<Permissions>) -> Self {
        let tenant = match permissions.tenants.as_slice() {
            [tenant] => Some(tenant.clone()),
            _ => None,
        };
        Self { permissions: Some(permissions), tenant }
    }

    /// What whoever has the configuration may do at a terminal: its keys and credentials are theirs.
    pub(crate) fn of_operator(tenant: Option<Tenant>) -> Self {
        Self::of_token(Arc::new(Permissions {
            expires: SystemTime::UNIX_EPOCH,
            tenants: tenant.into_iter().collect(),
            writing: Writing::Refused,
            issuing: true,
            profile: Arc::default(),
        }))
    }

    /// The same grant for the tenant that a request asks for, under the name that `directory` has
    /// for it. One that asks for none gets the only one there is. Where tokens name no tenants, what
    /// a request asks for means nothing.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: the tenant is none of the caller's, or the names mean several.
    /// [`Error::InvalidRequest`]: there are several, and none is asked for.
    pub fn within(mut self, asked: &[AskedTenant<'_>], directory: &Tenants) -> Result<Self, Error> {
        let tenants = self.tenants();
        if tenants.is_empty() {
            return Ok(self);
        }
        let known: Vec<&str> =
            tenants.iter().map(|tenant| directory.canonical(tenant.as_str())).collect();
        let mut chosen = None;
        for asked in asked {
            let one_of_them = |name: &Cow<'_, str>| {
                let name = directory.canonical(name);
                known.iter().copied().find(|known| *known == name)
            };
            let name = one_of_them(&asked.name)
                .or_else(|| asked.bare.as_ref().and_then(one_of_them))
                .ok_or_else(|| Error::Forbidden("the tenant is none of the token's".into()))?;
            if chosen.replace(name).is_some_and(|before| before != name) {
                return Err(Error::Forbidden("the request names two tenants".into()));
            }
        }
        let only = known.iter().all(|name| *name == known[0]).then_some(known[0]);
        let name = chosen.or(only).ok_or(Error::InvalidRequest(
            "the token is good for several teams, and the request names none".into(),
        ))?;
        let tenant = Tenant::parse(name)
            .map_err(|_| Error::Internal("the directory has a name no tenant can have".into()))?;
        self.tenant = Some(tenant);
        Ok(self)
    }

    /// Whose content it is; always there where
    /// [`Policy::gives_tenant`](super::Policy::gives_tenant) and [`Grant::within`] was asked.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// All tenants of the caller, by the names that tokens give.
    #[must_use]
    pub fn tenants(&self) -> &[Tenant] {
        self.permissions.as_ref().map_or(&[], |permissions| &permissions.tenants)
    }

    /// The token's `exp`. Within the issuer's leeway it lies in the past.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.permissions.as_ref().map(|permissions| permissions.expires)
    }

    /// What may be written.
    #[must_use]
    pub fn writing(&self) -> &Writing {
        self.permissions.as_ref().map_or(&Writing::Refused, |permissions| &permissions.writing)
    }

    /// Where the caller's own entries are, apart from everybody's.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        match self.writing() {
            Writing::Isolated(namespace) => Some(namespace),
            Writing::Refused | Writing::Shared => None,
        }
    }

    /// Whether single-use tokens may be made, looked at and taken back.
    #[must_use]
    pub fn may_issue(&self) -> bool {
        self.permissions.as_ref().is_some_and(|permissions| permissions.issuing)
    }

    /// What the token says of its holder. None: there is no token.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.permissions.as_ref().map(|permissions| &*permissions.profile)
    }

    /// Whether everybody would have got this grant, so that answers may be cached publicly.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.permissions.is_none()
    }

    /// What a token with these properties would get, for tests of the code behind authorization.
    #[cfg(test)]
    pub(crate) fn for_test(tenants: &[&str], writing: Writing) -> Self {
        let tenants = tenants.iter().map(|name| Tenant::parse(name).unwrap()).collect();
        let expires = SystemTime::UNIX_EPOCH;
        let profile = Arc::default();
        let issuing = true;
        Self::of_token(Arc::new(Permissions { expires, tenants, writing, issuing, profile }))
    }

    /// The namespace of a text, for the same.
    #[cfg(test)]
    pub(crate) fn namespace_for_test(text: &str) -> Namespace {
        Namespace::of(text).unwrap()
    }
}
