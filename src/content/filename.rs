//! Names for saved files: from S3 metadata to a safe `Content-Disposition`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// The longest name handed to a client, in bytes: what common file systems take.
const FILENAME_BYTES_MAX: usize = 255;

/// The most bytes of text in an encoded word, which has 12 bytes around their Base64.
const WORD_BYTES_MAX: usize = 45;

/// A file name without directories, control characters or direction overrides; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filename(String);

impl Filename {
    /// Reads the value of `x-amz-meta-filename`: UTF-8 as it is, or an RFC 2047 encoded word,
    /// which is how AWS returns metadata outside of ASCII ("Working with object metadata").
    ///
    /// None where nothing usable is left.
    #[must_use]
    pub fn from_metadata(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        match decode_encoded_words(text) {
            Some(decoded) => Self::sanitize(&decoded),
            None => Self::sanitize(text),
        }
    }

    /// The value of `x-amz-meta-filename` that [`Filename::from_metadata`] reads back: ASCII as it
    /// is, anything else as encoded words of RFC 2047, each of whole characters and at most 75
    /// bytes (section 2). Header values outside of ASCII have no one form in S3.
    #[must_use]
    pub fn to_metadata(&self) -> HeaderValue {
        let plain = self.0.is_ascii() && decode_encoded_words(&self.0).is_none();
        let value = if plain { self.0.clone() } else { encode_words(&self.0) };
        // A name has no control characters, and Base64 none at all.
        HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("download"))
    }

    /// Keeps the last path segment and drops what could mislead: control characters, and the
    /// characters that change the direction of text, with which `exe.gpj` shows as `jpg.exe`.
    #[must_use]
    pub fn sanitize(text: &str) -> Option<Self> {
        let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let mut name: String = last.chars().filter(|&char| !is_misleading(char)).collect();
        while name.len() > FILENAME_BYTES_MAX {
            name.pop();
        }
        let name = name.trim();
        (!name.trim_matches('.').is_empty()).then(|| Self(name.to_owned()))
    }

    /// The name of what has none.
    #[must_use]
    pub fn unnamed() -> Self {
        Self("download".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `attachment` with this name (RFC 6266): a quoted ASCII form for old clients and, where the
    /// two differ, the exact name in the form of RFC 8187.
    #[must_use]
    pub fn content_disposition(&self) -> String {
        let mut header = String::with_capacity(32 + self.0.len());
        header.push_str("attachment; filename=\"");
        let mut exact = true;
        for char in self.0.chars() {
            // Quotes, backslashes and percent signs are legal here but clients disagree on how to
            // read them (RFC 6266 appendix D), so the fallback avoids them.
            if char.is_ascii() && !matches!(char, '"' | '\\' | '%') {
                header.push(char);
            } else {
                header.push('_');
                exact = false;
            }
        }
        header.push('"');
        if !exact {
            header.push_str("; filename*=UTF-8''");
            for byte in self.0.bytes() {
                if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                    header.push(char::from(byte));
                } else {
                    let _ = write!(header, "%{byte:02X}");
                }
            }
        }
        header
    }
}

fn is_misleading(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text as RFC 2047 encoded words in UTF-8, with a space between them.
fn encode_words(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while !rest.is_empty() {
        let (word, more) = rest.split_at(rest.floor_char_boundary(WORD_BYTES_MAX));
        if !encoded.is_empty() {
            encoded.push(' ');
        }
        encoded.push_str("=?UTF-8?B?");
        STANDARD.encode_string(word, &mut encoded);
        encoded.push_str("?=");
        rest = more;
    }
    encoded
}

/// Decodes text made of RFC 2047 encoded words in UTF-8, with white space between them. None for
/// anything else.
fn decode_encoded_words(text: &str) -> Option<String> {
    let mut decoded = Vec::new();
    for word in text.split_ascii_whitespace() {
        let inner = word.strip_prefix("=?")?.strip_suffix("?=")?;
        let mut fields = inner.splitn(3, '?');
        let (charset, encoding, data) = (fields.next()?, fields.next()?, fields.next()?);
        if !charset.eq_ignore_ascii_case("utf-8") {
            return None;
        }
        match encoding {
            "B" | "b" => decoded.extend(STANDARD.decode(data).ok()?),
            "Q" | "q" => decode_q(data.as_bytes(), &mut decoded)?,
            _ => return None,
        }
    }
    String::from_utf8(decoded).ok().filter(|text| !text.is_empty())
}

/// The `Q` encoding of RFC 2047 section 4.2.
fn decode_q(mut data: &[u8], decoded: &mut Vec<u8>) -> Option<()> {
    while let Some((&byte, rest)) = data.split_first() {
        data = rest;
        match byte {
            b'_' => decoded.push(b' '),
            b'=' => {
                let digits = std::str::from_utf8(data.get(..2)?).ok()?;
                decoded.push(u8::from_str_radix(digits, 16).ok()?);
                data = &data[2..];
            }
            _ => decoded.push(byte),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(metadata: &str, expected: &str) {
        let name = Filename::from_metadata(metadata.as_bytes()).expect("a usable name");
        assert_eq!(name.content_disposition(), expected);
    }

    #[test]
    fn plain_names_are_quoted() {
        check("sbom.json", r#"attachment; filename="sbom.json""#);
        check("a b,c;d=e.txt", r#"attachment; filename="a b,c;d=e.txt""#);
    }

    #[test]
    fn other_names_get_both_forms() {
        check("naïve.txt", r#"attachment; filename="na_ve.txt"; filename*=UTF-8''na%C3%AFve.txt"#);
        check(r#"a"b%.txt"#, r#"attachment; filename="a_b_.txt"; filename*=UTF-8''a%22b%25.txt"#);
        check(
            "日本.txt",
            "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt",
        );
    }

    #[test]
    fn directories_controls_and_direction_overrides_go() {
        check("../../etc/passwd", r#"attachment; filename="passwd""#);
        check(r"..\..\boot.ini", r#"attachment; filename="boot.ini""#);
        check("a\r\nSet-Cookie: x", r#"attachment; filename="aSet-Cookie: x""#);
        check("\u{202e}gpj.exe", r#"attachment; filename="gpj.exe""#);
    }

    #[test]
    fn encoded_words_are_decoded() {
        check(
            "=?UTF-8?B?bmHDr3ZlLnR4dA==?=",
            "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt",
        );
        check(
            "=?utf-8?Q?a=C3=AF_b?=",
            "attachment; filename=\"a_ b\"; filename*=UTF-8''a%C3%AF%20b",
        );
        check("=?not=an?encoded=word", r#"attachment; filename="=?not=an?encoded=word""#);
    }

    #[test]
    fn names_that_name_nothing_are_none() {
        for text in ["", "..", "a/", "\u{1}", "   ", "...."] {
            assert_eq!(Filename::from_metadata(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Filename::from_metadata(b"\xff\xfe"), None);
    }

    #[test]
    fn every_name_is_read_back_from_its_metadata() {
        let pieces =
            ["a", "日本", "é", " ", "=?", "?=", "UTF-8?B?", "+", "🦀", "_", ".x", "\u{300}"];
        let mut state = 1_u64;
        for _ in 0..5000 {
            let mut text = String::new();
            for _ in 0..1 + state % 60 {
                // Knuth's MMIX generator, whose high bits are the better ones.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            }
            let Some(name) = Filename::sanitize(&text) else { continue };
            let metadata = name.to_metadata();
            let value = metadata.to_str().unwrap();
            assert_eq!(Filename::from_metadata(value.as_bytes()), Some(name), "{text:?} {value:?}");
            if value.starts_with("=?") && !text.is_ascii() {
                assert!(value.split(' ').all(|word| word.len() <= 75), "{value}");
            }
        }
    }

    #[test]
    fn metadata_is_ascii() {
        for (name, expected) in [
            ("sbom.json", "sbom.json"),
            ("a b.txt", "a b.txt"),
            ("naïve.txt", "=?UTF-8?B?bmHDr3ZlLnR4dA==?="),
            // What looks like an encoded word would be read as one.
            ("=?UTF-8?Q?a?=", "=?UTF-8?B?PT9VVEYtOD9RP2E/PQ==?="),
        ] {
            assert_eq!(Filename::sanitize(name).unwrap().to_metadata(), expected);
        }
    }

    #[test]
    fn long_names_are_cut_at_a_character() {
        let name = Filename::sanitize(&"é".repeat(300)).unwrap();
        assert_eq!(name.as_str().len(), 254);
    }
}
