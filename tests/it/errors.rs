//! What each kind of error looks like in each dialect: one table per dialect, compared with a
//! checked-in file, so that a change of what clients see is seen in a review.

use std::fmt::Write as _;
use std::path::Path;

use casgate::error::{Error, Kind};
use casgate::gateway::refusal;
use casgate::plan::Route;
use casgate::telemetry::Metrics;
use http::Request;

use crate::support::gateway::{STREAM, Settings, compile};

/// An error of each kind, with everything in it that must not get out.
fn example(kind: Kind) -> Error {
    const SECRET: &str = "for the log only";
    match kind {
        Kind::Conflict => Error::Conflict(SECRET),
        Kind::ContentChanged
        | Kind::IdempotencyMismatch
        | Kind::Prefetch
        | Kind::TokenExpired
        | Kind::TokenRevoked
        | Kind::TokenSpent => Error::token(kind, SECRET),
        Kind::ContentCorrupt => Error::ContentCorrupt { actual: SECRET.to_owned() },
        Kind::CredentialExpired
        | Kind::CredentialMalformed
        | Kind::CredentialMissing
        | Kind::CredentialRefused => Error::credential(kind, SECRET),
        Kind::Forbidden => Error::Forbidden(SECRET.into()),
        Kind::Internal => Error::Internal(SECRET.into()),
        Kind::InvalidRequest => Error::InvalidRequest("for the client".into()),
        Kind::IssuerUnavailable => Error::IssuerUnavailable(SECRET.into()),
        Kind::MethodNotAllowed => Error::MethodNotAllowed { allow: "GET, HEAD" },
        Kind::NotFound => Error::NotFound(SECRET.into()),
        Kind::PayloadTooLarge => Error::PayloadTooLarge { limit: 7 },
        Kind::PreconditionFailed => Error::PreconditionFailed,
        Kind::RangeNotSatisfiable => Error::RangeNotSatisfiable { size: Some(7) },
        Kind::OutcomeUnknown | Kind::StateUnavailable => {
            Error::State { kind, detail: SECRET.to_owned() }
        }
        Kind::StorageBusy
        | Kind::StorageFailed
        | Kind::StorageTimeout
        | Kind::StorageUnavailable => Error::storage(kind, SECRET),
        Kind::TenantDisabled | Kind::TenantOverLimit | Kind::TenantPaused | Kind::TenantUnpaid => {
            Error::Suspended(kind)
        }
    }
}

/// Kind, status, headers and body of every refusal of a route. A path may follow the method.
fn table(route: &Route, method: &str) -> String {
    let (method, rest) = method.split_once(' ').unwrap_or((method, "x?y"));
    let request = Request::builder().method(method).uri(format!("/download/{rest}"));
    let (head, ()) = request.body(()).unwrap().into_parts();
    let mut table = String::new();
    for kind in Kind::ALL {
        let error = example(kind);
        assert_eq!(error.kind(), kind);
        let reply = refusal(route, &head, &error);
        writeln!(table, "{}: {}", kind.name(), reply.status()).unwrap();
        for (name, value) in reply.headers() {
            writeln!(table, "    {name}: {}", value.to_str().unwrap()).unwrap();
        }
        let body = match std::str::from_utf8(reply.body()).unwrap().trim_end() {
            "" => "(no body)",
            body => body,
        };
        writeln!(table, "    {body}\n").unwrap();
    }
    table.truncate(table.trim_end().len());
    table.push('\n');
    table
}

#[track_caller]
fn check(dialect: &str, others: &[&str]) {
    check_with(dialect, Settings { dialect, ..STREAM }, others);
}

/// Compares the refusals of a dialect with its file. Those of another method than GET come after
/// its name.
#[track_caller]
fn check_with(name: &str, settings: Settings<'_>, others: &[&str]) {
    let secrets = tempfile::tempdir().unwrap();
    let yaml = settings.yaml("http://127.0.0.1:9", &secrets);
    let plan = compile(&yaml, &Metrics::new()).unwrap();
    let route = &plan.routes["/download/"];
    let mut actual = table(route, "GET");
    for method in others {
        write!(actual, "\n=== {method}\n\n{}", table(route, method)).unwrap();
    }
    let file = format!("tests/it/errors/{name}.txt");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == expected, "{} should be\n{actual}", path.display());
}

#[test]
fn bazel() {
    check("bazel", &["PUT"]);
}

#[test]
fn chainloop() {
    check("chainloop", &[]);
}

#[test]
fn gradle() {
    check("gradle", &["PUT"]);
}

const KUBO: Settings<'static> = Settings { dialect: "kubo", layout: "{cid}", ..STREAM };

#[test]
fn kubo() {
    check_with("kubo", KUBO, &["POST api/v1/get?arg=x", "POST api/v0/add", "GET auth/login"]);
}

#[test]
fn kubo_legacy() {
    let settings = Settings { chainloop: "errors: legacy", ..KUBO };
    check_with("kubo_legacy", settings, &["POST api/v1/get?arg=x"]);
}

#[test]
fn nx() {
    check("nx", &["PUT"]);
}

const ONETIME: Settings<'static> = Settings {
    dialect: "onetime",
    auth: "{ jwt: { issuers: [tests], read: 'true', issue: 'true' } }",
    state: true,
    file: "public_url: https://casgate.example.test",
    ..STREAM
};

#[test]
fn onetime() {
    check_with("onetime", ONETIME, &["POST"]);
}

/// Issuers are told the truth: `DELETE` is theirs alone.
#[test]
fn onetime_with_uniform_404() {
    let settings = Settings { chainloop: "uniform_404: true", ..ONETIME };
    check_with("onetime_uniform_404", settings, &["POST", "DELETE"]);
}

const PIECES: Settings<'static> = Settings {
    auth: "{ jwt: { issuers: [tests], read: 'true', write: 'true' } }",
    layout: "{hash}",
    state: true,
    ..STREAM
};

#[test]
fn resumable() {
    let settings = Settings { dialect: "resumable", ..PIECES };
    check_with("resumable", settings, &["PATCH"]);
}

#[test]
fn sccache() {
    check("sccache", &["PUT"]);
}

const SHAKENFIST: Settings<'static> = Settings {
    dialect: "shakenfist",
    auth: "{ jwt: { issuers: [tests], tenant: claims.namespace, read: 'true', write: 'true' } }",
    layout: "{tenant}/{hash}",
    state: true,
    ..STREAM
};

#[test]
fn shakenfist() {
    let piece = "POST upload/01a2b3c4-d5e6-7f01-8a23-456789abcdef";
    check_with("shakenfist", SHAKENFIST, &["POST auth", piece, "POST artifacts/upload/a"]);
}

#[test]
fn turborepo() {
    check("turborepo", &[]);
}

#[test]
fn tus() {
    check_with("tus", Settings { dialect: "tus", ..PIECES }, &["HEAD", "PATCH"]);
}
