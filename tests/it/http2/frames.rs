//! HTTP/2 by hand, for what no client would send.

/// Frame types (RFC 9113 section 6).
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Flags.
pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// Error codes (RFC 9113 section 7).
pub(super) const NO_ERROR: u32 = 0;
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const FLOW_CONTROL_ERROR: u32 = 3;
pub(super) const REFUSED_STREAM: u32 = 7;
pub(super) const CANCEL: u32 = 8;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM or GOAWAY.
    pub(super) fn code(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        Some(u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap()))
    }

    /// Whether nothing follows on its stream.
    pub(super) fn ends_stream(&self) -> bool {
        match self.kind {
            HEADERS | DATA => self.flags & END_STREAM != 0,
            kind => kind == RST_STREAM,
        }
    }

    /// The status in a HEADERS frame (RFC 7541). The tests allow no dynamic table.
    pub(super) fn status(&self) -> Option<u16> {
        let is_size_update = |&byte: &u8| byte & 0xe0 == 0x20;
        let block: Vec<u8> = self.payload.iter().copied().skip_while(is_size_update).collect();
        match (self.kind, *block.first()?) {
            (HEADERS, 0x88) => Some(200),
            (HEADERS, 0x8a) => Some(206),
            (HEADERS, 0x8b) => Some(304),
            (HEADERS, 0x8c) => Some(400),
            (HEADERS, 0x8d) => Some(404),
            (HEADERS, 0x8e) => Some(500),
            (HEADERS, _) => Some(huffman_number(block.get(2..)?)),
            _ => None,
        }
    }
}

/// Three digits in Huffman code (RFC 7541 appendix B): 0 to 2 are 5 bits, the others 6 from 011001.
fn huffman_number(bytes: &[u8]) -> u16 {
    let bits = bytes.iter().take(3).fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
    let (mut left, mut number) = (24, 0);
    for _ in 0..3 {
        let five = bits >> (left - 5) & 0x1f;
        let (length, digit) =
            if five < 3 { (5, five) } else { (6, (bits >> (left - 6) & 0x3f) - 0x19 + 3) };
        left -= length;
        number = number * 10 + u16::try_from(digit).unwrap();
    }
    number
}

/// One frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A field, literal and never indexed (RFC 7541 section 6.2.3).
pub(super) fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x10];
    for text in [name, value] {
        integer(&mut bytes, text.len());
        bytes.extend(text);
    }
    bytes
}

/// An integer of a 7-bit prefix whose first bit is 0 (RFC 7541 section 5.1).
fn integer(bytes: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        return bytes.push(u8::try_from(value).unwrap());
    }
    bytes.push(127);
    value -= 127;
    while value >= 128 {
        bytes.push(u8::try_from(value % 128).unwrap() | 128);
        value /= 128;
    }
    bytes.push(u8::try_from(value).unwrap());
}

/// A header block.
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name.as_bytes(), value.as_bytes())).collect()
}

/// The block of a GET.
pub(super) fn get_block(path: &str) -> Vec<u8> {
    block(&[(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", path)])
}

/// A whole GET in one frame.
pub(super) fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &get_block(path))
}

pub(super) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// One setting: identifier and value.
pub(super) fn setting(identifier: u16, value: u32) -> Vec<u8> {
    let mut payload = identifier.to_be_bytes().to_vec();
    payload.extend(value.to_be_bytes());
    frame(SETTINGS, 0, 0, &payload)
}

/// The codes of all frames of a type.
pub(super) fn codes(frames: &[Frame], kind: u8) -> Vec<u32> {
    frames.iter().filter(|frame| frame.kind == kind).filter_map(Frame::code).collect()
}
