use std::time::SystemTime;

use super::Tenant;

/// Proof that [`authorize`](super::authorize) let a request through. Its fields are private and
/// only this module's parent makes one, so code that asks for a `Grant` cannot be reached around
/// authorization.
#[derive(Clone, Debug)]
pub struct Grant {
    tenant: Option<Tenant>,
    expires: Option<SystemTime>,
    open: bool,
}

impl Grant {
    pub(super) fn open() -> Self {
        Self { tenant: None, expires: None, open: true }
    }

    pub(super) fn of_token(tenant: Option<Tenant>, expires: SystemTime) -> Self {
        Self { tenant, expires: Some(expires), open: false }
    }

    /// Whose content it is; always there where
    /// [`Policy::gives_tenant`](super::Policy::gives_tenant).
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// The token's `exp`. Within the issuer's leeway it lies in the past.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// Whether everybody would have got this grant, so that answers may be cached publicly.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// What a token with these properties would get, for tests of the code behind authorization.
    #[cfg(test)]
    pub(crate) fn for_test(tenant: Option<Tenant>, expires: Option<SystemTime>) -> Self {
        Self { tenant, expires, open: false }
    }
}
