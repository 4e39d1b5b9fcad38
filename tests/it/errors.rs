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
        Kind::StorageBusy
        | Kind::StorageFailed
        | Kind::StorageTimeout
        | Kind::StorageUnavailable => Error::storage(kind, SECRET),
        Kind::TenantDisabled | Kind::TenantOverLimit | Kind::TenantPaused | Kind::TenantUnpaid => {
            Error::Suspended(kind)
        }
    }
}

/// Kind, status, headers and body of every refusal of a route.
fn table(route: &Route) -> String {
    let (head, ()) = Request::get("/download/x?y").body(()).unwrap().into_parts();
    let mut table = String::new();
    for kind in Kind::ALL {
        let error = example(kind);
        assert_eq!(error.kind(), kind);
        let reply = refusal(route, &head, &error);
        writeln!(table, "{}: {}", kind.name(), reply.status()).unwrap();
        for (name, value) in reply.headers() {
            writeln!(table, "    {name}: {}", value.to_str().unwrap()).unwrap();
        }
        writeln!(table, "    {}\n", std::str::from_utf8(reply.body()).unwrap()).unwrap();
    }
    table.truncate(table.trim_end().len());
    table.push('\n');
    table
}

/// The routes, by the names of the files.
const ROUTES: [(&str, &str); 2] = [("chainloop", "/download/"), ("turborepo", "/turbo/")];

#[test]
fn each_dialect_has_a_table() {
    let secrets = tempfile::tempdir().unwrap();
    let file = "  - { path: /turbo/, dialect: { turborepo: {} }, bucket: store, layout: '{hash}', \
         auth: open }";
    let yaml = Settings { file, ..STREAM }.yaml("http://127.0.0.1:9", &secrets);
    let plan = compile(&yaml, &Metrics::new()).unwrap();
    for (dialect, route) in ROUTES {
        let actual = table(&plan.routes[route]);
        let name = format!("tests/it/errors/{dialect}.txt");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(actual == expected, "{} should be\n{actual}", path.display());
    }
}
