use std::borrow::Cow;

use super::keys::HEADER;
use crate::auth::percent_decoded;

/// A path for logs, cut where something sealed begins. A link that was mistyped, or that a proxy sent
/// to the wrong place, still is one.
#[must_use]
pub fn loggable(path: &str) -> Cow<'_, str> {
    // Seldom, and dots may be encoded.
    if !path.contains("local") {
        return Cow::Borrowed(path);
    }
    let mut end = 0;
    for segment in path.split_inclusive('/') {
        let decoded = percent_decoded(segment.trim_end_matches('/'));
        if decoded.is_none_or(|segment| segment.contains(HEADER)) {
            return Cow::Owned([&path[..end], "***"].concat());
        }
        end += segment.len();
    }
    Cow::Borrowed(path)
}

#[cfg(test)]
mod tests {
    use super::loggable;

    #[test]
    fn nothing_sealed_is_left_in_a_path() {
        for (path, logged) in [
            ("/a/v4.local.xyz", "/a/***"),
            ("/a/v4.local.xyz/status", "/a/***"),
            ("/v4%2Elocal%2exyz", "/***"),
            ("/a/x=v4.local.xyz/b", "/a/***"),
            ("/a/local%zz", "/a/***"),
            ("v4.local.", "***"),
        ] {
            assert_eq!(loggable(path), logged);
        }
        for path in ["", "/", "/local/v4/x", "/a/v4local/", "/local%2f", "/a%zz/b"] {
            assert_eq!(loggable(path), path);
        }
    }
}
