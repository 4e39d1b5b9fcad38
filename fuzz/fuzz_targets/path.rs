//! Whether whatever is asked by a path has one root, and names that lead nowhere else.

#![no_main]

use casgate::content::cid::Cid;
use casgate::dialect::kubo::{Kubo, Origins, Settings};
use casgate::dialect::{Call, Dialect as _};
use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let kubo = Kubo::new(Settings {
        archives: false,
        legacy_errors: false,
        origins: Origins::Some(Vec::new()),
        own_origin: None,
        signs_in: true,
    });
    for (method, target) in
        [("POST", format!("/api/v0/cat?arg={text}")), ("GET", format!("/ipfs/{text}?format=car"))]
    {
        let Ok(request) = Request::builder().method(method).uri(&target).body(()) else { continue };
        let (head, ()) = request.into_parts();
        let Ok(Call::Graph(call)) = kubo.parse(&head, &head.uri.path()[1..]) else { continue };
        let path = call.path;
        assert_eq!(Cid::parse(&path.root_text).as_ref(), Ok(&path.root));
        for name in &path.names {
            assert!(!name.is_empty() && name != "." && name != ".." && !name.contains('\0'));
        }
    }
});
