//! The name of a file in `Content-Disposition` (RFC 6266).

use http::header;
use http::request::Parts;

use crate::auth::percent_decoded;
use crate::content::filename::Filename;
use crate::dialect::field;

/// The most parameters that are looked at.
const PARAMETERS_MAX: usize = 16;

/// The name that a client gives a file. One that makes no sense is none: an upload is good without
/// it.
pub(super) fn filename(head: &Parts) -> Option<Filename> {
    let text = field::only(head, &header::CONTENT_DISPOSITION).ok()??;
    let (_, mut rest) = text.split_once(';')?;
    let mut plain = None;
    for _ in 0..PARAMETERS_MAX {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after.trim_start_matches(' '))?;
        let name = name.trim_matches(' ');
        if name.eq_ignore_ascii_case("filename*") {
            // It is the one to take where both are (RFC 6266 section 4.3).
            if let Some(filename) = extended(&value) {
                return Some(filename);
            }
        } else if name.eq_ignore_ascii_case("filename") {
            plain = Filename::sanitize(&value);
        }
        match after.trim_start_matches(' ').strip_prefix(';') {
            Some(after) => rest = after,
            None => break,
        }
    }
    plain
}

/// A token or a quoted string (RFC 9110 section 5.6.4), and what comes after it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (token, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        return Some((token.trim_end_matches(' ').to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[index + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

/// A value with its character set (RFC 8187), of which there is one.
fn extended(value: &str) -> Option<Filename> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("UTF-8") {
        return None;
    }
    Filename::sanitize(&percent_decoded(text)?)
}
