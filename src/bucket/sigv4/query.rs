//! The query string, in the one order and encoding that SigV4 signs.

use super::encoding::encode_query_component;
use std::fmt;
use std::ops::Range;

/// A query string as SigV4 signs it: every name and value percent-encoded, `=` after every name,
/// pairs sorted by encoded name and then encoded value.
///
/// Sending the same text that was signed leaves no room for a difference between the two, so
/// requests carry this type instead of pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CanonicalQuery(String);

/// Where one encoded pair lies in the scratch text.
struct EncodedPair {
    name: Range<usize>,
    value: Range<usize>,
}

impl CanonicalQuery {
    /// No parameters.
    pub const EMPTY: Self = Self(String::new());

    /// Encodes and sorts decoded `(name, value)` pairs. A parameter without a value, such as
    /// `uploads`, has the empty string as its value and is written `uploads=`.
    pub fn new(pairs: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        let mut encoded = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            encoded.push(EncodedPair {
                name: append(name, &mut text),
                value: append(value, &mut text),
            });
        }
        // Not the same as sorting "name=value" texts: `-`, `.`, `%` and the digits sort before `=`.
        encoded.sort_by(|left, right| {
            let by_name = text[left.name.clone()].cmp(&text[right.name.clone()]);
            by_name.then_with(|| text[left.value.clone()].cmp(&text[right.value.clone()]))
        });

        let mut sorted = String::with_capacity(text.len() + 2 * pairs.len());
        for pair in encoded {
            if !sorted.is_empty() {
                sorted.push('&');
            }
            sorted.push_str(&text[pair.name]);
            sorted.push('=');
            sorted.push_str(&text[pair.value]);
        }
        Self(sorted)
    }

    /// The encoded query, without a leading `?`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there are no parameters, in which case the request target has no `?`.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The encoded pairs in their canonical order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split('&').filter_map(|pair| pair.split_once('='))
    }
}

impl fmt::Display for CanonicalQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn append(component: &str, text: &mut String) -> Range<usize> {
    let start = text.len();
    encode_query_component(component, text);
    start..text.len()
}
