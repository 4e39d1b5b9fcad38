//! Messages under keys.

use super::*;

const MESSAGE: &[u8] = b"message";

fn sealed() -> String {
    keys().seal(Purpose::Download, MESSAGE).unwrap()
}

fn open(text: &str) -> Option<Vec<u8>> {
    keys().open(Purpose::Download, text)
}

#[test]
fn what_was_sealed_opens_for_its_purpose_only() {
    for sealed_for in PURPOSES {
        let sealed = keys().seal(sealed_for, MESSAGE).unwrap();
        for opened_for in PURPOSES {
            let opened = keys().open(opened_for, &sealed);
            let expected = (sealed_for == opened_for).then(|| MESSAGE.to_vec());
            assert_eq!(opened, expected, "sealed for {sealed_for:?}, opened for {opened_for:?}");
        }
    }
}

#[test]
fn no_two_sealed_texts_are_alike() {
    assert_ne!(sealed(), sealed());
}

#[test]
fn what_is_cut_does_not_open() {
    let sealed = sealed();
    for length in 0..sealed.len() {
        assert_eq!(open(&sealed[..length]), None, "{length} of {} bytes", sealed.len());
    }
    assert!(open(&sealed).is_some());
}

#[test]
fn what_was_changed_does_not_open() {
    let sealed = sealed();
    for index in 0..sealed.len() {
        for byte in (0..128).filter(|byte| *byte != sealed.as_bytes()[index]) {
            let mut changed = sealed.as_bytes().to_vec();
            changed[index] = byte;
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(open(&changed), None, "byte {index} is {byte}");
        }
    }
    for extended in
        [format!("{sealed}A"), format!("{sealed}="), format!("{sealed}."), format!(" {sealed}")]
    {
        assert_eq!(open(&extended), None, "{extended}");
    }
}

#[test]
fn a_foreign_key_opens_nothing() {
    let foreign = Keys::new(other_key(50), vec![other_key(100)]);
    assert_eq!(foreign.open(Purpose::Download, &sealed()), None);
}

#[test]
fn a_foreign_name_of_the_key_opens_nothing() {
    let both = Keys::new(key(KEY), vec![other_key(50)]);
    let theirs = Keys::new(other_key(50), Vec::new()).seal(Purpose::Download, MESSAGE).unwrap();
    let ours = sealed();
    let (body, _) = ours.rsplit_once('.').unwrap();
    let (_, footer) = theirs.rsplit_once('.').unwrap();
    assert_eq!(both.open(Purpose::Download, &format!("{body}.{footer}")), None);
    assert_eq!(both.open(Purpose::Download, body), None);
    assert!(both.open(Purpose::Download, &ours).is_some());
}

#[test]
fn other_kinds_of_tokens_do_not_open() {
    let sealed = sealed();
    let local = sealed.strip_prefix("v4.local.").unwrap();
    for kind in ["v4.public.", "v3.local.", "v2.local.", "v5.local.", "V4.local.", "v4.local.."] {
        assert_eq!(open(&format!("{kind}{local}")), None, "{kind}");
    }
    for text in ["", ".", "...", "v4.local.", "v4.local..", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(open(text), None, "{text}");
    }
}

#[test]
fn nothing_longer_than_8_kib_is_sealed_or_looked_at() {
    let long = vec![b'a'; 5900];
    let sealed = keys().seal(Purpose::Download, &long).unwrap();
    assert!(sealed.len() <= 8192);
    assert!(open(&sealed).unwrap() == long);
    assert!(keys().seal(Purpose::Download, &[b'a'; 6100]).is_err());
    assert_eq!(open(&format!("v4.local.{}", "A".repeat(8192))), None);
}

/// What pyseto 1.10.0 sealed with this key: `{"kid": <the key's PASERK id>}` as the footer,
/// `casgate/answer` as the implicit assertion.
#[test]
fn what_another_implementation_sealed_opens() {
    let sealed = include_str!("pyseto.txt").trim();
    let opened = keys().open(Purpose::Answer, sealed);
    assert_eq!(opened.as_deref(), Some(&b"{\"sealed by\":\"pyseto\"}"[..]));
    for purpose in [Purpose::Confirmation, Purpose::Download, Purpose::Ticket] {
        assert_eq!(keys().open(purpose, sealed), None, "{purpose:?}");
    }
}
