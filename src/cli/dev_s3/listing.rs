//! Which keys and common prefixes one page of a listing shows.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html>

use std::fmt::Write as _;

/// Entries a page may have at most, and has unless the client says less.
const LARGEST_PAGE: i32 = 1000;

/// What a client asks of a listing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Query<'a> {
    /// Only keys that begin with this.
    pub(super) prefix: &'a str,
    /// Rolls up keys that have this behind the prefix; never the empty string.
    pub(super) delimiter: Option<&'a str>,
    /// Only entries behind this one.
    pub(super) after: Option<&'a str>,
    /// How many entries the page may have.
    pub(super) limit: usize,
}

/// An entry of a page: a key, or what several keys have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry<T> {
    Item(T),
    CommonPrefix(String),
}

/// One page, in the order of the entries' bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page<T> {
    pub(super) entries: Vec<Entry<T>>,
    /// The last entry, where more follow it.
    pub(super) next: Option<String>,
}

/// The page size a client asked for: 0 to 1,000; `None` for a negative number.
pub(super) fn page_size(asked: Option<i32>) -> Option<usize> {
    usize::try_from(asked.unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE)).ok()
}

/// Cuts a page from sorted items, whose keys `key_of` reads.
pub(super) fn page<T>(
    items: impl IntoIterator<Item = T>,
    key_of: impl Fn(&T) -> &str,
    query: Query<'_>,
) -> Page<T> {
    let mut page = Page { entries: Vec::new(), next: None };
    let mut last: Option<String> = None;
    for item in items {
        let key = key_of(&item);
        let Some(rest) = key.strip_prefix(query.prefix) else {
            continue;
        };
        let rolled_up = query
            .delimiter
            .and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()))
            .map(|length| &key[..query.prefix.len() + length]);
        let name = rolled_up.unwrap_or(key);
        // A page that ended with a common prefix is followed by what is behind
        // all of its keys.
        if query.after.is_some_and(|after| key <= after || name == after)
            || (rolled_up.is_some() && last.as_deref() == rolled_up)
        {
            continue;
        }
        if page.entries.len() == query.limit {
            // Without any entry there is nothing to continue behind.
            page.next = last;
            break;
        }
        last = Some(name.to_owned());
        let common = rolled_up.map(str::to_owned);
        page.entries.push(common.map_or_else(|| Entry::Item(item), Entry::CommonPrefix));
    }
    page
}

/// Text as `encoding-type=url` wants it: XML 1.0 cannot hold most control characters.
pub(super) fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 7] = ["a", "a/", "a/b", "a/b/c", "a/c", "b", "c/d"];

    fn names(query: Query<'_>) -> (Vec<String>, Option<String>) {
        let page = page(KEYS, |key| key, query);
        let shown = page.entries.into_iter().map(|entry| match entry {
            Entry::Item(key) => key.to_owned(),
            Entry::CommonPrefix(prefix) => format!("{prefix}*"),
        });
        (shown.collect(), page.next)
    }

    fn all() -> Query<'static> {
        Query { limit: 1000, ..Default::default() }
    }

    #[test]
    fn prefix_and_delimiter_select_and_roll_up() {
        assert_eq!(names(all()).0, KEYS);
        assert_eq!(names(Query { prefix: "a/", ..all() }).0, ["a/", "a/b", "a/b/c", "a/c"]);
        assert_eq!(names(Query { delimiter: Some("/"), ..all() }).0, ["a", "a/*", "b", "c/*"]);
        let below = Query { prefix: "a/", delimiter: Some("/"), ..all() };
        assert_eq!(names(below).0, ["a/", "a/b", "a/b/*", "a/c"]);
        assert_eq!(names(Query { prefix: "/", ..all() }).0, [""; 0]);
    }

    #[test]
    fn pages_join_without_gap_or_repetition_whatever_their_size() {
        for delimiter in [None, Some("/"), Some("/b")] {
            let whole = names(Query { delimiter, ..all() }).0;
            for limit in 1..=8 {
                let mut joined = Vec::new();
                let mut after: Option<String> = None;
                loop {
                    let query = Query { delimiter, limit, after: after.as_deref(), ..all() };
                    let (shown, next) = names(query);
                    assert!(shown.len() <= limit);
                    joined.extend(shown);
                    after = next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(joined, whole, "{delimiter:?} {limit}");
            }
        }
    }

    #[test]
    fn a_page_of_nothing_has_no_continuation() {
        assert_eq!(names(Query { limit: 0, ..all() }), (Vec::new(), None));
        assert_eq!(page_size(None), Some(1000));
        assert_eq!(page_size(Some(5000)), Some(1000));
        assert_eq!(page_size(Some(0)), Some(0));
        assert_eq!(page_size(Some(-1)), None);
    }

    #[test]
    fn url_encoding_keeps_slashes_and_escapes_the_rest() {
        assert_eq!(url_encode("a/b c+é\u{1}~"), "a/b%20c%2B%C3%A9%01~");
    }
}
