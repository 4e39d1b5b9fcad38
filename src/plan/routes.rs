//! `routes[*]`

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::sections::{Compiled, unknown};
use super::{Delivery, Problems, Route};
use crate::auth::{Issuer, Policy, Rule, VerdictMemory};
use crate::bucket::Bucket;
use crate::config::{self, Section};
use crate::content::layout::Layout;
use crate::dialect::Dialect;
use crate::dialect::chainloop::{Chainloop, Login};
use crate::telemetry::Metrics;

/// What routes refer to.
pub(super) struct Context<'a> {
    pub(super) public_origin: Option<&'a str>,
    pub(super) buckets: &'a Compiled<Bucket>,
    pub(super) issuers: &'a Compiled<Issuer>,
    pub(super) verdicts: &'a Arc<VerdictMemory>,
    pub(super) metrics: &'a Metrics,
}

/// All routes, by their path.
pub(super) fn compile(
    sections: Vec<Section<config::Route>>,
    context: &Context<'_>,
    problems: &mut Problems,
) -> HashMap<String, Arc<Route>> {
    if sections.is_empty() {
        problems.add("routes", "there is none, so nothing could be served");
    }
    let (mut routes, mut paths) = (HashMap::new(), HashSet::new());
    for (index, section) in sections.into_iter().enumerate() {
        let at = format!("routes[{index}]");
        let Some(route) = problems.valid(&at, section) else { continue };
        if !paths.insert(route.path.clone()) {
            let message = format!("\"{}\" is the path of an earlier route", route.path);
            problems.add(&format!("{at}.path"), message);
        }
        if let Some(route) = one(&at, route, context, problems) {
            routes.insert(route.path.clone(), Arc::new(route));
        }
    }
    routes
}

fn one(
    at: &str,
    route: config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Route> {
    if !is_prefix(&route.path) {
        let message = "a path begins and ends with / and holds no query, space, or dot segment";
        problems.add(&format!("{at}.path"), message);
    }
    let bucket = find("bucket", &route.bucket, context.buckets, &format!("{at}.bucket"), problems);
    let layout = problems.check(&format!("{at}.layout"), Layout::parse(&route.layout));
    let policy = policy(at, route.auth, context, problems);
    let dialect = dialect(at, route.dialect, context.public_origin, problems);
    let delivery = match route.delivery {
        config::Delivery::Redirect => Delivery::Redirect,
        config::Delivery::Stream => Delivery::Stream,
        config::Delivery::Auto(auto) => Delivery::RedirectFrom(auto.redirect_from.as_u64()),
    };
    let ttl = route.redirect_ttl;
    if ttl.as_secs() == 0 || ttl.as_secs() > 7 * 86_400 {
        problems.add(&format!("{at}.redirect_ttl"), "presigned URLs live from 1s to 7days");
    }
    let (bucket, layout, policy, dialect) = (bucket?, layout?, policy?, dialect?);
    if layout.needs_tenant() && !policy.gives_tenant() {
        let message = "{tenant} needs a rule `auth.jwt.tenant` that says who that is";
        problems.add(&format!("{at}.layout"), message);
        return None;
    }
    if delivery != Delivery::Stream && layout.has_dot_segments() {
        let message = "clients resolve dot segments in a redirect, and then it is refused; stream";
        problems.add(&format!("{at}.layout"), message);
    }
    if delivery == Delivery::Redirect && route.trust_storage_checksum {
        problems.warn(at, "trust_storage_checksum changes nothing for redirects");
    }
    let metrics = context.metrics.route(&route.path, dialect.name());
    Some(Route {
        path: route.path,
        dialect,
        bucket,
        layout,
        policy,
        delivery,
        redirect_ttl: ttl,
        trust_storage_checksum: route.trust_storage_checksum,
        revalidate: route.revalidate,
        metrics,
    })
}

/// A prefix is compared with the bytes of a request, so it must be one that requests can have.
fn is_prefix(path: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_graphic() && !b"?#%\\\"<>^`{|}".contains(&byte);
    path.starts_with('/')
        && path.ends_with('/')
        && path.bytes().all(legal)
        && !path.split('/').any(|segment| segment == "." || segment == "..")
        && !path.contains("//")
}

fn policy(
    at: &str,
    auth: config::Auth,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Policy> {
    let config::Auth::Jwt(auth) = auth else { return Some(Policy::open()) };
    let at = format!("{at}.auth.jwt");
    if auth.issuers.is_empty() {
        problems.add(&format!("{at}.issuers"), "without an issuer nobody could ever get in");
    }
    let mut issuers = Vec::new();
    for (index, name) in auth.issuers.iter().enumerate() {
        let at = format!("{at}.issuers[{index}]");
        issuers.extend(find("issuer", name, context.issuers, &at, problems));
    }
    let read = problems.check(&format!("{at}.read"), Rule::compile(&auth.read));
    let tenant = match auth.tenant {
        Some(rule) => Some(problems.check(&format!("{at}.tenant"), Rule::compile(&rule))?),
        None => None,
    };
    Some(Policy::jwt(issuers, tenant, read?, Arc::clone(context.verdicts)))
}

fn dialect(
    at: &str,
    dialect: config::Dialect,
    public_origin: Option<&str>,
    problems: &mut Problems,
) -> Option<Box<dyn Dialect>> {
    let config::Dialect::Chainloop(chainloop) = dialect;
    let login = match chainloop.login_url {
        None => None,
        Some(url) => {
            let at = format!("{at}.dialect.chainloop.login_url");
            let absolute = url.parse::<http::Uri>().ok().filter(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && !url.contains('#')
            });
            if absolute.is_none() {
                problems.add(&at, "a login page is an absolute http(s) URL without a fragment");
                return None;
            }
            let Some(origin) = public_origin else {
                problems.add(&at, "needs `public_url`, to say where to come back to");
                return None;
            };
            Some(Login { url, public_origin: origin.to_owned() })
        }
    };
    Some(Box::new(Chainloop::new(login)))
}

fn find<T>(
    what: &str,
    name: &str,
    known: &Compiled<T>,
    at: &str,
    problems: &mut Problems,
) -> Option<Arc<T>> {
    match known.get(name) {
        Some(entry) => entry.clone(),
        None => {
            problems.add(at, unknown(what, name, known));
            None
        }
    }
}
