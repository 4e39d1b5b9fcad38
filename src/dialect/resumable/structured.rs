//! Structured fields (RFC 9651), as far as uploads need them: booleans, integers and digests.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, PAD};
use http::header::HeaderName;
use http::request::Parts;

use crate::content::digests::{Algorithm, AnyDigest};
use crate::dialect::field;
use crate::error::Error;

/// The most digits of an integer (RFC 9651 section 3.3.1).
const DIGITS_MAX: usize = 15;

/// The most members of a dictionary that are looked at.
const MEMBERS_MAX: usize = 16;

/// What a field says that is true or false. One that is malformed is refused: what is left out would
/// count for the opposite.
///
/// # Errors
/// [`Error::InvalidRequest`].
pub(super) fn boolean(head: &Parts, name: &HeaderName) -> Result<Option<bool>, Error> {
    let Some(text) = field::only(head, name)? else { return Ok(None) };
    match bare_item(text) {
        "?0" => Ok(Some(false)),
        "?1" => Ok(Some(true)),
        _ => Err(field::malformed(name)),
    }
}

/// A number that is not negative.
///
/// # Errors
/// [`Error::InvalidRequest`].
pub(super) fn integer(head: &Parts, name: &HeaderName) -> Result<Option<u64>, Error> {
    let Some(text) = field::only(head, name)? else { return Ok(None) };
    let text = bare_item(text);
    let is_integer =
        (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_integer);
    number.map(Some).ok_or_else(|| field::malformed(name))
}

/// The best of the digests in a field (RFC 9530), by an algorithm that tells forged bytes from
/// others.
///
/// # Errors
/// [`Error::InvalidRequest`]: one of them is malformed. Those of other algorithms may be.
pub(super) fn digest(head: &Parts, name: &HeaderName) -> Result<Option<AnyDigest>, Error> {
    let mut best = None;
    // The lines of a dictionary are one (RFC 9651 section 4.2).
    for value in head.headers.get_all(name) {
        let text = value.to_str().map_err(|_| field::malformed(name))?;
        for (index, member) in text.split(',').enumerate() {
            if index == MEMBERS_MAX {
                return Err(field::malformed(name));
            }
            let member = member.trim_matches([' ', '\t']);
            let (key, value) = member.split_once('=').unwrap_or((member, ""));
            let algorithm = match key {
                "sha-512" => Algorithm::Sha512,
                "sha-256" if !matches!(best, Some(AnyDigest::Sha512(_))) => Algorithm::Sha256,
                _ => continue,
            };
            let bytes = byte_sequence(bare_item(value)).ok_or_else(|| field::malformed(name))?;
            let digest = AnyDigest::of_bytes(algorithm, &bytes);
            best = Some(digest.map_err(|_| field::malformed(name))?);
        }
    }
    Ok(best)
}

/// An item without its parameters, which nobody here asks for.
fn bare_item(text: &str) -> &str {
    text.split_once(';').map_or(text, |(item, _)| item).trim_end_matches(' ')
}

/// Base64 between colons, which need not be padded (RFC 9651 section 4.2.7).
fn byte_sequence(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = text.strip_prefix(':')?.strip_suffix(':')?;
    GeneralPurpose::new(&STANDARD, LENIENT).decode(base64).ok()
}
