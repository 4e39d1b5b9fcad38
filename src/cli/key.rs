//! `casgate key`: a key of a namespace, and what the configuration says of it.

use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;

use super::{EXIT_USAGE, fail};
use crate::auth::Tenant;
use crate::content::digest::Sha256Digest;

/// Arguments of `casgate key`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The namespace
    #[arg(long, default_value = "main")]
    namespace: String,
    /// What the key is called, in logs
    #[arg(long, default_value = "main")]
    name: String,
}

/// Prints a key, and below it the line for `keys` of the dialect's `login`. What they are is said on
/// standard error, so that a program may read the two lines.
pub(super) fn execute(arguments: &Arguments) -> ExitCode {
    if let Err(error) = Tenant::parse(&arguments.namespace) {
        let _ = fail(format_args!("--namespace: {error}"));
        return ExitCode::from(EXIT_USAGE);
    }
    let mut bytes = [0; 32];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return fail("the system has no random bytes");
    }
    let key = URL_SAFE_NO_PAD.encode(bytes);
    eprintln!("The key, which is shown only now; for CASGATE_KEY or a file for --key-file:");
    println!("{key}");
    eprintln!("What the configuration says of it, below `login: {{ keys:` of the route's dialect:");
    println!("{}", entry(&arguments.namespace, &arguments.name, &key));
    ExitCode::SUCCESS
}

/// One of `keys`, as YAML. What JSON writes as a string is one in YAML too.
fn entry(namespace: &str, name: &str, key: &str) -> String {
    let [namespace, name] = [namespace, name].map(|text| serde_json::Value::from(text).to_string());
    let sha256 = Sha256Digest::of(key.as_bytes());
    format!("- {{ namespace: {namespace}, name: {name}, sha256: \"{sha256}\" }}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NamespaceKey;

    #[test]
    fn the_configuration_takes_what_is_printed() {
        for (namespace, name) in [("main", "main"), ("no", "1"), ("größe: {", "\"'\\ #\u{2028}")]
        {
            let keys: Vec<NamespaceKey> =
                serde_yaml::from_str(&entry(namespace, name, "secret")).unwrap();
            assert_eq!(keys[0].namespace, namespace);
            assert_eq!(keys[0].name, name);
            assert_eq!(keys[0].sha256, Sha256Digest::of(b"secret").to_string());
        }
    }
}
