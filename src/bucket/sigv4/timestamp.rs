//! The two forms of time in a signature, without a calendar library.

use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;
/// 9999-12-31T23:59:59Z, the last second with a four-digit year.
const LAST_SECOND: u64 = 253_402_300_799;

/// A moment as `YYYYMMDDTHHMMSSZ` (UTC), the form of `x-amz-date`.
#[derive(Clone, Debug)]
pub(super) struct Timestamp(String);

impl Timestamp {
    /// Cuts `now` to whole seconds. Moments before 1970 or after 9999 become the nearest moment
    /// within: no server accepts either, and the caller has nothing better to do about them.
    pub(super) fn new(now: SystemTime) -> Self {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since_epoch.as_secs().min(LAST_SECOND);
        let (year, month, day) = civil_date(seconds / SECONDS_PER_DAY);
        let second_of_day = seconds % SECONDS_PER_DAY;

        let mut text = String::with_capacity(16);
        push_two_digits(year / 100, &mut text);
        push_two_digits(year % 100, &mut text);
        push_two_digits(month, &mut text);
        push_two_digits(day, &mut text);
        text.push('T');
        push_two_digits(second_of_day / 3_600, &mut text);
        push_two_digits(second_of_day / 60 % 60, &mut text);
        push_two_digits(second_of_day % 60, &mut text);
        text.push('Z');
        Self(text)
    }

    /// `YYYYMMDDTHHMMSSZ`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// `YYYYMMDD`, the day a signing key is valid for.
    pub(super) fn date(&self) -> &str {
        &self.0[..8]
    }

    /// The text of [`Self::as_str`], without a copy.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`. Years
/// start in March there, which puts the leap day last and keeps the month lengths regular.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days_since_year_zero = days + 719_468;
    let era = days_since_year_zero / 146_097;
    let day_of_era = days_since_year_zero % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// Appends a number below 100.
fn push_two_digits(number: u64, out: &mut String) {
    for digit in [number / 10, number % 10] {
        out.push(char::from(b'0' + (digit % 10) as u8));
    }
}
