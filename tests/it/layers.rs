//! Whether the modules depend on one another only as they should. Comments and tests do not count.

use std::fs;
use std::path::{Path, PathBuf};

/// Longer files are two files.
const LINES_MAX: usize = 500;

struct Source {
    /// Relative to the package, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// Lines with their numbers, without tests and without those that are only comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.path.ends_with("/tests.rs") || self.path.contains("/tests/");
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let code = if is_test { "" } else { &self.text[..end] };
        let lines = code.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_below(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| package.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(package).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path, text });
            }
        }
    }
    assert!(!found.is_empty(), "the sources are somewhere else");
    found
}

/// The lines of code outside of `allowed` for which `is_wrong` holds, as `path:line: text`.
fn lines_outside(
    sources: &[Source],
    allowed: &[&str],
    is_wrong: impl Fn(&str) -> bool,
) -> Vec<String> {
    let elsewhere = sources.iter().filter(|source| !source.is_below(allowed));
    elsewhere
        .flat_map(|source| {
            let wrong = source.code().filter(|(_, line)| is_wrong(line));
            wrong.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim()))
        })
        .collect()
}

#[test]
fn only_the_shell_names_pingora() {
    let shell = ["src/edge/", "src/transfer/", "src/cli/"];
    let wrong = lines_outside(&sources(&["src"]), &shell, |line| line.contains("pingora"));
    assert_eq!(wrong, [] as [String; 0]);
}

#[test]
fn only_the_shell_reads_the_clock() {
    // The schedule of fetches is made of `Instant`s; what time it is, its caller tells it.
    let shell = ["src/edge/", "src/transfer/", "src/cli/", "src/jwks/refresh.rs"];
    let wrong = lines_outside(&sources(&["src"]), &shell, |line| {
        line.contains("SystemTime::now") || line.contains("Instant::now")
    });
    assert_eq!(wrong, [] as [String; 0]);
}

/// What a dialect and a content's name may know of storage: how an object is described, and how
/// text is percent-encoded.
const PURE: [&str; 2] = ["crate::bucket::object", "crate::bucket::sigv4::encode_"];

#[test]
fn content_graphs_and_dialects_know_no_backend() {
    let sources = sources(&["src/content", "src/graph", "src/dialect"]);
    let wrong = lines_outside(&sources, &[], |line| {
        let impure = ["tokio::", "aws_", "std::fs", "std::net", "crate::transfer", "crate::edge"];
        let more = ["crate::plan", "crate::config", "crate::gateway", "crate::telemetry"];
        let names_bucket =
            line.contains("crate::bucket") && !PURE.iter().any(|pure| line.contains(pure));
        names_bucket || impure.iter().chain(&more).any(|name| line.contains(name))
    });
    assert_eq!(wrong, [] as [String; 0]);
}

#[test]
fn authorization_reaches_nothing_outside_of_it() {
    let wrong = lines_outside(&sources(&["src/auth"]), &[], |line| {
        let impure = ["tokio::net", "tokio::time", "tokio::spawn", "std::fs", "std::net", "hyper"];
        let more = ["crate::jwks", "crate::plan", "crate::bucket", "crate::transfer"];
        impure.iter().chain(&more).any(|name| line.contains(name))
    });
    assert_eq!(wrong, [] as [String; 0]);
}

#[test]
fn only_the_control_plane_uses_the_sdk() {
    let places = ["src/bucket/control", "src/state/bucket", "src/cli/dev"];
    let wrong = lines_outside(&sources(&["src"]), &places, |line| line.contains("aws_sdk_s3"));
    assert_eq!(wrong, [] as [String; 0]);
}

#[test]
fn no_file_is_too_long() {
    let long = sources(&["src", "tests", "benches"]).into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines}", source.path))
    });
    assert_eq!(long.collect::<Vec<_>>(), [] as [String; 0]);
}

#[test]
fn no_module_is_called_after_nothing() {
    let vague = ["util", "utils", "common", "helpers", "misc"];
    let wrong = sources(&["src", "tests"]).into_iter().map(|source| source.path).filter(|path| {
        let parts = path.trim_end_matches(".rs").split('/');
        parts.clone().any(|part| vague.contains(&part))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), [] as [String; 0]);
}
