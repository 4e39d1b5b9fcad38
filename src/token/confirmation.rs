use std::time::{Duration, SystemTime};

use super::{Keys, Purpose, TokenId};
use crate::error::Error;

/// How long the button's answer is good for.
const LIFE: Duration = Duration::from_secs(60);

/// Proof that somebody pressed the button for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation(());

impl Confirmation {
    /// Seals that it was pressed for this token at `now`.
    ///
    /// # Errors
    /// As [`Keys::seal`].
    pub fn seal(keys: &Keys, token: TokenId, now: SystemTime) -> Result<String, Error> {
        let end = seconds(now + LIFE);
        keys.seal(Purpose::Confirmation, format!("{token} {end}").as_bytes())
    }

    /// Whether it was pressed for this token, a short time ago.
    #[must_use]
    pub fn open(keys: &Keys, text: &str, token: TokenId, now: SystemTime) -> Option<Self> {
        let message = String::from_utf8(keys.open(Purpose::Confirmation, text)?).ok()?;
        let (id, end) = message.split_once(' ')?;
        let is_good = id == token.to_string() && seconds(now) <= end.parse::<u64>().ok()?;
        is_good.then_some(Self(()))
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
