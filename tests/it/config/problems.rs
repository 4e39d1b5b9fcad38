//! What `casgate check` says of a mistake: one line for each, with its place, and exit status 64.

use std::collections::BTreeMap;
use std::fs;

use crate::support::certificates::Authority;
use crate::support::gateway::{JWT_TENANT, STREAM, Settings};
use crate::support::process::check;

const ENDPOINT: &str = "http://127.0.0.1:9";

/// What is said of a text, line by line, without the name of the file.
#[track_caller]
pub(super) fn said_of(yaml: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, yaml).unwrap();
    let output = check(&file, &BTreeMap::new());
    let prefix = format!("{}: ", file.display());
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> =
        said.lines().map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned()).collect();
    let expected = if lines.iter().all(|line| line.starts_with("warning: ")) { 0 } else { 64 };
    assert_eq!(output.status.code(), Some(expected), "{said}");
    assert_eq!(output.stdout, b"");
    lines
}

/// Changes the good configuration in one place each, and expects one line that begins like this.
#[track_caller]
fn assert_problems(changes: &[(&str, &str, &str)]) {
    let secrets = tempfile::tempdir().unwrap();
    let good = Settings { auth: JWT_TENANT, ..STREAM }.yaml(ENDPOINT, &secrets);
    let mut unexpected = Vec::new();
    for (old, new, expected) in changes {
        assert!(good.contains(old), "{old} is not in {good}");
        let lines = said_of(&good.replacen(old, new, 1));
        if lines.len() != 1 || !lines[0].starts_with(expected) {
            unexpected.push((new, lines));
        }
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
fn a_good_configuration_has_none() {
    let secrets = tempfile::tempdir().unwrap();
    assert_eq!(said_of(&STREAM.yaml(ENDPOINT, &secrets)), [] as [&str; 0]);
}

#[test]
fn names_that_lead_nowhere() {
    assert_problems(&[
        (
            "bucket: store",
            "bucket: stroe",
            "routes[0].bucket: no bucket is called \"stroe\" (there is store)",
        ),
        (
            "issuers: [tests]",
            "issuers: [tests, test]",
            "routes[0].auth.jwt.issuers[1]: no issuer is called \"test\" (there is tests)",
        ),
        ("issuers: [tests]", "issuers: []", "routes[0].auth.jwt.issuers: without an issuer"),
    ]);
}

#[test]
fn keys_that_do_not_exist() {
    assert_problems(&[
        (
            "region: us-east-1",
            "region: us-east-1\n    colour: blue",
            "buckets.store.colour: unknown field `colour`",
        ),
        (
            "delivery: stream",
            "delivery: stream\n    dellivery: stream",
            "routes[0].dellivery: unknown field `dellivery`",
        ),
        ("chainloop: {  }", "chainloop: { login: x }", "routes[0].dialect.chainloop.login: "),
        ("chainloop: {  }", "chianloop: {  }", "routes[0].dialect.chianloop: "),
        ("limits: {  }", "limits: { header: 1KiB }", "limits.header: unknown field `header`"),
        (
            "timeouts: {  }",
            "timeouts: { headers: 1s }",
            "timeouts.headers: unknown field `headers`",
        ),
        ("log: {", "logs: {}\nlog: {", "logs: unknown field `logs`"),
    ]);
}

#[test]
fn values_of_the_wrong_type() {
    assert_problems(&[
        ("delivery: stream", "delivery: sometimes", "routes[0].delivery: unknown variant"),
        (
            "delivery: stream",
            "delivery: { auto: { redirect_from: big } }",
            "routes[0].delivery.auto.redirect_from: ",
        ),
        ("delivery: stream", "redirect_ttl: 5", "routes[0].redirect_ttl: "),
        ("delivery: stream", "redirect_ttl: soon", "routes[0].redirect_ttl: "),
        ("delivery: stream", "revalidate: 7", "routes[0].revalidate: "),
        ("audience: [casgate-tests]", "audience: casgate-tests", "issuers.tests"),
        ("timeouts: {  }", "timeouts: { header: never }", "timeouts.header: "),
        ("listen: ['127.0.0.1:0']", "listen: ['nowhere']", "listen[0]: "),
        ("log: {", "trusted_proxies: [ten]\nlog: {", "trusted_proxies[0]: "),
    ]);
}

#[test]
fn credentials_of_the_chain() {
    let secrets = tempfile::tempdir().unwrap();
    let yaml = STREAM.yaml(ENDPOINT, &secrets);
    let start = yaml.find("{ static").unwrap();
    let end = start + yaml[start..].find('\n').unwrap();
    let with = |aws: &str| said_of(&[&yaml[..start], "{ aws: ", aws, " }", &yaml[end..]].concat());
    let arn = "arn:aws:iam::123456789012:role/reader";
    assert_eq!(with("{}"), [] as [&str; 0]);
    assert_eq!(with(&format!("{{ profile: p, assume_role: {{ role_arn: '{arn}' }} }}")), [""; 0]);
    for (aws, expected) in [
        ("{ profil: p }".to_owned(), "profil: unknown field"),
        ("{ assume_role: {} }".to_owned(), "assume_role: missing field `role_arn`"),
        ("{ assume_role: { role_arn: reader } }".to_owned(), "assume_role.role_arn: a role's ARN"),
        (
            format!("{{ assume_role: {{ role_arn: '{arn}', session_name: a b }} }}"),
            "assume_role.session_name: a session's name",
        ),
        (
            format!("{{ assume_role: {{ role_arn: '{arn}', external_id: x }} }}"),
            "assume_role.external_id: an external id",
        ),
    ] {
        let lines = with(&aws);
        let place = "buckets.store.credentials.aws.";
        assert!(lines.len() == 1 && lines[0].starts_with(&[place, expected].concat()), "{lines:?}");
    }
}

#[test]
fn values_that_make_no_sense() {
    assert_problems(&[
        ("path: /download/", "path: download/", "routes[0].path: "),
        ("path: /download/", "path: /download", "routes[0].path: "),
        ("path: /download/", "path: /a/../b/", "routes[0].path: "),
        ("path: /download/", "path: '/a b/'", "routes[0].path: "),
        ("path: /download/", "path: '/a%20b/'", "routes[0].path: "),
        ("layout: 'sha256:{hex}'", "layout: 'sha256:'", "routes[0].layout: a layout needs {hex}"),
        (
            "layout: 'sha256:{hex}'",
            "layout: '{hax}'",
            "routes[0].layout: no placeholder is called {hax}",
        ),
        ("layout: 'sha256:{hex}'", "layout: '{hex'", "routes[0].layout: unbalanced brace"),
        ("tenant: claims.org", "tenant: 'claims.'", "routes[0].auth.jwt.tenant: "),
        ("read: 'claims.scope ==", "read: 'claims.scope = ", "routes[0].auth.jwt.read: "),
        ("delivery: stream", "redirect_ttl: 8days", "routes[0].redirect_ttl: "),
        ("delivery: stream", "redirect_ttl: 0s", "routes[0].redirect_ttl: "),
        ("bucket: artifacts", "bucket: a/b", "buckets.store.bucket: \"a/b\" is no bucket name"),
        ("region: us-east-1", "region: ''", "buckets.store.region: "),
        (ENDPOINT, "ftp://127.0.0.1", "buckets.store.endpoint: "),
        (ENDPOINT, "http://user@127.0.0.1", "buckets.store.endpoint: "),
        ("audience: [casgate-tests]", "audience: []", "issuers.tests: "),
        ("listen: ['127.0.0.1:0']", "listen: []", "listen: there is no address"),
        (
            "chainloop: {  }",
            "chainloop: { login_url: 'https://login.example.test/' }",
            "routes[0].dialect.chainloop.login_url: needs `public_url`",
        ),
    ]);
}

#[test]
fn keys_that_cannot_be_fetched() {
    let secrets = tempfile::tempdir().unwrap();
    let good = STREAM.yaml(ENDPOINT, &secrets);
    let old = good.lines().find(|line| line.starts_with("    keys: ")).unwrap();
    let empty = secrets.path().join("empty");
    fs::write(&empty, "nothing in PEM").unwrap();
    let damaged = secrets.path().join("damaged");
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    fs::write(&damaged, format!("{begin}\nMIIB\n{end}\n")).unwrap();
    let url = "url: 'https://keys.example.com/'";
    let mut unexpected = Vec::new();
    for (keys, expected) in [
        ("jwks_url: {}".to_owned(), "jwks_url.url: there is none"),
        ("jwks_url: https://keys.example.com/".to_owned(), "jwks_url: "),
        ("jwks_url: { url: keys.json }".to_owned(), "jwks_url.url: `keys.json` is no URL: "),
        (
            "jwks_url: { url: 'http://keys.example.com/' }".to_owned(),
            "jwks_url.url: `http://keys.example.com/` must begin with https://",
        ),
        (
            "jwks_url: { url: 'https://a:b@keys.example.com/' }".to_owned(),
            "jwks_url.url: `https://a:b@keys.example.com/` must not have a user",
        ),
        (
            "jwks_url: { url: 'https://127.1/' }".to_owned(),
            "jwks_url: keys may not be fetched from the address 127.0.0.1",
        ),
        (
            "discovery: { url: 'https://[fe80::1]/', allow_private_addresses: true }".to_owned(),
            "discovery: keys may not be fetched from the address fe80::1",
        ),
        (format!("jwks_url: {{ {url}, colour: blue }}"), "jwks_url.colour: unknown field"),
        (format!("jwks_url: {{ {url}, refresh: 0s }}"), "jwks_url.refresh: 0s is not between "),
        (format!("jwks_url: {{ {url}, refresh: 2days }}"), "jwks_url.refresh: 2days is not "),
        (format!("jwks_url: {{ {url}, cooldown: 10ms }}"), "jwks_url.cooldown: 10ms is not "),
        (format!("jwks_url: {{ {url}, max_age: 1m }}"), "jwks_url.max_age: 1m is not between 10m"),
        (format!("jwks_url: {{ {url}, timeout: 1h }}"), "jwks_url.timeout: 1h is not between "),
        (format!("jwks_url: {{ {url}, ca_file: /no/such }}"), "jwks_url.ca_file: cannot read "),
        (format!("jwks_url: {{ {url}, ca_file: {} }}", empty.display()), "jwks_url.ca_file: /"),
        (format!("jwks_url: {{ {url}, ca_file: {} }}", damaged.display()), "jwks_url.ca_file: /"),
        ("discovery: { timeout: soon }".to_owned(), "discovery.timeout: "),
    ] {
        let lines = said_of(&good.replace(old, &format!("    keys: {{ {keys} }}")));
        let expected = format!("issuers.tests.keys.{expected}");
        if lines.len() != 1 || !lines[0].starts_with(&expected) {
            unexpected.push((expected, lines));
        }
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");

    let yaml = good.replace(old, "    keys: { discovery: {} }");
    assert_eq!(said_of(&yaml), [] as [&str; 0]);
    let lines = said_of(&yaml.replace("iss: https://issuer.test", "iss: accounts"));
    assert!(lines[0].starts_with("issuers.tests.keys.discovery: `accounts` is no URL"));
}

#[test]
fn a_layout_with_a_tenant_needs_a_rule_for_it() {
    let secrets = tempfile::tempdir().unwrap();
    let yaml = Settings { layout: "{tenant}/{hex}", ..STREAM }.yaml(ENDPOINT, &secrets);
    let expected =
        "routes[0].layout: {tenant} needs a rule `auth.jwt.tenant` that says who that is";
    assert_eq!(said_of(&yaml), [expected]);
}

#[test]
fn secrets_that_are_not_there() {
    let secrets = tempfile::tempdir().unwrap();
    let yaml = STREAM.yaml(ENDPOINT, &secrets);
    fs::remove_file(secrets.path().join("key")).unwrap();
    fs::write(secrets.path().join("id"), "\n").unwrap();
    fs::write(secrets.path().join("jwt"), "shorter than 32 bytes").unwrap();
    let lines = said_of(&yaml);
    let at = "buckets.store.credentials.static";
    assert_eq!(lines[0], format!("{at}.access_key_id: the secret is empty"));
    assert!(lines[1].starts_with(&format!("{at}.secret_access_key: cannot read ")), "{lines:#?}");
    assert!(lines[2].starts_with("issuers.tests.keys.hs256: "), "{lines:#?}");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(!lines.concat().contains("shorter than"), "a secret is in the output");

    let file = format!("{{ file: {} }}", secrets.path().join("key").display());
    let lines = said_of(&yaml.replacen(&file, "{ env: NO_SUCH_VARIABLE }", 1));
    let expected = format!("{at}.secret_access_key: environment variable NO_SUCH_VARIABLE: ");
    assert!(lines[1].starts_with(&expected), "{lines:#?}");
}

#[test]
fn all_of_them_are_reported_together() {
    let secrets = tempfile::tempdir().unwrap();
    let yaml = Settings { route: "colour: blue", ..STREAM }.yaml(ENDPOINT, &secrets);
    let second = r"
  - path: /download/
    dialect: { chainloop: {} }
    bucket: artifcats
    layout: 'no placeholder'
    auth: open
  - path: /a/
    dialect: { chainloop: {} }
    bucket: store
    layout: '{hex}'
    auth: open
  - path: /a/
    dialect: { chainloop: {} }
    bucket: store
    layout: '{hex}'
    auth: open
";
    let yaml = yaml.replace("region: us-east-1", "region: ''") + second;
    let lines = said_of(&yaml);
    let places: Vec<_> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    let expected = [
        "buckets.store.region",
        "routes[0].colour",
        "routes[1].bucket",
        "routes[1].layout",
        "routes[3].path",
    ];
    for place in expected {
        assert!(places.contains(&place), "{place}: {lines:#?}");
    }
    let message = "routes[1].bucket: no bucket is called \"artifcats\" (there is store)";
    assert!(lines.iter().any(|line| line == message), "{lines:#?}");
}

#[test]
fn files_that_are_none() {
    for (text, expected) in
        [("", "routes: there is none"), ("{", ""), ("- a\n- b", ""), ("\0", ""), ("listen: [", "")]
    {
        let lines = said_of(text);
        assert!(!lines.is_empty() && lines[0].starts_with(expected), "{text:?}: {lines:#?}");
    }
    let output = check(std::path::Path::new("no such file"), &BTreeMap::new());
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot read the file"));
}

#[test]
fn what_works_and_is_probably_not_meant_is_a_warning() {
    let secrets = tempfile::tempdir().unwrap();
    let said = |route: &str| {
        let settings = Settings { delivery: "redirect", route, ..STREAM };
        said_of(&settings.yaml(ENDPOINT, &secrets))
    };
    let lines = said("trust_storage_checksum: true");
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("warning: routes[0]: trust_storage_checksum "), "{lines:#?}");
    assert_eq!(said("revalidate: true"), [] as [&str; 0], "it does something for redirects");
}

#[test]
fn certificates_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.write(folder.path(), "a", &["a.test"]);
    authority.write(folder.path(), "b", &["b.test"]);
    std::fs::write(folder.path().join("empty"), "").unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let pair = |certificate: &str, key: &str| {
        format!("[{{ certificate: {}, key: {} }}]", file(certificate), file(key))
    };
    let place = "listen[0].tls.certificates[0]: ";
    for (certificates, more, expected) in [
        ("[]".to_owned(), String::new(), "listen[0].tls.certificates: there is none"),
        (pair("missing", "a.key"), String::new(), "cannot read "),
        (pair("a.crt", "missing"), String::new(), "cannot read "),
        (pair("empty", "a.key"), String::new(), "there is no certificate in it"),
        (pair("a.key", "a.key"), String::new(), "there is no certificate in it"),
        (pair("a.crt", "empty"), String::new(), "there is no usable private key in it"),
        (pair("a.crt", "a.crt"), String::new(), "there is no usable private key in it"),
        (pair("a.crt", "b.key"), String::new(), "b.key is not the key of "),
        (
            pair("a.crt", "a.key"),
            format!(", client_ca: {}", file("empty")),
            "listen[0].tls.client_ca: ",
        ),
    ] {
        let tls = format!("{{ certificates: {certificates}{more} }}");
        let listen = format!("{{ address: '127.0.0.1:0', tls: {tls} }}");
        let lines = said_of(&Settings { listen: &listen, ..STREAM }.yaml(ENDPOINT, &folder));
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains(expected), "{expected}: {lines:#?}");
        assert!(expected.starts_with("listen") || lines[0].starts_with(place), "{lines:#?}");
    }
}

#[test]
fn listeners_of_no_form() {
    let secrets = tempfile::tempdir().unwrap();
    for (listen, place) in [
        ("localhost:80", "listen[0]: `localhost:80` is no IP:PORT"),
        ("80", "listen[0]: "),
        ("{ tls: { certificates: [] } }", "listen[0]: missing field `address`"),
        ("{ address: '127.0.0.1:80', tsl: {} }", "listen[0].tsl: unknown field `tsl`"),
        ("{ address: '127.0.0.1:80', tls: {} }", "listen[0].tls: missing field `certificates`"),
    ] {
        let lines = said_of(&Settings { listen, ..STREAM }.yaml(ENDPOINT, &secrets));
        assert!(lines.len() == 1 && lines[0].starts_with(place), "{listen}: {lines:#?}");
    }
}
