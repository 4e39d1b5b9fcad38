//! What `casgate check` says of routes that take uploads, and of tenants.

use super::problems::said_of;
use crate::support::gateway::{JWT, STREAM, Settings};

const ENDPOINT: &str = "http://127.0.0.1:9";

/// A second route, whose index is 1, and a tenant.
const FILE: &str = r"
  - path: /turbo/
    dialect: { turborepo: { legacy_tags: true } }
    bucket: store
    layout: '{team}/{hash}'
    delivery: stream
    upload_size: 1GiB
    write_once: true
    auth:
      jwt:
        issuers: [tests]
        tenant: claims.teams
        read: 'true'
        write: 'claims.ref == `refs/heads/main`'
        untrusted: { isolate: claims.ref }
tenants:
  acme: { aliases: [team_1a2b3c], title: Acme Inc., status: enabled }
  beta: {}
";

fn good(secrets: &tempfile::TempDir) -> String {
    let file = FILE.replace('`', "\"");
    let limits = "upload_part_size: 8MiB, upload_memory: 512MiB";
    let (timeouts, bucket) = ("upload: 6h", "abandoned_uploads_after: 24h");
    Settings { auth: JWT, file: &file, limits, timeouts, bucket, ..STREAM }.yaml(ENDPOINT, secrets)
}

/// Changes the good configuration in one place each, and expects one line that begins like this.
#[track_caller]
fn assert_problems(changes: &[(&str, &str, &str)]) {
    let secrets = tempfile::tempdir().unwrap();
    let good = good(&secrets);
    let mut unexpected = Vec::new();
    for (old, new, expected) in changes {
        assert_eq!(good.matches(old).count(), 1, "{old} is not once in {good}");
        let lines = said_of(&good.replacen(old, new, 1));
        if lines.len() != 1 || !lines[0].starts_with(expected) {
            unexpected.push((new, lines));
        }
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

const TURBO: &str = "turborepo: { legacy_tags: true }";
const LAYOUT: &str = "{team}/{hash}";
const DELIVERY: &str = "delivery: stream\n    upload_size: 1GiB";
const WRITE: &str = "write: 'claims.ref == \"refs/heads/main\"'";
const UNTRUSTED: &str = "untrusted: { isolate: claims.ref }";
const ACME: &str = "acme: { aliases: [team_1a2b3c], title: Acme Inc., status: enabled }";

#[test]
fn a_good_configuration_has_no_problems() {
    let secrets = tempfile::tempdir().unwrap();
    assert_eq!(said_of(&good(&secrets)), [] as [&str; 0]);
    for dialect in ["nx", "bazel", "gradle", "sccache"] {
        let yaml = good(&secrets).replace(TURBO, &format!("{dialect}: {{}}"));
        assert_eq!(said_of(&yaml), [] as [&str; 0], "{dialect}");
    }
}

#[test]
fn sizes_and_times_of_uploads() {
    let parts = "limits.upload_part_size: storage takes parts from 5 MiB to 5 GiB";
    let memory = "limits.upload_memory: there is no room for one limits.upload_part_size";
    let size = "routes[1].upload_size: 10000 parts of limits.upload_part_size are no more than ";
    let abandoned = "buckets.store.abandoned_uploads_after: an upload may take timeouts.upload";
    let upload = "timeouts.upload: ";
    assert_problems(&[
        ("upload_part_size: 8MiB", "upload_part_size: 5MB", parts),
        ("upload_part_size: 8MiB", "upload_part_size: 5242879", parts),
        ("upload_part_size: 8MiB", "upload_part_size: 6GiB", parts),
        ("upload_part_size: 8MiB", "upload_part_size: large", "limits.upload_part_size: "),
        ("upload_memory: 512MiB", "upload_memory: 7MiB", memory),
        ("upload_memory: 512MiB", "upload_memory: 0", memory),
        ("upload_part_size: 8MiB", "upload_part_size: 600MiB", memory),
        ("upload_size: 1GiB", "upload_size: 79GiB", size),
        ("upload_size: 1GiB", "upload_size: 18446744073709551615", size),
        ("upload_size: 1GiB", "upload_size: huge", "routes[1].upload_size: "),
        ("abandoned_uploads_after: 24h", "abandoned_uploads_after: 6h", abandoned),
        ("abandoned_uploads_after: 24h", "abandoned_uploads_after: 0s", abandoned),
        ("abandoned_uploads_after: 24h", "abandoned_uploads_after: never", "buckets.store"),
        ("upload: 6h", "upload: 24h", abandoned),
        ("upload: 6h", "upload: 0s", upload),
        ("upload: 6h", "upload: 9ms", upload),
        ("upload: 6h", "upload: 6", upload),
    ]);
    let secrets = tempfile::tempdir().unwrap();
    for (old, new) in [
        ("upload_size: 1GiB", "upload_size: 78GiB"),
        ("upload_part_size: 8MiB", "upload_part_size: 5MiB"),
        ("upload_memory: 512MiB", "upload_memory: 8MiB"),
        ("abandoned_uploads_after: 24h", "abandoned_uploads_after: 361m"),
    ] {
        assert_eq!(said_of(&good(&secrets).replacen(old, new, 1)), [] as [&str; 0], "{new}");
    }
}

#[test]
fn what_dialects_cannot() {
    let redirects = "routes[1].delivery: clients of this dialect follow no redirects; use stream";
    let secrets = tempfile::tempdir().unwrap();
    let bazel = good(&secrets).replace(TURBO, "bazel: {}");
    for delivery in ["redirect", "{ auto: { redirect_from: 1MiB } }"] {
        let changed = DELIVERY.replace("stream", delivery);
        assert_eq!(said_of(&bazel.replace(DELIVERY, &changed)), [redirects], "{delivery}");
    }
    // Redirects are the default.
    assert_eq!(said_of(&bazel.replace(DELIVERY, "upload_size: 1GiB")), [redirects]);

    let uploads = "routes[1].auth.jwt: this dialect has no uploads that could be ruled";
    assert_problems(&[
        (TURBO, "chainloop: {}", uploads),
        (TURBO, "turborepo: { legacy_tag: true }", "routes[1].dialect.turborepo.legacy_tag: "),
        (TURBO, "turborepo: { legacy_tags: 1 }", "routes[1].dialect.turborepo.legacy_tags: "),
        (TURBO, "turborepo: on", "routes[1].dialect.turborepo: "),
        (TURBO, "nx: { legacy_tags: true }", "routes[1].dialect.nx.legacy_tags: unknown field"),
        (TURBO, "turbo: {}", "routes[1].dialect.turbo: unknown variant"),
        (LAYOUT, ".casgate/{team}/{hash}", "routes[1].layout: keys that begin with .casgate/"),
        (LAYOUT, "{team}", "routes[1].layout: a layout needs {hex}, {hash}, {cid} or {key}"),
        ("write_once: true", "write_once: always", "routes[1].write_once: "),
    ]);
    for rule in [WRITE, UNTRUSTED] {
        let yaml = good(&secrets).replace(TURBO, "chainloop: {}").replace(rule, "");
        assert_eq!(said_of(&yaml), [uploads], "one of the two is enough");
    }
}

#[test]
fn rules_that_do_not_compile() {
    let jwt = |key: &str| format!("routes[1].auth.jwt.{key}: ");
    let (write, isolate) = (jwt("write"), jwt("untrusted.isolate"));
    assert_problems(&[
        (WRITE, "write: 'claims.'", &write),
        (WRITE, "write: ''", &write),
        (WRITE, "write: 'claims.ref = \"main\"'", &write),
        (WRITE, "write: { ref: main }", &write),
        (UNTRUSTED, "untrusted: { isolate: 'claims.' }", &isolate),
        (UNTRUSTED, "untrusted: { isolate: '' }", &isolate),
        (UNTRUSTED, "untrusted: { isolate: [a] }", &isolate),
        (UNTRUSTED, "untrusted: {}", &jwt("untrusted")),
        (UNTRUSTED, "untrusted: claims.ref", &jwt("untrusted")),
        (UNTRUSTED, "untrusted: { isolated: claims.ref }", &jwt("untrusted.isolated")),
        ("tenant: claims.teams", "tenants: claims.teams", &jwt("tenants")),
    ]);
}

#[test]
fn write_once_where_nobody_writes() {
    let secrets = tempfile::tempdir().unwrap();
    let warning = "warning: routes[1]: write_once changes nothing where nobody may write";
    let readers = good(&secrets).replace(WRITE, "").replace(UNTRUSTED, "");
    assert_eq!(said_of(&readers), [warning]);
    let start = readers.rfind("    auth:\n").unwrap();
    let end = readers.find("tenants:\n").unwrap();
    let open = [&readers[..start], "    auth: open\n", &readers[end..]].concat();
    assert_eq!(said_of(&open.replace(LAYOUT, "{hash}")), [warning]);
}

#[test]
fn tenants_that_cannot_be_told_apart() {
    let long = format!("\"{}\": {{}}", "a".repeat(256));
    let taken = |place: &str, name: &str| {
        format!("tenants.{place}: \"{name}\" already stands for another tenant")
    };
    assert_problems(&[
        ("beta: {}", "beta: { aliases: [acme] }", &taken("beta", "acme")),
        ("beta: {}", "beta: { aliases: [team_1a2b3c] }", &taken("beta", "team_1a2b3c")),
        ("beta: {}", "team_1a2b3c: {}", &taken("team_1a2b3c", "team_1a2b3c")),
        ("beta: {}", "beta: { aliases: [beta] }", "tenants.beta: \"beta\" is there twice"),
        ("beta: {}", "beta: { aliases: [b, b] }", "tenants.beta: \"b\" is there twice"),
        // Whichever comes first has the name.
        (ACME, "acme: { aliases: [beta] }", &taken("beta", "beta")),
        ("beta: {}", "'..': {}", "tenants.."),
        ("beta: {}", "'': {}", "tenants."),
        ("beta: {}", "a/b: {}", "tenants.a/b: \"a/b\": a tenant's name has "),
        ("beta: {}", &long, "tenants.aaaaaaa"),
        ("beta: {}", "beta: { aliases: ['a\\b'] }", "tenants.beta: \"a\\b\": a tenant's name has "),
        ("beta: {}", "beta: { aliases: [''] }", "tenants.beta: \"\": a tenant's name has "),
        ("beta: {}", "beta: { aliases: b }", "tenants.beta"),
        ("beta: {}", "beta: { alias: [b] }", "tenants.beta.alias: unknown field"),
        ("beta: {}", "beta: enabled", "tenants.beta: "),
    ]);
}

#[test]
fn the_words_of_a_status() {
    let secrets = tempfile::tempdir().unwrap();
    for word in ["enabled", "disabled", "paused", "over_limit", "unpaid"] {
        let yaml = good(&secrets).replace("beta: {}", &format!("beta: {{ status: {word} }}"));
        assert_eq!(said_of(&yaml), [] as [&str; 0], "{word}");
    }
    let expected = "tenants.beta.status: unknown variant";
    assert_problems(&[
        ("beta: {}", "beta: { status: suspended }", expected),
        ("beta: {}", "beta: { status: Paused }", expected),
        ("beta: {}", "beta: { status: over-limit }", expected),
        ("beta: {}", "beta: { status: true }", "tenants.beta.status: "),
        ("beta: {}", "beta: { status: }", "tenants.beta.status: "),
    ]);
}
