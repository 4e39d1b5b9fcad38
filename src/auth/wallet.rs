//! Wallets of Ethereum and its kin, and the messages they sign.
//!
//! A wallet signs a message as EIP-191 version 0x45 (`personal_sign`) says, so that no message is a
//! transaction. Who signed it is computed from the signature (SEC 1 section 4.1.6) and compared
//! with who says so.

use std::fmt;

use k256::ecdsa::{RecoveryId, VerifyingKey};
use sha3::{Digest as _, Keccak256};

const ADDRESS_BYTES: usize = 20;
const SIGNATURE_BYTES: usize = 65;

/// What EIP-191 puts before a message and its length.
const PREFIX: &str = "\x19Ethereum Signed Message:\n";

/// The address of a wallet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WalletAddress([u8; ADDRESS_BYTES]);

/// The text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// It is not `0x` and 40 hexadecimal digits.
    #[error("expected 0x and 40 hexadecimal digits")]
    Form,
    /// Its letters are of both cases, and not as EIP-55 has them: a digit is wrong.
    #[error("the case of its letters is not what EIP-55 makes of the address")]
    Checksum,
}

impl WalletAddress {
    /// Parses `0x` and 40 hexadecimal digits. Where letters are of both cases, the case is a checksum
    /// (EIP-55) that has to be right.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let bytes = hex_bytes(text).ok_or(InvalidAddress::Form)?;
        let address = Self(bytes);
        let digits = &text[2..];
        let is_mixed = digits.bytes().any(|digit| digit.is_ascii_lowercase())
            && digits.bytes().any(|digit| digit.is_ascii_uppercase());
        if is_mixed && address.checksummed() != digits {
            return Err(InvalidAddress::Checksum);
        }
        Ok(address)
    }

    /// The raw address.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ADDRESS_BYTES] {
        &self.0
    }

    /// The last 20 bytes of the hash of the point, without the byte that says that it is written
    /// uncompressed (Yellow Paper, appendix F).
    fn of_key(key: &VerifyingKey) -> Option<Self> {
        let point = key.to_sec1_point(false);
        let hash = Keccak256::digest(point.as_bytes().get(1..)?);
        hash.last_chunk().copied().map(Self)
    }

    /// The digits, those letters in upper case over which the hash of the digits has 8 or more
    /// (EIP-55).
    fn checksummed(&self) -> String {
        let digits = hex_digits(&self.0);
        let hash = hex_digits(&Keccak256::digest(digits.as_bytes()));
        let pairs = digits.chars().zip(hash.chars());
        pairs
            .map(|(digit, over)| if over >= '8' { digit.to_ascii_uppercase() } else { digit })
            .collect()
    }
}

impl fmt::Display for WalletAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "0x{}", hex_digits(&self.0))
    }
}

impl fmt::Debug for WalletAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A signature that says which of the possible keys made it.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    scalars: k256::ecdsa::Signature,
    recovery: RecoveryId,
}

/// The text is no signature, or not the one form of it that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    /// It is not `0x` and 130 hexadecimal digits.
    #[error("expected 0x and 130 hexadecimal digits")]
    Form,
    /// A number in it is zero, or not below the order of the curve.
    #[error("r or s is zero or too large")]
    Scalars,
    /// The other of the two signatures that everybody can make of each (EIP-2).
    #[error("s is in the upper half of its range")]
    HighS,
    /// The last byte is none of 0, 1, 27 and 28.
    #[error("v is none of 0, 1, 27 and 28")]
    Recovery,
}

/// No key can have made the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key made the signature")]
pub struct NoSigner;

impl Signature {
    /// Parses `0x` and the hexadecimal digits of r, s and v, as `personal_sign` gives them.
    ///
    /// # Errors
    /// See [`InvalidSignature`].
    pub fn parse(text: &str) -> Result<Self, InvalidSignature> {
        let bytes: [u8; SIGNATURE_BYTES] = hex_bytes(text).ok_or(InvalidSignature::Form)?;
        let [scalars @ .., v] = &bytes;
        let scalars =
            k256::ecdsa::Signature::from_slice(scalars).map_err(|_| InvalidSignature::Scalars)?;
        if scalars.normalize_s() != scalars {
            return Err(InvalidSignature::HighS);
        }
        // What the bit for a reduced x would say has no form here: 2 and 3 are not used.
        let is_odd = match v {
            0 | 27 => false,
            1 | 28 => true,
            _ => return Err(InvalidSignature::Recovery),
        };
        Ok(Self { scalars, recovery: RecoveryId::new(is_odd, false) })
    }
}

/// A signature is a credential until its nonce is used.
impl fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Signature(***)")
    }
}

/// The wallet that signed a message with `personal_sign`.
///
/// # Errors
/// There is none.
pub fn recover(message: &[u8], signature: &Signature) -> Result<WalletAddress, NoSigner> {
    let hash = Keccak256::new_with_prefix(PREFIX)
        .chain_update(message.len().to_string())
        .chain_update(message)
        .finalize();
    let Signature { scalars, recovery } = signature;
    let key = VerifyingKey::recover_from_prehash(&hash, scalars, *recovery);
    key.ok().and_then(|key| WalletAddress::of_key(&key)).ok_or(NoSigner)
}

/// The bytes of `0x` and twice as many hexadecimal digits, in any case.
fn hex_bytes<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    if digits.len() != 2 * LENGTH {
        return None;
    }
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

fn hex_digits(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests;
