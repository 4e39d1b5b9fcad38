//! `routes[*].dialect`

use super::Problems;
use crate::config;
use crate::dialect::Dialect;
use crate::dialect::build_cache::{BuildCache, Preset};
use crate::dialect::chainloop::{Chainloop, Login};
use crate::dialect::onetime::Onetime;
use crate::dialect::turborepo::Turborepo;

/// Whether tags of artifacts may be in objects of their own.
pub(super) const fn has_legacy_tags(dialect: &config::Dialect) -> bool {
    matches!(dialect, config::Dialect::Turborepo(settings) if settings.legacy_tags)
}

/// Whether the dialect's clients may be sent elsewhere. Bazel's takes a redirect for a failure
/// (`HttpDownloadHandler`), and a URL of storage would be good for more than one use.
pub(super) const fn follows_redirects(dialect: &config::Dialect) -> bool {
    !matches!(dialect, config::Dialect::Bazel(_) | config::Dialect::Onetime(_))
}

/// Whether names of the dialect differ in length, so that what is beside one in a key could be taken
/// for a part of it. Digests do not.
pub(super) const fn has_names_of_any_length(dialect: &config::Dialect) -> bool {
    !matches!(dialect, config::Dialect::Chainloop(_))
}

/// Whether anything can be stored with the dialect.
pub(super) const fn takes_uploads(dialect: &config::Dialect) -> bool {
    !matches!(dialect, config::Dialect::Chainloop(_) | config::Dialect::Onetime(_))
}

/// Compiles a dialect with its settings.
pub(super) fn compile(
    at: &str,
    path: &str,
    dialect: config::Dialect,
    public_origin: Option<&str>,
    problems: &mut Problems,
) -> Option<Box<dyn Dialect>> {
    match dialect {
        config::Dialect::Chainloop(settings) => {
            chainloop(&format!("{at}.dialect.chainloop"), settings, public_origin, problems)
        }
        config::Dialect::Bazel(_) => Some(Box::new(BuildCache::new(Preset::Bazel))),
        config::Dialect::Gradle(_) => Some(Box::new(BuildCache::new(Preset::Gradle))),
        config::Dialect::Nx(_) => Some(Box::new(BuildCache::new(Preset::Nx))),
        config::Dialect::Onetime(settings) => {
            let Some(origin) = public_origin else {
                let message = "needs `public_url`, which links begin with";
                problems.add(&format!("{at}.dialect.onetime"), message);
                return None;
            };
            Some(Box::new(Onetime::new([origin, path].concat(), settings.uniform_404)))
        }
        config::Dialect::Sccache(_) => Some(Box::new(BuildCache::new(Preset::Sccache))),
        // Its one setting is the gateway's to heed.
        config::Dialect::Turborepo(_) => Some(Box::new(Turborepo)),
    }
}

fn chainloop(
    at: &str,
    settings: config::Chainloop,
    public_origin: Option<&str>,
    problems: &mut Problems,
) -> Option<Box<dyn Dialect>> {
    let login = match settings.login_url {
        None => None,
        Some(url) => {
            let at = format!("{at}.login_url");
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
