//! Tokens of downloads.

use super::*;
use crate::auth::Tenant;
use crate::content::digest::Sha256Digest;
use crate::content::filename::Filename;
use crate::content::layout;
use crate::token::{DownloadToken, Facts, TokenId};

const ID: TokenId = TokenId::new([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

fn plain() -> Facts {
    Facts {
        route: "/d/".to_owned(),
        tenant: None,
        bucket: "artifacts".to_owned(),
        key: layout::Key::of_sealed("sha256:aa".to_owned()).unwrap(),
        etag: None,
        digest: None,
        filename: None,
        content_type: None,
        issued: now(),
        expires: after(900),
        uses: 1,
        resume_window: Duration::ZERO,
        confirm: false,
    }
}

fn full() -> Facts {
    Facts {
        tenant: Some(Tenant::parse("équipe a").unwrap()),
        key: layout::Key::of_sealed(format!("t/{}", "é\"\\\u{1f980}/".repeat(80))).unwrap(),
        etag: Some("\"0123456789abcdef-12\"".to_owned()),
        digest: Some(Sha256Digest::of(b"content")),
        filename: Some(Filename::sanitize("Übersicht \"1\" % & 图.pdf").unwrap()),
        content_type: Some("application/pdf".to_owned()),
        uses: 100,
        resume_window: Duration::from_secs(600),
        confirm: true,
        ..plain()
    }
}

fn seal(facts: Facts) -> String {
    DownloadToken::for_test(ID, facts).seal(&keys()).unwrap()
}

#[test]
fn what_is_promised_is_kept() {
    let full = full();
    let one_by_one = [
        plain(),
        Facts { tenant: full.tenant.clone(), ..plain() },
        Facts { etag: full.etag.clone(), ..plain() },
        Facts { digest: full.digest, ..plain() },
        Facts { filename: full.filename.clone(), ..plain() },
        Facts { content_type: full.content_type.clone(), ..plain() },
        Facts { uses: u32::MAX, ..plain() },
        Facts { confirm: true, ..plain() },
        full,
    ];
    for facts in one_by_one {
        let token = DownloadToken::open(&keys(), &seal(facts.clone())).unwrap();
        assert_eq!((token.id(), token.facts()), (ID, &facts));
    }
}

#[test]
fn a_link_shows_nothing_of_what_it_leads_to() {
    let sealed = seal(full());
    for shown in ["artifacts", "pdf", "/d/", &ID.to_string()] {
        assert!(!sealed.contains(shown), "{shown}");
    }
}

#[test]
fn the_longest_key_and_name_fit() {
    let key = layout::Key::of_sealed("\"".repeat(1024)).unwrap();
    let filename = Filename::sanitize(&"é".repeat(1000));
    let facts = Facts { key, filename, ..full() };
    assert!(DownloadToken::open(&keys(), &seal(facts)).is_some());
}

#[test]
fn what_is_sealed_for_something_else_is_no_token() {
    let token = DownloadToken::for_test(ID, plain());
    let json = keys().open(Purpose::Download, &token.seal(&keys()).unwrap()).unwrap();
    for purpose in PURPOSES {
        let sealed = keys().seal(purpose, &json).unwrap();
        let is_token = DownloadToken::open(&keys(), &sealed).is_some();
        assert_eq!(is_token, purpose == Purpose::Download, "{purpose:?}");
    }
}

/// Another version may know more. What is not understood is not half obeyed.
#[test]
fn what_another_version_sealed_is_no_token() {
    let json = keys().open(Purpose::Download, &seal(full())).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let changed = |member: &str, value: serde_json::Value| {
        let mut json = json.clone();
        json[member] = value;
        keys().seal(Purpose::Download, json.to_string().as_bytes()).unwrap()
    };
    assert!(DownloadToken::open(&keys(), &changed("n", 2.into())).is_some());
    let wrong: [(&str, serde_json::Value); 12] = [
        ("more", 1.into()),
        ("i", "1".into()),
        ("i", "+0102030405060708090a0b0c0d0e0f".into()),
        ("i", "000102030405060708090A0B0C0D0E0F".into()),
        ("x", "1800000000".into()),
        ("x", (-1).into()),
        ("n", (-1).into()),
        ("k", "".into()),
        ("t", "../other".into()),
        ("d", "abc".into()),
        ("f", "".into()),
        ("p", 1.into()),
    ];
    for (member, value) in wrong {
        let text = format!("{member}: {value}");
        assert_eq!(DownloadToken::open(&keys(), &changed(member, value)), None, "{text}");
    }
    for message in [&b"{}"[..], b"null", b"\xff"] {
        let sealed = keys().seal(Purpose::Download, message).unwrap();
        assert_eq!(DownloadToken::open(&keys(), &sealed), None);
    }
}

#[test]
fn a_token_ends_after_its_last_second() {
    let token = DownloadToken::for_test(ID, plain());
    let token = DownloadToken::open(&keys(), &token.seal(&keys()).unwrap()).unwrap();
    assert!(!token.has_expired(after(900)));
    assert!(token.has_expired(after(900) + Duration::from_millis(1)));
    // The store may forget it five minutes after the last resume.
    assert_eq!(token.end(), after(900 + 300));
    let full = DownloadToken::for_test(ID, full());
    assert_eq!(full.end(), after(900 + 600 + 300));
}

#[test]
fn ids_are_random_and_of_one_form() {
    assert_eq!(ID.to_string(), "000102030405060708090a0b0c0d0e0f");
    let ids: std::collections::HashSet<_> = (0..100).map(|_| TokenId::random().unwrap()).collect();
    assert_eq!(ids.len(), 100);
    for id in ids {
        assert_eq!(TokenId::parse(&id.to_string()), Some(id));
    }
    for text in
        ["", "1", "+1", "000102030405060708090a0b0c0d0e0", "000102030405060708090A0B0C0D0E0F"]
    {
        assert_eq!(TokenId::parse(text), None, "{text}");
    }
}
