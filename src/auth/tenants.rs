//! What the operator knows of tenants beside the names that tokens give.

use std::collections::HashMap;

use super::Tenant;
use crate::error::{Error, Kind};

/// The tenants that the configuration names. Others are served too, under their own names.
#[derive(Debug, Default)]
pub struct Tenants {
    accounts: HashMap<String, Account>,
    /// From each alias to the name.
    aliases: HashMap<String, String>,
}

/// One tenant.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Other names for it.
    pub aliases: Vec<String>,
    /// The name for people.
    pub title: Option<String>,
    /// Why it is not served; one of the `Tenant*` kinds.
    pub suspended: Option<Kind>,
}

impl Tenants {
    /// Adds a tenant.
    ///
    /// # Errors
    /// Says which of its names already stands for another, or is none that a tenant can have.
    pub fn add(&mut self, name: &str, account: Account) -> Result<(), String> {
        for text in account.aliases.iter().map(String::as_str).chain([name]) {
            Tenant::parse(text).map_err(|error| format!("\"{text}\": {error}"))?;
            if self.accounts.contains_key(text) || self.aliases.contains_key(text) {
                return Err(format!("\"{text}\" already stands for another tenant"));
            }
        }
        for alias in &account.aliases {
            if alias == name || self.aliases.insert(alias.clone(), name.to_owned()).is_some() {
                return Err(format!("\"{alias}\" is there twice"));
            }
        }
        self.accounts.insert(name.to_owned(), account);
        Ok(())
    }

    /// The one name of the tenant that is called `name` or has it as an alias.
    #[must_use]
    pub fn canonical<'n>(&'n self, name: &'n str) -> &'n str {
        self.aliases.get(name).map_or(name, String::as_str)
    }

    /// What is known of a tenant, by its one name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// Why a tenant is not served, if it is not.
    #[must_use]
    pub fn suspended(&self, tenant: Option<&Tenant>) -> Option<Kind> {
        self.account(tenant?.as_str())?.suspended
    }

    /// Passes where the tenant is served.
    ///
    /// # Errors
    /// [`Error::Suspended`], with the kind that says why it is not.
    pub fn check(&self, tenant: Option<&Tenant>) -> Result<(), Error> {
        match self.suspended(tenant) {
            None => Ok(()),
            Some(kind) => Err(Error::Suspended(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{AskedTenant, Grant, Writing};

    fn directory() -> Tenants {
        let mut tenants = Tenants::default();
        let aliases = vec!["team_1a2b".to_owned(), "acme-old".to_owned()];
        let account = Account { aliases, ..Account::default() };
        tenants.add("acme", account).unwrap();
        let suspended = Some(Kind::TenantPaused);
        tenants.add("late", Account { suspended, ..Account::default() }).unwrap();
        tenants
    }

    fn within(tenants: &[&str], asked: &[(&str, Option<&str>)]) -> Result<String, Kind> {
        let asked: Vec<_> = asked
            .iter()
            .map(|(name, bare)| AskedTenant {
                name: (*name).to_owned().into(),
                bare: bare.map(|bare| bare.to_owned().into()),
            })
            .collect();
        let grant = Grant::for_test(tenants, Writing::Refused);
        let grant = grant.within(&asked, &directory()).map_err(|error| error.kind())?;
        Ok(grant.tenant().map(ToString::to_string).unwrap_or_default())
    }

    #[test]
    fn a_request_chooses_among_the_tokens_tenants_and_no_others() {
        let two = ["acme", "beta"];
        for (tenants, asked, expected) in [
            (&two[..], &[("acme", None)][..], Ok("acme")),
            (&two, &[("beta", None)], Ok("beta")),
            (&two, &[("gamma", None)], Err(Kind::Forbidden)),
            (&two, &[], Err(Kind::InvalidRequest)),
            (&two, &[("acme", None), ("beta", None)], Err(Kind::Forbidden)),
            (&two, &[("acme", None), ("gamma", None)], Err(Kind::Forbidden)),
            (&two[..1], &[], Ok("acme")),
            // Both names of one tenant, in the token or in the request.
            (&two, &[("team_1a2b", Some("1a2b")), ("acme", None)], Ok("acme")),
            (&["team_1a2b"], &[("acme-old", None)], Ok("acme")),
            (&["team_1a2b", "acme"], &[], Ok("acme")),
            // A prefix of the protocol, and a tenant whose name begins like that.
            (&two, &[("team_beta", Some("beta"))], Ok("beta")),
            (&["team_beta", "beta"], &[("team_beta", Some("beta"))], Ok("team_beta")),
            (&["team_beta"], &[("beta", None)], Err(Kind::Forbidden)),
            (&[], &[("anybody", None)], Ok("")),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(within(tenants, asked), expected, "{tenants:?} {asked:?}");
        }
    }

    #[test]
    fn a_tenant_is_suspended_by_its_one_name() {
        let directory = directory();
        let tenant = |name| Tenant::parse(name).unwrap();
        assert_eq!(directory.suspended(Some(&tenant("late"))), Some(Kind::TenantPaused));
        assert_eq!(directory.suspended(Some(&tenant("acme"))), None);
        assert_eq!(directory.suspended(Some(&tenant("unheard of"))), None);
        assert_eq!(directory.suspended(None), None);
    }

    #[test]
    fn a_name_stands_for_one_tenant() {
        for (name, aliases) in [
            ("acme", &[][..]),
            ("team_1a2b", &[]),
            ("new", &["acme"]),
            ("new", &["acme-old"]),
            ("new", &["new"]),
            ("new", &["other", "other"]),
            ("a/b", &[]),
            ("new", &[".."]),
        ] {
            let aliases = aliases.iter().map(|&alias| alias.to_owned()).collect();
            let account = Account { aliases, ..Account::default() };
            assert!(directory().add(name, account).is_err(), "{name}");
        }
    }
}
