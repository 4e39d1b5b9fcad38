//! `issuers.*`

use super::{Problems, secrets};
use crate::auth::{Issuer, Keyring};
use crate::config;

pub(super) fn compile(
    name: &str,
    issuer: config::Issuer,
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
    };
    problems.check(&at, Issuer::new(issuer.iss, issuer.audience, keyring, issuer.leeway))
}
