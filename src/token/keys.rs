//! Keys that seal and open.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pasetors::Local;
use pasetors::keys::SymmetricKey;
use pasetors::paserk::{FormatAsPaserk as _, Id};
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};

use crate::error::Error;

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 8192;

const PASERK: &str = "k4.local.";

/// What everything that is sealed begins with (PASETO, "Version 4").
pub(super) const HEADER: &str = "v4.local.";

/// What a sealed text is for. One that was sealed for something else does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An answer that is kept for whoever asks again with the same `Idempotency-Key`.
    Answer,
    /// See [`Confirmation`](super::Confirmation).
    Confirmation,
    /// See [`DownloadToken`](super::DownloadToken).
    Download,
    /// See [`Ticket`](super::Ticket).
    Ticket,
}

impl Purpose {
    /// The implicit assertion (PASETO, "Version 4"): authenticated, and not in the text.
    const fn assertion(self) -> &'static [u8] {
        match self {
            Self::Answer => b"casgate/answer",
            Self::Confirmation => b"casgate/confirmation",
            Self::Download => b"casgate/download",
            Self::Ticket => b"casgate/ticket",
        }
    }
}

/// One key with its name.
pub struct Key {
    secret: SymmetricKey<V4>,
    /// `{"kid":"k4.lid...."}`: the name follows from the key (PASERK, "lid").
    footer: String,
}

impl Key {
    /// Reads 32 bytes in base64, with either alphabet, or a PASERK `k4.local.`.
    ///
    /// # Errors
    /// Says what is wrong, never what was given.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let encoded = text.trim().strip_prefix(PASERK).unwrap_or(text.trim());
        let alphabet = match encoded.contains(['-', '_']) {
            true => &alphabet::URL_SAFE,
            false => &alphabet::STANDARD,
        };
        let padding = DecodePaddingMode::Indifferent;
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding);
        let bytes = GeneralPurpose::new(alphabet, config).decode(encoded);
        let bytes = bytes.map_err(|_| "a key is base64, or begins with k4.local.")?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err("a key of equal bytes is no secret");
        }
        let secret = SymmetricKey::from(&bytes).map_err(|_| "a key has 32 bytes")?;
        let mut id = String::new();
        Id::from(&secret).fmt(&mut id).map_err(|_| "the key has no name")?;
        let footer = format!("{{\"kid\":\"{id}\"}}");
        Ok(Self { secret, footer })
    }

    fn is_named_by(&self, footer: &[u8]) -> bool {
        footer == self.footer.as_bytes()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.footer)
    }
}

/// All keys: the first seals, each opens what it sealed. So a new key is added at the end first, on
/// all replicas, and moved to the front then.
#[derive(Debug)]
pub struct Keys {
    first: Key,
    others: Vec<Key>,
}

impl Keys {
    /// The keys in their order.
    #[must_use]
    pub const fn new(first: Key, others: Vec<Key>) -> Self {
        Self { first, others }
    }

    /// Seals a message.
    ///
    /// # Errors
    /// The system has no random bytes, or the text would be longer than what is opened.
    pub fn seal(&self, purpose: Purpose, message: &[u8]) -> Result<String, Error> {
        let Key { secret, footer } = &self.first;
        let footer = Some(footer.as_bytes());
        let sealed = LocalToken::encrypt(secret, message, footer, Some(purpose.assertion()));
        let sealed = sealed.map_err(|_| Error::Internal("a token cannot be sealed".into()))?;
        if sealed.len() > TOKEN_BYTES_MAX {
            return Err(Error::Internal("a token would be too long".into()));
        }
        Ok(sealed)
    }

    /// What was sealed. None: not by one of the keys, or not for this purpose.
    #[must_use]
    pub fn open(&self, purpose: Purpose, text: &str) -> Option<Vec<u8>> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let untrusted = UntrustedToken::<Local, V4>::try_from(text).ok()?;
        let footer = untrusted.untrusted_footer();
        let mut keys = std::iter::once(&self.first).chain(&self.others);
        let Key { secret, footer } = keys.find(|key| key.is_named_by(footer))?;
        let (footer, assertion) = (Some(footer.as_bytes()), Some(purpose.assertion()));
        let opened = LocalToken::decrypt(secret, &untrusted, footer, assertion).ok()?;
        Some(opened.payload().as_bytes().to_vec())
    }
}
