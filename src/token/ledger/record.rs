//! What the register of a use says, and the tag its receiver has:
//!
//! ```text
//! | 1 | 32 bytes: SHA-256 of token id and secret | 4 bytes: starts | 8 bytes: last start, ms |
//! | 2 |                                     taken back
//! ```

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::token::TokenId;

const TAKEN: u8 = 1;
const REVOKED: u8 = 2;

/// By which a store knows the receiver of a 200: it says nothing of the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClaimHash([u8; 32]);

impl ClaimHash {
    pub(super) fn of(token: TokenId, secret: &[u8; 16]) -> Self {
        let hasher = Sha256::new_with_prefix(token.to_string());
        Self(hasher.chain_update(secret).finalize().into())
    }
}

/// What is written of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Somebody has it.
    Taken {
        /// Who.
        claim: ClaimHash,
        /// How often the download began, the first time included.
        starts: u32,
        /// When it last did.
        started: SystemTime,
    },
    /// Nobody may have it any more.
    Revoked,
    /// Something that is not read here. Whatever it is, the use is not free.
    Other,
}

impl Use {
    pub(super) const fn taken(claim: ClaimHash, starts: u32, started: SystemTime) -> Self {
        Self::Taken { claim, starts, started }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Taken { claim, starts, started } => {
                let started = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let started = u64::try_from(started).unwrap_or(u64::MAX);
                let mut bytes = vec![TAKEN];
                bytes.extend_from_slice(&claim.0);
                bytes.extend_from_slice(&starts.to_be_bytes());
                bytes.extend_from_slice(&started.to_be_bytes());
                bytes
            }
            Self::Revoked | Self::Other => vec![REVOKED],
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        match bytes.split_first() {
            Some((&TAKEN, rest)) => Self::read_taken(rest).unwrap_or(Self::Other),
            Some((&REVOKED, [])) => Self::Revoked,
            _ => Self::Other,
        }
    }

    fn read_taken(bytes: &[u8]) -> Option<Self> {
        let (claim, rest) = bytes.split_first_chunk::<32>()?;
        let (starts, rest) = rest.split_first_chunk::<4>()?;
        let started = Duration::from_millis(u64::from_be_bytes(*rest.as_array::<8>()?));
        let started = UNIX_EPOCH.checked_add(started)?;
        Some(Self::taken(ClaimHash(*claim), u32::from_be_bytes(*starts), started))
    }
}

/// The strong entity tag of a 200 (RFC 9110 section 8.8.3), which nobody has but its receiver:
/// `"<use>.<secret>"`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResumeTag {
    pub(super) slot: u32,
    pub(super) secret: [u8; 16],
}

impl ResumeTag {
    /// Reads a tag, quotes included. None: it is weak, or not exactly what was sent.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
        let (slot, secret) = inner.split_once('.')?;
        let slot = slot.parse().ok()?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        // Numbers have other forms, such as `+1` and `01`. Two texts are never one tag.
        Some(Self { slot, secret }).filter(|read| read.to_string() == tag)
    }
}

impl fmt::Display for ResumeTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}.{}\"", self.slot, URL_SAFE_NO_PAD.encode(self.secret))
    }
}

impl fmt::Debug for ResumeTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}.***\"", self.slot)
    }
}
