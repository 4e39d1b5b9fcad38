//! `tenants.*`

use std::collections::BTreeMap;

use super::Problems;
use crate::auth::{Account, Tenants};
use crate::config::{self, Section, TenantStatus};
use crate::error::Kind;

/// Compiles the section.
pub(super) fn compile(
    sections: BTreeMap<String, Section<config::Tenant>>,
    problems: &mut Problems,
) -> Tenants {
    let mut tenants = Tenants::default();
    for (name, section) in sections {
        let at = format!("tenants.{name}");
        let Some(tenant) = problems.valid(&at, section) else { continue };
        let config::Tenant { aliases, title, status } = tenant;
        let suspended = match status {
            TenantStatus::Enabled => None,
            TenantStatus::Disabled => Some(Kind::TenantDisabled),
            TenantStatus::Paused => Some(Kind::TenantPaused),
            TenantStatus::OverLimit => Some(Kind::TenantOverLimit),
            TenantStatus::Unpaid => Some(Kind::TenantUnpaid),
        };
        problems.check(&at, tenants.add(&name, Account { aliases, title, suspended }));
    }
    tenants
}
