//! Pauses between attempts: longer after each failure, and not the same in every process.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// The pause after the `failures`th failure in a row: `first`, and twice as long each time, up to
/// `longest`.
pub(crate) fn doubled(failures: u32, first: Duration, longest: Duration) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest)
}

/// Where in the span of a pause a process is, so that many processes do not ask at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread(pub(crate) u8);

impl Spread {
    /// Anywhere. The standard library's hash keys are random, which is all that is needed.
    pub(crate) fn random() -> Self {
        Self(RandomState::new().hash_one(0).to_be_bytes()[0])
    }

    /// Between half and all of a time.
    pub(crate) fn over(self, time: Duration) -> Duration {
        time / 2 + time / 2 * u32::from(self.0) / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let second = Duration::from_secs(1);
        let pause = |failures| doubled(failures, second, 15 * second).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 5, 6, u32::MAX].map(pause), [1, 1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(doubled(5, 2 * second, second), second, "the limit decides");
    }

    #[test]
    fn they_are_spread_over_their_second_half() {
        let minute = Duration::from_secs(60);
        assert_eq!(Spread(0).over(minute), minute / 2);
        assert_eq!(Spread(255).over(minute), minute);
        let are_low: Vec<_> = (0..100).map(|_| Spread::random().0 < 128).collect();
        assert!(are_low.contains(&true) && are_low.contains(&false));
    }
}
