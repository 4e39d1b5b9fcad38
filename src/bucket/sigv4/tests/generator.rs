//! Requests as hostile as the type allows, the same ones in every run.

use crate::bucket::credentials::Credentials;
use crate::bucket::sigv4::Payload;
use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
pub(super) struct Generator(u64);

/// An owned request, from which each signer takes its own form.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) method: &'static str,
    pub(super) host: &'static str,
    pub(super) key: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) payload: Payload,
    pub(super) expires_in: Duration,
}

const HOSTS: &[&str] = &[
    "examplebucket.s3.amazonaws.com",
    "s3.eu-central-1.amazonaws.com",
    "localhost:9000",
    "127.0.0.1:3900",
    "[::1]:8333",
];
/// Characters and segments with a meaning somewhere between a key and a URL.
const PITFALLS: &[&str] = &[
    " ",
    "%",
    "@",
    "=",
    "&",
    "?",
    "#",
    "'",
    "(",
    ")",
    "!",
    "*",
    "~",
    ";",
    ",",
    ":",
    "[",
    "]",
    "\\",
    "+",
    "/",
    "//",
    "/./",
    "/../",
    ".",
    "..",
    "%2F",
    "%20",
    "%25",
    "$",
    "\"",
    "<",
    ">",
    "^",
    "`",
    "{",
    "|",
    "}",
    "-",
    "_",
    "\0",
    "\t",
    "\r\n",
    "\u{7f}",
    "é",
    "ß",
    "ሴ",
    "\u{200b}",
    "\u{feff}",
    "🦀",
    "👩‍👩‍👧",
    "\u{10ffff}",
];
const HEADER_NAMES: &[&str] = &[
    "range",
    "if-match",
    "If-None-Match",
    "content-type",
    "date",
    "x-amz-storage-class",
    "X-Amz-Meta-Note",
    "x-amz-meta-note",
    "x-amz-meta-note-2",
    "zz",
];

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Any UTF-8 text of at most `length_max` bytes, control characters included.
    fn text(&mut self, length_max: usize) -> String {
        let mut text = String::new();
        loop {
            let before = text.len();
            match self.below(4) {
                0 => text.push_str(self.pick(PITFALLS)),
                1 => text.push((self.below(128) as u8).into()),
                2 => text.extend(char::from_u32(self.below(0x11_0000) as u32)),
                _ => text.push_str(self.pick(&["a", "Z", "0", "sha256", "9f86d081884c7d65"])),
            }
            if text.len() > length_max {
                text.truncate(before);
                return text;
            }
        }
    }

    pub(super) fn key(&mut self) -> String {
        let length_max = match self.below(16) {
            0 => 1_024,
            1..4 => self.below(1_024),
            _ => self.below(64),
        };
        self.text(length_max as usize)
    }

    /// Printable ASCII and tabs, with many runs of spaces; what HTTP allows in a value.
    fn header_value(&mut self) -> String {
        let mut value = String::new();
        for _ in 0..self.below(24) {
            match self.below(3) {
                0 => value.push_str(self.pick(&[" ", "  ", "     ", "\t", " \t "])),
                _ => value.push((b'!' + self.below(94) as u8).into()),
            }
        }
        value
    }

    /// From the alphabet of AWS secrets and tokens: base64 with `/`, `+` and `=`.
    fn secret(&mut self, length: u64) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
        (0..length).map(|_| char::from(alphabet[self.below(65) as usize])).collect()
    }

    pub(super) fn credentials(&mut self) -> Credentials {
        let secret_length = self.pick(&[&40, &8, &60, &61, &100]);
        let token_length = 1 + self.below(400);
        Credentials {
            access_key_id: format!("AKIA{:016X}", self.next()),
            secret_access_key: self.secret(*secret_length),
            session_token: self.one_in(2).then(|| self.secret(token_length)),
            expires: None,
        }
    }

    pub(super) fn sample(&mut self) -> Sample {
        let query = (0..self.below(5)).map(|_| (self.query_name(), self.text(24))).collect();
        let headers =
            (0..self.below(5)).map(|_| (self.pick(HEADER_NAMES), self.header_value())).collect();
        Sample {
            method: self.pick(&["GET", "HEAD", "PUT", "POST", "DELETE"]),
            host: self.pick(HOSTS),
            key: self.key(),
            query,
            headers,
            payload: match self.below(3) {
                0 => Payload::Unsigned,
                1 => Payload::Empty,
                _ => Payload::Sha256(std::array::from_fn(|_| self.next() as u8)),
            },
            expires_in: Duration::from_secs(1 + self.below(604_800)),
        }
    }

    /// Names around the `X-Amz-` parameters of a presigned URL in sort order, and any text.
    fn query_name(&mut self) -> String {
        if self.one_in(2) {
            return self.text(12);
        }
        let names = [
            "partNumber",
            "uploadId",
            "uploads",
            "A",
            "X",
            "X-Amz-A",
            "X-Amz-E",
            "X-Amz-T",
            "X-Amz-Zone",
            "Y",
            "response-content-disposition",
            "x-id",
            "a",
            "a-b",
            "a.b",
            "a1",
        ];
        self.pick(&names).to_owned()
    }
}
