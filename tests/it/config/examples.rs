//! Whether the files in `conf/` work, and show everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::certificates::Authority;
use crate::support::process::check;

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
    names.into_iter().map(|name| (name.to_owned(), "0123456789".repeat(4))).collect()
}

#[test]
fn every_example_works() {
    let examples: Vec<PathBuf> = fs::read_dir(package().join("conf"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    let names: BTreeSet<_> = examples.iter().map(|path| path.file_stem().unwrap()).collect();
    for name in ["minimal", "full", "chainloop"] {
        assert!(names.contains(std::ffi::OsStr::new(name)), "{name}.yaml is missing");
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.write(folder.path(), "tls", &["localhost"]);
    fs::write(folder.path().join("clients.crt"), authority.pem()).unwrap();
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
        let output = check(&example, &BTreeMap::new());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{}", example.display());
        for name in variables(&text).keys() {
            assert!(said.contains(name.as_str()), "{name}: {said}");
        }
    }
}

/// The keys of the file, and the words that choose among kinds, as they are in the types.
fn words_of_the_types() -> BTreeSet<String> {
    let mut text = fs::read_to_string(package().join("src/config.rs")).unwrap();
    for file in fs::read_dir(package().join("src/config")).unwrap() {
        let file = file.unwrap().path();
        // How the file is read, which has no word in it.
        if !file.ends_with("form.rs") {
            text.push_str(&fs::read_to_string(file).unwrap());
        }
    }
    let mut words = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim_end();
        let public = line.strip_prefix("    pub ").filter(|rest| !rest.starts_with("fn "));
        if let Some((name, _)) = public.and_then(|rest| rest.split_once(": ")) {
            words.insert(name.to_owned());
        }
        let variant = line.strip_prefix("    ").and_then(|rest| rest.strip_suffix(','));
        let variant = variant.and_then(|variant| variant.split('(').next());
        if let Some(variant) = variant.filter(|variant| {
            variant.starts_with(|first: char| first.is_ascii_uppercase())
                && variant.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }) {
            words.insert(snake_case(variant));
        }
    }
    words
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

#[test]
fn the_full_example_shows_everything() {
    let words = words_of_the_types();
    for known in ["trusted_proxies", "virtual_host", "redirect_from", "jwks", "debug"] {
        assert!(words.contains(known), "the types are not read as they should be: {words:?}");
    }
    let text = fs::read_to_string(package().join("conf/full.yaml")).unwrap();
    let shown: BTreeSet<_> = text
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = words.difference(&shown).collect();
    assert_eq!(missing, [] as [&String; 0], "conf/full.yaml does not show these");
}
