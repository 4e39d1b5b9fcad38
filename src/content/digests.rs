//! What bytes hash to, by the algorithms that clients look them up by.

use std::fmt;

use super::digest::Sha256Digest;

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-1, which tells no forged bytes from others.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// What bytes hash to by one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnyDigest {
    /// By SHA-1.
    Sha1([u8; 20]),
    /// By SHA-256.
    Sha256(Sha256Digest),
    /// By SHA-512.
    Sha512([u8; 64]),
}

/// What bytes hash to by all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digests {
    /// By SHA-1.
    pub sha1: [u8; 20],
    /// By SHA-256.
    pub sha256: Sha256Digest,
    /// By SHA-512.
    pub sha512: [u8; 64],
}

/// The text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 40 (SHA-1), 64 (SHA-256) or 128 (SHA-512) hexadecimal digits")]
pub struct InvalidDigest;

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// Its name, in lower case and without a dash.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

impl AnyDigest {
    /// Reads hexadecimal digits of either case.
    ///
    /// # Errors
    /// They are not as many as the algorithm has, or no digits.
    pub fn parse_hex(algorithm: Algorithm, text: &str) -> Result<Self, InvalidDigest> {
        Ok(match algorithm {
            Algorithm::Sha1 => Self::Sha1(bytes_of_hex(text)?),
            Algorithm::Sha256 => Self::Sha256(bytes_of_hex::<32>(text)?.into()),
            Algorithm::Sha512 => Self::Sha512(bytes_of_hex(text)?),
        })
    }

    /// Takes the bytes of a digest.
    ///
    /// # Errors
    /// They are not as many as the algorithm has.
    pub fn of_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, InvalidDigest> {
        let invalid = |_| InvalidDigest;
        Ok(match algorithm {
            Algorithm::Sha1 => Self::Sha1(bytes.try_into().map_err(invalid)?),
            Algorithm::Sha256 => Self::Sha256(<[u8; 32]>::try_from(bytes).map_err(invalid)?.into()),
            Algorithm::Sha512 => Self::Sha512(bytes.try_into().map_err(invalid)?),
        })
    }

    /// By which algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha1(_) => Algorithm::Sha1,
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(digest) => digest.as_bytes(),
            Self::Sha512(bytes) => bytes,
        }
    }
}

/// Hexadecimal digits, in lower case.
impl fmt::Display for AnyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl Digests {
    /// The one by this algorithm.
    #[must_use]
    pub const fn by(&self, algorithm: Algorithm) -> AnyDigest {
        match algorithm {
            Algorithm::Sha1 => AnyDigest::Sha1(self.sha1),
            Algorithm::Sha256 => AnyDigest::Sha256(self.sha256),
            Algorithm::Sha512 => AnyDigest::Sha512(self.sha512),
        }
    }
}

fn bytes_of_hex<const LENGTH: usize>(text: &str) -> Result<[u8; LENGTH], InvalidDigest> {
    let mut bytes = [0; LENGTH];
    if text.len() != 2 * LENGTH {
        return Err(InvalidDigest);
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(InvalidDigest);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_in_either_case() {
        for (algorithm, digits) in
            [(Algorithm::Sha1, 40), (Algorithm::Sha256, 64), (Algorithm::Sha512, 128)]
        {
            let text = "0aF9".repeat(digits / 4);
            let digest = AnyDigest::parse_hex(algorithm, &text).unwrap();
            assert_eq!(digest.to_string(), text.to_lowercase());
            assert_eq!(digest.algorithm(), algorithm);
            assert_eq!(AnyDigest::of_bytes(algorithm, digest.as_bytes()), Ok(digest));
            for wrong in [&text[1..], &text.replace('F', "g"), ""] {
                assert_eq!(AnyDigest::parse_hex(algorithm, wrong), Err(InvalidDigest), "{wrong}");
            }
        }
    }
}
