//! Secrets, from where they live.

use super::files::Files;
use crate::config::SecretSource;

/// Reads a secret. It is never empty.
///
/// # Errors
/// Says which file or variable is missing, empty or not text; never what it holds.
pub(super) fn read(source: &SecretSource, files: &mut Files) -> Result<String, String> {
    let text = match source {
        SecretSource::File(path) => String::from_utf8(files.read(path)?)
            .map_err(|_| format!("cannot read {}: it is not UTF-8", path.display()))?,
        SecretSource::Env(name) => {
            std::env::var(name).map_err(|error| format!("environment variable {name}: {error}"))?
        }
    };
    // Editors and `echo` end a file with a line break that nobody means.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err("the secret is empty".to_owned());
    }
    Ok(text.to_owned())
}
