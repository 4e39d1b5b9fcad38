//! The page that asks before a use is taken: no script, nothing from elsewhere, light or dark as
//! the reader likes.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{self, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::answer;
use crate::dialect::Offer;
use crate::reply::{self, Reply};

const STYLE: &str = include_str!("page.css");

/// Nothing may run, load or frame this page; its one style is named by its hash (CSP 3).
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).ok()
});

/// The page for an object.
pub(super) fn ask(offer: &Offer<'_>) -> Reply {
    let filename = answer::filename(offer);
    let (name, size) = (escaped(filename.as_str()), human_size(offer.object.size));
    let expires = answer::time(offer.facts.expires);
    // To the minute, and rather too early than too late.
    let shown = expires.get(..16).unwrap_or(&expires).replace('T', " ");
    let once = match offer.facts.uses {
        1 => "This link works once.".to_owned(),
        uses => format!("This link works {uses} times in all."),
    };
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Download {name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{name}</h1>\n<dl>\n<div><dt>Size</dt><dd>{size}</dd></div>\n\
         <div><dt>Good until</dt><dd><time datetime=\"{expires}\">{shown} UTC</time></dd></div>\n</dl>\n\
         <form method=\"post\"><button type=\"submit\">Download</button></form>\n\
         <p>{once} Opening this page did not use it.</p>\n</main>\n</body>\n</html>\n"
    );
    let mut reply = reply::with_body(StatusCode::OK, "text/html; charset=utf-8", body);
    let headers = reply.headers_mut();
    answer::keep_to_yourself(headers);
    if let Some(policy) = POLICY.as_ref() {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    reply
}

/// Text that is text and nothing else, in elements and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
    }
    out
}

/// A size as people read it.
fn human_size(bytes: u64) -> String {
    let mut text = bytesize::ByteSize(bytes).to_string();
    if bytes >= 1024 {
        let _ = write!(text, " ({} bytes)", grouped(bytes));
    }
    text
}

/// Digits in threes, as English has them.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
