//! `issuers.*`

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Problems, remote_keys, secrets};
use crate::auth::{Issuer, Keyring};
use crate::config;
use crate::jwks::Source;
use crate::telemetry::Metrics;

/// Where the sources of fetched keys are put, and the one of the same issuer in an earlier plan.
pub(super) struct Sources<'a> {
    pub(super) compiled: &'a mut BTreeMap<String, Arc<Source>>,
    pub(super) earlier: Option<&'a Arc<Source>>,
}

/// Compiles an issuer, and adds the source of its keys, if they are fetched, to `sources`. One that
/// is the same as before is taken over with the keys it has.
pub(super) fn compile(
    name: &str,
    issuer: config::Issuer,
    metrics: &Metrics,
    sources: Sources<'_>,
    problems: &mut Problems,
) -> Option<Issuer> {
    let at = format!("issuers.{name}");
    let keyring = match &issuer.keys {
        config::Keys::Hs256(source) => {
            let at = format!("{at}.keys.hs256");
            let secret = secrets::read(source, &mut problems.files);
            let secret = problems.check(&at, secret)?;
            problems.check(&at, Keyring::hs256(secret.as_bytes()))?
        }
        config::Keys::Jwks(path) => {
            let at = format!("{at}.keys.jwks");
            let bytes = problems.files.read(path);
            let bytes = problems.check(&at, bytes)?;
            let keyring = problems.check(&at, Keyring::jwks(&bytes))?;
            if keyring.skipped() > 0 {
                let message = format!("{} of its keys cannot verify tokens", keyring.skipped());
                problems.warn(&at, message);
            }
            keyring
        }
        config::Keys::JwksUrl(_) | config::Keys::Discovery(_) => {
            let specification = remote_keys::compile(&at, &issuer, problems)?;
            let source = match sources.earlier {
                Some(earlier) if *earlier.specification() == specification => Arc::clone(earlier),
                Some(earlier) => {
                    let metrics = metrics.issuer(name);
                    Arc::new(Source::succeeding(specification, earlier, metrics))
                }
                None => Arc::new(Source::new(name, specification, metrics.issuer(name))),
            };
            sources.compiled.insert(name.to_owned(), Arc::clone(&source));
            Keyring::remote(Arc::clone(source.keys()))
        }
    };
    problems.check(&at, Issuer::new(issuer.iss, issuer.audience, keyring, issuer.leeway))
}
