//! What the register of a tenant says:
//!
//! ```text
//! | 1 byte  | 8 bytes     | each: 16 bytes | 8 bytes      | 8 bytes                       |
//! | form: 1 | bytes used  | id             | bytes        | end, ms since 1970, big-endian |
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FORM: u8 = 1;
const OPEN_BYTES: usize = 32;

/// What a tenant stored, and may be storing now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// Bytes that were stored.
    pub(super) used: u64,
    /// Uploads that are not settled.
    pub(super) open: Vec<Open>,
}

/// What is set aside for an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) id: [u8; 16],
    pub(super) bytes: u64,
    /// From then on it does not count.
    pub(super) end: SystemTime,
}

impl Account {
    /// All bytes that count. None: more than there are numbers.
    pub(super) fn total(&self) -> Option<u64> {
        self.open.iter().try_fold(self.used, |sum, open| sum.checked_add(open.bytes))
    }

    pub(super) fn find(&mut self, id: &[u8; 16]) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.id == *id)
    }

    pub(super) fn forget_ended(&mut self, now: SystemTime) {
        self.open.retain(|open| now < open.end);
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 8 + self.open.len() * OPEN_BYTES);
        bytes.push(FORM);
        bytes.extend_from_slice(&self.used.to_be_bytes());
        for open in &self.open {
            bytes.extend_from_slice(&open.id);
            bytes.extend_from_slice(&open.bytes.to_be_bytes());
            bytes.extend_from_slice(&milliseconds(open.end).to_be_bytes());
        }
        bytes
    }

    /// Reads that form. None: somebody else wrote it.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (form, rest) = bytes.split_first()?;
        let (used, rest) = rest.split_first_chunk::<8>()?;
        let (open, remainder) = rest.as_chunks::<OPEN_BYTES>();
        if *form != FORM || !remainder.is_empty() {
            return None;
        }
        let open = open.iter().map(Open::read).collect::<Option<_>>()?;
        Some(Self { used: u64::from_be_bytes(*used), open })
    }
}

impl Open {
    fn read(bytes: &[u8; OPEN_BYTES]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (bytes, end) = rest.split_first_chunk::<8>()?;
        let end = Duration::from_millis(u64::from_be_bytes(*end.as_array::<8>()?));
        let end = UNIX_EPOCH.checked_add(end)?;
        Some(Self { id: *id, bytes: u64::from_be_bytes(*bytes), end })
    }
}

/// A time as registers have it.
pub(super) fn whole_milliseconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds(time))
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(since).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let open = |number: u8| Open {
            id: [number; 16],
            bytes: u64::MAX - u64::from(number),
            end: UNIX_EPOCH + Duration::from_millis(1_800_000_000_123 + u64::from(number)),
        };
        for count in [0, 1, 200] {
            let account = Account { used: 1 << 40, open: (0..count).map(open).collect() };
            let bytes = account.to_bytes();
            assert!(bytes.len() <= crate::state::VALUE_BYTES_MAX, "{} bytes", bytes.len());
            assert_eq!(Account::read(&bytes), Some(account));
        }
    }

    #[test]
    fn what_others_wrote_is_no_account() {
        for bytes in [&b""[..], b"\x01", &[2; 9], &[1; 10], &[1; 8], &[1; 9 + 31]] {
            assert_eq!(Account::read(bytes), None, "{} bytes", bytes.len());
        }
    }
}
