//! `routes[*].dialect`

use super::Problems;
use crate::config;
use crate::dialect::build_cache::{BuildCache, Preset};
use crate::dialect::chainloop::{Chainloop, Login};
use crate::dialect::kubo::{Kubo, Settings};
use crate::dialect::onetime::Onetime;
use crate::dialect::resumable::Resumable;
use crate::dialect::shakenfist::Shakenfist;
use crate::dialect::turborepo::Turborepo;
use crate::dialect::tus::Tus;
use crate::dialect::{Dialect, Origins};

/// Whether tags of artifacts may be in objects of their own.
pub(super) const fn has_legacy_tags(dialect: &config::Dialect) -> bool {
    matches!(dialect, config::Dialect::Turborepo(settings) if settings.legacy_tags)
}

/// Whether the dialect's clients may be sent elsewhere. Bazel's takes a redirect for a failure
/// (`HttpDownloadHandler`), a URL of storage would be good for more than one use, and what graphs
/// make of a file is in no bucket.
pub(super) const fn follows_redirects(dialect: &config::Dialect) -> bool {
    !matches!(
        dialect,
        config::Dialect::Bazel(_)
            | config::Dialect::Kubo(_)
            | config::Dialect::Onetime(_)
            | config::Dialect::Resumable(_)
            | config::Dialect::Shakenfist(_)
            | config::Dialect::Tus(_)
    )
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

/// Whether the dialect keeps documents in the bucket that several may change.
pub(super) const fn needs_documents(dialect: &config::Dialect) -> bool {
    matches!(dialect, config::Dialect::Shakenfist(_))
}

/// Compiles a dialect with its settings. An upload has at most `size_max` bytes.
pub(super) fn compile(
    at: &str,
    path: &str,
    size_max: u64,
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
        config::Dialect::Kubo(settings) => {
            kubo(&format!("{at}.dialect.kubo"), *settings, public_origin, problems)
        }
        config::Dialect::Resumable(settings) => {
            let at = format!("{at}.dialect.resumable.origins");
            let origins = origins(&at, settings.origins, problems)?;
            Some(Box::new(Resumable { base: base(path, public_origin), origins, size_max }))
        }
        config::Dialect::Shakenfist(settings) => Some(Box::new(Shakenfist {
            base: base(path, public_origin),
            has_login: settings.login.is_some(),
        })),
        config::Dialect::Tus(settings) => {
            let origins =
                origins(&format!("{at}.dialect.tus.origins"), settings.origins, problems)?;
            Some(Box::new(Tus { base: base(path, public_origin), origins, size_max }))
        }
        // Its one setting is the gateway's to heed.
        config::Dialect::Turborepo(_) => Some(Box::new(Turborepo)),
    }
}

fn kubo(
    at: &str,
    settings: config::Kubo,
    public_origin: Option<&str>,
    problems: &mut Problems,
) -> Option<Box<dyn Dialect>> {
    let origins = origins(&format!("{at}.origins"), settings.origins, problems)?;
    Some(Box::new(Kubo::new(Settings {
        archives: settings.body == config::KuboBody::Tar,
        legacy_errors: settings.errors == config::KuboErrors::Legacy,
        origins,
        own_origin: public_origin.map(ToOwned::to_owned),
        signs_in: settings.login.is_some(),
    })))
}

/// Where clients find what is below a route, as far as that is known.
fn base(path: &str, public_origin: Option<&str>) -> String {
    [public_origin.unwrap_or_default(), path].concat()
}

/// Whose pages may ask.
fn origins(at: &str, origins: Vec<String>, problems: &mut Problems) -> Option<Origins> {
    let is_origin = |text: &str| {
        let origin = crate::bucket::endpoint::Origin::parse(text);
        origin.is_ok() && !text.ends_with('/')
    };
    for (index, origin) in origins.iter().enumerate() {
        if origin != "*" && !is_origin(origin) {
            let message = "an origin is http(s)://host[:port], without a path; or *";
            problems.add(&format!("{at}[{index}]"), message);
            return None;
        }
    }
    Some(match origins.iter().any(|origin| origin == "*") {
        true => Origins::All,
        false => Origins::Some(origins),
    })
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
