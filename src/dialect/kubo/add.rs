//! `add`: what is to be made of the files of a form.
//!
//! Options that would give a file another identifier than the one asked for are refused if they are
//! not known here; those that change nothing (`pin`, what is announced to peers) are not looked at.

use http::header;
use http::request::Parts;

use super::invalid;
use super::query::Query;
use crate::dialect::ImportOrder;
use crate::error::Error;
use crate::graph::profile::{Leaves, Profile, Version};

/// The longest boundary (RFC 2046 section 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// The fewest bytes of a chunk: each may cost a request to storage.
const CHUNK_BYTES_MIN: usize = 256;

/// The most links of a node, which is what identifiers are made with.
const LINKS: i64 = 174;

/// The fanout of folders in many blocks, likewise.
const FANOUT: i64 = 256;

/// Reads the order.
///
/// # Errors
/// The body is no form, or something is asked for that cannot be done.
pub(super) fn order(head: &Parts, query: &Query<'_>) -> Result<ImportOrder, Error> {
    let boundary = boundary(head)?;
    check(query)?;
    Ok(ImportOrder {
        boundary,
        profile: profile(query)?,
        only_hash: query.is_on(&["only-hash", "n"])?,
        wrap: query.is_on(&["wrap-with-directory", "w"])?,
    })
}

/// The boundary between the parts of the form.
///
/// # Errors
/// The body is none.
pub(super) fn boundary(head: &Parts) -> Result<String, Error> {
    let mut values = head.headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(invalid("file argument 'path' is required"));
    };
    let value = value.to_str().unwrap_or_default();
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(invalid("file argument 'path' is required"));
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim())
    });
    boundary
        .map(|text| text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text))
        .filter(|text| (1..=BOUNDARY_BYTES_MAX).contains(&text.len()))
        .filter(|text| text.bytes().all(is_boundary_byte) && !text.ends_with(' '))
        .map(str::to_owned)
        .ok_or_else(|| invalid("no multipart boundary param in Content-Type"))
}

/// RFC 2046 section 5.1.1. What is not in its list some clients use nevertheless, as long as it has no
/// meaning in a header.
fn is_boundary_byte(byte: u8) -> bool {
    byte == b' ' || (byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b';'))
}

/// How graphs are made.
///
/// # Errors
/// Not like this.
fn profile(query: &Query<'_>) -> Result<Profile, Error> {
    let version = match query.number(&["cid-version"])? {
        None | Some(0) => Version::V0,
        Some(1) => Version::V1,
        Some(_) => return Err(invalid("cid-version is 0 or 1")),
    };
    let mut profile = Profile::kubo(version);
    if let Some(raw) = query.switch(&["raw-leaves"])? {
        profile = profile.with_leaves(if raw { Leaves::Raw } else { Leaves::Nodes });
    }
    let chunker = query.one(&["chunker", "s"])?.unwrap_or_default();
    if matches!(chunker, "" | "default") {
        return Ok(profile);
    }
    let profile = profile.with_chunker(chunker).map_err(|error| invalid(error.to_string()))?;
    if profile.chunk_bytes() < CHUNK_BYTES_MIN {
        return Err(invalid(format!("a chunk has at least {CHUNK_BYTES_MIN} bytes here")));
    }
    Ok(profile)
}

/// Refuses what cannot be done.
fn check(query: &Query<'_>) -> Result<(), Error> {
    for names in [
        &["trickle", "t"][..],
        &["inline"],
        &["nocopy"],
        &["fscache"],
        &["preserve-mode"],
        &["preserve-mtime"],
    ] {
        if query.is_on(names)? {
            return Err(invalid(format!("{} is not supported here", names[0])));
        }
    }
    // Zero is what Kubo takes for not given.
    for name in ["mode", "mtime", "mtime-nsecs", "max-directory-links"] {
        if query.one(&[name])?.is_some_and(|value| value.parse() != Ok(0)) {
            return Err(invalid(format!("{name} is not supported here")));
        }
    }
    if query.one(&["to-files"])?.is_some() {
        return Err(invalid("to-files is not supported here: there is no file system"));
    }
    let hash = query.one(&["hash"])?.unwrap_or_default();
    if !hash.is_empty() && !hash.eq_ignore_ascii_case("sha2-256") {
        return Err(invalid("the hash is sha2-256 here"));
    }
    for (name, usual) in [("max-file-links", LINKS), ("max-hamt-fanout", FANOUT)] {
        if query.number(&[name])?.is_some_and(|number| number != usual) {
            return Err(invalid(format!("{name} is {usual} here")));
        }
    }
    if query.switch(&["empty-dirs", "E"])? == Some(false) {
        return Err(invalid("folders without files are not left out here"));
    }
    Ok(())
}
