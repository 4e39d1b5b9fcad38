//! Bytes and their names.

use casgate::content::digest::Sha256Digest;

/// Some content.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    /// 64 hexadecimal digits.
    pub(crate) hex: String,
}

impl Content {
    pub(crate) fn of(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let hex = Sha256Digest::of(&bytes).to_string();
        Self { bytes, hex }
    }

    /// Content of a given size that repeats nowhere soon.
    pub(crate) fn sized(size: usize) -> Self {
        let mut state = 0x2545_f491_u32;
        let bytes: Vec<u8> = (0..size)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect();
        Self::of(bytes)
    }

    /// The path below the route of the tests.
    pub(crate) fn path(&self) -> String {
        format!("/download/sha256:{}", self.hex)
    }

    pub(crate) fn etag(&self) -> String {
        format!("\"sha256:{}\"", self.hex)
    }

    /// The path storage is asked for.
    pub(crate) fn target(&self) -> String {
        format!("/artifacts/sha256%3A{}", self.hex)
    }

    /// The same with one bit of the byte in the middle flipped.
    pub(crate) fn corrupted(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    }
}
