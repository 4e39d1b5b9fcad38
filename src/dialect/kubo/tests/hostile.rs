//! What nobody would ask: no request makes it panic, and none gets out of the graph it names.

use super::*;
use crate::dialect::{GraphHead, Outcome, View};
use crate::reply::Visibility;

/// What requests are put together from.
const PIECES: [&str; 40] = [
    "/",
    "/",
    "?",
    "&",
    "&",
    "=",
    "=",
    "+",
    "%2F",
    "%00",
    "%ff",
    "%",
    "%zz",
    "..",
    ".",
    "%2e%2e",
    "api",
    "v0",
    "v1",
    "ipfs",
    "btfs",
    "ipns",
    "get",
    "cat",
    "block/get",
    "block/stat",
    "add",
    "arg",
    "format",
    "raw",
    "car",
    "offset",
    "compress",
    "-1",
    "9",
    "true",
    V0,
    V1,
    "bafkqaaa",
    "filename",
];

const STARTS: [&str; 6] = [
    "",
    "api/v1/",
    "ipfs/bafkqaaa/",
    "ipfs/bafkqaaa?",
    "api/v0/get?arg=bafkqaaa/",
    "api/v0/cat?arg=",
];

const HEADERS: [&str; 6] = [
    "",
    "accept: application/vnd.ipld.car;;=;q=nan,application/vnd.ipld.raw;q=-1,",
    "accept: application/vnd.ipld.raw",
    "content-type: multipart/form-data;;boundary",
    "content-type: multipart/form-data; boundary=\"",
    "origin: http://[\nhost: ::",
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
    let mut numbers = Numbers(6);
    let kubo = kubo();
    let mut understood = 0;
    for _ in 0..50_000 {
        let mut rest = STARTS[numbers.below(STARTS.len())].to_owned();
        for _ in 0..numbers.below(9) {
            rest.push_str(PIECES[numbers.below(PIECES.len())]);
        }
        let method = ["GET", "HEAD", "POST", "OPTIONS"][numbers.below(4)];
        let headers = HEADERS[numbers.below(HEADERS.len())];
        let head = head(method, &rest, headers);
        match parse_with(&kubo, method, &rest, headers) {
            Ok(Call::Graph(call)) => {
                understood += 1;
                check(&rest, &call);
                let (cid, visibility) = (&call.path.root, Visibility::Public);
                let graph = GraphHead { cid, size: 1, length: None, visibility };
                let outcome = Outcome::Graph(graph);
                let reply = kubo.answer(&head, &Call::Graph(call.clone()), &outcome);
                assert_eq!(reply.status(), 200, "{rest}");
            }
            Ok(_) => {}
            Err(error) => {
                let reply = kubo.refuse(&head, error.kind(), error.message());
                assert!(reply.status().is_client_error(), "{rest}");
            }
        }
    }
    assert!(understood > 1000, "{understood}");
}

#[track_caller]
fn check(rest: &str, call: &GraphCall) {
    for name in &call.path.names {
        let stays = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
        assert!(stays, "{rest}: {name:?}");
    }
    let is_of_gateway = rest.starts_with("ipfs/");
    assert_eq!(call.etag.is_some(), is_of_gateway, "{rest}");
    let is_archive_of_blocks = matches!(call.view, View::Blocks(_));
    assert!(!is_archive_of_blocks || is_of_gateway, "{rest}");
}
