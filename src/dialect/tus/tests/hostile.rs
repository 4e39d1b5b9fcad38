//! What nobody would ask: no request makes it panic, and none is answered with what it smuggled in.

use super::*;

const NAMES: [&str; 9] = [
    "upload-length",
    "upload-offset",
    "upload-metadata",
    "upload-checksum",
    "upload-defer-length",
    "content-type",
    "content-length",
    "x-http-method-override",
    "tus-resumable",
];

const VALUES: [&str; 16] = [
    "",
    "0",
    "1",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=",
    "sha256 AAAA",
    " ,, ,",
    "filename ,name",
    "filename Lw==,name Lg==",
    "filename DQo=",
    "application/offset+octet-stream",
    "application/offset+octet-stream; x",
    "PATCH",
    "1.0.0",
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
        let mut headers = String::new();
        for _ in 0..numbers.below(6) {
            let (name, value) = (NAMES[numbers.below(9)], VALUES[numbers.below(16)]);
            headers.push_str(&format!("{name}: {value}\n"));
        }
        let method = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"][numbers.below(6)];
        let rest = ["", ID, "x"][numbers.below(3)];
        let head = head(method, rest, &headers);
        match tus().parse(&head, rest) {
            Ok(Call::Upload(call)) => {
                understood += 1;
                if let UploadCall::Begin(upload) = *call {
                    assert!(!upload.metadata.contains(['\r', '\n']), "{headers}");
                    let name = upload.filename.map(|name| name.as_str().to_owned());
                    let name = name.unwrap_or_default();
                    assert!(!name.contains(|char: char| char.is_control() || char == '/'));
                }
            }
            Ok(_) => {}
            Err(error) => {
                let reply = tus().refuse(&head, error.kind(), error.message());
                assert!(reply.status().is_client_error(), "{headers}");
            }
        }
    }
    assert!(understood > 1000, "{understood}");
}
