//! What a register holds, and its form in stores that know nothing but bytes:
//!
//! ```text
//! | 1 byte  | 16 bytes | 8 bytes                       | up to 8,192 bytes |
//! | form: 1 | nonce    | end, ms since 1970, big-endian | value             |
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 8192;

const FORM: u8 = 1;
const NONCE_AT: usize = 1;
const END_AT: usize = NONCE_AT + 16;
const VALUE_AT: usize = END_AT + 8;

/// Sixteen random bytes that tell one write from all others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// A nonce of these bytes, which have to be random.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Debug for Nonce {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What a register holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The write it came by.
    pub nonce: Nonce,
    /// From then on it counts as absent.
    pub end: SystemTime,
    /// What it says: at most [`VALUE_BYTES_MAX`] bytes.
    pub value: Vec<u8>,
}

impl Record {
    /// Whether it still counts.
    #[must_use]
    pub fn lives(&self, now: SystemTime) -> bool {
        now < self.end
    }

    /// The form in which stores keep it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let end = self.end.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut bytes = Vec::with_capacity(VALUE_AT + self.value.len());
        bytes.push(FORM);
        bytes.extend_from_slice(self.nonce.as_bytes());
        bytes.extend_from_slice(&u64::try_from(end).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(&self.value);
        bytes
    }

    /// Reads that form.
    ///
    /// # Errors
    /// Says what is wrong: somebody else wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let foreign = "the state store holds something that is no record";
        let (form, rest) = bytes.split_first().ok_or(foreign)?;
        let (nonce, rest) = rest.split_first_chunk::<16>().ok_or(foreign)?;
        let (end, value) = rest.split_first_chunk::<8>().ok_or(foreign)?;
        if *form != FORM || value.len() > VALUE_BYTES_MAX {
            return Err(foreign);
        }
        let end = Duration::from_millis(u64::from_be_bytes(*end));
        let end = UNIX_EPOCH.checked_add(end).ok_or(foreign)?;
        Ok(Self { nonce: Nonce::new(*nonce), end, value: value.to_vec() })
    }
}

/// Which write a register was seen to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    nonce: Nonce,
    /// What the store calls it, where that is not the nonce.
    tag: Option<Box<str>>,
}

impl Version {
    /// A version that the nonce tells from all others.
    #[must_use]
    pub const fn of(nonce: Nonce) -> Self {
        Self { nonce, tag: None }
    }

    /// The same in a store that has a name of its own for it.
    #[must_use]
    pub fn tagged(nonce: Nonce, tag: &str) -> Self {
        Self { nonce, tag: Some(tag.into()) }
    }

    /// The write's nonce.
    #[must_use]
    pub const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// The store's name for it.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// What the register holds.
    pub record: Record,
    /// What to call it when it is replaced.
    pub version: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let record = Record {
            nonce: Nonce::new([7; 16]),
            end: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
            value: b"value".to_vec(),
        };
        assert_eq!(Record::from_bytes(&record.to_bytes()), Ok(record));
    }

    #[test]
    fn what_others_wrote_is_no_record() {
        for bytes in [&b""[..], b"\x01short", &[2; 40], &[1; VALUE_AT + VALUE_BYTES_MAX + 1]] {
            assert!(Record::from_bytes(bytes).is_err(), "{} bytes", bytes.len());
        }
    }
}
