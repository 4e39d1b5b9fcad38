//! Tickets: what a redirect to the gateway itself carries instead of the caller's token.

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;

use super::credential::parameter;
use super::grant::Permissions;
use super::{Grant, Namespace, Tenant, Writing, refused};
use crate::error::{Error, Kind};
use crate::token::{Keys, Ticket};

/// The name of a ticket in the query.
pub const TICKET: &str = "ticket";

/// The grant of the ticket in a request for content. None: there is no ticket.
///
/// # Errors
/// [`Kind::CredentialRefused`]: it is none of ours, or for another path.
/// [`Kind::CredentialExpired`]: it is too late to use it.
pub fn authorize_by_ticket(
    keys: &Keys,
    head: &Parts,
    now: SystemTime,
) -> Result<Option<Grant>, Error> {
    let Some(text) = head.uri.query().map(|query| parameter(query, TICKET)).transpose()?.flatten()
    else {
        return Ok(None);
    };
    let ticket = Ticket::open(keys, &text).ok_or_else(|| refused("the ticket is none of ours"))?;
    if ticket.path != head.uri.path() {
        return Err(refused("the ticket is for another path"));
    }
    if now > ticket.expires() {
        return Err(Error::credential(Kind::CredentialExpired, "the ticket's time is over"));
    }
    let tenant = ticket.tenant.as_deref().map(Tenant::parse).transpose();
    let tenant = tenant.map_err(|_| refused("the ticket names no tenant there can be"))?;
    let namespace = ticket.namespace.as_deref().map(Namespace::of_sealed);
    Ok(Some(Grant::of_token(Arc::new(Permissions {
        expires: ticket.expires(),
        tenants: tenant.into_iter().collect(),
        // Where one's own entries are is part of what may be written, and a ticket is only asked
        // for by those who read.
        writing: namespace.map_or(Writing::Refused, Writing::Isolated),
        issuing: false,
        profile: Arc::default(),
    }))))
}
