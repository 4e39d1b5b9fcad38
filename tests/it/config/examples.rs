//! Whether the files in `conf/` work, and show everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::certificates::Authority;
use crate::support::process::check;
use crate::support::signer::{Signer, key_set};

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The variables a file reads, each with a value that would do.
fn variables(text: &str) -> BTreeMap<String, String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut names: Vec<_> =
        code.filter_map(|line| line.split_once("{ env: ")?.1.split(' ').next()).collect();
    if text.contains("credentials: environment") {
        names.extend(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    }
    // Also 32 bytes in base64.
    let value = "0123456789".repeat(4) + "010";
    names.into_iter().map(|name| (name.to_owned(), value.clone())).collect()
}

#[test]
fn every_example_works() {
    let examples: Vec<PathBuf> = fs::read_dir(package().join("conf"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    let names: BTreeSet<_> = examples.iter().map(|path| path.file_stem().unwrap()).collect();
    for name in [
        "minimal",
        "full",
        "chainloop",
        "kubo",
        "oidc",
        "onetime",
        "resumable",
        "shakenfist",
        "tus",
    ] {
        assert!(names.contains(std::ffi::OsStr::new(name)), "{name}.yaml is missing");
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.write(folder.path(), "tls", &["localhost"]);
    for file in ["clients.crt", "partner-ca.crt", "redis-ca.crt"] {
        fs::write(folder.path().join(file), authority.pem()).unwrap();
    }
    fs::write(folder.path().join("jwks.json"), key_set([&Signer::es256("a")])).unwrap();
    for example in examples {
        let text = fs::read_to_string(&example).unwrap();
        // The files that it names are in a folder of ours.
        let text = text.replace("/etc/casgate", &folder.path().display().to_string());
        let example = folder.path().join(example.file_name().unwrap());
        fs::write(&example, &text).unwrap();
        let output = check(&example, &variables(&text));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{}", example.display());
        // And without its secrets it says which.
        let variables = variables(&text);
        let code = if variables.is_empty() { 0 } else { 64 };
        let output = check(&example, &BTreeMap::new());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", example.display());
        for name in variables.keys() {
            assert!(said.contains(name.as_str()), "{name}: {said}");
        }
    }
}

/// What can be in the file, as it is in the types.
#[derive(Default)]
struct Words {
    keys: BTreeSet<String>,
    /// The words that choose among kinds.
    kinds: BTreeSet<String>,
}

impl Words {
    fn of_the_types() -> Self {
        let mut text = fs::read_to_string(package().join("src/config.rs")).unwrap();
        for file in fs::read_dir(package().join("src/config")).unwrap() {
            let file = file.unwrap().path();
            // How the file is read, which has no word in it.
            if !file.ends_with("form.rs") {
                text.push_str(&fs::read_to_string(file).unwrap());
            }
        }
        let mut words = Self::default();
        for line in text.lines() {
            let line = line.trim_end();
            let public = line.strip_prefix("    pub ").filter(|rest| !rest.starts_with("fn "));
            if let Some((name, _)) = public.and_then(|rest| rest.split_once(": ")) {
                words.keys.insert(name.to_owned());
            }
            let variant = line.strip_prefix("    ").and_then(|rest| rest.strip_suffix(','));
            let variant = variant.and_then(|variant| variant.split('(').next());
            if let Some(variant) = variant.filter(|variant| {
                variant.starts_with(|first: char| first.is_ascii_uppercase())
                    && variant.bytes().all(|byte| byte.is_ascii_alphanumeric())
            }) {
                words.kinds.insert(snake_case(variant));
            }
        }
        words
    }
}

fn snake_case(variant: &str) -> String {
    let mut word = String::new();
    for (index, character) in variant.char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            word.push('_');
        }
        word.push(character.to_ascii_lowercase());
    }
    word
}

fn words_in<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = lines.flat_map(|line| line.split(move |character| !is_word(character)));
    words.map(str::to_owned).collect()
}

#[test]
fn the_full_example_shows_everything() {
    let Words { keys, kinds } = Words::of_the_types();
    for (known, words) in [
        ("trusted_proxies", &keys),
        ("redirect_from", &keys),
        ("virtual_host", &kinds),
        ("jwks", &kinds),
        ("debug", &kinds),
    ] {
        assert!(words.contains(known), "the types are not read as they should be: {words:?}");
    }
    let text = fs::read_to_string(package().join("conf/full.yaml")).unwrap();
    // Of kinds there can be one at a time; the others may be in a comment. A key is never.
    let used = words_in(text.lines().filter(|line| !line.trim_start().starts_with('#')));
    let missing: Vec<_> = keys.difference(&used).collect();
    assert_eq!(missing, [] as [&String; 0], "conf/full.yaml does not use these");
    let shown = words_in(text.lines());
    let missing: Vec<_> = kinds.difference(&shown).collect();
    assert_eq!(missing, [] as [&String; 0], "conf/full.yaml does not show these");
}
