//! Which gateway is meant, and who asks.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::Failure;

/// The longest file with a key or a token, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// What all commands of the client take.
#[derive(Debug, Args)]
pub(in crate::cli) struct Place {
    /// The URL of the gateway's route with the dialect `shakenfist` [env: CASGATE_URL]
    #[arg(long)]
    url: Option<String>,
    /// The namespace [env: CASGATE_NAMESPACE]
    #[arg(long)]
    namespace: Option<String>,
    /// A file with the namespace's key; without one it is the value of CASGATE_KEY
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A file with a bearer token, instead of a key; without one it is the value of CASGATE_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    pub(in crate::cli) quiet: bool,
}

/// Which gateway is meant, and who asks.
pub(in crate::cli) struct Settings {
    /// What paths are appended to.
    pub(super) url: Url,
    /// The namespace, if one was named.
    pub(super) namespace: Option<String>,
    /// A key to log in with.
    pub(super) key: Option<String>,
    /// A token to begin with.
    pub(super) token: Option<String>,
}

impl Place {
    /// Takes what the command line says, and from the environment what it does not.
    ///
    /// # Errors
    /// [`Failure::Usage`]: something is missing, or makes no sense.
    pub(in crate::cli) fn settings(&self) -> Result<Settings, Failure> {
        let url = self.url.clone().or_else(|| variable("CASGATE_URL"));
        let url = url.ok_or_else(|| usage("say which gateway, with --url or CASGATE_URL"))?;
        let settings = Settings {
            url: gateway(&url).map_err(|problem| usage(format!("{url:?} {problem}")))?,
            namespace: self.namespace.clone().or_else(|| variable("CASGATE_NAMESPACE")),
            key: secret(self.key_file.as_deref(), "CASGATE_KEY")?,
            token: secret(self.token_file.as_deref(), "CASGATE_TOKEN")?,
        };
        match (&settings.namespace, &settings.key, &settings.token) {
            (_, None, None) => Err(usage(
                "say who asks, with a key (CASGATE_KEY, --key-file) or a token (CASGATE_TOKEN, --token-file)",
            )),
            (None, Some(_), None) => {
                Err(usage("say whose key it is, with --namespace or CASGATE_NAMESPACE"))
            }
            _ => Ok(settings),
        }
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::Usage(message.into())
}

/// A variable of the environment that is there and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A gateway's URL.
fn gateway(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no URL")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("must begin with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with its path");
    }
    Ok(url)
}

/// A key or a token, without the blanks around it.
fn secret(file: Option<&Path>, name: &str) -> Result<Option<String>, Failure> {
    let text = match file {
        None => variable(name),
        Some(path) => {
            let read = |file: File| std::io::read_to_string(file.take(SECRET_BYTES_MAX));
            let text = File::open(path).and_then(read);
            Some(text.map_err(|error| usage(format!("{}: {error}", path.display())))?)
        }
    };
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    // It goes into a header, or into JSON; neither is the place to find out.
    if text.is_empty() || text.chars().any(char::is_control) {
        let place = file.map_or(name.into(), |path| path.display().to_string());
        return Err(usage(format!("{place} has no key or token in it, on one line")));
    }
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_gateways_are_judged_at_once() {
        for good in ["http://127.0.0.1:8080/sf", "https://cas.example/sf/", "https://cas.example"] {
            gateway(good).unwrap();
        }
        for bad in [
            "cas.example",
            "cas.example:80",
            "ftp://cas.example/",
            "https://a:b@c/",
            "https://c/?a",
        ] {
            gateway(bad).unwrap_err();
        }
    }

    #[test]
    fn secrets_are_one_line_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            secret(Some(&path), "CASGATE_NOTHING")
        };
        assert_eq!(read("abc\n").unwrap().as_deref(), Some("abc"));
        for bad in ["", "\n", "abc\ndef\n"] {
            assert!(matches!(read(bad), Err(Failure::Usage(_))), "{bad:?}");
        }
        assert!(secret(None, "CASGATE_NOTHING").unwrap().is_none());
    }
}
