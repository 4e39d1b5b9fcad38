//! Whether each identifier is one, however it is written.

use cid::multibase::{self, Base};

use super::Numbers;
use crate::content::cid::{Cid, Codec, Hash, INLINE_BYTES_MAX};

/// All bases that version 1 can be written in.
const BASES: [Base; 23] = [
    Base::Base2,
    Base::Base8,
    Base::Base10,
    Base::Base16Lower,
    Base::Base16Upper,
    Base::Base32Lower,
    Base::Base32Upper,
    Base::Base32PadLower,
    Base::Base32PadUpper,
    Base::Base32HexLower,
    Base::Base32HexUpper,
    Base::Base32HexPadLower,
    Base::Base32HexPadUpper,
    Base::Base32Z,
    Base::Base36Lower,
    Base::Base36Upper,
    Base::Base58Flickr,
    Base::Base58Btc,
    Base::Base64,
    Base::Base64Pad,
    Base::Base64Url,
    Base::Base64UrlPad,
    Base::Base256Emoji,
];

fn any(numbers: &mut Numbers) -> Cid {
    let codec = match numbers.below(3) {
        0 => Codec::Raw,
        1 => Codec::DagPb,
        _ => Codec::Other(0x71 + (numbers.next() >> numbers.below(64) & 0xff00)),
    };
    let hash = match numbers.below(3) {
        0 => Hash::Sha256(<[u8; 32]>::try_from(&*numbers.bytes(32)).unwrap().into()),
        1 => Hash::Sha512(Box::new((&*numbers.bytes(64)).try_into().unwrap())),
        _ => {
            let length = numbers.below(INLINE_BYTES_MAX + 1);
            Hash::Identity((*numbers.bytes(length)).into())
        }
    };
    Cid::new(codec, hash)
}

#[test]
fn every_spelling_is_one_name() {
    let mut numbers = Numbers::new(4);
    for _ in 0..300 {
        let cid = any(&mut numbers);
        for base in BASES {
            let text = multibase::encode(base, cid.to_bytes());
            assert_eq!(Cid::parse(&text).as_ref(), Ok(&cid), "{text}");
        }
        assert_eq!(Cid::from_bytes(&cid.to_bytes()).as_ref(), Ok(&cid));
        if let Some(v0) = cid.to_v0() {
            assert_eq!(Cid::parse(&v0).as_ref(), Ok(&cid));
        }
        let other = any(&mut numbers);
        assert_eq!(cid.as_str() == other.as_str(), cid.to_bytes() == other.to_bytes());
    }
}

#[test]
fn no_text_is_too_strange() {
    let mut numbers = Numbers::new(5);
    let mut read = 0;
    for round in 0..20_000 {
        let cid = any(&mut numbers);
        let base = BASES[numbers.below(BASES.len())];
        let mut text = match round % 3 {
            0 => cid.to_v0().unwrap_or_default().into_bytes(),
            1 => multibase::encode(base, cid.to_bytes()).into_bytes(),
            _ => cid.to_bytes(),
        };
        for _ in 0..numbers.below(3) {
            let at = numbers.below(text.len() + 1);
            match numbers.below(3) {
                0 => text.truncate(at),
                1 => text.insert(at, numbers.next() as u8 & 0x7f),
                _ => text.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (round % 8)),
            }
        }
        let parsed = std::str::from_utf8(&text).ok().and_then(|text| Cid::parse(text).ok());
        for cid in parsed.into_iter().chain(Cid::from_bytes(&text)) {
            read += 1;
            assert_eq!(Cid::parse(cid.as_str()).as_ref(), Ok(&cid));
            assert_eq!(Cid::from_bytes(&cid.to_bytes()).as_ref(), Ok(&cid));
        }
    }
    assert!(read > 1000, "{read}");
}
