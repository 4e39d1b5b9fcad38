//! The canonical request: the exact text whose hash is signed.

use super::Request;
use std::cmp::Ordering;

/// The headers under a signature, in canonical order.
pub(super) struct SignedHeaderList<'a>(Vec<(&'a str, &'a str)>);

impl<'a> SignedHeaderList<'a> {
    /// `required` headers and the caller's own. A caller's header with the name of a required one
    /// is left out, because the required value is the one that will be sent.
    pub(super) fn new(required: &[(&'a str, &'a str)], own: &[(&'a str, &'a str)]) -> Self {
        let mut headers = Vec::with_capacity(required.len() + own.len());
        headers.extend_from_slice(required);
        let is_required = |name: &str| required.iter().any(|it| it.0.eq_ignore_ascii_case(name));
        headers.extend(own.iter().filter(|header| !is_required(header.0)));
        // Stable, since the values of a repeated header are signed in the order they are sent.
        headers.sort_by(|left, right| compare_names(left.0, right.0));
        Self(headers)
    }

    /// Appends the names in lower case, joined with `;`.
    pub(super) fn push_names(&self, out: &mut String) {
        let mut previous = None;
        for (name, _) in &self.0 {
            if previous.is_some_and(|before| compare_names(before, name).is_eq()) {
                continue;
            }
            if previous.is_some() {
                out.push(';');
            }
            push_lower_case(name, out);
            previous = Some(*name);
        }
    }

    /// Appends one `name:value` line for each name; values of a repeated name are joined with `,`.
    fn push_lines(&self, out: &mut String) {
        let mut previous = None;
        for (name, value) in &self.0 {
            if previous.is_some_and(|before| compare_names(before, name).is_eq()) {
                out.push(',');
            } else {
                if previous.is_some() {
                    out.push('\n');
                }
                push_lower_case(name, out);
                out.push(':');
            }
            push_single_spaced(value, out);
            previous = Some(*name);
        }
        out.push('\n');
    }
}

/// The canonical request text.
///
/// Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header", task 1.
pub(super) fn canonical_request(
    request: &Request<'_>,
    query: &str,
    headers: &SignedHeaderList<'_>,
    payload_hash: &str,
) -> String {
    let header_length: usize = headers.0.iter().map(|it| 2 * it.0.len() + it.1.len() + 3).sum();
    let length = request.method.len() + request.path.len() + query.len() + payload_hash.len() + 8;
    let mut text = String::with_capacity(length + header_length);
    text.push_str(request.method);
    text.push('\n');
    text.push_str(request.path);
    text.push('\n');
    text.push_str(query);
    text.push('\n');
    headers.push_lines(&mut text);
    text.push('\n');
    headers.push_names(&mut text);
    text.push('\n');
    text.push_str(payload_hash);
    text
}

fn compare_names(left: &str, right: &str) -> Ordering {
    let lower_case = |byte: u8| byte.to_ascii_lowercase();
    left.bytes().map(lower_case).cmp(right.bytes().map(lower_case))
}

fn push_lower_case(name: &str, out: &mut String) {
    let start = out.len();
    out.push_str(name);
    out[start..].make_ascii_lowercase();
}

/// Appends `value` without outer spaces and with inner runs of spaces as one space. Other white
/// space stays: S3 does not fold it.
fn push_single_spaced(value: &str, out: &mut String) {
    let value = value.trim_matches(' ');
    if !value.contains("  ") {
        return out.push_str(value);
    }
    let mut words = value.split(' ').filter(|word| !word.is_empty());
    out.push_str(words.next().unwrap_or_default());
    for word in words {
        out.push(' ');
        out.push_str(word);
    }
}
