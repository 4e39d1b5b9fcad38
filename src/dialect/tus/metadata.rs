//! What a client says of an upload (`Upload-Metadata`): keys, and values in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;

use super::UPLOAD_METADATA;
use crate::content::filename::Filename;
use crate::dialect::{field, upload};
use crate::error::Error;

/// The most keys.
const PAIRS_MAX: usize = 64;

/// The keys that clients give a file's name by, the first that is there.
const NAMES: [&str; 2] = ["filename", "name"];

/// Metadata as it came, and the file's name that is in it.
///
/// # Errors
/// [`Error::InvalidRequest`].
pub(super) fn read(head: &Parts) -> Result<(String, Option<Filename>), Error> {
    let text = field::only(head, &UPLOAD_METADATA)?.unwrap_or_default();
    if text.len() > upload::METADATA_BYTES_MAX {
        return Err(Error::InvalidRequest("Upload-Metadata is too long".into()));
    }
    // tuspy sends an empty one where there is none.
    if text.is_empty() {
        return Ok((String::new(), None));
    }
    let pairs = pairs(text).ok_or_else(|| field::malformed(&UPLOAD_METADATA))?;
    let named = |name| pairs.iter().find(|(key, _)| *key == name);
    let filename = NAMES.into_iter().find_map(|name| {
        let (_, value) = named(name)?;
        Filename::sanitize(std::str::from_utf8(value).ok()?)
    });
    Ok((text.to_owned(), filename))
}

/// Keys and values. None: it is malformed.
fn pairs(text: &str) -> Option<Vec<(&str, Vec<u8>)>> {
    let mut pairs: Vec<(&str, Vec<u8>)> = Vec::new();
    for pair in text.split(',') {
        let pair = pair.trim_matches(' ');
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        let is_new = pairs.iter().all(|(other, _)| *other != key);
        if !is_key || !is_new || pairs.len() == PAIRS_MAX {
            return None;
        }
        pairs.push((key, STANDARD.decode(value).ok()?));
    }
    Some(pairs)
}
