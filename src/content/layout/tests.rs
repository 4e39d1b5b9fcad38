use super::*;
use crate::content::digest::Sha256Digest;
use crate::content::entry::{Entry, EntryName};

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn key(template: &str, tenant: Option<&str>) -> Result<String, Error> {
    let grant = Grant::for_test(tenant.as_slice(), Writing::Refused);
    let content = ContentId::Sha256(Sha256Digest::parse_hex(HEX).unwrap());
    let places = Layout::parse(template).unwrap().places(&grant, &content)?;
    assert_eq!(places.other, None);
    Ok(places.first.to_string())
}

#[test]
fn the_two_layouts_of_chainloop() {
    assert_eq!(key("sha256:{hex}", None).unwrap(), format!("sha256:{HEX}"));
    assert_eq!(key("{tenant}/sha256:{hex}", Some("o-1")).unwrap(), format!("o-1/sha256:{HEX}"));
}

#[test]
fn no_tenant_is_a_refusal() {
    assert!(matches!(key("{tenant}/{hex}", None), Err(Error::Forbidden(_))));
}

#[test]
fn mistakes_are_named() {
    for (template, expected) in [
        ("plain", "needs {hex}"),
        (".casgate/x/{hash}", ".casgate/"),
        ("{hxe}", "{hxe}"),
        ("{hex", "unbalanced"),
        ("a}{hex}", "unbalanced"),
    ] {
        let problem = Layout::parse(template).unwrap_err();
        assert!(problem.contains(expected), "{template}: {problem}");
    }
}

#[test]
fn dot_segments_are_found() {
    for (template, expected) in
        [("../{hex}", true), ("a/./{hex}", true), ("a/..{hex}", false), ("{hex}.x", false)]
    {
        assert_eq!(Layout::parse(template).unwrap().has_dot_segments(), expected, "{template}");
    }
}

#[test]
fn a_tenant_that_is_no_segment_can_be_taken_for_another() {
    for (template, expected) in [
        ("{tenant}/{hash}", true),
        ("{hash}", true),
        ("a/{team}/b/{hash}.x", true),
        ("{hash}/{team}", true),
        ("{tenant}{hash}", false),
        ("a/{tenant}-{hash}", false),
        ("a/{hash}-{tenant}", false),
        ("a{tenant}/{hash}", false),
        ("{tenant}{tenant}/{hash}", false),
    ] {
        let layout = Layout::parse(template).unwrap();
        assert_eq!(layout.keeps_tenants_apart(), expected, "{template}");
    }
}

#[test]
fn keys_end_at_1024_bytes() {
    let fits = format!("{}{{hex}}", "a".repeat(KEY_BYTES_MAX - 64));
    assert_eq!(key(&fits, None).unwrap().len(), KEY_BYTES_MAX);
    assert!(key(&format!("a{fits}"), None).is_err());
}

fn entry(name: &str) -> ContentId {
    ContentId::Entry(Entry::opaque(EntryName::parse(name).unwrap()))
}

#[test]
fn a_writer_who_is_not_trusted_writes_where_only_equals_read() {
    let layout = Layout::parse("{team}/{hash}").unwrap();
    let namespace = Grant::namespace_for_test("refs/pull/1/merge");
    let untrusted = Grant::for_test(&["acme"], Writing::Isolated(namespace.clone()));
    let own = format!(".casgate/untrusted/{namespace}/acme/0a1b");

    let written = layout.writable_key(&untrusted, &entry("0a1b")).unwrap();
    assert_eq!(written.key().as_str(), own);
    let places = layout.places(&untrusted, &entry("0a1b")).unwrap();
    let places: Vec<_> = places.iter().map(Key::as_str).collect();
    assert_eq!(places, [own.as_str(), "acme/0a1b"]);

    let trusted = Grant::for_test(&["acme"], Writing::Shared);
    let written = layout.writable_key(&trusted, &entry("0a1b")).unwrap();
    assert_eq!(written.key().as_str(), "acme/0a1b");
    for grant in [trusted, Grant::for_test(&["acme"], Writing::Refused)] {
        assert_eq!(layout.places(&grant, &entry("0a1b")).unwrap().iter().count(), 1);
    }
    let reader = Grant::for_test(&["acme"], Writing::Refused);
    let refused = layout.writable_key(&reader, &entry("0a1b"));
    assert!(matches!(refused, Err(Error::Forbidden(_))));
}

#[test]
fn only_writers_store_what_has_no_name_yet() {
    let namespace = Grant::namespace_for_test("refs/pull/1/merge");
    for writing in [Writing::Shared, Writing::Isolated(namespace)] {
        let staged = WritableKey::staging(&Grant::for_test(&["acme"], writing), [0xab; 16]);
        let staged = staged.unwrap();
        assert_eq!(staged.key().as_str(), format!("{STAGING}{}", "ab".repeat(16)));
        assert_eq!(Key::of_sealed(staged.key().to_string()), None);
    }
    let reader = Grant::for_test(&["acme"], Writing::Refused);
    assert!(matches!(WritableKey::staging(&reader, [0; 16]), Err(Error::Forbidden(_))));
}

#[test]
fn no_tenant_and_no_name_leads_to_what_is_ours() {
    let grant = |tenant| Grant::for_test(&[tenant], Writing::Shared);
    for (template, tenant, name) in [
        ("{tenant}/{hash}", ".casgate", "untrusted/x/acme/0a1b"),
        ("{tenant}{hash}", ".cas", "gate/untrusted/x"),
        ("{hash}", "acme", ".casgate/untrusted/x"),
        ("{hash}", "acme", ".casgate"),
    ] {
        let layout = Layout::parse(template).unwrap();
        let (grant, name) = (grant(tenant), entry(name));
        assert!(matches!(layout.places(&grant, &name), Err(Error::Forbidden(_))), "{template}");
        let written = layout.writable_key(&grant, &name);
        assert!(matches!(written, Err(Error::Forbidden(_))), "{template}");
    }
}

#[test]
fn a_layout_knows_its_own_keys() {
    let is_name = |name: &str| EntryName::parse(name).is_ok();
    for (template, key, expected) in [
        ("{team}/{hash}", "acme/0a1b", true),
        ("{team}/{hash}", ".casgate/untrusted/abc/acme/0a1b", true),
        ("{team}/{hash}", ".casgate/untrusted/abc/acme", false),
        ("{team}/{hash}", ".casgate/probe/x", false),
        ("{team}/{hash}", "acme", false),
        ("{team}/{hash}", "acme/", false),
        ("{team}/{hash}", "/0a1b", false),
        ("cache/{hash}.bin", "cache/a/b/c/abc.bin", true),
        ("cache/{hash}.bin", "cache/.bin", false),
        ("cache/{hash}", "backups/2026.tar", false),
        // Somebody else's: no name has a space, an empty segment or a letter with an accent.
        ("{hash}", "backups/my backup.tar", false),
        ("{team}/{hash}", "backups//2026", false),
        ("{team}/{hash}", "backups/\u{e9}t\u{e9}", false),
        ("{team}/{hash}", "../0a1b", false),
        ("{hash}", ".casgate", false),
        ("x/{team}-{hash}", "x/a-b-c", true),
    ] {
        let layout = Layout::parse(template).unwrap();
        assert_eq!(layout.makes(key, is_name), expected, "{template} {key}");
        assert!(!layout.makes(key, |_| false), "{template} {key}");
    }
}
