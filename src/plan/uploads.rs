//! What uploads in pieces, and catalogs of what they become, need of a route.

use std::sync::Arc;

use super::routes::{Context, find, gives_tenant};
use super::{ArtifactCatalog, Pieces, Problems};
use crate::auth::KeyLogins;
use crate::config;
use crate::upload::Turns;

/// What uploads in pieces need; none where the dialect has none. The outer None: something is wrong.
pub(super) fn compile(
    at: &str,
    route: &config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Option<Box<Pieces>>> {
    let catalog = match &route.dialect {
        config::Dialect::Shakenfist(settings) => {
            let at = format!("{at}.dialect.shakenfist");
            Some(catalog(&at, settings, route, context, problems)?)
        }
        config::Dialect::Tus(_) | config::Dialect::Resumable(_) => None,
        _ => return Some(None),
    };
    let at = format!("{at}.dialect");
    if context.state.is_none() {
        problems.add(&at, "needs `state`, where replicas keep how far uploads are");
    }
    if !matches!(&route.auth, config::Auth::Jwt(auth) if auth.write.is_some()) {
        let message = "needs a rule `auth.jwt.write`, without which nobody could upload";
        problems.add(&at, message);
    }
    if matches!(&route.auth, config::Auth::Jwt(auth) if auth.untrusted.is_some()) {
        let message =
            "uploads in pieces are for everybody who reads; leave out `auth.jwt.untrusted`";
        problems.add(&at, message);
        return None;
    }
    if route.write_once {
        problems.warn(&at, "write_once changes nothing where each upload has a name of its own");
    }
    let store = Arc::clone(context.state??);
    let segment_bytes = context.limits.upload_part_size.as_u64();
    Some(Some(Box::new(Pieces { store, segment_bytes, catalog, turns: Turns::default() })))
}

fn catalog(
    at: &str,
    settings: &config::Shakenfist,
    route: &config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<ArtifactCatalog> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let name = &settings.catalog;
    if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
        let message = "a catalog's name has 1 to 64 lower-case letters, digits and -";
        problems.add(&format!("{at}.catalog"), message);
    }
    if !(1..=1000).contains(&settings.max_versions) {
        problems.add(&format!("{at}.max_versions"), "1 to 1000 versions can be kept");
    }
    if !gives_tenant(&route.auth) {
        let message = "needs a rule `auth.jwt.tenant`, which says the namespace";
        problems.add(at, message);
        return None;
    }
    let login = match &settings.login {
        None => None,
        Some(login) => Some(key_logins(&format!("{at}.login"), login, route, context, problems)?),
    };
    Some(ArtifactCatalog {
        name: name.clone(),
        isolated: settings.isolation == config::Isolation::Namespace,
        system: settings.system.clone(),
        max_versions: settings.max_versions,
        login,
    })
}

fn key_logins(
    at: &str,
    login: &config::KeyLogin,
    route: &config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<KeyLogins> {
    let issuer = find("issuer", &login.issuer, context.issuers, &format!("{at}.issuer"), problems);
    let is_trusted =
        matches!(&route.auth, config::Auth::Jwt(auth) if auth.issuers.contains(&login.issuer));
    if issuer.is_some() && !is_trusted {
        let message = "the route does not accept the tokens of this issuer";
        problems.warn(&format!("{at}.issuer"), message);
    }
    let mut logins = problems.check(at, KeyLogins::new(issuer?, login.ttl))?;
    if login.keys.is_empty() {
        problems.add(&format!("{at}.keys"), "without a key nobody could ever get a token");
    }
    for (index, key) in login.keys.iter().enumerate() {
        let added = logins.add(&key.namespace, &key.name, &key.sha256);
        problems.check(&format!("{at}.keys[{index}]"), added);
    }
    Some(logins)
}
