use super::*;
use std::collections::HashMap;

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a legal key")
}

/// Keys a file system would mistake for one another or refuse.
fn awkward_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "a", "A", "a/", "a//", "/a", "//a", "/", "//", "a/b", "a//b", ".", "..", "./a", "../a",
        "a/../b", "a/./b", "a=", "a+", "a%2fb", "%", "%2", "%zz", "con", "a ", " a", "\\", "é",
        "e\u{301}", "🦀", "\u{1}", "\u{7f}", "\n", "\0",
    ]
    .map(str::to_owned)
    .to_vec();
    // Every length around the places where the escaped name is cut.
    for length in (1..=1024).step_by(7).chain(236..=244).chain(476..=484).chain([1023, 1024]) {
        keys.push("x".repeat(length));
        keys.push("/".repeat(length));
    }
    // Generated strings over an alphabet of troublemakers, the same on every run.
    let alphabet: Vec<char> = "ab/.%=+ AZ\\é🦀\u{1}~*".chars().collect();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..2_000 {
        let mut text = String::new();
        loop {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let draw = usize::try_from(state >> 40).expect("24 bits");
            text.push(alphabet[draw % alphabet.len()]);
            if draw % 97 == 0 || text.len() > 1_000 {
                break;
            }
        }
        keys.push(text);
    }
    keys.sort();
    keys.dedup();
    keys
}

#[test]
fn every_key_comes_back_from_its_path() {
    for text in awkward_keys() {
        let key = key(&text);
        assert_eq!(ObjectKey::from_path(&key.to_path()), Some(key), "{text:?}");
    }
}

#[test]
fn paths_are_portable_names_of_at_most_255_bytes_that_stay_below_the_folder() {
    for text in awkward_keys() {
        for component in key(&text).to_path().components() {
            let Component::Normal(name) = component else {
                panic!("{text:?} has the component {component:?}");
            };
            let name = name.to_str().expect("ASCII");
            assert!((2..=255).contains(&name.len()), "{text:?}: {name}");
            assert!(
                !name.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii_graphic())
            );
            assert!(!name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|']));
        }
    }
}

#[test]
fn no_key_is_stored_where_another_needs_a_directory() {
    let mut owners: HashMap<PathBuf, String> = HashMap::new();
    for text in awkward_keys() {
        let previous = owners.insert(key(&text).to_path(), text.clone());
        assert_eq!(previous, None, "{text:?} shares its file");
    }
    for path in owners.keys() {
        for folder in path.ancestors().skip(1) {
            assert!(!owners.contains_key(folder), "{folder:?} is a file and a directory");
        }
    }
}

#[test]
fn the_limits_are_those_of_s3() {
    assert_eq!(ObjectKey::parse(""), Err(KeyError::Empty));
    assert!(ObjectKey::parse("🦀".repeat(256)).is_ok());
    assert_eq!(ObjectKey::parse("x".repeat(1025)), Err(KeyError::TooLong));
    assert_eq!(ObjectKey::parse("é".repeat(513)), Err(KeyError::TooLong));
}

#[test]
fn paths_this_module_did_not_write_are_no_keys() {
    for path in [
        "", "a", "a+", "a=/b=", "..", "../a=", "A=", "%2F=", "%61=", "%=", "%f=", "%ff=", "=",
        "x+/y=",
    ] {
        assert_eq!(ObjectKey::from_path(Path::new(path)), None, "{path}");
    }
}
