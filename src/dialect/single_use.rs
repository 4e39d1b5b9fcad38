//! Single-use tokens, in words no protocol owns.

use std::time::{Duration, SystemTime};

use crate::bucket::object::ObjectHead;
use crate::content::ContentId;
use crate::content::digest::Sha256Digest;
use crate::content::filename::Filename;
use crate::reply::Portion;
use crate::token::ledger::{ResumeTag, Standing};
use crate::token::{Facts, SealedText};

/// What a single-use token is to be made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The content.
    pub content: ContentId,
    /// The name to save it under, instead of the object's own.
    pub filename: Option<Filename>,
    /// Its type, instead of the object's own.
    pub content_type: Option<String>,
    /// How long the token is good for.
    pub ttl: Option<Duration>,
    /// How often.
    pub uses: Option<u32>,
    /// Whether a download that broke off may go on.
    pub resumable: bool,
    /// Whether people have to press a button first.
    pub confirm: bool,
    /// Whether an object that does not exist is an error now.
    pub must_exist: bool,
    /// By what another order is told from this one.
    pub fingerprint: Sha256Digest,
}

/// What is asked about a single-use token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCall {
    /// The token, as the client sent it.
    pub token: SealedText,
    /// What is asked.
    pub action: TokenAction,
}

/// What can be asked about a single-use token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAction {
    /// The bytes, with the proof that somebody pressed the button, if it was sent.
    Redeem(Option<SealedText>),
    /// The same without the bytes and without taking a use.
    Inspect,
    /// The button was pressed.
    Confirm,
    /// It is taken back.
    Revoke,
    /// What has become of it.
    Status,
}

/// What became of a call about a single-use token.
#[derive(Clone, Copy, Debug)]
pub enum TokenOutcome<'a> {
    /// It was made.
    Issued {
        /// Its text.
        token: &'a str,
        /// Its last second.
        expires: SystemTime,
    },
    /// The object, or part of it; its bytes follow unless the call only describes it.
    Offered(Offer<'a>),
    /// The object, for which somebody has to press a button first.
    ToConfirm(Offer<'a>),
    /// The button was pressed; the text says so to [`TokenAction::Redeem`].
    Confirmed(&'a str),
    /// It was taken back.
    Revoked,
    /// How it stands.
    Status(TokenStatus<'a>),
}

/// What a single-use token gives.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// What was promised.
    pub facts: &'a Facts,
    /// The object.
    pub object: &'a ObjectHead,
    /// The part of it.
    pub portion: Portion,
    /// By what the receiver can go on after a cut. None: not at all.
    pub tag: Option<&'a ResumeTag>,
}

/// What has become of a single-use token.
#[derive(Clone, Copy, Debug)]
pub struct TokenStatus<'a> {
    /// What was promised.
    pub facts: &'a Facts,
    /// Whether it can be used.
    pub standing: Standing,
    /// Whether its time is over.
    pub has_expired: bool,
}
