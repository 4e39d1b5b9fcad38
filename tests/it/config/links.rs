//! What `casgate check` says of routes with single-use links or tickets, and of what these need.

use super::problems::said_of;
use crate::support::gateway::{STREAM, Settings};

const ENDPOINT: &str = "http://127.0.0.1:9";

const LINKS: Settings<'static> = Settings {
    dialect: "onetime",
    chainloop: "keys: '{tenant}/{key}', default_ttl: 15m, max_ttl: 7days, max_uses: 100, \
                resume_window: 10m, resume_attempts: 10",
    layout: "{tenant}/{hash}",
    auth: "{ jwt: { issuers: [tests], tenant: claims.org, read: 'true', issue: 'true' } }",
    state: true,
    file: "public_url: https://links.example.test",
    ..STREAM
};

/// Changes a good configuration in one place each, and expects these lines, which begin so.
#[track_caller]
pub(super) fn assert_said(settings: Settings<'_>, changes: &[(&str, &str, &[&str])]) {
    let secrets = tempfile::tempdir().unwrap();
    let good = settings.yaml(ENDPOINT, &secrets);
    assert_eq!(said_of(&good), [] as [&str; 0], "{good}");
    let mut unexpected = Vec::new();
    for (old, new, expected) in changes {
        assert!(good.contains(old), "{old} is not in {good}");
        let lines = said_of(&good.replacen(old, new, 1));
        let is_expected = |(line, expected): (&String, &&str)| line.starts_with(expected);
        if lines.len() != expected.len() || !lines.iter().zip(*expected).all(is_expected) {
            unexpected.push((new, lines));
        }
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
fn what_links_need() {
    assert_said(
        LINKS,
        &[
            (
                "public_url: https://links.example.test",
                "",
                &["routes[0].dialect.onetime: needs `public_url`"],
            ),
            ("state:", "#", &["routes[0].dialect.onetime: needs `state`"]),
            ("tokens:", "#", &["routes[0].dialect.onetime: needs `tokens`"]),
            ("delivery: stream", "delivery: redirect", &["routes[0].delivery: "]),
            ("delivery: stream", "delivery: ticket", &["routes[0].delivery: "]),
            (
                "delivery: stream",
                "delivery: { auto: { redirect_from: 1MiB } }",
                &["routes[0].delivery: "],
            ),
            (", issue: 'true'", "", &["warning: routes[0]: without a rule `auth.jwt.issue`"]),
            ("issue: 'true'", "issue: 'true ='", &["routes[0].auth.jwt.issue: "]),
            ("issue: 'true'", "write: 'true'", &["routes[0].auth.jwt: "]),
            (
                "dialect: { onetime",
                "dialect: { onetimes",
                &["routes[0].dialect.onetimes: unknown variant"],
            ),
        ],
    );
}

#[test]
fn terms() {
    let at = "routes[0].dialect.onetime";
    let (default_ttl, max_ttl) = (format!("{at}.default_ttl: "), format!("{at}.max_ttl: "));
    let (uses, window) = (format!("{at}.max_uses: "), format!("{at}.resume_window: "));
    let keys = format!("{at}.keys: ");
    assert_said(
        LINKS,
        &[
            ("default_ttl: 15m", "default_ttl: 0s", &[&default_ttl]),
            ("default_ttl: 15m", "default_ttl: 1500ms", &[&default_ttl]),
            ("default_ttl: 15m", "default_ttl: 8days", &[&default_ttl]),
            ("max_ttl: 7days", "max_ttl: 10m", &[&default_ttl]),
            ("max_ttl: 7days", "max_ttl: 367days", &[&max_ttl]),
            ("max_uses: 100", "max_uses: 0", &[&uses]),
            ("max_uses: 100", "max_uses: 1001", &[&uses]),
            ("max_uses: 100", "max_uses: 1000", &[]),
            ("resume_window: 10m", "resume_window: 367days", &[&window]),
            ("resume_window: 10m", "resume_window: 100ms", &[&window]),
            ("resume_window: 10m", "resume_window: 0s", &[]),
            ("resume_attempts: 10", "resume_attempts: 0", &[]),
            ("'{tenant}/{key}'", "'{tenant}/x'", &[&keys]),
            ("'{tenant}/{key}'", "'{tenant}{key}'", &[&keys]),
            ("'{tenant}/{key}'", "'.casgate/{key}'", &[&keys]),
            ("'{tenant}/{key}'", "'{key}'", &[&format!("warning: {at}.keys: without {{tenant}}")]),
            ("tenant: claims.org, ", "", &[&keys, "routes[0].layout: {tenant} needs a rule"]),
        ],
    );
}

/// A key is told from none, and never shown.
#[test]
fn keys_that_seal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let file = format!("tokens: {{ keys: [{{ file: {} }}] }} #", path.display());
    for (text, said) in [
        ("", "tokens.keys[0]: "),
        ("x", "tokens.keys[0]: a key is base64, or begins with k4.local."),
        ("c2VhbGVk", "tokens.keys[0]: a key has 32 bytes"),
        ("c2VhbGVkc2VhbGVkc2VhbGVkc2VhbGVkc2VhbGVkc2VhbGVk", "tokens.keys[0]: a key has 32 bytes"),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "tokens.keys[0]: a key of equal bytes"),
        ("k4.secret.AAAA", "tokens.keys[0]: a key is base64"),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_said(LINKS, &[("tokens:", &file, &[said])]);
        let secrets = tempfile::tempdir().unwrap();
        let yaml = LINKS.yaml(ENDPOINT, &secrets).replacen("tokens:", &file, 1);
        let said = said_of(&yaml).concat();
        assert!(text.len() < 8 || !said.contains(text), "{said}");
    }
    for text in [
        "c2VhbGVkIGJ5IHRoZSBnYXRld2F5IG9mIHRlc3RzIG8=\n",
        "c2VhbGVkIGJ5IHRoZSBnYXRld2F5IG9mIHRlc3RzIG8",
        "k4.local.c2VhbGVkIGJ5IHRoZSBnYXRld2F5IG9mIHRlc3RzIG8",
        "__79-zIgYnl0ZXMgaW4gdGhlIG90aGVyIGFscGhhYmU",
    ] {
        std::fs::write(&path, text).unwrap();
        assert_said(LINKS, &[("tokens:", &file, &[])]);
    }
    let (missing, none) = ("tokens: { keys: [{ file: /nowhere }] } #", "tokens: { keys: [] } #");
    assert_said(
        LINKS,
        &[
            ("tokens:", missing, &["tokens.keys[0]: "]),
            ("tokens:", none, &["tokens.keys: there is none"]),
            ("tokens:", "tokens: { keys: [inline] } #", &["tokens.keys[0]: "]),
        ],
    );
}

#[test]
fn what_tickets_need() {
    let tickets = Settings {
        dialect: "chainloop",
        chainloop: "",
        delivery: "ticket",
        auth: "{ jwt: { issuers: [tests], tenant: claims.org, read: 'true' } }",
        state: false,
        ..LINKS
    };
    assert_said(
        tickets,
        &[
            ("public_url:", "#", &["routes[0].delivery: tickets need `public_url`"]),
            ("tokens:", "#", &["routes[0].delivery: tickets need `tokens`"]),
            ("chainloop", "bazel", &["routes[0].delivery: clients of this dialect follow no"]),
            (
                "read: 'true'",
                "read: 'true', issue: 'true'",
                &["routes[0].auth.jwt.issue: this dialect has no single-use tokens"],
            ),
        ],
    );
}
