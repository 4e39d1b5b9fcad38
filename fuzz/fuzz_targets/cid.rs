//! Whether whatever is read as a CID has one text and one binary form.

#![no_main]

use casgate::content::cid::Cid;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let text = std::str::from_utf8(input).ok().and_then(|text| Cid::parse(text).ok());
    let binary = Cid::from_bytes(input).ok();
    for cid in text.into_iter().chain(binary) {
        assert_eq!(Cid::parse(cid.as_str()).as_ref(), Ok(&cid));
        assert_eq!(Cid::from_bytes(&cid.to_bytes()).as_ref(), Ok(&cid));
        if let Some(v0) = cid.to_v0() {
            assert_eq!(Cid::parse(&v0).as_ref(), Ok(&cid));
        }
        assert!(cid.inline().is_none_or(|bytes| cid.names(bytes)));
    }
});
