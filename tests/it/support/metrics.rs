//! Metrics as a scrape shows them.

use std::iter::Sum;
use std::str::FromStr;

/// The sum of the samples of a metric whose line holds all of these labels.
pub(crate) fn sum<T: FromStr + Sum>(text: &str, name: &str, labels: &[&str]) -> T {
    let lines = text.lines().filter(|line| {
        line.split(['{', ' ']).next() == Some(name)
            && labels.iter().all(|label| line.contains(label))
    });
    lines.map(value).sum()
}

/// The value of the one sample whose line begins like this.
pub(crate) fn sample<T: FromStr>(text: &str, line: &str) -> T {
    let found = text.lines().find(|sample| sample.starts_with(line));
    value(found.unwrap_or_else(|| panic!("no {line} in {text}")))
}

fn value<T: FromStr>(line: &str) -> T {
    let value = line.rsplit(' ').next().and_then(|value| value.parse().ok());
    value.unwrap_or_else(|| panic!("no value of that type: {line}"))
}
