//! `tenants.*`

use schemars::JsonSchema;
use serde::Deserialize;

/// What is known of a tenant beside its name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tenant {
    /// Other names of the same tenant, in tokens and in requests.
    #[schemars(with = "Option<Vec<String>>")]
    pub aliases: Vec<String>,
    /// The name for people.
    pub title: Option<String>,
    /// Whether it is served.
    pub status: TenantStatus,
}

/// Whether a tenant is served, and why not.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// It is served.
    #[default]
    Enabled,
    /// It was switched off.
    Disabled,
    /// It was paused, as it spent what it may.
    Paused,
    /// It used more than it may.
    OverLimit,
    /// A payment is missing.
    Unpaid,
}
