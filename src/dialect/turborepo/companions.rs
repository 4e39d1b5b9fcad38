//! What is told of the caller, the teams and the token, as far as `turbo` parses it: everything
//! comes from the token and from what the operator says of tenants.

use std::time::{SystemTime, UNIX_EPOCH};

use http::StatusCode;
use serde_json::{Value, json};

use super::answer;
use crate::auth::{AskedTenant, Grant, Profile, Tenants, Writing};
use crate::dialect::Topic;
use crate::error::Kind;
use crate::reply::Reply;

/// Whom nothing is known of.
const NOBODY: &str = "anonymous";

/// The answer to a call that storage is not asked for.
///
/// # Errors
/// The kind of the refusal that is the answer.
pub(super) fn tell(topic: &Topic, grant: &Grant, tenants: &Tenants) -> Result<Reply, Kind> {
    let body = match topic {
        Topic::Availability => availability(grant, tenants)?,
        Topic::Caller => json!({ "user": user(grant) }),
        Topic::Goodbye => json!({ "tokenId": token_id(grant) }),
        Topic::Report => json!({}),
        Topic::Tenant(name) => one_team(name, grant, tenants)?,
        Topic::Tenants => teams(grant, tenants),
        Topic::Token => json!({ "token": token(grant, tenants) }),
        // Only other protocols have folders, or say what the gateway is.
        Topic::Folder | Topic::NewFolder | Topic::Version => return Err(Kind::Internal),
    };
    Ok(answer::json(StatusCode::OK, &body))
}

/// Whether the cache is there for the team. Clients know four words, and none for a payment that is
/// missing.
fn availability(grant: &Grant, tenants: &Tenants) -> Result<Value, Kind> {
    let status = match tenants.suspended(grant.tenant()) {
        None => "enabled",
        Some(Kind::TenantDisabled) => "disabled",
        Some(Kind::TenantPaused) => "paused",
        Some(Kind::TenantOverLimit) => "over_limit",
        Some(kind) => return Err(kind),
    };
    Ok(json!({ "status": status }))
}

fn user(grant: &Grant) -> Value {
    let nobody = Profile::default();
    let Profile { subject, name, username, email, .. } = grant.profile().unwrap_or(&nobody);
    let id = subject.as_deref().unwrap_or(NOBODY);
    let username = username.as_deref().or(name.as_deref()).unwrap_or(id);
    // Clients need every member but the name.
    json!({
        "id": id,
        "username": username,
        "email": email.as_deref().unwrap_or_default(),
        "name": name.as_deref(),
    })
}

fn teams(grant: &Grant, tenants: &Tenants) -> Value {
    let teams: Vec<_> = names(grant, tenants)
        .into_iter()
        .map(|name| team(name, grant.writing(), tenants))
        .collect();
    let pagination = json!({ "count": teams.len(), "next": null, "prev": null });
    json!({ "teams": teams, "pagination": pagination })
}

/// The caller's teams, each by its one name and once.
fn names<'n>(grant: &'n Grant, tenants: &'n Tenants) -> Vec<&'n str> {
    let mut names = Vec::new();
    for tenant in grant.tenants() {
        let name = tenants.canonical(tenant.as_str());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A team by any of its names. One that is none of the caller's looks like one that nobody has.
fn one_team(asked: &str, grant: &Grant, tenants: &Tenants) -> Result<Value, Kind> {
    let bare = asked.strip_prefix("team_").filter(|bare| !bare.is_empty());
    let asked = AskedTenant { name: asked.into(), bare: bare.map(Into::into) };
    let grant = grant.clone().within(&[asked], tenants).map_err(|_| Kind::NotFound)?;
    let name = grant.tenant().ok_or(Kind::NotFound)?;
    Ok(team(name.as_str(), grant.writing(), tenants))
}

fn team(name: &str, writing: &Writing, tenants: &Tenants) -> Value {
    let title = tenants.account(name).and_then(|account| account.title.as_deref());
    // Nobody is an owner, whom clients would send to Vercel's pages.
    let role = match writing {
        Writing::Refused => "VIEWER",
        Writing::Shared | Writing::Isolated(_) => "MEMBER",
    };
    json!({
        "id": team_id(name, tenants),
        "slug": name,
        "name": title.unwrap_or(name),
        // Clients need a time, and do nothing with it.
        "createdAt": 0,
        "created": "1970-01-01T00:00:00Z",
        "membership": { "role": role },
    })
}

/// The id by which clients ask for the team. They drop one that does not begin with `team_`.
fn team_id(name: &str, tenants: &Tenants) -> String {
    let aliases = tenants.account(name).map_or(&[][..], |account| &account.aliases);
    let mut names = aliases.iter().map(String::as_str).chain([name]);
    let id = names.find(|name| name.starts_with("team_"));
    id.map_or_else(|| format!("team_{name}"), str::to_owned)
}

/// What the token is: good for the caller's teams until it ends.
fn token(grant: &Grant, tenants: &Tenants) -> Value {
    let issued = milliseconds(grant.profile().and_then(|profile| profile.issued)).unwrap_or(0);
    let expires = milliseconds(grant.expires());
    let scope = |kind: &str, team: Option<String>| {
        let mut scope = json!({ "type": kind, "origin": "manual", "createdAt": issued });
        if let Some(expires) = expires {
            scope["expiresAt"] = expires.into();
        }
        if let Some(team) = team {
            scope["teamId"] = team.into();
        }
        scope
    };
    let mut scopes: Vec<_> = names(grant, tenants)
        .into_iter()
        .map(|name| scope("team", Some(team_id(name, tenants))))
        .collect();
    if scopes.is_empty() {
        scopes.push(scope("user", None));
    }
    json!({
        "id": token_id(grant),
        "name": token_id(grant),
        "type": "jwt",
        "origin": "manual",
        "scopes": scopes,
        "activeAt": issued,
        "createdAt": issued,
    })
}

/// What the token is called. A client that ends its session with it (`turbo logout --invalidate`)
/// forgets it; the token itself stays good until its `exp`, since nobody can take a JWT back.
fn token_id(grant: &Grant) -> &str {
    let profile = grant.profile();
    let id = profile.and_then(|profile| profile.token_id.as_ref().or(profile.subject.as_ref()));
    id.map_or(NOBODY, |id| id)
}

/// Since 1970.
fn milliseconds(time: Option<SystemTime>) -> Option<u64> {
    let since = time?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}
