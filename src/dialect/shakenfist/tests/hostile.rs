//! What nobody would ask: no request makes it panic, and no name leads out of what it names.

use super::*;
use crate::catalog::ArtifactRef;
use crate::dialect::CatalogCall;

/// What requests are put together from.
const PIECES: [&str; 34] = [
    "/",
    "/",
    "/",
    "?",
    "&",
    "=",
    "+",
    "%2F",
    "%00",
    "%ff",
    "%",
    "%zz",
    "%2e",
    "..",
    ".",
    "upload",
    "truncate",
    "artifacts",
    "versions",
    "share",
    "events",
    "blobs",
    "data",
    "offset",
    "limit",
    "blob_checksums",
    "sha512",
    "auth",
    "-1",
    "99999999999999999999",
    "7",
    "name",
    OURS,
    THEIRS,
];

const STARTS: [&str; 6] = [
    "",
    "artifacts/",
    "artifacts/upload/",
    "blobs/01a2b3c4-d5e6-7f01-8a23-456789abcdef/data?",
    "upload/",
    "artifacts/name/versions/",
];

const BODIES: [&str; 6] = [
    "",
    "{}",
    "{\"confirm\":true,\"max_versions\":1,\"namespace\":\"\\u0000\"}",
    "{\"upload_uuid\":\"01a2b3c4-d5e6-7f01-8a23-456789abcdef\"}",
    "[[[[",
    "\u{0}",
];

/// A linear congruential generator: the same numbers each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[test]
fn no_request_is_too_strange() {
    let mut numbers = Numbers(7);
    let mut understood = 0;
    for _ in 0..50_000 {
        let mut rest = STARTS[numbers.below(STARTS.len())].to_owned();
        for _ in 0..numbers.below(7) {
            rest.push_str(PIECES[numbers.below(PIECES.len())]);
        }
        let method = ["GET", "HEAD", "POST", "DELETE"][numbers.below(4)];
        match with_body(method, &rest, BODIES[numbers.below(BODIES.len())]) {
            Ok(call) => {
                understood += 1;
                check(&rest, &call);
            }
            Err(error) => {
                let reply =
                    shakenfist().refuse(&head(method, &rest), error.kind(), error.message());
                assert!(reply.status().is_client_error(), "{rest}");
            }
        }
    }
    assert!(understood > 1000, "{understood}");
}

#[track_caller]
fn check(rest: &str, call: &Call) {
    let Call::Catalog(call) = call else { return };
    let name = if let CatalogCall::Publish(name, publication) = &**call {
        assert!(publication.is_some(), "{rest}");
        name
    } else if let CatalogCall::Artifact(ArtifactRef::Name(name))
    | CatalogCall::Versions(ArtifactRef::Name(name))
    | CatalogCall::KeepVersions(ArtifactRef::Name(name), _)
    | CatalogCall::RemoveVersion(ArtifactRef::Name(name), _)
    | CatalogCall::Remove(ArtifactRef::Name(name))
    | CatalogCall::Share(ArtifactRef::Name(name), _)
    | CatalogCall::ArtifactEvents(ArtifactRef::Name(name)) = &**call
    {
        name
    } else {
        return;
    };
    let stays = (1..=255).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(['/', '\0']);
    assert!(stays, "{rest}: {name:?}");
}
