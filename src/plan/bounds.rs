//! `limits.*` and `timeouts.*`

use std::time::Duration;

use super::Problems;
use crate::bucket::write::{PART_BYTES_MIN, PUT_BYTES_MAX};
use crate::config::{Limits, Timeouts};

/// The most of anything that is counted: far beyond what a process can hold, far below what the
/// tables that are made for it can.
const COUNT_MAX: usize = 10_000_000;

/// The least time: what a timer can tell.
const TIMEOUT_MIN: Duration = Duration::from_millis(10);

/// The longest time, so that sums of times and dates do not overflow.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// The shortest pause between two look-ups of the same names.
const RESOLVE_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Reports values nothing could work with.
pub(super) fn check(limits: &Limits, timeouts: &Timeouts, problems: &mut Problems) {
    for (key, least, count) in [
        ("connections", 1, limits.connections),
        (
            "http2_streams_per_connection",
            1,
            usize::try_from(limits.http2_streams_per_connection).unwrap_or(usize::MAX),
        ),
        ("http2_streams", 1, limits.http2_streams),
        ("remembered_verdicts", 0, limits.remembered_verdicts),
        ("remembered_objects", 0, limits.remembered_objects),
        ("idle_storage_connections", 0, limits.idle_storage_connections),
    ] {
        if !(least..=COUNT_MAX).contains(&count) {
            let message = format!("{count} is not between {least} and {COUNT_MAX}");
            problems.add(&format!("limits.{key}"), message);
        }
    }
    let part_size = limits.upload_part_size.as_u64();
    if !(PART_BYTES_MIN..=PUT_BYTES_MAX).contains(&part_size) {
        let message = "storage takes parts from 5 MiB to 5 GiB";
        problems.add("limits.upload_part_size", message);
    } else if limits.upload_memory.as_u64() < part_size {
        problems.add("limits.upload_memory", "there is no room for one limits.upload_part_size");
    }
    for (key, least, time) in [
        ("header", TIMEOUT_MIN, timeouts.header),
        ("drain", TIMEOUT_MIN, timeouts.drain),
        ("storage_connect", TIMEOUT_MIN, timeouts.storage_connect),
        ("storage_first_byte", TIMEOUT_MIN, timeouts.storage_first_byte),
        ("storage_read", TIMEOUT_MIN, timeouts.storage_read),
        ("upload", TIMEOUT_MIN, timeouts.upload),
        ("storage_idle", TIMEOUT_MIN, timeouts.storage_idle),
        ("resolve_interval", RESOLVE_INTERVAL_MIN, timeouts.resolve_interval),
        ("reload_interval", TIMEOUT_MIN, timeouts.reload_interval),
    ] {
        if !(least..=TIMEOUT_MAX).contains(&time) {
            let (given, least) =
                (humantime::format_duration(time), humantime::format_duration(least));
            problems.add(
                &format!("timeouts.{key}"),
                format!("{given} is not between {least} and 1day"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(limits: &Limits, timeouts: &Timeouts) -> Vec<String> {
        let mut problems = Problems::default();
        check(limits, timeouts, &mut problems);
        problems.finish().err().into_iter().flatten().map(|problem| problem.path).collect()
    }

    #[test]
    fn defaults_are_within_bounds() {
        assert_eq!(places(&Limits::default(), &Timeouts::default()), Vec::<String>::new());
    }

    #[test]
    fn values_nothing_works_with_are_named() {
        let limits =
            Limits { connections: 0, idle_storage_connections: usize::MAX, ..Limits::default() };
        let timeouts = Timeouts {
            header: Duration::ZERO,
            resolve_interval: TIMEOUT_MIN,
            storage_read: Duration::MAX,
            ..Timeouts::default()
        };
        assert_eq!(
            places(&limits, &timeouts),
            [
                "limits.connections",
                "limits.idle_storage_connections",
                "timeouts.header",
                "timeouts.storage_read",
                "timeouts.resolve_interval",
            ]
        );
    }
}
