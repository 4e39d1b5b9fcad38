//! `issuers.*.keys.jwks_url` and `issuers.*.keys.discovery`

use std::time::Duration;

use super::{Problems, pem};
use crate::config;
use crate::jwks::{Location, Specification, secure_url, well_known};

/// The shortest of all times here: an issuer is not there for one gateway alone.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const REFRESH_MAX: Duration = Duration::from_secs(24 * 3600);
const COOLDOWN_MAX: Duration = Duration::from_secs(3600);
const AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Where the keys of an issuer are fetched from, and how.
pub(super) fn compile(
    at: &str,
    issuer: &config::Issuer,
    problems: &mut Problems,
) -> Option<Specification> {
    let (at, keys, location) = match &issuer.keys {
        config::Keys::JwksUrl(keys) => {
            let at = format!("{at}.keys.jwks_url");
            let url = keys.url.as_deref().ok_or_else(|| "there is none".to_owned());
            let url = problems.check(&format!("{at}.url"), url.and_then(secure_url));
            (at, keys, url.map(Location::KeySet))
        }
        config::Keys::Discovery(keys) => {
            let at = format!("{at}.keys.discovery");
            let document = match &keys.url {
                Some(url) => problems.check(&format!("{at}.url"), secure_url(url)),
                None => problems.check(&at, well_known(&issuer.iss)),
            };
            let iss = issuer.iss.clone();
            (at, keys, document.map(|document| Location::Discovery { iss, document }))
        }
        config::Keys::Hs256(_) | config::Keys::Jwks(_) => return None,
    };
    let times_make_sense = check_times(&at, keys, problems);
    let authorities = match &keys.ca_file {
        Some(file) => {
            let authorities = pem::authorities(file, &mut problems.files);
            problems.check(&format!("{at}.ca_file"), authorities)
        }
        None => Some(Vec::new()),
    };
    let specification = Specification {
        location: location?,
        refresh: keys.refresh,
        cooldown: keys.cooldown,
        age_max: keys.max_age,
        timeout: keys.timeout,
        allow_private_addresses: keys.allow_private_addresses,
        authorities: authorities?,
    };
    if let Some(address) = specification.forbidden_address() {
        problems.add(&at, format!("keys may not be fetched from the address {address}"));
        return None;
    }
    times_make_sense.then_some(specification)
}

fn check_times(at: &str, keys: &config::RemoteKeys, problems: &mut Problems) -> bool {
    let mut make_sense = true;
    for (key, time, least, most) in [
        ("refresh", keys.refresh, PAUSE_MIN, REFRESH_MAX),
        ("cooldown", keys.cooldown, PAUSE_MIN, COOLDOWN_MAX),
        ("max_age", keys.max_age, keys.refresh.min(REFRESH_MAX), AGE_MAX),
        ("timeout", keys.timeout, TIMEOUT_MIN, TIMEOUT_MAX),
    ] {
        if !(least..=most).contains(&time) {
            let [given, least, most] = [time, least, most].map(humantime::format_duration);
            let message = format!("{given} is not between {least} and {most}");
            problems.add(&format!("{at}.{key}"), message);
            make_sense = false;
        }
    }
    make_sense
}
