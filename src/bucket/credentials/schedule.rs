//! When to ask for credentials: arithmetic of times, nothing else.

use std::time::{Duration, SystemTime};

use crate::backoff::{self, Spread};

/// How long before their end credentials are replaced at the earliest. The services hand out the
/// next ones some minutes ahead (AWS, "Retrieve security credentials from instance metadata": at
/// least five).
const AHEAD_MAX: Duration = Duration::from_secs(10 * 60);

/// After how long credentials without an end are looked up again: nobody announces a new key in a
/// file, and whoever gets a presigned URL of an old one cannot tell us.
const RECHECK: Duration = Duration::from_secs(15 * 60);

/// Pauses after a failure, from the first to the longest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// The longest pause after an answer that had nothing new.
const UNCHANGED_PAUSE_MAX: Duration = Duration::from_secs(30);

/// When credentials that came at `fetched` are to be replaced: at a random moment between five and
/// ten minutes before their end, so that many processes do not ask at once, and with short lives
/// in their last quarter.
pub(super) fn refresh_at(
    fetched: SystemTime,
    life: Option<Duration>,
    spread: Spread,
) -> SystemTime {
    let wait = match life {
        None => spread.over(RECHECK),
        Some(life) => life - spread.over(AHEAD_MAX).min(life / 4),
    };
    fetched + wait
}

/// The pause after the `failures`th failure in a row.
pub(super) fn pause_after_failure(failures: u32, spread: Spread) -> Duration {
    spread.over(backoff::doubled(failures, PAUSE_MIN, PAUSE_MAX)).max(PAUSE_MIN)
}

/// The pause after an answer with the credentials that are there already. It gets shorter with
/// their life, so that their end does not fall into it.
pub(super) fn pause_unchanged(life: Option<Duration>) -> Duration {
    life.map_or(RECHECK, |life| (life / 4).clamp(PAUSE_MIN, UNCHANGED_PAUSE_MAX))
}

/// How much of a pause is left at `now`. None is where the clock was set back to before it began:
/// then there is no telling how long ago that was.
pub(super) fn remaining(began: SystemTime, pause: Duration, now: SystemTime) -> Duration {
    now.duration_since(began).map_or(Duration::ZERO, |passed| pause.saturating_sub(passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refreshes_are_ahead_and_spread() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (life, spread, expected) in [
            (Some(3600), 0, 3600 - 300),
            (Some(3600), 255, 3600 - 600),
            (Some(900), 255, 900 - 225),
            (Some(4), 255, 3),
            (Some(0), 255, 0),
            (None, 0, 450),
            (None, 255, 900),
        ] {
            let life = life.map(Duration::from_secs);
            let at = refresh_at(start, life, Spread(spread));
            assert_eq!(at, start + Duration::from_secs(expected), "{life:?} {spread}");
        }
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let pause = |failures| pause_after_failure(failures, Spread(255)).as_secs();
        assert_eq!([1, 2, 5, u32::MAX].map(pause), [1, 2, 15, 15]);
        assert_eq!(pause_after_failure(1, Spread(0)), PAUSE_MIN);
        let unchanged = |life| pause_unchanged(Some(Duration::from_secs(life))).as_secs();
        assert_eq!([0, 8, 60, 3600].map(unchanged), [1, 2, 15, 30]);
    }

    #[test]
    fn a_clock_that_was_set_back_ends_a_pause() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let second = Duration::from_secs(1);
        assert_eq!(remaining(start, 5 * second, start + second), 4 * second);
        assert_eq!(remaining(start, 5 * second, start + 6 * second), Duration::ZERO);
        assert_eq!(remaining(start, 5 * second, start - second), Duration::ZERO);
    }
}
