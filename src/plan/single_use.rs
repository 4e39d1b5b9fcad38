//! `tokens`, and what single-use tokens and tickets need of a route.

use std::sync::Arc;
use std::time::Duration;

use super::routes::{Context, further_layout, gives_tenant};
use super::{Problems, SingleUse, Tickets, secrets};
use crate::config;
use crate::content::layout::Layout;
use crate::token::{Key, Keys};

/// The longest time a token may be good for: its records are kept for as long.
const TTL_MAX: Duration = Duration::from_secs(366 * 86_400);

/// The most uses a token may have: taking it back writes to each.
const USES_MAX: u32 = 1000;

/// The keys that seal and open. None: something is wrong with them.
pub(super) fn keys(section: config::Tokens, problems: &mut Problems) -> Option<Arc<Keys>> {
    if section.keys.is_empty() {
        problems.add("tokens.keys", "there is none, so nothing could be sealed");
    }
    let mut keys = Vec::new();
    for (index, source) in section.keys.iter().enumerate() {
        let at = format!("tokens.keys[{index}]");
        let text = secrets::read(source, &mut problems.files);
        let Some(text) = problems.check(&at, text) else { continue };
        keys.extend(problems.check(&at, Key::parse(&text)));
    }
    let mut keys = keys.into_iter();
    keys.next().map(|first| Arc::new(Keys::new(first, keys.collect())))
}

/// What single-use tokens of a route need; none where its dialect has none. The outer None: something
/// is wrong.
pub(super) fn compile(
    at: &str,
    route: &config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Option<Box<SingleUse>>> {
    let issues = matches!(&route.auth, config::Auth::Jwt(auth) if auth.issue.is_some());
    let config::Dialect::Onetime(settings) = &route.dialect else {
        if issues {
            let message = "this dialect has no single-use tokens that could be ruled";
            problems.add(&format!("{at}.auth.jwt.issue"), message);
        }
        return (!issues).then_some(None);
    };
    let dialect = format!("{at}.dialect.onetime");
    if !issues {
        problems.warn(at, "without a rule `auth.jwt.issue`, nobody can make tokens over HTTP");
    }
    if context.keys.is_none() {
        problems.add(&dialect, "needs `tokens`, which seal links");
    }
    if context.state.is_none() {
        problems.add(&dialect, "needs `state`, where uses of links are written down");
    }
    let is_second = |time: Duration| time.subsec_nanos() == 0;
    let ttls = [("default_ttl", settings.default_ttl), ("max_ttl", settings.max_ttl)];
    for (name, ttl) in ttls {
        if ttl.is_zero() || ttl > TTL_MAX || !is_second(ttl) {
            problems.add(&format!("{dialect}.{name}"), "whole seconds, from 1s to 366days");
        }
    }
    if settings.default_ttl > settings.max_ttl {
        problems.add(&format!("{dialect}.default_ttl"), "is longer than max_ttl");
    }
    if settings.resume_window > TTL_MAX || !is_second(settings.resume_window) {
        problems.add(&format!("{dialect}.resume_window"), "whole seconds, from 0s to 366days");
    }
    if settings.max_uses == 0 || settings.max_uses > USES_MAX {
        let message = format!("from 1 to {USES_MAX}");
        problems.add(&format!("{dialect}.max_uses"), message);
    }
    let paths = match &settings.keys {
        Some(template) => Some(paths(&format!("{dialect}.keys"), template, route, problems)?),
        None => None,
    };
    Some(Some(Box::new(SingleUse {
        keys: Arc::clone(context.keys??),
        store: Arc::clone(context.state??),
        paths,
        default_ttl: settings.default_ttl,
        max_ttl: settings.max_ttl,
        max_uses: settings.max_uses,
        resume_window: settings.resume_window,
        resume_attempts: settings.resume_attempts,
    })))
}

fn paths(
    at: &str,
    template: &str,
    route: &config::Route,
    problems: &mut Problems,
) -> Option<Layout> {
    let layout = further_layout(at, template, route, problems)?;
    if gives_tenant(&route.auth) && !layout.needs_tenant() {
        problems.warn(at, "without {tenant}, those who may issue reach the objects of all tenants");
    }
    Some(layout)
}

/// What redirects to the gateway itself need; none where there are none. The outer None: something is
/// wrong.
pub(super) fn tickets(
    at: &str,
    route: &config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Option<Tickets>> {
    if route.delivery != config::Delivery::Ticket {
        return Some(None);
    }
    let at = format!("{at}.delivery");
    if context.keys.is_none() {
        problems.add(&at, "tickets need `tokens`, which seal them");
    }
    if context.public_origin.is_none() {
        problems.add(&at, "tickets need `public_url`, to say where to come back to");
    }
    let (keys, origin) = (context.keys??, context.public_origin?);
    Some(Some(Tickets { keys: Arc::clone(keys), public_origin: origin.to_owned() }))
}
