//! What `casgate check` says of routes with uploads in pieces, and of catalogs of artifacts.

use super::links::assert_said;
use crate::support::gateway::{STREAM, Settings};

const TUS: Settings<'static> = Settings {
    dialect: "tus",
    layout: "{tenant}/{hash}",
    auth: "{ jwt: { issuers: [tests], tenant: claims.org, read: 'true', write: 'true' } }",
    state: true,
    ..STREAM
};

const RESUMABLE: Settings<'static> = Settings { dialect: "resumable", ..TUS };

const SHAKENFIST: Settings<'static> = Settings {
    dialect: "shakenfist",
    chainloop: "catalog: main, max_versions: 3, system: system, \
                login: { issuer: tests, ttl: 15m, keys: [{ namespace: acme, name: ci, sha256: \
                '2a2654f2714611a7af515062d237c1339b0b2dafa100d5af05a22149e898e565' }] }",
    layout: "blobs/{hash}",
    ..TUS
};

#[test]
fn what_all_of_them_need() {
    for settings in [TUS, RESUMABLE, SHAKENFIST] {
        assert_said(
            settings,
            &[
                ("state:", "#", &["routes[0].dialect: needs `state`"]),
                (", write: 'true'", "", &["routes[0].dialect: needs a rule `auth.jwt.write`"]),
                (
                    "write: 'true'",
                    "write: 'true', untrusted: { isolate: claims.ref }",
                    &["routes[0].dialect: uploads in pieces are for everybody who reads"],
                ),
            ],
        );
    }
}

#[test]
fn what_catalogs_need() {
    assert_said(
        SHAKENFIST,
        &[
            (
                "tenant: claims.org, ",
                "",
                &["routes[0].dialect.shakenfist: needs a rule `auth.jwt.tenant`"],
            ),
            ("catalog: main", "catalog: Main", &["routes[0].dialect.shakenfist.catalog: "]),
            ("catalog: main", "catalog: a/b", &["routes[0].dialect.shakenfist.catalog: "]),
            (
                "max_versions: 3",
                "max_versions: 0",
                &["routes[0].dialect.shakenfist.max_versions: "],
            ),
            (
                "max_versions: 3",
                "max_versions: 1001",
                &["routes[0].dialect.shakenfist.max_versions: "],
            ),
        ],
    );
}

#[test]
fn what_tokens_for_keys_need() {
    assert_said(
        SHAKENFIST,
        &[
            (
                "issuer: tests,",
                "issuer: test,",
                &["routes[0].dialect.shakenfist.login.issuer: no issuer is called"],
            ),
            ("ttl: 15m", "ttl: 100days", &["routes[0].dialect.shakenfist.login: "]),
            (
                "sha256: '2a",
                "sha256: '",
                &["routes[0].dialect.shakenfist.login.keys[0]: sha256 has 64"],
            ),
            (
                "namespace: acme",
                "namespace: a/b",
                &["routes[0].dialect.shakenfist.login.keys[0]: the namespace is none"],
            ),
        ],
    );
}
