//! The forms of keys, and how they change.

use super::*;

/// A key whose base64 has `+` and `/`, or `-` and `_`.
const STANDARD: &str = "+/8CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const URL_SAFE: &str = "-_8CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn one_key_has_many_forms() {
    let sealed = Keys::new(key(STANDARD), Vec::new()).seal(Purpose::Ticket, b"message").unwrap();
    let unpadded = [STANDARD, URL_SAFE].map(|form| form.trim_end_matches('='));
    let paserk = format!("k4.local.{}", unpadded[1]);
    let with_space = format!(" {STANDARD}\n");
    let forms = [STANDARD, URL_SAFE, unpadded[0], unpadded[1], &paserk, &with_space];
    for form in forms {
        let keys = Keys::new(key(form), Vec::new());
        assert!(keys.open(Purpose::Ticket, &sealed).is_some(), "{form}");
    }
}

#[test]
fn what_is_no_key_is_refused_without_being_repeated() {
    let wrong = [
        ("nothing", ""),
        ("no bytes", "k4.local."),
        ("31 bytes", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw=="),
        ("33 bytes", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh"),
        ("zeros", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("equal bytes", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="),
        ("both alphabets", "+_8CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("hexadecimal", "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"),
        ("a public key", "k4.public.AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"),
        ("an older version", "k3.local.AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"),
        ("a password", "correct horse battery staple"),
        ("space within", "AQIDBAUGBwgJCgsM DQ4PEBESExQVFhcYGRobHB0eHyA="),
    ];
    for (what, text) in wrong {
        let message = Key::parse(text).expect_err(what);
        let words = text.split(['.', ' ']).filter(|part| part.len() > 8);
        for word in words {
            assert!(!message.contains(word), "{what}: {message}");
        }
    }
}

#[test]
fn a_key_is_shown_by_its_name_only() {
    let shown = format!("{:?}", Keys::new(key(KEY), vec![key(URL_SAFE)]));
    // What pyseto calls it (PASERK, "lid").
    assert!(shown.contains("k4.lid.5ocg6sMe67V-GH_BIivSHkMzsftSfpuXkXUCQq4f8wTT"), "{shown}");
    for secret in ["AQIDBAUG", "8CAwQFBg", "1, 2, 3", "[1"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn keys_change_without_a_gap() {
    let before = Keys::new(key(KEY), Vec::new());
    let added = Keys::new(key(KEY), vec![other_key(50)]);
    let moved = Keys::new(other_key(50), vec![key(KEY)]);
    let removed = Keys::new(other_key(50), Vec::new());
    let [old, early, new] = [&before, &added, &moved].map(|keys| keys.seal(Purpose::Ticket, b"m"));
    let opens = |keys: &Keys, sealed: &Result<String, _>| {
        keys.open(Purpose::Ticket, sealed.as_ref().unwrap()).is_some()
    };
    // Replicas that have not got the next configuration yet open what the others seal.
    assert!(opens(&before, &early));
    assert!(opens(&added, &new));
    assert!(opens(&moved, &old) && opens(&moved, &early));
    assert!(!opens(&before, &new));
    assert!(!opens(&removed, &old) && !opens(&removed, &early));
    assert!(opens(&removed, &new));
}
