//! What files hash to.

use std::fs::File;
use std::io::{self, Read as _};

use sha2::{Digest as _, Sha256, Sha512};

use super::progress::Progress;
use crate::content::digests::AnyDigest;

/// How much of a file is read at once, in bytes.
const READ_BYTES: usize = 1024 * 1024;

/// What bytes hash to, by the two algorithms that people name content by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Hashes {
    /// By SHA-256.
    pub(in crate::cli) sha256: AnyDigest,
    /// By SHA-512.
    pub(in crate::cli) sha512: AnyDigest,
}

/// What bytes hash to so far.
#[derive(Default)]
pub(super) struct Hasher {
    sha256: Sha256,
    sha512: Sha512,
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.sha512.update(bytes);
    }

    pub(super) fn finish(self) -> Hashes {
        let sha256 = <[u8; 32]>::from(self.sha256.finalize());
        Hashes {
            sha256: AnyDigest::Sha256(sha256.into()),
            sha512: AnyDigest::Sha512(self.sha512.finalize().into()),
        }
    }

    /// Hashes a file from where it is read next to its end, and counts the bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn read(&mut self, file: &mut File, progress: &Progress) -> io::Result<u64> {
        let mut buffer = vec![0; READ_BYTES];
        let mut size = 0;
        loop {
            let length = match file.read(&mut buffer) {
                Ok(0) => return Ok(size),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.update(&buffer[..length]);
            size += length as u64;
            progress.advance(length as u64);
        }
    }
}
