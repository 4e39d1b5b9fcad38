//! The clock of storage, where it is not ours.
//!
//! S3 refuses signatures that are more than 15 minutes off (AWS, "Error responses",
//! `RequestTimeTooSkewed`), and a presigned URL lives by storage's clock alone. So once storage has
//! said that ours is wrong, all that concerns it is reckoned by the `Date` of its answers: when a
//! request is signed, when a presigned URL begins, and when credentials end.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use http::header::{self, HeaderMap};

/// The largest offset that is believed. A `Date` farther off is as likely wrong itself.
const OFFSET_SECONDS_MAX: i64 = 7 * 24 * 3600;

/// How far off the `Date` has to be where storage says that the time is the reason. Below, it says
/// that ours is right.
const SAID_SECONDS_MIN: i64 = 60;

/// And where it only refuses. No server is known to refuse below 15 minutes.
const SUSPECTED_SECONDS_MIN: i64 = 10 * 60;

/// How far off a `Date` may be for an offset to stay as it is: it counts whole seconds and says
/// when the answer was made, not when it came.
const DRIFT_SECONDS_MAX: i64 = 30;

/// What storage's refusal says about a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Its error code names it.
    Said,
    /// It would explain the refusal, which gives no code: the answer to HEAD has no body.
    Suspected,
}

/// The difference between storage's clock and ours.
pub struct StorageClock {
    offset_seconds: AtomicI64,
    bucket: String,
}

impl StorageClock {
    /// A clock that is ours, until storage says otherwise.
    #[must_use]
    pub fn new(bucket: &str) -> Self {
        Self { offset_seconds: AtomicI64::new(0), bucket: bucket.to_owned() }
    }

    /// By how much storage's clock is ahead of ours, as far as it has said so.
    #[must_use]
    pub fn offset_seconds(&self) -> i64 {
        self.offset_seconds.load(Ordering::Relaxed)
    }

    /// What storage's clock shows when ours shows `now`.
    #[must_use]
    pub fn at(&self, now: SystemTime) -> SystemTime {
        let offset = self.offset_seconds();
        let distance = Duration::from_secs(offset.unsigned_abs());
        let shifted =
            if offset < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        shifted.unwrap_or(now)
    }

    /// Takes the time from an answer, come at `now` by our clock, that refuses what was `signed`
    /// for that time of storage's. Whether it is worth signing again.
    pub fn correct(
        &self,
        headers: &HeaderMap,
        evidence: Evidence,
        signed: SystemTime,
        now: SystemTime,
    ) -> bool {
        let Some(date) = date(headers) else { return false };
        let least = match evidence {
            Evidence::Said => SAID_SECONDS_MIN,
            Evidence::Suspected => SUSPECTED_SECONDS_MIN,
        };
        // Not by the offset of now, which the refusal of another request may have put right.
        seconds_between(signed, date).abs() >= least && self.set(date, now)
    }

    /// Follows the clock of storage with any other answer, once an offset is in force: the cause
    /// may be repaired, here or there, and what is left of an offset would be signed into URLs.
    pub fn follow(&self, headers: &HeaderMap, now: SystemTime) {
        if self.offset_seconds() == 0 {
            return;
        }
        if let Some(date) = date(headers)
            && seconds_between(self.at(now), date).abs() > DRIFT_SECONDS_MAX
        {
            self.set(date, now);
        }
    }

    /// Whether the date is near enough to be true.
    fn set(&self, date: SystemTime, now: SystemTime) -> bool {
        let offset = seconds_between(now, date);
        let bucket = &self.bucket;
        if offset.abs() > OFFSET_SECONDS_MAX {
            tracing::error!(bucket, offset, "storage's clock is too far from ours to be believed");
            return false;
        }
        // Within what it can be off by, there is none: our clock is the better one.
        let offset = if offset.abs() > DRIFT_SECONDS_MAX { offset } else { 0 };
        if self.offset_seconds.swap(offset, Ordering::Relaxed) != offset {
            let message = match offset {
                0 => "storage's clock is ours again",
                _ => "storage's clock is not ours: requests are signed by storage's",
            };
            tracing::warn!(bucket, offset_seconds = offset, "{message}");
        }
        true
    }
}

impl fmt::Debug for StorageClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset_seconds();
        formatter.debug_struct("StorageClock").field("offset_seconds", &offset).finish()
    }
}

/// The `Date` of an answer that was made now: one with an `Age` was kept by somebody for a while.
fn date(headers: &HeaderMap) -> Option<SystemTime> {
    if headers.contains_key(header::AGE) {
        return None;
    }
    httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()
}

/// From `from` to `to`, negative where that is backwards.
fn seconds_between(from: SystemTime, to: SystemTime) -> i64 {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match to.duration_since(from) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn clock() -> StorageClock {
        StorageClock::new("test")
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    fn dated(time: SystemTime) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, httpdate::fmt_http_date(time).parse().unwrap());
        headers
    }

    #[test]
    fn storage_is_believed_within_reason() {
        use Evidence::{Said, Suspected};
        let week = 7 * 24 * HOUR;
        let start = at(week + HOUR);
        for (date, evidence, corrected) in [
            (at(week + 3 * HOUR), Said, true),
            (at(week), Said, true),
            (at(HOUR), Said, true),
            (at(HOUR - 1), Said, false),
            (at(2 * week + HOUR + 1), Said, false),
            // It shows the same time as we do, so the time cannot be what it refuses.
            (at(week + HOUR + 59), Said, false),
            (at(week + HOUR + 60), Said, true),
            (at(week + HOUR + 599), Suspected, false),
            (at(week + HOUR + 600), Suspected, true),
        ] {
            let clock = clock();
            assert_eq!(clock.correct(&dated(date), evidence, start, start), corrected, "{date:?}");
            assert_eq!(clock.at(start), if corrected { date } else { start }, "{date:?}");
            let second = Duration::from_secs(1);
            assert_eq!(clock.at(start + second), clock.at(start) + second);
        }
    }

    #[test]
    fn what_was_signed_before_a_correction_is_signed_again_after_it() {
        let clock = clock();
        for _ in 0..2 {
            assert!(clock.correct(&dated(at(HOUR)), Evidence::Said, at(0), at(0)));
        }
        assert!(!clock.correct(&dated(at(HOUR)), Evidence::Said, at(HOUR), at(0)));
    }

    #[test]
    fn a_date_that_is_none_changes_nothing() {
        let mut old = dated(at(HOUR));
        old.insert(header::AGE, "3600".parse().unwrap());
        let mut nonsense = HeaderMap::new();
        nonsense.insert(header::DATE, "soon".parse().unwrap());
        for headers in [old, nonsense, HeaderMap::new()] {
            let clock = clock();
            assert!(!clock.correct(&headers, Evidence::Said, at(0), at(0)), "{headers:?}");
            assert_eq!(clock.at(at(0)), at(0));
        }
    }

    #[test]
    fn an_offset_follows_storage_and_ends() {
        let clock = clock();
        // Without an offset in force nobody looks.
        clock.follow(&dated(at(HOUR)), at(0));
        assert_eq!(clock.at(at(0)), at(0));
        clock.correct(&dated(at(HOUR)), Evidence::Said, at(0), at(0));
        clock.follow(&dated(at(HOUR + 30)), at(0));
        assert_eq!((clock.at(at(0)), clock.offset_seconds()), (at(HOUR), 3600));
        clock.follow(&dated(at(HOUR + 31)), at(0));
        assert_eq!(clock.at(at(0)), at(HOUR + 31));
        // Our clock was set right.
        clock.follow(&dated(at(2 * HOUR + 1)), at(2 * HOUR));
        assert_eq!((clock.at(at(0)), clock.offset_seconds()), (at(0), 0));
    }

    #[test]
    fn times_beyond_the_calendar_do_no_harm() {
        let clock = clock();
        clock.correct(&dated(at(HOUR)), Evidence::Said, at(2 * HOUR), at(2 * HOUR));
        assert_eq!(
            clock.at(SystemTime::UNIX_EPOCH).duration_since(SystemTime::UNIX_EPOCH).ok(),
            None
        );
    }
}
