//! In which form blocks are wanted (RFC 9110 section 12.5.1; IPIP-412).

use http::header::{self, HeaderMap};

use super::invalid;
use crate::error::Error;

/// The most media ranges that are looked at.
const RANGES_MAX: usize = 32;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A block.
    Raw,
    /// An archive of blocks.
    Car,
}

impl Format {
    /// The form that a query asks for.
    ///
    /// # Errors
    /// There is none of that name here.
    pub(super) fn named(name: &str) -> Result<Self, Error> {
        match name {
            "raw" => Ok(Self::Raw),
            "car" => Ok(Self::Car),
            _ => Err(invalid("the format is raw or car here")),
        }
    }

    /// The type with all that is known of the body.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Raw => "application/vnd.ipld.raw",
            Self::Car => "application/vnd.ipld.car; version=1; order=dfs; dups=n",
        }
    }
}

/// The form that a client likes best of those there are. None: it names none of them.
///
/// # Errors
/// It wants an archive, but none that is made here.
pub(super) fn format(headers: &HeaderMap) -> Result<Option<Format>, Error> {
    let values = headers.get_all(header::ACCEPT).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).take(RANGES_MAX);
    let (mut best, mut unfit) = (None, None);
    for range in ranges {
        let mut parameters = range.split(';').map(str::trim);
        let essence = parameters.next().unwrap_or_default();
        let format = match essence.to_ascii_lowercase().as_str() {
            "application/vnd.ipld.raw" => Format::Raw,
            "application/vnd.ipld.car" => Format::Car,
            _ => continue,
        };
        let parameters: Vec<_> = parameters.filter_map(parameter).collect();
        let value = |name: &str| {
            let mut all = parameters.iter().filter(|pair| pair.0.eq_ignore_ascii_case(name));
            all.next().map(|pair| pair.1)
        };
        let weight = value("q").and_then(|q| q.parse().ok()).unwrap_or(1.0_f32);
        let fits = match format {
            Format::Raw => Ok(()),
            Format::Car => check_archive(value("version"), value("order"), value("dups")),
        };
        match fits {
            Err(error) => unfit = Some(error),
            // Of two that it likes as much, the first.
            Ok(()) if weight > best.map_or(0.0, |(_, best)| best) => best = Some((format, weight)),
            Ok(()) => {}
        }
    }
    match (best, unfit) {
        (Some((format, _)), _) => Ok(Some(format)),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(None),
    }
}

fn parameter(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.trim().trim_matches('"')))
}

/// Checks what a client says of the archive it wants.
///
/// # Errors
/// It is none that is made here.
pub(super) fn check_archive(
    version: Option<&str>,
    order: Option<&str>,
    dups: Option<&str>,
) -> Result<(), Error> {
    let fits = matches!(version, None | Some("" | "1"))
        && matches!(order, None | Some("" | "dfs" | "unk"))
        && matches!(dups, None | Some("" | "n"));
    fits.then_some(())
        .ok_or_else(|| invalid("an archive of blocks has version=1, order=dfs and dups=n here"))
}
