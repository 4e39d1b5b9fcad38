//! Nonces that are issued here. A wallet shows to its owner what it signs, so they say what for:
//!
//! ```text
//! Sign in to https://storage.example/api/v1
//! with the wallet 0x2c7536e3605d9c16a7a3d7b1898e529396a65c23
//! before 2027-01-15T08:05:00Z.
//! Nonce: 00112233445566778899aabbccddeeff
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Denied, Proof, nonce_name};
use crate::auth::wallet::WalletAddress;
use crate::content::digest::Sha256Digest;

/// How long a nonce can be used.
const LIFE: Duration = Duration::from_secs(300);

/// How far the clocks of two replicas are apart at most.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(300);

/// What a wallet is asked to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    text: String,
    wallet: WalletAddress,
    end: SystemTime,
}

impl Challenge {
    pub(super) fn new(
        wallet: WalletAddress,
        endpoint: &str,
        random: [u8; 16],
        now: SystemTime,
    ) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let end = UNIX_EPOCH + Duration::from_secs(now.as_secs()) + LIFE;
        let random = u128::from_be_bytes(random);
        Self { text: text(&wallet, endpoint, end, random), wallet, end }
    }

    /// Reads what a client signed. A good one may have been made up by the client: only the books know
    /// what was issued.
    pub(super) fn read(
        text_read: &str,
        wallet: WalletAddress,
        endpoint: &str,
        now: SystemTime,
    ) -> Result<Self, Denied> {
        let foreign = Denied::Nonce("the nonce was not issued here for the wallet");
        let rest = text_read.split_once("\nbefore ").ok_or(foreign)?.1;
        let (end, random) = rest.split_once(".\nNonce: ").ok_or(foreign)?;
        let end = humantime::parse_rfc3339(end).map_err(|_| foreign)?;
        let random = u128::from_str_radix(random, 16).map_err(|_| foreign)?;
        // Nobody issues one for so late, so there is no need to look for it.
        if end > now + LIFE + CLOCKS_DIFFER_MAX {
            return Err(foreign);
        }
        // Times and numbers have other forms. What was issued has this one.
        if text(&wallet, endpoint, end, random) != text_read {
            return Err(foreign);
        }
        if now >= end {
            return Err(Denied::Nonce("the nonce's time is over"));
        }
        Ok(Self { text: text_read.to_owned(), wallet, end })
    }

    /// One of a wallet of its own, for tests of the books.
    #[cfg(test)]
    pub(crate) fn for_test(now: SystemTime) -> Self {
        let wallet = WalletAddress::parse(&format!("0x{:040x}", 7)).unwrap();
        Self::new(wallet, "https://storage.example/api/v1", [7; 16], now)
    }

    /// The text to sign.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// From when on it cannot be used.
    #[must_use]
    pub const fn end(&self) -> SystemTime {
        self.end
    }

    /// Who is to sign it.
    #[must_use]
    pub const fn wallet(&self) -> &WalletAddress {
        &self.wallet
    }

    /// Its name in the books.
    #[must_use]
    pub fn name(&self) -> Sha256Digest {
        nonce_name(&self.wallet, &self.text)
    }

    pub(super) fn proof(&self) -> Proof {
        Proof::Issued(self.name(), self.end)
    }
}

fn text(wallet: &WalletAddress, endpoint: &str, end: SystemTime, random: u128) -> String {
    let end = humantime::format_rfc3339_seconds(end);
    format!("Sign in to {endpoint}\nwith the wallet {wallet}\nbefore {end}.\nNonce: {random:032x}")
}
