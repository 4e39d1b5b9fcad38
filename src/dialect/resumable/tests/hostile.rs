//! What nobody would ask: no request makes it panic.

use super::*;

const NAMES: [&str; 9] = [
    "upload-length",
    "upload-offset",
    "upload-complete",
    "upload-draft-interop-version",
    "content-disposition",
    "content-digest",
    "content-type",
    "content-length",
    "origin",
];

const VALUES: [&str; 18] = [
    "",
    "0",
    "5",
    "-1",
    "999999999999999",
    "18446744073709551615",
    "?0",
    "?1",
    "?1;;;",
    "?",
    ";",
    "a; filename=\"\\",
    "a; filename*=UTF-8''%",
    "a; filename*='; filename=",
    "sha-256=::",
    "sha-256=:;:,=,,sha-512=:",
    "application/partial-upload",
    "http://[",
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
    let mut numbers = Numbers(9);
    let mut understood = 0;
    for _ in 0..50_000 {
        let mut headers = String::new();
        for _ in 0..numbers.below(6) {
            let (name, value) = (NAMES[numbers.below(9)], VALUES[numbers.below(18)]);
            headers.push_str(&format!("{name}: {value}\n"));
        }
        let method = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"][numbers.below(6)];
        let rest = ["", ID, "x"][numbers.below(3)];
        let head = head(method, rest, &headers);
        match resumable().parse(&head, rest) {
            Ok(Call::Upload(_)) => understood += 1,
            Ok(_) => {}
            Err(error) => {
                let reply = resumable().refuse(&head, error.kind(), error.message());
                assert!(reply.status().is_client_error(), "{headers}");
            }
        }
    }
    assert!(understood > 1000, "{understood}");
}
