use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The name of a register, and the time after which it never holds anything.
///
/// Both belong to the name: whoever asks for a register gives the same end. A store that cannot
/// forget by itself finds by it what it may delete, without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StateKey {
    text: String,
    /// In hours since 1970, rounded up.
    end_hour: u64,
}

const HOUR_SECONDS: u64 = 3600;

impl StateKey {
    /// The register `name` among those of a kind. Both are ours, never a client's: letters, digits,
    /// `-` and `_`, and in `name` slashes.
    #[must_use]
    pub fn new(kind: &'static str, name: &str, end: SystemTime) -> Self {
        let seconds = end.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = seconds.as_secs() + u64::from(seconds.subsec_nanos() > 0);
        let mut text = String::with_capacity(kind.len() + 1 + name.len());
        let _ = write!(text, "{kind}/{name}");
        Self { text, end_hour: seconds.div_ceil(HOUR_SECONDS) }
    }

    /// Kind and name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The hour since 1970 from whose beginning on the register is empty for ever.
    #[must_use]
    pub const fn end_hour(&self) -> u64 {
        self.end_hour
    }

    /// The same as a time.
    #[must_use]
    pub fn end(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.end_hour * HOUR_SECONDS)
    }
}
