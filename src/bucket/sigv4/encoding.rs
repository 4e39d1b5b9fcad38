//! Percent-encoding and hexadecimal, in the one form SigV4 signs.

const LOWER_CASE: &[u8; 16] = b"0123456789abcdef";
const UPPER_CASE: &[u8; 16] = b"0123456789ABCDEF";

/// Bytes that RFC 3986 section 2.3 calls unreserved: the only ones SigV4 leaves as they are.
const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        let code = byte as u8;
        table[byte] = code.is_ascii_alphanumeric() || matches!(code, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

/// Bytes kept in an object path: the unreserved ones and the segment separator.
const KEPT_IN_PATH: [bool; 256] = {
    let mut table = UNRESERVED;
    table[b'/' as usize] = true;
    table
};

/// Appends `key` to `out`, every byte but `A-Z a-z 0-9 - . _ ~ /` as `%XX` (upper-case).
///
/// S3 signs the path exactly as it is sent: encoded once, with empty, `.` and `..` segments left
/// in place. What this appends is therefore both the path to send and the path to sign.
/// `out` normally holds the leading `/`, or `/bucket/` for path-style addresses.
///
/// Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header".
pub fn encode_key_path(key: &str, out: &mut String) {
    encode(key, &KEPT_IN_PATH, out);
}

/// Appends a query name or value to `out`, every byte but `A-Z a-z 0-9 - . _ ~` as `%XX`
/// (upper-case). A space is `%20`, never `+`.
pub fn encode_query_component(component: &str, out: &mut String) {
    encode(component, &UNRESERVED, out);
}

fn encode(text: &str, kept: &[bool; 256], out: &mut String) {
    out.reserve(text.len());
    // Keys are mostly unreserved, so whole runs are copied instead of single bytes.
    let mut copied = 0;
    for (index, byte) in text.bytes().enumerate() {
        if kept[usize::from(byte)] {
            continue;
        }
        // The run must not be sliced when it is empty: `index` may lie inside a character.
        if copied < index {
            out.push_str(&text[copied..index]);
        }
        out.push('%');
        out.push(char::from(UPPER_CASE[usize::from(byte >> 4)]));
        out.push(char::from(UPPER_CASE[usize::from(byte & 0x0f)]));
        copied = index + 1;
    }
    if copied < text.len() {
        out.push_str(&text[copied..]);
    }
}

/// Appends bytes as lower-case hexadecimal digits.
pub(super) fn push_hex(bytes: &[u8], out: &mut String) {
    out.reserve(2 * bytes.len());
    // As one string of up to 32 bytes at a time: pushing digits one by one costs ten times as much.
    let mut digits = [0; 64];
    for bytes in bytes.chunks(digits.len() / 2) {
        let digits = &mut digits[..2 * bytes.len()];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = LOWER_CASE[usize::from(byte >> 4)];
            pair[1] = LOWER_CASE[usize::from(byte & 0x0f)];
        }
        // Digits are UTF-8.
        out.push_str(std::str::from_utf8(digits).unwrap_or_default());
    }
}
