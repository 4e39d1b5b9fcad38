//! Tokens for wallets (PollinationX, "Authenticate user"): what a wallet has to show for them, and
//! what they say.
//!
//! A wallet shows that it signed a nonce. That nobody else shows the same signature again is up to
//! whoever keeps the books of nonces: [`Wallets::judge`] says under which name, and only what it
//! returns opens [`Wallets::tokens`].

mod challenge;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::Issuer;
use super::wallet::{self, Signature, WalletAddress};
use crate::content::digest::Sha256Digest;
use crate::error::Error;

pub use challenge::Challenge;

/// The longest nonce, in bytes.
const NONCE_BYTES_MAX: usize = 1024;

/// The most decimal digits of a number of 256 bits.
const TOKEN_ID_DIGITS_MAX: usize = 78;

/// The wallets that have storage, and how they get tokens for it.
#[derive(Debug)]
pub struct Wallets {
    issuer: Arc<Issuer>,
    endpoint: String,
    chains: Vec<String>,
    ttl: Duration,
    issues_nonces: bool,
    storages: HashMap<WalletAddress, Vec<Storage>>,
}

/// A storage, by the token on a chain that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    contract: WalletAddress,
    token_id: String,
}

/// The settings of a sign-in make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalletProblem {
    /// The issuer's tokens cannot be made here.
    #[error("tokens are made in the name of an issuer with `keys: {{ hs256: ... }}` only")]
    CannotSign,
    /// No sign-in could ever be good.
    #[error("without a chain nobody could ever sign in")]
    NoChain,
    /// A token would end before it is used, or outlive what it stands for.
    #[error("a token is good for whole seconds, from 1s to 7days")]
    Ttl,
    /// The number of a token is not one.
    #[error("token_id has 1 to 78 decimal digits, without zeros before them")]
    TokenId,
    /// A wallet has the same storage twice.
    #[error("the wallet has this storage already")]
    Twice,
}

/// What a client sends to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// The wallet that it says it has.
    pub wallet: &'r str,
    /// The chain that it is of.
    pub chain: &'r str,
    /// What was signed.
    pub nonce: &'r str,
    /// By whom.
    pub signature: &'r str,
}

/// Somebody who signed, before it is known whether the nonce is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    wallet: WalletAddress,
    proof: Proof,
}

/// By which a nonce is known to the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The client chose it: nobody may have used it before.
    Chosen(Sha256Digest),
    /// It says that it was issued here: it has to be in the books, unused.
    Issued(Sha256Digest, SystemTime),
}

/// Why there are no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The chain is none of ours.
    #[error("the chain is not supported")]
    Chain,
    /// A parameter has not the form of one; the text says which.
    #[error("{0}")]
    Malformed(&'static str),
    /// The signature is not one of the wallet's for the nonce.
    #[error("{0}")]
    Signature(&'static str),
    /// The nonce was not issued here, or its time is over, or it was used.
    #[error("{0}")]
    Nonce(&'static str),
}

/// A token for a storage.
#[derive(Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The contract of the storage's token.
    pub contract: WalletAddress,
    /// The number of that token.
    pub token_id: String,
    /// The JWT. It is a credential, and never logged.
    pub jwt: String,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { contract, token_id, jwt: _ } = self;
        write!(formatter, "NewToken({contract}, {token_id}, ***)")
    }
}

impl Storage {
    /// The storage of the token with this number, in decimal digits, of a contract.
    ///
    /// # Errors
    /// [`WalletProblem::TokenId`].
    pub fn new(contract: WalletAddress, token_id: String) -> Result<Self, WalletProblem> {
        let is_number = !token_id.is_empty()
            && token_id.len() <= TOKEN_ID_DIGITS_MAX
            && token_id.bytes().all(|byte| byte.is_ascii_digit())
            && (token_id == "0" || !token_id.starts_with('0'));
        if !is_number {
            return Err(WalletProblem::TokenId);
        }
        Ok(Self { contract, token_id })
    }
}

impl Wallets {
    /// No wallets yet, and tokens of this issuer for them, good for `ttl` at `endpoint`. With
    /// `issues_nonces`, only what was issued here may be signed.
    ///
    /// # Errors
    /// See [`WalletProblem`].
    pub fn new(
        issuer: Arc<Issuer>,
        endpoint: String,
        chains: Vec<String>,
        ttl: Duration,
        issues_nonces: bool,
    ) -> Result<Self, WalletProblem> {
        const TTL_MAX: Duration = Duration::from_secs(7 * 86_400);
        if !issuer.may_be_spoken_for() {
            return Err(WalletProblem::CannotSign);
        }
        if chains.is_empty() {
            return Err(WalletProblem::NoChain);
        }
        if ttl.is_zero() || ttl > TTL_MAX || ttl.subsec_nanos() != 0 {
            return Err(WalletProblem::Ttl);
        }
        let storages = HashMap::new();
        Ok(Self { issuer, endpoint, chains, ttl, issues_nonces, storages })
    }

    /// Gives a wallet one more storage.
    ///
    /// # Errors
    /// [`WalletProblem::Twice`].
    pub fn add(&mut self, wallet: WalletAddress, storage: Storage) -> Result<(), WalletProblem> {
        let storages = self.storages.entry(wallet).or_default();
        if storages.contains(&storage) {
            return Err(WalletProblem::Twice);
        }
        storages.push(storage);
        Ok(())
    }

    /// Where tokens are good, for clients.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether only what was issued here may be signed.
    #[must_use]
    pub const fn issues_nonces(&self) -> bool {
        self.issues_nonces
    }

    /// Whether a wallet has any storage. What one without signs is worth nothing, so that nobody has
    /// to keep books of it.
    #[must_use]
    pub fn knows(&self, wallet: &WalletAddress) -> bool {
        self.storages.contains_key(wallet)
    }

    /// What a wallet may sign until it is too late, made of 16 random bytes.
    ///
    /// # Errors
    /// [`Denied::Malformed`]: it is no wallet.
    pub fn challenge(
        &self,
        wallet: &str,
        random: [u8; 16],
        now: SystemTime,
    ) -> Result<Challenge, Denied> {
        let wallet = parse_wallet(wallet)?;
        Ok(Challenge::new(wallet, &self.endpoint, random, now))
    }

    /// Whether the wallet signed what it has to sign. That it is the first time is not known yet.
    ///
    /// # Errors
    /// See [`Denied`]. The chain comes first, then the form of everything.
    pub fn judge(&self, asked: &Asked<'_>, now: SystemTime) -> Result<Candidate, Denied> {
        if !self.chains.iter().any(|chain| chain.eq_ignore_ascii_case(asked.chain)) {
            return Err(Denied::Chain);
        }
        let wallet = parse_wallet(asked.wallet)?;
        if asked.nonce.is_empty() || asked.nonce.len() > NONCE_BYTES_MAX {
            return Err(Denied::Malformed("a nonce has 1 to 1024 bytes"));
        }
        let wrong = Denied::Signature("the signature is not one of the wallet's for the nonce");
        let signature = Signature::parse(asked.signature).map_err(|_| wrong)?;
        match wallet::recover(asked.nonce.as_bytes(), &signature) {
            Ok(signer) if signer == wallet => {}
            Ok(_) | Err(_) => return Err(wrong),
        }
        let proof = match self.issues_nonces {
            true => Challenge::read(asked.nonce, wallet, &self.endpoint, now)?.proof(),
            false => Proof::Chosen(nonce_name(&wallet, asked.nonce)),
        };
        Ok(Candidate { wallet, proof })
    }

    /// One token for each of the wallet's storages.
    ///
    /// # Errors
    /// A defect of ours.
    pub fn tokens(&self, of: &Candidate, now: SystemTime) -> Result<Vec<NewToken>, Error> {
        let storages = self.storages.get(&of.wallet).map_or(&[][..], Vec::as_slice);
        storages.iter().map(|storage| self.token(&of.wallet, storage, now)).collect()
    }

    fn token(
        &self,
        wallet: &WalletAddress,
        storage: &Storage,
        now: SystemTime,
    ) -> Result<NewToken, Error> {
        let Storage { contract, token_id } = storage;
        let claims = [
            ("address", wallet.to_string()),
            ("tokenId", token_id.clone()),
            ("tokenSmartContract", contract.to_string()),
        ];
        let claims: Map<String, Value> =
            claims.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let jwt = self.issuer.mint(claims, self.ttl, now)?;
        Ok(NewToken { contract: *contract, token_id: token_id.clone(), jwt })
    }
}

impl Candidate {
    /// Whose signature it is.
    #[must_use]
    pub const fn wallet(&self) -> &WalletAddress {
        &self.wallet
    }

    /// What the books have to say to.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }
}

fn parse_wallet(text: &str) -> Result<WalletAddress, Denied> {
    WalletAddress::parse(text).map_err(|_| Denied::Malformed("the wallet is no address"))
}

/// The name of a nonce of a wallet. An address has one length, so that no two are given the same.
fn nonce_name(wallet: &WalletAddress, nonce: &str) -> Sha256Digest {
    Sha256Digest::of(&[wallet.as_bytes(), nonce.as_bytes()].concat())
}
