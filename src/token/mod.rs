//! Tokens that the gateway makes itself, and the ledger of their uses.
//!
//! Every one is sealed (PASETO v4.local): opaque to whoever holds it, and good without being looked
//! up anywhere. What a store knows of is uses only ([`ledger`]). So a token that is forged, expired
//! or of another purpose never reaches the store.
//!
//! | purpose | made by | holds |
//! |---|---|---|
//! | [`DownloadToken`] | whoever may issue | one object, for some uses |
//! | [`Confirmation`] | the button of the page that asks first | that it was pressed, for a minute |
//! | [`Ticket`] | a redirect to the gateway itself | one grant for one path, for half a minute |

mod claims;
mod confirmation;
mod download;
mod keys;
pub mod ledger;
mod random;
mod redaction;
#[cfg(test)]
mod tests;
pub mod ticket;

pub use confirmation::Confirmation;
pub use download::{DownloadToken, Facts, TokenId};
pub use keys::{Key, Keys, Purpose};
pub(crate) use random::sixteen_bytes;
pub use redaction::loggable;
pub use ticket::Ticket;

/// What a client sent as a token. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedText(String);

impl SealedText {
    /// Text of a request.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SealedText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}
