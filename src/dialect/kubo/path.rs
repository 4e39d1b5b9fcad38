//! Paths into graphs, as clients write them.

use super::invalid;
use crate::auth::percent_decoded;
use crate::content::cid::Cid;
use crate::dialect::GraphPath;
use crate::error::Error;

/// What may stand before an identifier, which says nothing more about it.
const SPACES: [&str; 4] = ["/ipfs/", "/btfs/", "ipfs://", "btfs://"];

/// The most names of one path. Each costs a block of a folder, at least.
const NAMES_MAX: usize = 128;

/// Reads an argument: `/ipfs/<cid>/<names>`, the same in BTFS, or without what is in front.
///
/// # Errors
/// It names no content.
pub(super) fn parse(text: &str) -> Result<GraphPath, Error> {
    let below = SPACES.iter().find_map(|space| text.strip_prefix(space)).unwrap_or(text);
    if below.starts_with("/ipns/") || text.starts_with("ipns://") {
        return Err(invalid("invalid path: there are no names here that change"));
    }
    // In base64, an identifier can have slashes itself.
    if below.starts_with(['m', 'M']) && Cid::parse(below).is_ok() {
        return from_segments(std::iter::once(below.to_owned()));
    }
    from_segments(below.split('/').map(str::to_owned))
}

/// Reads what is below `ipfs/` in the path of a request.
///
/// # Errors
/// As [`parse`], or it is not percent-encoded correctly.
pub(super) fn parse_encoded(below: &str) -> Result<GraphPath, Error> {
    // A slash that is encoded is part of a name, and no name has one.
    let decoded = below.split('/').map(|segment| {
        let segment = percent_decoded(segment).filter(|segment| !segment.contains('/'));
        segment.map(std::borrow::Cow::into_owned)
    });
    let decoded: Option<Vec<_>> = decoded.collect();
    let malformed = || invalid("invalid path: it is not percent-encoded correctly");
    from_segments(decoded.ok_or_else(malformed)?.into_iter())
}

fn from_segments(segments: impl Iterator<Item = String>) -> Result<GraphPath, Error> {
    let mut segments = segments.filter(|segment| !segment.is_empty());
    let root_text = segments.next().unwrap_or_default();
    let root = Cid::parse(&root_text).map_err(|error| invalid(format!("invalid path: {error}")))?;
    let names: Vec<_> = segments.collect();
    if names.len() > NAMES_MAX {
        return Err(invalid("invalid path: it has more than 128 segments"));
    }
    if names.iter().any(|name| name == "." || name == ".." || name.contains('\0')) {
        return Err(invalid("invalid path: a segment can be the name of nothing"));
    }
    Ok(GraphPath { root, root_text, names })
}
