//! `routes[*]`

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::sections::{Compiled, unknown};
use super::{Delivery, Problems, Route, dialects, graphs, sign_in, single_use, uploads as pieces};
use crate::auth::{Issuer, Policy, Rule, Rules, Tenants, VerdictMemory};
use crate::bucket::{Bucket, write};
use crate::config::{self, Limits, Section, Timeouts};
use crate::content::layout::Layout;
use crate::state::Store;
use crate::telemetry::Metrics;
use crate::token::Keys;

/// What routes refer to.
pub(super) struct Context<'a> {
    pub(super) public_origin: Option<&'a str>,
    pub(super) limits: &'a Limits,
    pub(super) timeouts: &'a Timeouts,
    pub(super) tenants: &'a Arc<Tenants>,
    /// The outer None: there is no `tokens`. The inner one: something is wrong with it.
    pub(super) keys: Option<Option<&'a Arc<Keys>>>,
    /// Likewise, of `state`.
    pub(super) state: Option<Option<&'a Arc<Store>>>,
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
    let uploads = uploads(at, &route, context, problems);
    let single_use = single_use::compile(at, &route, context, problems);
    let tickets = single_use::tickets(at, &route, context, problems);
    let graphs = graphs::compile(at, &route, context, problems);
    let sign_in = sign_in::compile(at, &route, context, problems);
    let pieces = pieces::compile(at, &route, context, problems);
    let policy = policy(at, route.auth, context, problems);
    let legacy_tags = dialects::has_legacy_tags(&route.dialect);
    let follows_redirects = dialects::follows_redirects(&route.dialect);
    let needs_documents = dialects::needs_documents(&route.dialect);
    let names_vary = dialects::has_names_of_any_length(&route.dialect);
    let (size_max, origin) = (route.upload_size.as_u64(), context.public_origin);
    let dialect = dialects::compile(at, &route.path, size_max, route.dialect, origin, problems);
    let delivery = match route.delivery {
        config::Delivery::Redirect => Delivery::Redirect,
        config::Delivery::Stream => Delivery::Stream,
        config::Delivery::Ticket => Delivery::Ticket,
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
    if names_vary && !layout.keeps_tenants_apart() {
        let message = "{tenant} has to be a whole segment, or one tenant's names lead to another's";
        problems.add(&format!("{at}.layout"), message);
    }
    if delivery != Delivery::Stream && layout.has_dot_segments() {
        let message = "clients resolve dot segments in a redirect, and then it is refused; stream";
        problems.add(&format!("{at}.layout"), message);
    }
    if delivery != Delivery::Stream && !follows_redirects {
        let message = "clients of this dialect follow no redirects; use stream";
        problems.add(&format!("{at}.delivery"), message);
    }
    if delivery == Delivery::Redirect && route.trust_storage_checksum {
        problems.warn(at, "trust_storage_checksum changes nothing for redirects");
    }
    let (single_use, tickets, graphs) = (single_use?, tickets?, graphs?);
    let sign_in = sign_in?;
    uploads?;
    let pieces = pieces?;
    let metrics = context.metrics.route(&route.path, dialect.name());
    Some(Route {
        path: route.path,
        dialect,
        bucket,
        layout,
        policy,
        tenants: Arc::clone(context.tenants),
        delivery,
        redirect_ttl: ttl,
        trust_storage_checksum: route.trust_storage_checksum,
        revalidate: route.revalidate,
        legacy_tags,
        upload_size: route.upload_size.as_u64(),
        write_once: route.write_once,
        needs_documents,
        single_use,
        sign_in,
        graphs,
        pieces,
        tickets,
        metrics,
    })
}

/// Checks what concerns uploads. None: something is wrong with it.
fn uploads(
    at: &str,
    route: &config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<()> {
    let takes_uploads = match &route.auth {
        config::Auth::Open => false,
        config::Auth::Jwt(auth) => auth.write.is_some() || auth.untrusted.is_some(),
    };
    if !takes_uploads {
        if route.write_once {
            problems.warn(at, "write_once changes nothing where nobody may write");
        }
        return Some(());
    }
    if !dialects::takes_uploads(&route.dialect) {
        problems.add(&format!("{at}.auth.jwt"), "this dialect has no uploads that could be ruled");
        return None;
    }
    let size_max = context.limits.upload_part_size.as_u64().saturating_mul(write::PARTS_MAX);
    if route.upload_size.as_u64() > size_max {
        let size = bytesize::ByteSize(size_max);
        let message = format!("10000 parts of limits.upload_part_size are no more than {size}");
        problems.add(&format!("{at}.upload_size"), message);
        return None;
    }
    Some(())
}

/// A layout beside the route's own, whose names can have any length.
pub(super) fn further_layout(
    at: &str,
    template: &str,
    route: &config::Route,
    problems: &mut Problems,
) -> Option<Layout> {
    let layout = problems.check(at, Layout::parse(template))?;
    if layout.needs_tenant() && !gives_tenant(&route.auth) {
        problems.add(at, "{tenant} needs a rule `auth.jwt.tenant` that says who that is");
        return None;
    }
    if !layout.keeps_tenants_apart() {
        let message = "{tenant} has to be a whole segment, or one tenant's names lead to another's";
        problems.add(at, message);
        return None;
    }
    Some(layout)
}

/// Whether tokens say whose content it is.
pub(super) const fn gives_tenant(auth: &config::Auth) -> bool {
    matches!(auth, config::Auth::Jwt(auth) if auth.tenant.is_some())
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
    let mut rule = |key: &str, text: Option<&str>| match text {
        Some(text) => problems.check(&format!("{at}.{key}"), Rule::compile(text)).map(Some),
        None => Some(None),
    };
    let read = rule("read", Some(&auth.read));
    let tenant = rule("tenant", auth.tenant.as_deref());
    let write = rule("write", auth.write.as_deref());
    let isolate = auth.untrusted.as_ref().map(|untrusted| untrusted.isolate.as_str());
    let isolate = rule("untrusted.isolate", isolate);
    let issue = rule("issue", auth.issue.as_deref());
    let (tenant, write, isolate, issue) = (tenant?, write?, isolate?, issue?);
    let rules = Rules { tenant, read: read??, write, isolate, issue };
    Some(Policy::jwt(issuers, rules, Arc::clone(context.verdicts)))
}

pub(super) fn find<T>(
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
